"""Where a model's files are that the user has no folder of: in the package, or in MLflow's registry."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, MissingExtraError
from ..files import write_together
from ..text.ngrams import NgramTable
from .catalogue import catalogue

DEFAULTS = Path(__file__).parent / "defaults"
TABLES = Path(__file__).parents[1] / "text/tables"


def shipped_families() -> list[str]:
    """Return the families that an estimator is shipped for."""
    return sorted(path.stem for path in DEFAULTS.glob("*.json"))


def shipped(family: str) -> Path:
    """Return the shipped model_coefs.json of a family; its table is in `TABLES`.

    Raises:
        InputError: none is shipped for it; the message names the families that have one.
    """
    families = shipped_families()
    if family not in families:
        raise InputError(
            f"no estimator is shipped for the family {family!r}. There are {', '.join(families)}."
        )
    return DEFAULTS / f"{family}.json"


def write_shipped(model: str, out: Path) -> list[Path]:
    """Write the shipped estimator of a model's family and its tables into a folder, and return the files.

    Raises:
        InputError: the catalogue does not know the model, or `out` cannot be written; then nothing in it has
            changed.
    """
    coefs = shipped(catalogue().find(model).family.name)
    contents = {}
    for entry in json.loads(coefs.read_bytes())["tables"].values():
        contents[out / entry["file"]] = NgramTable.load(Path(entry["file"]).stem).json()
    contents[out / "model_coefs.json"] = coefs.read_bytes()
    write_together(contents)
    return list(contents)


@contextmanager
def downloaded(uri: str) -> Iterator[Path]:
    """Download the files of an MLflow model URI into a folder, which is gone in the end.

    Raises:
        MissingExtraError: MLflow is not installed.
        InputError, StoreError: the model cannot be downloaded.
    """
    import tempfile  # noqa: PLC0415 - brings what no estimate needs: a tenth of the time to import this package

    try:
        from token_approx.lifecycle.pull import pull  # noqa: PLC0415 - takes seconds
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise MissingExtraError(
            f"{uri}: {missing} is not installed. Run: pip install 'token-approx[mlflow]'"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        pull(uri, Path(folder))
        yield Path(folder)
