"""Reading model_coefs.json, ours or the original experiment's, and the n-gram tables it names."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..text.ngrams import NgramTable
from ..text.packed_table import PACKED
from .bounds import Bound
from .byte_bounds import ByteBound
from .coefs_check import check_coefs
from .shipped import TABLES

COEFS = "model_coefs.json"


def read_coefs(path: Path, tables: Path | None = None) -> dict[str, Any]:
    """Return the fields of an `Estimator` from a model_coefs.json, or from the one in a folder.

    The tables it names lie beside it or, if they are shipped, in the package; or all in the folder `tables`.

    Raises:
        InputError: a file cannot be read, lacks a coefficient, holds what it should not, or is not the one
            that was named.
    """
    try:
        path = path / COEFS if path.is_dir() else path
        content = check_coefs(json.loads(path.read_bytes()))
        weights = {name: float(content[f"w_{name}"]) for name in content["feature_set"]}
        entries = content.get("tables", {}).items()
        named = {name: (str(entry["file"]), entry["sha256"]) for name, entry in entries}
        ranges = content.get("domain", {}).items()
        fields: dict[str, Any] = {
            "model": str(content["model"]),
            "intercept": float(content["w0"]),
            "weights": weights,
            "upper": tuple(Bound.parse(entry) for entry in content.get("upper_bound", [])),
            "lower": tuple(Bound.parse(entry) for entry in content.get("lower_bound", [])),
            "domain": {name: (float(low), float(high)) for name, (low, high) in ranges},
            "byte_bound": ByteBound.parse(most) if (most := content.get("byte_bound")) else None,
            "kinds_without_bound": tuple(content.get("kinds_without_bound", ())),
            "counts_of": content.get(
                "counts_of", content.get("scope")
            ),  # of version 1, and of the original experiment
        }
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Give the path of a {COEFS}.") from error
    except KeyError as error:
        raise InputError(
            f"{path}: the field {error.args[0]!r} is missing. Export the model again."
        ) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is not a valid {COEFS}: {error}. Export the model again.") from error
    folders = [path.parent, TABLES] if tables is None else [tables]
    # A model of requests names one table for the texts of each kind.
    loaded = {entry: _table(folders, *entry) for entry in set(named.values())}
    return fields | {"tables": {name: loaded[entry] for name, entry in named.items()}}


def _table(folders: Sequence[Path], file: str, digest: object) -> NgramTable:
    # A file that is not the one that was named is passed over: one of another release may lie beside.
    wrong = None
    for folder in folders:
        for path in (folder / file, (folder / file).with_suffix(PACKED)):
            if path.is_file():
                table = NgramTable.load(path)
                if table.file_sha256 == digest:
                    return table
                wrong = path
    # A shipped table may have another name there.
    for path in sorted(TABLES.iterdir()) if TABLES in folders else ():
        table = NgramTable.load(path)
        if table.file_sha256 == digest:
            return table
    if wrong is None:
        raise InputError(
            f"the n-gram table {file!r} is missing in {folders[0]}. Copy the table there, or bring the model"
            " with `token-approx pull`."
        )
    raise InputError(
        f"{wrong} is not the table that the model was fitted with. Copy the one that belongs to it."
    )
