"""Features of a text: all of them, by name, the same one by one as together."""

import base64
import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from token_approx.text.features import BASIC, FEATURES, TABLES, features, features_of, known_table
from token_approx.text.ngrams import shipped_tables

TEXTS = ["", "a", "Hello, world\n", "größe 12345 日本語", "x" * 10_000, "\ud800"]


def test_every_feature_is_there_and_batching_changes_nothing() -> None:
    """A text has the same features alone as among others, to the last bit; the empty text has zeros."""
    together = features_of(TEXTS)
    assert together == [features(text) for text in TEXTS]
    assert all(tuple(row) == FEATURES for row in together)
    assert set(together[0].values()) == {0.0}


# Tokens of five times the sentence below, as the tokenizers themselves count them.
PROSE = dict.fromkeys(TABLES, 86) | {"claude_4_7": 121}


@pytest.mark.parametrize("name", TABLES)
def test_shipped_tables_are_sound_and_count_plain_text(name: str) -> None:
    """A shipped table follows the schema, says where it comes from, and is near on plain prose."""
    table = known_table(name)
    document = json.loads(table.json())
    schema = Path(str(files("token_approx.text") / "ngram_table.schema.json"))
    jsonschema.validate(document, json.loads(schema.read_bytes()))
    assert document["provenance"]["trained_on"]["documents"] > 30_000
    assert set(document["provenance"]["documents"]) >= {"corpus.parquet", "corpus_more.parquet"}
    assert all(len(base64.b64decode(part["weights"])) == 2 << part["bits"] for part in document["tables"])
    assert table.known is not None
    prose = "The old man walked slowly down to the harbour, where the boats were coming in. " * 5
    assert table.tokens(prose) == pytest.approx(PROSE[name], rel=0.2)


def test_all_tables_together_are_small() -> None:
    """What the package brings of tables is 5.5 MB at the most."""
    assert sum(path.stat().st_size for path in shipped_tables().values()) <= 5_500_000


def test_basic_names_stand_first() -> None:
    """The order of features is the order in which records hold them."""
    assert FEATURES[:4] == BASIC
