"""Counts of hashed byte n-grams per document, by order: all that adapting a table needs of a text.

They say much of what a text holds: keep them in memory, and write them nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from token_approx.pretraining.design import Layout, columns
from token_approx.pretraining.pieces import Floats, gather_counted
from token_approx.text.counts import encode

# Bytes that are hashed together.
BATCH = 4_000_000


@dataclass(frozen=True, eq=False)
class Grams:
    """Counts by order, one sparse matrix each of shape (documents, 2**bits), hashed as `layout` says."""

    layout: Layout
    orders: tuple[sparse.csr_matrix, ...]

    def __len__(self) -> int:
        """Return the number of documents."""
        return int(self.orders[0].shape[0])

    def rows(self, chosen: Sequence[int] | np.ndarray) -> "Grams":
        """Return the counts of some documents, in the order that they are named in."""
        return Grams(self.layout, tuple(counts[np.asarray(chosen)] for counts in self.orders))

    def together(self, owners: np.ndarray, number: int) -> "Grams":
        """Return the counts of `number` wholes, given which one each text is of, shape (texts,)."""
        sums = sparse.csr_matrix(
            (np.ones(len(owners)), (owners, np.arange(len(owners)))), (number, len(owners))
        )
        return Grams(self.layout, tuple((sums @ counts).tocsr() for counts in self.orders))

    def costs(self, weights: Floats) -> Floats:
        """Return each document's cost in tokens under weights (columns,), shape (documents,)."""
        parts = np.split(weights, self.layout.offsets[1:-1])
        costs = (counts @ part for counts, part in zip(self.orders, parts, strict=True))
        return np.asarray(sum(costs), np.float64)


def count_grams(texts: Sequence[str], layout: Layout) -> Grams:
    """Count the n-grams of each text; a text may be empty."""
    parts: list[list[sparse.csr_matrix]] = []
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(encode(text))
        if size >= BATCH:
            parts.append(_count(batch, layout))
            batch, size = [], 0
    if batch or not parts:
        parts.append(_count(batch, layout))
    return Grams(layout, tuple(sparse.vstack(each, format="csr") for each in zip(*parts, strict=True)))


def _count(texts: Sequence[str], layout: Layout) -> list[sparse.csr_matrix]:
    corpus = gather_counted(texts, np.zeros(len(texts))) if texts else None
    total = 0 if corpus is None else int(corpus.data.size)
    edges = np.zeros(1, np.int64) if corpus is None else corpus.documents
    found = (
        np.empty((0, len(layout.bits)), np.int32)
        if corpus is None or not total
        else columns(corpus.data, np.unique(edges), 0, total, layout)
    )
    matrices = []
    for order, bits in enumerate(layout.bits):
        index = found[:, order] - np.int32(layout.offsets[order])
        counts = sparse.csr_matrix((np.ones(total), index, edges), shape=(len(texts), 1 << bits))
        counts.sum_duplicates()
        matrices.append(counts)
    return matrices
