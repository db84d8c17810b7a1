"""Truncating and splitting: nothing is lost, nothing is cut inside, and every piece is within the limit."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, AnyStr
from unittest import mock

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.text.test_streaming import ODD
from token_approx import Estimator
from token_approx.errors import InputError
from token_approx.estimator import cutting
from token_approx.estimator.bounds import Bound
from token_approx.text import prefixes
from token_approx.text.counts import encode

pytestmark = pytest.mark.usefixtures("each_kernel")

# Its bounds alone: what is cut is as odd as it can be, and mostly out of the domain.
NGRAM = replace(Estimator.for_model("o200k_base"), domain={})
LINES = (
    Bound(0.95, 1.0, 0.4, 0.0, 1.0),
    Bound(0.95, 1.4, 0.0, 1.0, 20.0),
    Bound(0.95, 1.1, 0.0, 20.0, float("inf")),
)
COUNTS = {"bytes": 0.1, "runes": 0.1, "words": 0.4, "lines": 0.3}
# Its estimate falls where a line or a word begins, so more may fit than what does not.
FALLING = {"bytes": 2.3, "runes": -1.7, "words": -1.8, "lines": -0.2}
MODELS = {
    "n-gram table": NGRAM,
    "basic counts": Estimator("m", 1.0, COUNTS, upper=LINES),
    "both": replace(NGRAM, intercept=3.0, weights={"words": 0.2, "ngram_o200k_base": 0.9, "bytes": 0.02}),
    "negative weights": Estimator("m", 0.0, FALLING, upper=LINES),
}
# Long enough that there are several marks in a twentieth of it.
WORDY = st.lists(st.sampled_from(["a", "word", " ", "\n", "\n\n", "  ", "x" * 9]), max_size=150).map("".join)
BYTES = ODD | st.binary(max_size=80) | WORDY.map(encode)
STRINGS = st.text(st.characters(codec=None, exclude_categories=()), max_size=80) | WORDY


def borders(data: bytes) -> list[int]:
    """Return where UTF-8 may be cut: before each code point, and anywhere that it is broken."""
    found = [0]
    while found[-1] < len(data):
        at, end = found[-1], found[-1] + 1
        first = data[at]
        announced = (first >= 0xC2) + (first >= 0xE0) + (first >= 0xF0) if first <= 0xF4 else 0
        while end < min(at + 1 + announced, len(data)) and data[end] & 0xC0 == 0x80:
            end += 1
        found.append(end)
    return found


def size_of(text: str | bytes) -> int:
    """Return the length of a text in bytes."""
    return len(text if isinstance(text, bytes) else encode(text))


def check_truncate(model: Estimator, text: AnyStr, places: list[int], limit: int) -> None:
    """Compare with all beginnings of the text, one by one."""
    fitting = [end for end in places if model.upper_bound(text[:end]) <= limit]
    if not fitting or (fitting == [0] and text):
        with pytest.raises(
            InputError, match=f"limit={limit} is too small: the upper bound of (its first|the empty)"
        ):
            model.truncate(text, limit)
        return
    kept, longest = model.truncate(text, limit), text[: fitting[-1]]
    assert type(kept) is type(text)
    assert kept == text[: len(kept)]
    assert len(kept) in fitting
    assert size_of(longest) - size_of(kept) <= size_of(longest) / 20
    before, after = kept[-1:], text[len(kept) :][:1]
    assert kept == longest or before in ("\n", b"\n") or after in (" ", b" ")


@given(text=BYTES, limit=st.integers(0, 120), name=st.sampled_from(sorted(MODELS)))
def test_truncate_keeps_what_fits(text: bytes, limit: int, name: str) -> None:
    """It is the longest beginning that fits, or one shorter by a twentieth at most, ending at a mark."""
    check_truncate(MODELS[name], text, borders(text), limit)


@given(text=STRINGS, limit=st.integers(0, 120), name=st.sampled_from(sorted(MODELS)))
def test_truncate_keeps_what_fits_of_a_string(text: str, limit: int, name: str) -> None:
    """So it is of a string, which comes back as one, lone surrogates and all."""
    check_truncate(MODELS[name], text, list(range(len(text) + 1)), limit)


def check_split(model: Estimator, text: AnyStr, places: list[int], size: int, overlap: int) -> None:
    """Check every piece by itself, and all of them against the text."""
    try:
        pieces = model.split(text, size, overlap)
    except InputError:
        assert any(model.upper_bound(text[start:end]) > size for start, end in pairwise(places))
        return
    # Where the pieces so far may end: in a text that repeats itself, an overlap can be read in several ways.
    ends, before = {0}, text[:0]
    for piece in pieces:
        assert type(piece) is type(text)
        assert model.upper_bound(piece) <= size
        ends = {
            end - repeated + len(piece)
            for end in ends
            for repeated in range(min(len(before), len(piece) - 1) + 1 if overlap else 1)
            if text[end - repeated :][: len(piece)] == piece
            and before[len(before) - repeated :] == piece[:repeated]
            and {end - repeated, end - repeated + len(piece)} <= set(places)
            and (not repeated or model.estimate(piece[:repeated]) <= overlap)
        }
        assert ends
        before = piece
    assert len(text) in ends


SPLIT = {
    "size": st.integers(2, 120),
    "overlap": st.integers(0, 60),
    # With small blocks, a piece is put together of several.
    "block": st.sampled_from([4, 7, 2**15]),
    "name": st.sampled_from(sorted(MODELS)),
}


@given(text=BYTES, **SPLIT)
def test_split_loses_nothing(text: bytes, size: int, overlap: int, block: int, name: str) -> None:
    """Pieces fit, are cut between characters, and are the text; overlapped, each repeats the last's end."""
    assume(overlap <= size // 2)
    with mock.patch.object(cutting, "BLOCK", block), mock.patch.object(prefixes, "BLOCK", block):
        check_split(MODELS[name], text, borders(text), size, overlap)


@given(text=STRINGS, **SPLIT)
# The line that begins behind the longest end which may be repeated has more tokens than that end.
@example(text="\nxxxx xxxxxxxxxx  a a a a axx \nxx ", size=6, overlap=2, block=2**15, name="negative weights")
def test_split_loses_nothing_of_a_string(text: str, size: int, overlap: int, block: int, name: str) -> None:
    """So it is of a string."""
    assume(overlap <= size // 2)
    with mock.patch.object(cutting, "BLOCK", block), mock.patch.object(prefixes, "BLOCK", block):
        check_split(MODELS[name], text, list(range(len(text) + 1)), size, overlap)


def test_lines_and_words_stay_whole() -> None:
    """A piece ends where a line does, or else where a word does, if one ends in its last twentieth."""
    text = "".join(f"{number} is a line of words, neither the first nor the last.\n" for number in range(900))
    pieces = NGRAM.split(text, 1000)
    assert len(pieces) > 10
    assert all(piece.endswith("\n") for piece in pieces)
    assert min(NGRAM.upper_bound(piece) for piece in pieces[:-1]) > 950
    words = NGRAM.split(text.replace("\n", " "), 1000)
    assert all(piece.startswith(" ") for piece in words[1:])
    assert len(NGRAM.split("x" * 9000, 100)) > 5, "a text without a mark is cut all the same"


def test_a_mark_where_the_text_does_not_fit_is_no_end() -> None:
    """Where a word's letters cost more than the word, what ends before the last words may not fit."""
    model, text = MODELS["negative weights"], "x" * 100 + " a b c d e fg" + "y" * 50
    fitting = text.index("g")
    limit = int(model.upper_bound(text[:fitting]))
    assert limit < min(model.upper_bound(text[:end]) for end in range(fitting - 5, fitting))
    assert model.truncate(text, limit) == text[:fitting]


def test_overlap_is_used() -> None:
    """The repeated end is nearly as long as it may be, and begins a line where it can."""
    text = "".join(f"{number} is a line.\n" for number in range(3000))
    pieces = NGRAM.split(text, 500, overlap=100)
    assert len(pieces) > 10
    for before, piece in pairwise(pieces):
        assert before.endswith("\n")
        repeated = next(n for n in range(len(before), 0, -1) if before.endswith(piece[:n]))
        assert 85 <= NGRAM.estimate(piece[:repeated]) <= 100
        assert before[-repeated - 1] == "\n"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.split("abc", 0), "size=0 is too small: the upper bound"),
        (
            lambda model: model.split("abc", 10, overlap=6),
            "overlap=6 is not a number of tokens from 0 to 5, half of size",
        ),
        (lambda model: model.split("abc", 10, overlap=-1), "overlap=-1 is not"),
        (
            lambda model: model.split("ab \U0001f9d1\u200d\U0001f680", 1),
            "size=1 is too small: .* of its first character",
        ),
        (
            lambda model: model.truncate("abc", 0),
            "limit=0 is too small: .* of its first character alone is 2 tokens",
        ),
        (
            lambda model: model.truncate("", -1),
            "limit=-1 is too small: .* of the empty text alone is 1 tokens",
        ),
        (lambda model: model.split("abc", 10, confidence=0.5), "no bound of confidence 0.5. Its levels:"),
    ],
)
def test_what_cannot_be_cut(call: Callable[[Estimator], object], message: str) -> None:
    """A limit below one character, an overlap as large as the piece, a level without a bound: one line."""
    with pytest.raises(InputError, match=message) as refused:
        call(NGRAM)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("size", [50, 500, 10**9])
