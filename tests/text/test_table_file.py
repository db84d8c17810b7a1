"""Files of n-gram tables: what is saved is what is loaded, and every refusal of a spoiled file."""

import base64
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.text.made_tables import GOOD, TABLES, make_table
from token_approx.errors import InputError
from token_approx.text import own_tables
from token_approx.text.ngrams import NgramTable, TableError
from token_approx.text.table_file import MAX_FILE_BYTES

Spoil = Callable[[dict[str, Any]], object]


def test_round_trip(table: NgramTable, tmp_path: Path) -> None:
    """A saved table loads with equal fields and scores, saves byte-equal, and its file meets the schema."""
    path = tmp_path / "table.json"
    digest = table.save(path)
    loaded = NgramTable.load(path)
    for name in ("tokenizer", "orders", "bits", "unit_exponent", "fold", "multiplier", "provenance"):
        assert getattr(loaded, name) == getattr(table, name)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.weights, table.weights, strict=True))
    assert loaded.score("Round trip, 1234 times") == table.score("Round trip, 1234 times")
    assert loaded.file_sha256 == digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert NgramTable.load(str(path)).save(tmp_path / "again.json") == digest
    schema = json.loads((files("token_approx.text") / "ngram_table.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(path.read_bytes()), schema, jsonschema.Draft202012Validator)


def test_the_recipe_s_table_fits_a_file(tmp_path: Path) -> None:
    """Bits (8, 16, 17, 18) stay under 1.5 MiB; one bit more is refused and nothing is written."""
    path = tmp_path / "table.json"
    make_table((1, 2, 3, 4), (8, 16, 17, 18)).save(path)
    assert path.stat().st_size <= MAX_FILE_BYTES
    path.unlink()
    with pytest.raises(TableError, match="Take fewer bits"):
        make_table((1, 2, 3, 4), (8, 16, 18, 18)).save(path)
    assert list(tmp_path.iterdir()) == []


def test_save_replaces_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure while writing leaves the old file as it was and no other file beside it."""
    path = tmp_path / "table.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        TABLES["order 1"].save(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("table.json", "old")]


def test_provenance_must_be_json(tmp_path: Path) -> None:
    """Provenance that JSON cannot hold is refused on saving, not written in some form of its own."""
    for value in (float("nan"), {1, 2}):
        with pytest.raises(TableError, match="provenance"):
            NgramTable(**GOOD, provenance={"found": value}).save(tmp_path / "table.json")


def at(*keys: str | int, put: object) -> Spoil:
    """Return a change that puts a value at a place of the document."""

    def spoil(document: Any) -> None:  # noqa: ANN401 - any JSON value
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = put

    return spoil


def shorten(document: dict[str, Any]) -> None:
    """Halve a table's weights and make the digest fit, so that only the length is wrong."""
    blob = base64.b64decode(document["tables"][0]["weights"])[:-2]
    document["tables"][0]["weights"] = base64.b64encode(blob).decode()
    document["weights_sha256"] = hashlib.sha256(blob).hexdigest()


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (at("schema_version", put=2), "schema_version is 2. .*Upgrade"),
        (at("schema_version", put="1"), "schema_version is '1'"),
        (at("schema_version", put=True), "schema_version is True"),
        (lambda document: document.pop("schema_version"), "schema_version is None"),
        (lambda document: document.pop("tokenizer"), "tokenizer is None. The field is missing"),
        (lambda document: document["tables"][0].pop("bits"), r"tables\[0\].bits is None"),
        (at("colour", put=1), "colour is 1. Schema version 1 has no such field"),
        (at("tables", 0, "colour", put=1), r"tables\[0\].colour"),
        (at("tokenizer", put=3), "tokenizer is 3"),
        (at("multiplier", put=1.5), "multiplier is 1.5"),
        (at("multiplier", put=True), "multiplier is True"),
        (at("multiplier", put=2**40), "multiplier is"),
        (at("fold", put="case"), "fold is 'case'"),
        (at("provenance", put=None), "provenance is None"),
        (at("tables", put={}), "tables is {}"),
        (at("tables", put=[]), "weights_sha256"),
        (at("tables", put=[3]), r"tables\[0\] is 3"),
        (at("tables", 0, "order", put=9), r"tables\[0\].order is 9"),
        (at("tables", 0, "bits", put=4), r"tables\[0\].weights is .*\(16,\)"),
        (at("tables", 0, "weights", put="@@@@"), r"tables\[0\].weights is .*base64"),
        (at("tables", 0, "weights", put="é"), r"tables\[0\].weights is .*base64"),
        (at("tables", 0, "weights", put="AAA"), r"tables\[0\].weights is .*base64"),
        (at("tables", 0, "weights", put="AA=="), r"tables\[0\].weights is '1 bytes'"),
        (at("tables", 0, "weights", put="AAAA" * 4), "weights_sha256 is .*damaged"),
        (shorten, r"tables\[0\].weights is .*\(8,\)"),
    ],
)
def test_spoiled_documents_are_refused(tmp_path: Path, spoil: Spoil, named: str) -> None:
    """Each way a document can be wrong is one TableError naming the file, the field and what was found."""
    path = tmp_path / "spoiled.json"
    TABLES["order 1"].save(path)
    document = json.loads(path.read_bytes())
    spoil(document)
    path.write_text(json.dumps(document))
    with pytest.raises(TableError, match=rf"spoiled\.json: {named}") as caught:
        NgramTable.load(path)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'{"schema_version": NaN}', b"[" * 100_000, b" " * 1_600_000],
)
def test_other_files_are_refused(tmp_path: Path, raw: bytes) -> None:
    """What is no JSON object, or far too large, is one TableError that names the file."""
    path = tmp_path / "other.json"
    path.write_bytes(raw)
    with pytest.raises(TableError, match=r"other\.json: the file is"):
        NgramTable.load(path)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    """A path that is not there, or is a folder, is a TableError that names it."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(TableError, match=r"cannot be read .*\. Check the path"):
            NgramTable.load(path)


def test_names_are_shipped_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name loads package data; an unknown one is refused with the names there are."""
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    monkeypatch.setattr(own_tables, "_shipped", own_tables._shipped.__wrapped__)  # noqa: SLF001 - read once
    (tmp_path / "tables").mkdir()
    TABLES["order 1"].save(tmp_path / "tables" / "made_up.json")
    assert NgramTable.load("made_up").tokenizer == "made-up"
    with pytest.raises(TableError, match=r"'gpt_9'\. The shipped tables are made_up\."):
        NgramTable.load("gpt_9")
