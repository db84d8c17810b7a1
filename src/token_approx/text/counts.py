"""The four basic counts of a text, defined on its UTF-8 bytes so that every language finds the same."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from . import kernel

CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
# str.split also splits at these four; Go's unicode.IsSpace and our definition do not.
SEPARATORS_THAT_ARE_NOT_SPACE = dict.fromkeys(range(0x1C, 0x20), "x")
NAMES = ("bytes", "runes", "words", "lines")
# Bytes counted together: a block and its masks fit the L2 cache.
BLOCK = 64 * 1024
# As signed bytes, those that continue no code point are the ones from here on.
FIRST_BYTE, LINE_FEED = np.int8(-0x40), np.uint8(0x0A)
# The white space outside of ASCII: its first bytes' range and its sequences, big-endian, by their width.
WIDE_SPACES = {
    2: ((0xC2, 0xC2), np.array([0xC285, 0xC2A0], np.uint32)),
    3: (
        (0xE1, 0xE3),
        np.array(
            [0xE19A80, *range(0xE28080, 0xE2808B), 0xE280A8, 0xE280A9, 0xE280AF, 0xE2819F, 0xE38080],
            np.uint32,
        ),
    ),
}


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
    if kernel.native is not None:
        return Counts(*kernel.native.measure(None, text)[:4])
    data = encode(text) if isinstance(text, str) else text
    # surrogateescape maps each undecodable byte to a code point that is not white space.
    string = text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
    return Counts(
        bytes=len(data),
        runes=len(string) if string is text else len(data.translate(None, CONTINUATION_BYTES)),
        words=count_words(string),
        lines=1 + data.count(b"\n") if data else 0,
    )


def count_many(texts: Sequence[str | bytes]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the four counts of each text by name, each of shape (texts,).

    Without the native kernel, texts are counted together in blocks: 1.4 us for one of 500 bytes, where
    `count` takes 6.
    """
    if kernel.native is not None:
        found = np.empty((len(NAMES), len(texts)))
        kernel.native.measure_many(None, list(texts), None, found, None)
        return dict(zip(NAMES, found, strict=True))
    data = [encode(text) if isinstance(text, str) else text for text in texts]
    ends = np.cumsum(np.fromiter((len(text) + 1 for text in data), np.int64, len(data)))
    found = np.empty((len(NAMES), len(data)))
    start = 0
    while start < len(data):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK, "right")))
        if stop == start + 1:
            found[:, start] = astuple(count(data[start]))
        else:
            found[:, start:stop] = _count_block(data[start:stop])
        start = stop
    return dict(zip(NAMES, found, strict=True))


def _count_block(data: Sequence[bytes]) -> npt.NDArray[np.int64]:
    # Line feeds around every text are white space before its first byte and after its last.
    joined = b"\n".join([b"", *data, b""])
    block = np.frombuffer(joined, np.uint8)
    lengths = np.fromiter(map(len, data), np.int64, len(data))
    # Where each text begins in what follows the first line feed, its own line feed included: never empty.
    starts = np.cumsum(lengths + 1) - (lengths + 1)
    ascii_alone = joined.isascii()
    space = _is_space(block, ascii_alone=ascii_alone)
    runes = lengths if ascii_alone else _sums(block[1:].view(np.int8) >= FIRST_BYTE, starts) - 1
    words = _sums(space[:-1] > space[1:], starts)
    lines = _sums(block[1:] == LINE_FEED, starts)
    return np.stack([lengths, runes, words, np.where(lengths > 0, lines, 0)])


def _sums(mask: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    # A block of several texts has less than 2^16 bytes in each; wider sums take two or three times as long.
    return np.add.reduceat(mask, starts, dtype=np.uint16).astype(np.int64)


def _is_space(block: npt.NDArray[np.uint8], *, ascii_alone: bool) -> npt.NDArray[np.bool_]:
    # Of the bytes of a block, which ends with a line feed.
    space: npt.NDArray[np.bool_] = (block - np.uint8(0x09) < np.uint8(5)) | (block == np.uint8(0x20))
    if ascii_alone:
        return space
    for width, (leads, sequences) in WIDE_SPACES.items():
        places = np.flatnonzero((block >= leads[0]) & (block <= leads[1]))
        found = block[places].astype(np.uint32)
        for offset in range(1, width):
            found = np.left_shift(found, 8, dtype=np.uint32) | block.take(places + offset, mode="clip")
        # isin takes ten times as long.
        places = places[sequences.take(sequences.searchsorted(found), mode="clip") == found]
        for offset in range(width):
            space[places + offset] = True
    return space


def count_words(text: str) -> int:
    """Return the number of words of a string; each undecodable byte stands as a surrogate."""
    if any(separator in text for separator in "\x1c\x1d\x1e\x1f"):
        text = text.translate(SEPARATORS_THAT_ARE_NOT_SPACE)
    return len(text.split())
