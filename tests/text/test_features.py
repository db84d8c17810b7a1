"""Features of a text: all of them, by name, the same one by one as together."""

import base64
import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from token_approx.text.features import BASIC, FEATURES, TABLES, features, features_of, shipped_table

TEXTS = ["", "a", "Hello, world\n", "größe 12345 日本語", "x" * 10_000, "\ud800"]


def test_every_feature_is_there_and_batching_changes_nothing() -> None:
    """A text has the same features alone as among others, to the last bit; the empty text has zeros."""
    together = features_of(TEXTS)
    assert together == [features(text) for text in TEXTS]
    assert all(tuple(row) == FEATURES for row in together)
    assert set(together[0].values()) == {0.0}


@pytest.mark.parametrize("name", TABLES)
def test_shipped_tables_are_sound_and_count_plain_text(name: str) -> None:
    """A shipped table follows the schema, is small enough, says where it comes from, and is near on prose."""
    folder = Path(str(files("token_approx.text")))
    path = folder / "tables" / f"{name}.json"
    document = json.loads(path.read_bytes())
    jsonschema.validate(document, json.loads((folder / "ngram_table.schema.json").read_bytes()))
    assert path.stat().st_size <= 640 * 1024
    assert document["provenance"]["trained_on"]["documents"] > 30_000
    assert set(document["provenance"]["documents"]) == {"corpus.parquet", "corpus_more.parquet"}
    assert all(len(base64.b64decode(part["weights"])) == 2 << part["bits"] for part in document["tables"])
    prose = "The old man walked slowly down to the harbour, where the boats were coming in. " * 5
    # 17 tokens a sentence under all three, up to one.
    assert shipped_table(name).tokens(prose) == pytest.approx(85, abs=8)


def test_basic_names_stand_first() -> None:
    """The order of features is the order in which records hold them."""
    assert FEATURES[:4] == BASIC
