"""Rules that split a document into samples; each takes the whole text and returns its pieces in order."""

import hashlib
import math
import re
from collections.abc import Callable

import numpy as np

from token_approx.errors import InputError
from token_approx.text.counts import encode

SplitRule = Callable[[str], list[str]]

BODY_STARTS = re.compile(r"^\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.*$", re.MULTILINE)
BODY_ENDS = re.compile(r"^\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.*$", re.MULTILINE)


def clean(text: str) -> str:
    r"""Return the text with LF line ends, without Project Gutenberg's header and licence, trimmed.

    >>> clean("Title\r\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\r\n\r\nIt was.\r\n")
    'It was.'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if start := BODY_STARTS.search(text):
        text = text[start.end() :]
    if end := BODY_ENDS.search(text):
        text = text[: end.start()]
    return text.strip()


def gutenberg(text: str, least: int, most: int) -> list[str]:
    """Cut at the last blank line found between rune `least` and rune `most`, else at rune `most`.

    With 32,000 and 36,000 this is the rule of the published measurements. Pieces are trimmed, but what
    remains after a cut is not: its leading line feeds count towards the next cut, as they did there.

    Raises:
        InputError: not 0 < least <= most.
    """
    _check_sizes(least, most)
    pieces = []
    while text:
        at = text.rfind("\n\n", least, most)
        at = most if at < 0 else at
        pieces.append(text[:at])
        text = text[at:]
    return _trimmed(pieces)


def whole(text: str) -> list[str]:
    """Return the document as it is, as one sample."""
    return [text] if text.strip() else []


def lines(text: str) -> list[str]:
    """Return every line that is not blank, without its line end."""
    return [line for line in text.split("\n") if line.strip()]


def log_uniform(text: str, least: int, most: int, seed: int) -> list[str]:
    """Cut into pieces whose lengths in runes are drawn log-uniformly from `least` to `most`.

    So every order of magnitude gets as many samples as the next. A cut moves back to the last line end, or
    else white space, in the last fifth of its piece. The draws depend on the text and the seed alone.

    Raises:
        InputError: not 0 < least <= most.
    """
    _check_sizes(least, most)
    digest = hashlib.sha256(encode(text)).digest()
    random = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    pieces = []
    start = 0
    while start < len(text):
        size = round(math.exp(random.uniform(math.log(least), math.log(most))))
        end = _boundary(text, start, start + size)
        pieces.append(text[start:end])
        start = end
    return _trimmed(pieces)


def _boundary(text: str, start: int, end: int) -> int:
    if end >= len(text):
        return len(text)
    earliest = end - (end - start) // 5
    for mark in ("\n", " "):
        at = text.rfind(mark, earliest, end)
        if at > start:
            return at
    return end


def _trimmed(pieces: list[str]) -> list[str]:
    return [trimmed for piece in pieces if (trimmed := piece.strip())]


def _check_sizes(least: int, most: int) -> None:
    if not 0 < least <= most:
        raise InputError(
            f"split_rule: least={least} and most={most} are not sizes in runes with 0 < least <= most."
        )
