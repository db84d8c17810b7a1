"""Rules that split a document into samples; each takes the whole text and yields its pieces in order."""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from token_approx.errors import InputError
from token_approx.text.counts import encode

SplitRule = Callable[[str], Iterable[str]]
# Characters that are hashed together.
HASHED = 1 << 20

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


def gutenberg(text: str, least: int, most: int) -> Iterator[str]:
    """Cut at the last blank line found between rune `least` and rune `most`, else at rune `most`.

    With 32,000 and 36,000 this is the rule of the published measurements. Pieces are trimmed, but what
    remains after a cut is not: its leading line feeds count towards the next cut, as they did there.

    Raises:
        InputError: not 0 < least <= most.
    """
    _check_sizes(least, most)
    start = 0
    while start < len(text):
        at = text.rfind("\n\n", start + least, start + most)
        at = start + most if at < 0 else at
        yield from _trimmed(text[start:at])
        start = at


def whole(text: str) -> list[str]:
    """Return the document as it is, as one sample."""
    return [text] if text.strip() else []


def lines(text: str) -> Iterator[str]:
    """Yield every line that is not blank, without its line end."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end]
        if line.strip():
            yield line
        start = end + 1


def log_uniform(text: str, least: int, most: int, seed: int) -> Iterator[str]:
    """Cut into pieces whose lengths in runes are drawn log-uniformly from `least` to `most`.

    So every order of magnitude gets as many samples as the next. A cut moves back to the last line end, or
    else white space, in the last fifth of its piece. The draws depend on the text and the seed alone.

    Raises:
        InputError: not 0 < least <= most.
    """
    _check_sizes(least, most)
    digest = hashlib.sha256()
    for place in range(0, len(text), HASHED):
        digest.update(encode(text[place : place + HASHED]))
    random = np.random.default_rng([seed, int.from_bytes(digest.digest()[:8], "big")])
    start = 0
    while start < len(text):
        size = round(math.exp(random.uniform(math.log(least), math.log(most))))
        end = _boundary(text, start, start + size)
        yield from _trimmed(text[start:end])
        start = end


def _boundary(text: str, start: int, end: int) -> int:
    if end >= len(text):
        return len(text)
    earliest = end - (end - start) // 5
    for mark in ("\n", " "):
        at = text.rfind(mark, earliest, end)
        if at > start:
            return at
    return end


def _trimmed(piece: str) -> list[str]:
    trimmed = piece.strip()
    return [trimmed] if trimmed else []


def _check_sizes(least: int, most: int) -> None:
    if not 0 < least <= most:
        raise InputError(
            f"split_rule: least={least} and most={most} are not sizes in runes with 0 < least <= most."
        )
