"""The contract of model_coefs.json: its name, schema and encoding, apart from the fitting that fills it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from token_approx.estimator.coefs_file import COEFS
from token_approx.files import write_whole
from token_approx.requests.named import TEXT
from token_approx.text.features import NGRAM, known_table
from token_approx.text.ngrams import NgramTable
from token_approx.text.own_tables import known_tables

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


class TableFile(NamedTuple):
    """An n-gram table as a model's file: its name, and its JSON."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """The SHA-256 by which model_coefs.json names it."""
        return hashlib.sha256(self.data).hexdigest()


def tables_of(features: Iterable[str], of_requests: str | None = None) -> dict[str, TableFile]:
    """Return the files of the n-gram tables that some features are costs under.

    `of_requests` names the table of the costs of requests' texts.
    """
    found, known = {}, known_tables()
    for name in features:
        table = of_requests if name.startswith(TEXT) else name.removeprefix(NGRAM)
        if table in known:
            found[name] = _table_file(known_table(table), table)
    return found


def table_files(coefs: Mapping[str, Any]) -> dict[str, TableFile]:
    """Return the files of the n-gram tables that a model's features are costs under."""
    return {
        name: _table_file(known_table(stem), stem)
        for name, entry in coefs["tables"].items()
        for stem in (Path(entry["file"]).stem,)
    }


@lru_cache(maxsize=16)
def _table_file(table: NgramTable, name: str) -> TableFile:
    return TableFile(f"{name}.json", table.json())


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
