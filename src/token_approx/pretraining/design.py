"""The sparse design of hashed byte n-grams: one row per piece, one column per weight."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from token_approx.pretraining.pieces import LINE_FEED, Bytes, Corpus, Floats, Ints
from token_approx.text.ngrams import KNUTH

Columns = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint32]

ZERO, NINE = ord("0"), ord("9")


@dataclass(frozen=True)
class Layout:
    """Bits of the table of each order (order 1 first, at most 4 orders), and what is done to digits."""

    bits: tuple[int, ...] = (8, 14, 16, 17)
    fold: str = "digits"

    @property
    def offsets(self) -> Ints:
        """First column of each order, and the number of columns, shape (orders + 1,)."""
        return np.cumsum([0, *(1 << bits for bits in self.bits)], dtype=np.int64)

    @property
    def size(self) -> int:
        """Number of weights of all orders."""
        return int(self.offsets[-1])


def columns(data: Bytes, documents: Ints, low: int, high: int, layout: Layout) -> Columns:
    """Columns of the n-grams that end at bytes low..high, shape (high - low, orders)."""
    out = np.empty((high - low, len(layout.bits)), np.int32)
    found = keys(data, documents, low, high, len(layout.bits), layout.fold)
    for lag, (key, bits) in enumerate(zip(found, layout.bits, strict=True)):
        hashed = (key * np.uint32(KNUTH)) >> np.uint32(32 - bits)
        out[:, lag] = hashed.astype(np.int32) + np.int32(layout.offsets[lag])
    return out


def keys(data: Bytes, documents: Ints, low: int, high: int, orders: int, fold: str) -> Iterator[Keys]:
    """Yield for each order the n-grams that end at bytes low..high as big-endian integers.

    Each has the shape (high - low,); an array that was yielded is changed by the next one.
    """
    back = orders - 1
    first = max(0, low - back)
    folded = data[first:high].copy()
    if fold == "digits":
        folded[(folded >= ZERO) & (folded <= NINE)] = ZERO
    if first == low - back:
        window = folded
    else:
        window = np.concatenate([np.full(back - (low - first), LINE_FEED, np.uint8), folded])
    near = documents[np.searchsorted(documents, low - back) : np.searchsorted(documents, high)] - low
    length = high - low
    key = np.zeros(length, np.uint32)
    for lag in range(orders):
        byte = window[back - lag : back - lag + length].astype(np.uint32)
        for step in range(lag):
            edge = near + step
            byte[edge[(edge >= 0) & (edge < length)]] = LINE_FEED
        key |= byte << np.uint32(8 * lag)
        yield key


class Design:
    """Counts of hashed n-grams per piece, held in blocks of whole documents that share one array of ones."""

    def __init__(self, corpus: Corpus, edges: Ints, layout: Layout, block: int = 4_000_000) -> None:
        """Hash a corpus cut at byte offsets `edges`, shape (pieces + 1,), in blocks of some `block` bytes."""
        self.size = layout.size
        self.orders = len(layout.bits)
        self.documents: Ints = np.searchsorted(edges, corpus.documents).astype(np.int64)
        self.lengths: Ints = np.diff(corpus.documents)
        marks = np.searchsorted(corpus.documents, np.arange(0, int(edges[-1]), block))
        self.marks: Ints = np.unique(np.append(marks, self.lengths.size)).astype(np.int64)
        ones = np.ones(int(np.diff(corpus.documents[self.marks]).max()) * self.orders, np.float32)
        self.blocks: list[sparse.csr_matrix] = []
        for first, last in itertools.pairwise(self.marks):
            low, high = int(corpus.documents[first]), int(corpus.documents[last])
            index = columns(corpus.data, corpus.documents, low, high, layout).ravel()
            begin, end = self.documents[first], self.documents[last]
            pointer = ((edges[begin : end + 1] - low) * self.orders).astype(np.int32)
            shape = (int(end - begin), self.size)
            self.blocks.append(
                sparse.csr_matrix((ones[: index.size], index, pointer), shape=shape, copy=False)
            )

    def forward(self, weights: Floats) -> Floats:
        """Cost in tokens of each piece, shape (pieces,), under `weights` (tokens, shape (columns,))."""
        single = weights.astype(np.float32)
        return np.concatenate([block @ single for block in self.blocks]).astype(np.float64)

    def backward(self, values: Floats) -> Floats:
        """Counts times `values` (shape (pieces,)) summed over pieces, shape (columns,)."""
        total = np.zeros(self.size)
        single = values.astype(np.float32)
        rows = self.documents[self.marks]
        for begin, end, block in zip(rows[:-1], rows[1:], self.blocks, strict=True):
            total += block.T @ single[begin:end]
        return total

    def document_squares(self, weights: Floats) -> Floats:
        """Squared counts per document times `weights` (shape (documents,)) summed, shape (columns,)."""
        total = np.zeros(self.size)
        for first, block in zip(self.marks[:-1], self.blocks, strict=True):
            place = 0
            document = int(first)
            while place < block.indices.size:
                width = int(self.lengths[document]) * self.orders
                column, count = run_lengths(block.indices[place : place + width])
                total[column] += weights[document] * count.astype(np.float64) ** 2
                place += width
                document += 1
        return total


def run_lengths(values: Columns) -> tuple[Columns, Ints]:
    """Distinct values in order and how often each occurs, shapes (distinct,)."""
    ordered = np.sort(values)
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return ordered[first], np.diff(np.append(first, ordered.size))
