"""Each rule cuts as its description says, loses no text and depends on the text and the seed alone."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx.errors import InputError
from token_approx.preparing.splitting import clean, gutenberg, lines, log_uniform, whole


def paragraphs(sizes: list[int]) -> str:
    """Return paragraphs of so many runes each, with a blank line between two."""
    return "\n\n".join("é" * size for size in sizes)


def test_clean_keeps_the_body() -> None:
    """Line ends become LF, the header and the licence go, the ends are trimmed; other texts stay."""
    book = (
        "\r\nTitle\r\n*** START OF THE PROJECT GUTENBERG EBOOK A BOOK ***\r\n\r\n  One.\r\nTwo.\rThree.\r\n"
        "*** END OF THE PROJECT GUTENBERG EBOOK A BOOK ***\r\nLicence\r\n"
    )
    assert clean(book) == "One.\nTwo.\nThree."
    assert clean(" plain\r\n*** text\n") == "plain\n*** text"
    assert clean(clean(book)) == clean(book)


def test_gutenberg_cuts_at_the_last_blank_line_in_reach() -> None:
    """Sizes are in runes; a piece ends before the blank line, and the next is trimmed."""
    text = paragraphs([60, 20, 15, 50, 10])  # blank lines at runes 60, 82, 99, 151
    assert list(gutenberg(text, 80, 100)) == [paragraphs([60, 20]), paragraphs([15, 50, 10])]


def test_gutenberg_s_reach() -> None:
    """A blank line at rune `least` counts; one that ends beyond rune `most` does not: `most` cuts."""
    assert list(gutenberg(paragraphs([80, 90]), 80, 100)) == ["é" * 80, "é" * 90]
    assert next(gutenberg(paragraphs([79, 90]), 80, 100)) == paragraphs([79, 19])
    assert next(gutenberg(paragraphs([98, 90]), 80, 100)) == "é" * 98
    assert next(gutenberg(paragraphs([99, 90]), 80, 100)) == "é" * 99


def test_gutenberg_counts_what_a_cut_leaves_and_cuts_the_last_piece_too() -> None:
    """The line feeds at a cut are part of the next piece's reach, which the published measurements show."""
    # After the first cut "\n\n" remains in front: 2 + 97 runes put the second blank line at rune 99.
    text = paragraphs([80, 97, 10])
    assert list(gutenberg(text, 80, 101))[1:] == ["é" * 97, "é" * 10]
    assert list(gutenberg(text, 80, 100))[1] == paragraphs([97]), (
        "its second line feed is out of reach: cut at 100"
    )
    # What remains is shorter than `most`, and is cut all the same where a blank line is in reach.
    assert list(gutenberg(paragraphs([85, 5]), 80, 100)) == ["é" * 85, "é" * 5]


def test_whole_and_lines() -> None:
    """A document as it is, or its lines that are not blank, as they are."""
    assert whole(" a\r\n") == [" a\r\n"]
    assert whole(" \n") == []
    assert list(lines(" a\n\n \nb\u2028c\n")) == [" a", "b\u2028c"]


def test_log_uniform_gives_every_order_of_magnitude_its_share() -> None:
    """Of pieces between 10 and 100,000 runes, a quarter lies in each decade."""
    pieces = list(log_uniform("word " * 3_000_000, 10, 100_000, seed=1))
    decades = [int(math.log10(len(piece) + 1)) for piece in pieces[:-1]]
    assert len(pieces) > 800
    for decade in (1, 2, 3, 4):
        assert decades.count(decade) / len(decades) == pytest.approx(0.25, abs=0.04)


@given(st.text(alphabet="ab \né東", max_size=400), st.integers(1, 20), st.integers(0, 60), st.integers(0, 3))
def test_log_uniform_loses_nothing(text: str, least: int, more: int, seed: int) -> None:
    """Pieces hold all but white space, in order, none longer than it may be; twice the same."""
    pieces = list(log_uniform(text, least, least + more, seed))
    assert "".join(re.sub(r"\s", "", piece) for piece in pieces) == re.sub(r"\s", "", text)
    assert all(0 < len(piece) <= least + more for piece in pieces)
    assert pieces == list(log_uniform(text, least, least + more, seed))


@pytest.mark.parametrize(("least", "most"), [(0, 10), (11, 10), (-5, -1)])
def test_sizes_that_cannot_be(least: int, most: int) -> None:
    """They are refused with both numbers."""
    with pytest.raises(InputError, match=f"least={least} and most={most}"):
        list(gutenberg("text", least, most))
    with pytest.raises(InputError, match=f"least={least} and most={most}"):
        list(log_uniform("text", least, most, 0))
