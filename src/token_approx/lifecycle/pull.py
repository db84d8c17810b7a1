"""Registry -> files: a registered version's coefficients and tables, checked before anything is replaced."""

import json
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
from mlflow.exceptions import MlflowException

from token_approx.errors import InputError, StoreError, TokenApproxError
from token_approx.estimator.coefs_file import read_coefs
from token_approx.estimator.estimator import Estimator
from token_approx.files import write_together
from token_approx.lifecycle.contract import COEFS, schema_text
from token_approx.lifecycle.patience import is_away
from token_approx.lifecycle.registry import download


def pull(uri: str, out: Path) -> list[Path]:
    """Write a model's model_coefs.json and the tables it names into the folder `out`, and return the files.

    Nothing is replaced before all is there and checked; model_coefs.json is replaced last.

    Raises:
        InputError: there is no such model, its files are damaged, or `out` cannot be written; then nothing in
            `out` has changed.
        StoreError: the registry cannot be reached.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = download(uri, Path(folder, "files"))
        except (MlflowException, OSError) as error:
            raise unavailable(uri, "downloaded", error) from error
        coefs = _checked(uri, files / COEFS)
        try:
            Estimator(**read_coefs(files / COEFS, files))  # reads every table, and checks its SHA-256
        except InputError as error:
            raise InputError(f"{uri}: {str(error).replace(f'{files}/', '')}") from error
        names = [str(entry["file"]) for entry in coefs["tables"].values()]
        contents = {name: (files / name).read_bytes() for name in [*names, COEFS]}
    write_together({out / name: data for name, data in contents.items()})
    return [out / name for name in contents]


def unavailable(uri: str, step: str, error: Exception) -> TokenApproxError:
    """Return the error for a model that cannot be had: its name is wrong, or the registry is away."""
    if is_away(error):
        return StoreError(
            f"{uri} cannot be {step} ({_line(error)}). Check that the server that MLFLOW_TRACKING_URI"
            " names can be reached, and run the same command again."
        )
    return InputError(
        f"{uri} cannot be {step} ({_line(error)}). Give models:/<name>@champion or"
        " models:/<name>/<version>, and the server in MLFLOW_TRACKING_URI."
    )


def _checked(uri: str, path: Path) -> dict[str, Any]:
    try:
        coefs: dict[str, Any] = json.loads(path.read_bytes(), parse_constant=_not_finite)
        jsonschema.validate(coefs, json.loads(schema_text()))
    except OSError as error:
        raise InputError(f"{uri} holds no {COEFS}. Give a model that token-approx registered.") from error
    except jsonschema.ValidationError as error:
        raise InputError(
            f"{uri}: {COEFS} breaks the contract at {error.json_path} ({error.message})."
            " Upgrade token-approx, or pull another version."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{uri}: {COEFS} is damaged ({_line(error)}). Pull another version.") from error
    for entry in coefs["tables"].values():
        if Path(entry["file"]).name != entry["file"]:
            raise InputError(
                f"{uri}: the table {entry['file']!r} is not in the model's folder. Pull another version."
            )
    return coefs


def _not_finite(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _line(error: Exception) -> str:
    return next(filter(None, str(error).splitlines()), type(error).__name__)
