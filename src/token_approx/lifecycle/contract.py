"""The contract of model_coefs.json: its name, schema and encoding, apart from the fitting that fills it."""

import hashlib
import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from token_approx.estimator.coefs_file import COEFS
from token_approx.files import write_whole
from token_approx.text.features import NGRAM, TABLES, shipped_table

__all__ = [
    "COEFS",
    "SCHEMA_FILE",
    "SCHEMA_VERSION",
    "json_bytes",
    "schema_text",
    "sha256",
    "tables_of",
    "write_json",
]

SCHEMA_VERSION = 2
SCHEMA_FILE = "model_coefs.schema.json"


class TableFile(NamedTuple):
    """An n-gram table as a model's file: its name, and its JSON."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """The SHA-256 by which model_coefs.json names it."""
        return hashlib.sha256(self.data).hexdigest()


def tables_of(features: Iterable[str]) -> dict[str, TableFile]:
    """Return the files of the shipped n-gram tables that some features are costs under."""
    names = {name: name.removeprefix(NGRAM) for name in features if name.startswith(NGRAM)}
    return {
        name: TableFile(f"{table}.json", shipped_table(table).json())
        for name, table in names.items()
        if table in TABLES
    }


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
