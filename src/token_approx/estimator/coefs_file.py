"""Reading model_coefs.json, ours or the original experiment's, and the n-gram tables it names."""

import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..text.ngrams import NgramTable
from .bounds import Line

COEFS = "model_coefs.json"


def read_coefs(path: Path, tables: Path | None = None) -> dict[str, Any]:
    """Return the fields of an `Estimator` from a model_coefs.json, or from the one in a folder.

    The tables it names lie beside it, or in the folder `tables`.

    Raises:
        InputError: a file cannot be read, lacks a coefficient, or is not the one that was named.
    """
    path = path / COEFS if path.is_dir() else path
    try:
        content = json.loads(path.read_bytes())
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
        raise InputError(f"{path}: cannot be read ({error.strerror}): give a {COEFS}") from error
    except KeyError as error:
        raise InputError(f"{path}: field {error.args[0]!r} is missing: export the model again") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: is no {COEFS} ({error}): export the model again") from error
    beside = path.parent if tables is None else tables
    return fields | {
        "tables": {name: _table(beside / file, digest) for name, (file, digest) in named.items()}
    }


def _table(path: Path, digest: object) -> NgramTable:
    table = NgramTable.load(path)
    if table.file_sha256 != digest:
        raise InputError(f"{path}: is not the table that the model was fitted with: export the model again")
    return table
