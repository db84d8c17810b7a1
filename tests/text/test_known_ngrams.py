"""Rare n-grams are counted as the contract has them, however a text is cut; older tables still load."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx.text.known_ngrams import KnownNgrams
from token_approx.text.ngrams import KNUTH, NgramTable, TableError
from token_approx.text.streaming import TextStream

RANDOM = np.random.default_rng(3)
SMALL = replace(
    NgramTable.load("o200k_base"), known=KnownNgrams(RANDOM.bytes(8192), RANDOM.bytes(64)), file_sha256=None
)
SHIPPED = NgramTable.load("claude_3")
TEXTS = (
    st.binary(max_size=60)
    | st.text(max_size=30).map(str.encode)
    | st.text("0189a", max_size=20).map(str.encode)
)


def slow(table: NgramTable, data: bytes) -> int:
    """Count as the contract says, byte by byte."""
    assert table.known is not None
    pairs, threes = table.known.pairs, table.known.threes
    bits, key, rare = (8 * len(threes)).bit_length() - 1, 0x0A0A0A0A, 0
    for byte in data:
        folded = 0x30 if table.fold == "digits" and 0x30 <= byte <= 0x39 else byte
        key = (key << 8 | folded) % 2**32
        for known, place in (
            (pairs, key % 2**16),
            (threes, (key % 2**24 * KNUTH % 2**32) >> (32 - bits)),
        ):
            rare += 1 - (known[place // 8] >> place % 8 & 1)
    return rare


@given(st.lists(TEXTS, max_size=6), st.sampled_from([SMALL, SHIPPED]))
def test_rare_n_grams_are_the_contract_s(texts: list[bytes], table: NgramTable) -> None:
    """One text, many, and a text in pieces, folded or not, have what the slow way counts."""
    assert [table.rare(text) for text in texts] == [slow(table, text) for text in texts]
    assert table.rare_many(texts).tolist() == [slow(table, text) for text in texts]
    stream = TextStream({"ngram_x": table})
    for text in texts:
        stream.add(text)
    assert stream.features()["rare_x"] == slow(table, b"".join(texts))


def test_a_long_text_is_counted_in_blocks() -> None:
    """A text of several blocks has what its pieces have together."""
    data = RANDOM.bytes(100_000)
    assert SMALL.rare(data) == sum(
        SMALL.rare(data[start : start + 999], data[:start]) for start in range(0, len(data), 999)
    )


def test_they_are_kept_in_the_file(tmp_path: Path) -> None:
    """A saved table knows the same n-grams, costs the same, and a table without any says nothing is rare."""
    SMALL.save(tmp_path / "t.json")
    loaded = NgramTable.load(tmp_path / "t.json")
    assert loaded.known is not None
    assert SMALL.known is not None
    assert (loaded.known.pairs, loaded.known.threes) == (SMALL.known.pairs, SMALL.known.threes)
    assert loaded.score(b"some text") == SMALL.score(b"some text")
    replace(SMALL, known=None).save(tmp_path / "old.json")
    old = NgramTable.load(tmp_path / "old.json")
    assert "known_ngrams" not in json.loads((tmp_path / "old.json").read_bytes())
    assert (old.known, old.rare(b"\xff\x00"), old.rare_many([b"\xff\x00"]).tolist()) == (None, 0, [0])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"pairs": "AAAA"}, r"known_ngrams.pairs is '3 bytes'. Give 8192"),
        ({"threes": "AAAA"}, r"known_ngrams.threes is '3 bytes'. Give a power of two"),
        ({"threes": "?"}, "known_ngrams.threes is .* must be base64"),
        ({"fours": "AAAA"}, "known_ngrams.fours is .* no such field"),
    ],
)
def test_a_damaged_bitmap_is_refused(tmp_path: Path, change: dict[str, str], error: str) -> None:
    """The field and the mend are named."""
    SMALL.save(tmp_path / "t.json")
    content = json.loads((tmp_path / "t.json").read_bytes())
    content["known_ngrams"] |= change
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(TableError, match=error):
        NgramTable.load(tmp_path / "t.json")
