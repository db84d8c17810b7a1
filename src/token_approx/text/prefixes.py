"""The features of every beginning of a text, and where it may be cut: never inside of a code point."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import kernel
from .ngram_costs import BEFORE
from .ngrams import NgramTable

Bytes = npt.NDArray[np.uint8]
Booleans = npt.NDArray[np.bool_]

# Bytes per block at most, 0.5 MB for each feature; blocks double up to it.
BLOCK = 64 * 1024
_CODES = np.arange(256)
_CONTINUES = (_CODES & 0xC0) == 0x80  # noqa: PLR2004
# How many bytes a leading byte announces.
_ANNOUNCED = ((_CODES >= 0xC2).astype(np.uint8) + (_CODES >= 0xE0) + (_CODES >= 0xF0)) * (_CODES <= 0xF4)  # noqa: PLR2004
_ASCII_SPACE = (_CODES == 0x20) | ((_CODES >= 0x09) & (_CODES < 0x0E))  # noqa: PLR2004
# White space of more than one byte: U+0085, 00A0, 1680, 2000-200A, 2028, 2029, 202F, 205F, 3000.
_WIDE_SPACE = re.compile(
    rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
)


class Block(NamedTuple):
    """What is known of the beginnings data[start:end] of a text, one for each end in begin + 1 .. begin + n.

    `whole` tells whether a beginning ends where a code point does; each feature is of shape (n,).
    """

    begin: int
    whole: Booleans
    features: dict[str, npt.NDArray[np.float64]]


def prefixes(
    data: bytes, start: int, tables: Mapping[str, NgramTable], *, basic: bool, first: int
) -> Iterator[Block]:
    """Yield the features of data[start:end] for every end, in blocks, the first of `first` bytes.

    They are, to the last bit, what the text data[start:end] has by itself if it ends with a code point.
    """
    units = dict.fromkeys(tables, 0)
    counts = np.zeros(4, np.int64)
    begin, size = start, first
    while begin < len(data):
        end = min(len(data), begin + size)
        block, before = data[begin:end], data[max(start, begin - BEFORE) : begin]
        features: dict[str, npt.NDArray[np.float64]] = {}
        if basic:
            found = _basic_counts(data, start, begin, end) + counts[:, None]
            counts = found[:, -1].copy()
            found[3] += 1
            names = ("bytes", "runes", "words", "lines")
            features = dict(zip(names, found.astype(np.float64), strict=True))
        for name, table in tables.items():
            costs = table.cumulative(block, before)
            if units[name]:
                costs += units[name]
            units[name] = int(costs[-1])
            features[name] = costs.astype(np.float64) * table.unit
        yield Block(begin, whole(data, start, begin, end), features)
        begin, size = end, min(2 * size, BLOCK)


def whole(data: bytes, start: int, begin: int, end: int) -> Booleans:
    """Return of each end in begin + 1 .. end whether data[start:end] ends where a code point does.

    A byte that continues no code point is one by itself, so that bytes of any kind can be cut at least every
    four. The shape is (end - begin,).
    """
    near = max(start, begin - 2)
    window = data[near : end + 1]
    if window.isascii():
        return np.ones(end - begin, np.bool_)
    # The byte after each end, at [3:], and the three before it: whether they announce it.
    bytes_ = np.zeros(end - begin + 3, np.uint8)
    bytes_[near - begin + 2 :][: len(window)] = np.frombuffer(window, np.uint8)
    goes_on, announced = _CONTINUES[bytes_], _ANNOUNCED[bytes_]
    third = goes_on[1:-2] & (announced[:-3] > 2)  # noqa: PLR2004
    second = goes_on[2:-1] & ((announced[1:-2] > 1) | third)
    found: Booleans = ~(goes_on[3:] & ((announced[2:-1] > 0) | second))
    return found


def _basic_counts(data: bytes, start: int, begin: int, end: int) -> npt.NDArray[np.int64]:
    # Bytes, runes, words and line feeds from `begin` to each end, of shape (4, end - begin).
    if kernel.native is not None:
        counts = np.empty((4, end - begin), np.int64)
        kernel.native.count_prefixes(data, start, begin, end, counts)
        return counts
    near = max(start, begin - BEFORE)
    window = data[near : end + BEFORE - 1]
    if not window.isascii():
        window = _WIDE_SPACE.sub(lambda found: b" " * len(found[0]), window)
    space = np.ones(BEFORE + len(window), np.bool_)
    space[BEFORE:] = _ASCII_SPACE[np.frombuffer(window, np.uint8)]
    first, last = begin - near + BEFORE, end - near + BEFORE
    bytes_ = np.frombuffer(data, np.uint8, end - begin, begin)
    steps = np.ones((4, end - begin), np.int64)
    steps[1] = ~_CONTINUES[bytes_]
    steps[2] = ~space[first:last] & space[first - 1 : last - 1]
    steps[3] = bytes_ == ord("\n")
    return np.cumsum(steps, axis=1)
