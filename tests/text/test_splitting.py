"""The published experiment's splitting rule, on texts made here."""

from hypothesis import given
from hypothesis import strategies as st

from token_approx.text.splitting import gutenberg

HEADER = "*** START OF THE PROJECT GUTENBERG EBOOK A BOOK ***\r\n"
FOOTER = "*** END OF THE PROJECT GUTENBERG EBOOK A BOOK ***\r\nlicence"


def test_boilerplate_and_line_ends() -> None:
    """What stands around the marks goes, whatever its line ends; without marks everything stays."""
    assert gutenberg("licence\r\n" + HEADER + "\r\n one\r\rtwo \r\n" + FOOTER) == ["one\n\ntwo"]
    assert gutenberg(" plain ") == ["plain"]
    assert gutenberg("\n") == []


def test_the_last_blank_line_in_the_window_is_the_cut() -> None:
    """Of several blank lines between the two limits the last is cut at; one that crosses the limit is not."""
    text = "a" * 12 + "\n\n" + "b" * 3 + "\n\n" + "c" * 30
    assert gutenberg(text, 10, 20) == ["a" * 12 + "\n\nbbb", "c" * 18, "c" * 12]
    assert gutenberg("a" * 19 + "\n\n" + "b" * 9, 10, 20)[0] == "a" * 19
    assert gutenberg("a" * 18 + "\n\n" + "b" * 9, 10, 20)[0] == "a" * 18


def test_a_rest_with_a_blank_line_in_the_window_is_cut_too() -> None:
    """The last part is cut as well when a blank line stands late in it, as in the published samples."""
    assert gutenberg("a" * 12 + "\n\n" + "b" * 3, 10, 20) == ["a" * 12, "bbb"]
    assert gutenberg("a" * 15, 10, 20) == ["a" * 15]


@given(st.text(st.sampled_from("ab \n"), max_size=200))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    """Samples hold every character of the text but white space, in order, and none is too long."""
    samples = gutenberg(text, 10, 20)
    assert "".join("".join(samples).split()) == "".join(text.split())
    assert all(sample and len(sample) <= 20 for sample in samples)
