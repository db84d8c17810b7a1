"""The basic counts are exactly what DESIGN says, on strings and on bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx.text.counts import BLOCK, Counts, count, count_many, encode

pytestmark = pytest.mark.usefixtures("each_kernel")

WHITE_SPACE = [
    *range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680,
    *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
]  # fmt: skip
NOT_WHITE_SPACE = [*range(0x1C, 0x20), 0x180E, 0x200B, 0x2060, 0xFEFF, 0x00, 0x7F]
any_text = st.text(alphabet=st.characters(codec=None, exclude_categories=()))
spaced_text = st.text(
    alphabet=st.sampled_from([chr(c) for c in [*WHITE_SPACE, *NOT_WHITE_SPACE, 0x61, 0xD800]])
)


def oracle(text: str) -> Counts:
    """Count one code point at a time, straight from the definition."""
    words, inside = 0, False
    for character in text:
        space = ord(character) in WHITE_SPACE
        words += not space and not inside
        inside = not space
    size = sum(len(character.encode("utf-8", "surrogatepass")) for character in text)
    return Counts(size, len(text), words, 1 + sum(c == "\n" for c in text) if text else 0)


@given(any_text | spaced_text)
def test_counts_follow_the_definition(text: str) -> None:
    """Any string, lone surrogates included, has the counts of the slow definition."""
    assert count(text) == oracle(text)


@given(any_text | spaced_text)
def test_bytes_count_as_their_text_does(text: str) -> None:
    """A string and its UTF-8 bytes have the same counts; a lone surrogate's bytes too."""
    assert count(encode(text)) == count(text)


@given(st.binary())
def test_invalid_utf8_has_counts(data: bytes) -> None:
    """Any bytes have counts within their bounds, and runes are the bytes that continue none."""
    counts = count(data)
    assert counts.bytes == len(data)
    assert counts.runes == sum(not 0x80 <= byte < 0xC0 for byte in data)
    assert counts.words <= counts.bytes
    assert counts.lines == (data.count(b"\n") + 1 if data else 0)


@pytest.mark.parametrize("code_point", WHITE_SPACE)
def test_white_space_separates_words(code_point: int) -> None:
    """Each of the white-space code points separates two words."""
    assert count(f"a{chr(code_point)}b").words == 2


@pytest.mark.parametrize("code_point", NOT_WHITE_SPACE)
def test_other_separators_join_words(code_point: int) -> None:
    """What Python or JavaScript take for white space, but the definition does not, joins."""
    assert count(f"a{chr(code_point)}b").words == 1


@given(any_text, any_text)
def test_counts_add_up(left: str, right: str) -> None:
    """Bytes and line feeds add up over a concatenation; words do across a line feed."""
    both, one, two = count(left + "\n" + right), count(left), count(right)
    assert both.bytes == one.bytes + 1 + two.bytes
    assert both.words == one.words + two.words
    assert both.lines == max(one.lines, 1) + max(two.lines, 1)


def words_by_bytes(data: bytes) -> int:
    """Count words without decoding: the white-space code points' UTF-8 sequences, wherever they stand."""
    sequences = {chr(code_point).encode() for code_point in WHITE_SPACE}
    words, inside, place = 0, False, 0
    while place < len(data):
        width = next((size for size in (1, 2, 3) if data[place : place + size] in sequences), 0)
        words += not width and not inside
        inside = not width
        place += width or 1
    return words


spaces = [chr(code_point).encode() for code_point in WHITE_SPACE]
pieces = [
    *spaces,
    *(space[:-1] for space in spaces),
    b"\x85",
    b"\xa0",
    b"\xc0\xa0",
    b"\xed\xa0\x80",
    b"\xff",
    b"a",
]


@given(st.binary() | st.lists(st.sampled_from(pieces)).map(b"".join))
def test_white_space_is_byte_sequences(data: bytes) -> None:
    """In any bytes, cut and overlong sequences included, words are what a scan for 25 sequences finds."""
    assert count(data).words == words_by_bytes(data)


@given(st.lists(any_text | spaced_text | st.binary(), max_size=20))
def test_many_texts_count_as_each_does(texts: list[str | bytes]) -> None:
    """Counting texts together, empty, broken or odd ones among them, changes nothing."""
    found = count_many(texts)
    assert [Counts(*map(int, row)) for row in zip(*found.values(), strict=True)] == [
        count(text) for text in texts
    ]
    assert all(values.dtype == np.float64 for values in found.values())


@pytest.mark.parametrize("size", [BLOCK // 2 - 1, BLOCK - 1, BLOCK, 3 * BLOCK])
def test_blocks_leave_no_seam(size: int) -> None:
    """Texts that fill a block, or do not fit into one, are counted as they are alone."""
    texts = [
        "x y\n" * (size // 4),
        "\u2003é",
        "a" * size,
        "",
        "\n" * size,
        "日本 語" * (size // 10),
        "\u2003",
    ]
    found = count_many(texts)
    rows = list(zip(*found.values(), strict=True))
    assert [Counts(*map(int, row)) for row in rows] == [count(text) for text in texts]


@pytest.mark.parametrize("code_point", [*WHITE_SPACE, *NOT_WHITE_SPACE])
def test_white_space_among_many(code_point: int) -> None:
    """White space, and what is not, does the same to words when texts are counted together."""
    texts = [f"a{chr(code_point)}b", chr(code_point), "é"]
    assert count_many(texts)["words"].tolist() == [count(text).words for text in texts]
