"""The four basic counts of a text, defined on its UTF-8 bytes so that every language finds the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
# str.split also splits at these four; Go's unicode.IsSpace and our definition do not.
SEPARATORS_THAT_ARE_NOT_SPACE = dict.fromkeys(range(0x1C, 0x20), "x")


@dataclass(frozen=True)
class Counts:
    """The basic counts of one text: `bytes`, `runes`, `words` and `lines`, all >= 0."""

    bytes: int
    runes: int
    words: int
    lines: int


def encode(text: str) -> bytes:
    """Return the UTF-8 bytes of `text`; a lone surrogate becomes its three bytes (WTF-8)."""
    return text.encode("utf-8", "surrogatepass")


def count(text: str | bytes) -> Counts:
    r"""Count bytes, runes, words and lines of a text, given as a string or as its UTF-8 bytes.

    `bytes` is the length in bytes. `runes` is the number of code points, counted as the bytes that
    continue no other (so it is defined for invalid UTF-8 as well). `words` are maximal runs of
    non-white-space, where white space is U+0009-000D, 0020, 0085, 00A0, 1680, 2000-200A, 2028, 2029,
    202F, 205F and 3000. `lines` is 0 for the empty text, else 1 + the number of line feeds.

    >>> count("naïve café\n")
    Counts(bytes=13, runes=11, words=2, lines=2)
    """
    data = encode(text) if isinstance(text, str) else text
    # surrogateescape maps each undecodable byte to a code point that is no white space.
    string = text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
    return Counts(
        bytes=len(data),
        runes=len(string) if string is text else len(data.translate(None, CONTINUATION_BYTES)),
        words=count_words(string),
        lines=1 + data.count(b"\n") if data else 0,
    )


def count_many(texts: Sequence[str | bytes]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the four counts of each text by name, each of shape (texts,)."""
    counts = [count(text) for text in texts]
    return {
        name: np.fromiter((getattr(found, name) for found in counts), np.float64, len(counts))
        for name in ("bytes", "runes", "words", "lines")
    }


def count_words(text: str) -> int:
    """Return the number of words of a string; each undecodable byte stands as a surrogate."""
    if any(separator in text for separator in "\x1c\x1d\x1e\x1f"):
        text = text.translate(SEPARATORS_THAT_ARE_NOT_SPACE)
    return len(text.split())
