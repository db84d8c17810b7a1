"""What documents have in common, n-gram by n-gram: the kernels of a correction's dual."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from token_approx.pretraining.grams import Grams
from token_approx.pretraining.pieces import Floats

Rows = npt.NDArray[np.intp]
# Columns up to which a dense product is faster.
DENSE = 1024


@dataclass(frozen=True)
class Variances:
    """How far each weight may be from the priors' combination, in tokens^2 per unit of noise.

    A weight of order n has the variance `scale` * `orders[n - 1]` * (1 - `spread` + `spread` * s), s being
    how much the priors differ in it (1 in the mean).
    """

    scale: float
    spread: float
    orders: tuple[float, ...]

    def of_columns(self, spread: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
        """Return the variance of each weight, shape (columns,), given how much the priors differ in it."""
        by_order = np.repeat(np.asarray(self.orders), np.diff(offsets))
        return self.scale * by_order * (1.0 - self.spread + self.spread * spread)


@dataclass(frozen=True, eq=False)
class Kernels:
    """Products of documents' n-gram counts per order, `plain` and with each n-gram's spread.

    Both have the shape (orders, documents, documents).
    """

    plain: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]

    def combined(self, variances: Variances, rows: Rows, columns: Rows) -> Floats:
        """Return the covariance of corrections between some documents and others, shape (rows, columns)."""
        total = np.zeros((len(rows), len(columns)))
        place = np.ix_(rows, columns)
        for plain, spread, order in zip(self.plain, self.spread, variances.orders, strict=True):
            if variances.spread < 1.0:
                total += plain[place] * (variances.scale * order * (1.0 - variances.spread))
            if variances.spread > 0.0:
                total += spread[place] * (variances.scale * order * variances.spread)
        return total


def kernels(grams: Grams, scale: Floats, spread: Floats) -> Kernels:
    """Return the kernels of documents whose counts are divided by `scale` (tokens, shape (documents,)).

    `spread` says how much priors differ in each n-gram, shape (columns,).
    """
    return Kernels(
        np.stack(list(_products(grams, scale, np.ones_like(spread)))),
        np.stack(list(_products(grams, scale, spread))),
    )


def covariance(grams: Grams, scale: Floats, variances: Floats) -> Floats:
    """Return Z V Z' of documents, V being the variances of the weights (columns,), without keeping orders."""
    total = np.zeros((len(grams), len(grams)))
    for product in _products(grams, scale, variances):
        total += product
    return total


def _products(grams: Grams, scale: Floats, variances: Floats) -> Iterator[npt.NDArray[np.float32]]:
    divided = sparse.diags_array(1.0 / scale)
    parts = np.split(np.sqrt(variances), grams.layout.offsets[1:-1])
    for counts, root in zip(grams.orders, parts, strict=True):
        scaled = (divided @ counts @ sparse.diags_array(root)).tocsr().astype(np.float32)
        if scaled.shape[1] <= DENSE:
            dense = scaled.toarray()
            yield np.asarray(dense @ dense.T)
        else:
            yield np.asarray((scaled @ scaled.T).toarray())
