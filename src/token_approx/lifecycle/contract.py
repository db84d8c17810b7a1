"""The contract of model_coefs.json: its name, schema and encoding, apart from the fitting that fills it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from token_approx.estimator.coefs_file import COEFS
from token_approx.files import write_whole
from token_approx.requests.named import TEXT
from token_approx.text.features import NGRAM, TABLES

__all__ = [
    "COEFS",
    "SCHEMA_FILE",
    "SCHEMA_VERSION",
    "json_bytes",
    "schema_text",
    "sha256",
    "table_files",
    "tables_of",
    "write_json",
]

SCHEMA_VERSION = 2
SCHEMA_FILE = "model_coefs.schema.json"


def tables_of(features: Iterable[str], of_requests: str | None = None) -> dict[str, Path]:
    """Return the files of the shipped n-gram tables that some features are costs under.

    `of_requests` names the table of the costs of requests' texts.
    """
    tables = files("token_approx.text") / "tables"
    shipped = {NGRAM + table: Path(str(tables / f"{table}.json")) for table in TABLES}
    of_texts = None if of_requests is None else Path(str(tables / f"{of_requests}.json"))
    found = {}
    for name in features:
        if name in shipped:
            found[name] = shipped[name]
        elif of_texts is not None and name.startswith(TEXT):
            found[name] = of_texts
    return found


def table_files(coefs: Mapping[str, Any]) -> dict[str, Path]:
    """Return the files of the shipped n-gram tables that a model's features are costs under."""
    tables = Path(str(files("token_approx.text") / "tables"))
    return {name: tables / entry["file"] for name, entry in coefs["tables"].items()}


def schema_text() -> str:
    """Return the JSON schema of model_coefs.json."""
    return (files("token_approx.lifecycle") / SCHEMA_FILE).read_text(encoding="utf-8")


def json_bytes(content: object) -> bytes:
    """Return JSON in UTF-8; numbers are shortest round-trip decimals."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_json(path: Path, content: object) -> None:
    """Write JSON whole, as `json_bytes` gives it."""
    write_whole(path, json_bytes(content))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
