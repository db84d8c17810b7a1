"""Every beginning of a text has the features that it has by itself, and where it may end is known."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.made_tables import TABLES
from tests.text.test_streaming import ODD
from token_approx.text import prefixes as module
from token_approx.text.counts import count, encode
from token_approx.text.prefixes import prefixes, whole

pytestmark = pytest.mark.usefixtures("each_kernel")

USED = {name: TABLES[name] for name in ("all orders", "digits as they are")}


@given(data=ODD | st.binary(max_size=80), start=st.integers(0, 40), first=st.integers(1, 9))
def test_beginnings_are_texts(data: bytes, start: int, first: int) -> None:
    """Of each end of a code point, in any block, the features are those of the text up to there."""
    starts = [0, *(np.flatnonzero(whole(data, 0, 0, len(data))) + 1).tolist()]
    start = starts[start % len(starts)]
    ends: list[int] = []
    for block in prefixes(data, start, USED, basic=True, first=first):
        assert block.begin == start + len(ends)
        for place, complete in enumerate(block.whole):
            end = block.begin + place + 1
            ends.append(end)
            if complete:
                text = data[start:end]
                expected = {name: table.tokens(text) for name, table in USED.items()} | asdict(count(text))
                assert {name: values[place] for name, values in block.features.items()} == expected
    assert ends == list(range(start + 1, len(data) + 1))


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=40), st.integers(0, 30))
def test_ends_of_code_points(text: str, begin: int) -> None:
    """In a string's bytes, lone surrogates included, exactly the code points' ends are ends."""
    data = encode(text)
    ends = np.cumsum([len(encode(character)) for character in text]).tolist()
    found = whole(data, 0, min(begin, len(data)), len(data))
    assert [min(begin, len(data)) + place + 1 for place in np.flatnonzero(found)] == [
        end for end in ends if end > begin
    ]


@given(ODD | st.binary(max_size=60))
def test_any_bytes_can_be_cut(data: bytes) -> None:
    """Four bytes in a row have an end among them, whatever they are, and the last byte is one."""
    found = whole(data, 0, 0, len(data))
    assert all(found[place : place + 4].any() for place in range(len(data)))
    assert not len(data) or found[-1]


@pytest.mark.parametrize("data", [b"ab\n 1" * 30_000, "日本 é\u2003\n".encode() * 20_000])
def test_many_blocks(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks double up to the largest, and the last beginning is the whole text."""
    monkeypatch.setattr(module, "BLOCK", 4096)
    blocks = list(prefixes(data, 0, USED, basic=True, first=1000))
    assert [len(block.whole) for block in blocks[:5]] == [1000, 2000, 4000, 4096, 4096]
    last = {name: values[-1] for name, values in blocks[-1].features.items()}
    assert last == {name: table.tokens(data) for name, table in USED.items()} | asdict(count(data))
