"""Reading model_coefs.json, ours or the original experiment's, and the n-gram tables it names."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..text.ngrams import NgramTable
from .bounds import Line
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
            "upper": tuple(Line.parse(entry) for entry in content.get("upper_bound", [])),
            "lower": tuple(Line.parse(entry) for entry in content.get("lower_bound", [])),
            "domain": {name: (float(low), float(high)) for name, (low, high) in ranges},
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
    found = {
        name: tables / file if tables else _table_file(path, file, digest)
        for name, (file, digest) in named.items()
    }
    # A model of requests names one table for the texts of each kind.
    digests = {found[name]: digest for name, (_, digest) in named.items()}
    loaded = {path: _table(path, digest) for path, digest in digests.items()}
    return fields | {"tables": {name: loaded[found[name]] for name in named}}


def _table_file(coefs: Path, file: str, digest: object) -> Path:
    # Files that are not the named one are passed over: a shipped table of another release may lie beside.
    beside = coefs.with_name(file)
    for path in (beside, TABLES / file, *sorted(TABLES.glob("*.json*"))):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
    if beside.exists():
        return beside
    raise InputError(
        f"{coefs}: the n-gram table {file!r} of SHA-256 {str(digest)[:12]}… is neither beside it nor among"
        " the shipped tables. Copy the table there, or export the model again."
    )


def _table(path: Path, digest: object) -> NgramTable:
    table = NgramTable.load(path)
    if table.file_sha256 != digest:
        raise InputError(
            f"{path} is not the table that the model was fitted with. Copy the one that belongs to it."
        )
    return table