@pytest.mark.parametrize("name", ["n-gram table", "negative weights"])
def test_work_grows_with_the_text_alone(name: str, size: int) -> None:
    """Be its pieces long, short or uneven, a text is looked at three times at most, and 256 bytes a piece."""
    text = (ROOT / "README.md").read_bytes() * 3
    seen: list[int] = []

    def counting(*arguments: Any, **options: Any) -> Iterator[prefixes.Block]:  # noqa: ANN401
        for block in prefixes.prefixes(*arguments, **options):
            seen.append(len(block.whole))
            yield block

    # Spaces are cheap: pieces of them are a hundred times as long as those of the emoji between them.
    uneven = (b" " * 20_000 + "\U0001f9d1".encode() * 2000) * 5
    for data in (text, uneven):
        seen.clear()
        with mock.patch.object(cutting, "prefixes", counting):
            pieces = MODELS[name].split(data, size)
        assert b"".join(pieces) == data
        assert sum(seen) < 3 * len(data) + cutting.LEAST_BYTES * len(pieces)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1000, 8000, 10**6])
def test_a_hundred_megabytes(size: int) -> None:
    """They are split in seconds (a minute at most, on a busy machine), and each piece fits."""
    text = (ROOT / "README.md").read_bytes()
    text *= 100_000_000 // len(text) + 1
    started = time.process_time()
    pieces = NGRAM.split(text, size)
    assert time.process_time() - started < 60
    assert b"".join(pieces) == text
    assert max(NGRAM.upper_bound(piece) for piece in pieces) <= size


def test_the_largest_overlap_takes_time_in_proportion() -> None:
    """With the largest overlap a text has at most some three times the pieces, however long it is."""
    text = "some words and some more of them\n" * 1000
    pieces = NGRAM.split(text, 40, overlap=20)
    assert len(pieces) < 3 * len(NGRAM.split(text, 40))
