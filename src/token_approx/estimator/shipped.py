"""Where a model's files are that the user has no folder of: in the package, or in MLflow's registry."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, MissingExtraError

DEFAULTS = Path(__file__).parent / "defaults"
TABLES = Path(__file__).parents[1] / "text/tables"


def default_names() -> list[str]:
    """Return the reference models that a default is shipped for."""
    return sorted(path.stem for path in DEFAULTS.glob("*.json"))


def shipped(reference_model: str) -> Path:
    """Return the shipped model_coefs.json of a reference model; its tables are in `TABLES`.

    Raises:
        InputError: none is shipped of that name; the message names those that are.
    """
    names = default_names()
    if reference_model not in names:
        raise InputError(f"{reference_model!r}: no such default: there are {', '.join(names)}")
    return DEFAULTS / f"{reference_model}.json"


@contextmanager
def downloaded(uri: str) -> Iterator[Path]:
    """Download the files of an MLflow model URI into a folder, which is gone in the end.

    Raises:
        MissingExtraError: MLflow is not installed.
        InputError, StoreError: the model cannot be downloaded.
    """
    try:
        from token_approx.lifecycle.pull import pull  # noqa: PLC0415 - takes seconds
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise MissingExtraError(
            f"{uri}: {missing} is not installed: run pip install 'token-approx[mlflow]'"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        pull(uri, Path(folder))
        yield Path(folder)
