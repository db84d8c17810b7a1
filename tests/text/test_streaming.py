"""A text in pieces has the features of the whole, wherever the pieces end."""

from dataclasses import asdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.made_tables import TABLES
from token_approx.text.counts import count, encode
from token_approx.text.streaming import TextStream

pytestmark = pytest.mark.usefixtures("each_kernel")

# White space of one to three bytes, separators that are none, parts of code points, and words.
BROKEN = [b"\x80", b"\xc2", b"\xe2", b"\xe2\x80", b"\xf0\x9f", b"\xf0\x9f\x98", b"\xff", b"\xed\xa0"]
ODD = st.lists(
    st.sampled_from("aé日😀\ud800 \n\x1c\u0085\u00a0\u1680\u2003\u200b").map(encode)
    | st.sampled_from(BROKEN),
    max_size=30,
).map(b"".join)


@given(data=ODD | st.binary(max_size=60), data_cuts=st.lists(st.integers(0, 90), max_size=8))
def test_pieces_of_bytes_are_the_whole(data: bytes, data_cuts: list[int]) -> None:
    """Cut anywhere, bytes of any kind have the counts and costs that they have in one go, to the last bit."""
    stream = TextStream(TABLES)
    borders = [0, *sorted(min(cut, len(data)) for cut in data_cuts), len(data)]
    for start, end in pairwise(borders):
        stream.add(data[start:end])
    costs = {name: table.tokens(data) for name, table in TABLES.items()}
    assert stream.features() == costs | asdict(count(data))


@given(st.lists(st.text(st.characters(codec=None, exclude_categories=()), max_size=8)))
def test_pieces_of_strings_are_the_whole(pieces: list[str]) -> None:
    """So do strings, lone surrogates included; at every step the features are those of the text so far."""
    stream = TextStream({"cost": TABLES["all orders"]})
    for place, piece in enumerate(pieces):
        stream.add(piece)
        text = "".join(pieces[: place + 1])
        # Joined, two halves become one in no encoding of ours: bytes are what is counted.
        data = b"".join(encode(piece) for piece in pieces[: place + 1])
        assert len(data) == len(encode(text))
        assert stream.features() == {"cost": TABLES["all orders"].tokens(text)} | asdict(count(text))


def test_counts_can_be_left_out() -> None:
    """Without them there are the costs alone."""
    stream = TextStream({"cost": TABLES["order 1"]}, basic=False)
    stream.add("a b")
    assert stream.features() == {"cost": TABLES["order 1"].tokens("a b")}
