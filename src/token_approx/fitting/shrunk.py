"""Robust least squares whose weights are drawn to what is expected: public figures, or 1 for a text."""

import re
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from scipy.optimize import lsq_linear
from sklearn.base import BaseEstimator, RegressorMixin

from token_approx.fitting.dataset import Floats

# A residual this small, in units of its spread, counts no more than a larger one would: counts are whole.
SMALLEST_RESIDUAL = 0.3
ROUNDS = 6
# Where nothing is expected of a feature: any weight from 0 on.
NOTHING = (0.0, 10.0, 0.0)
TEXT = "text_"


class ShrunkRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Least squares with a normal prior (mean, spread) and a least value for each weight, and no intercept.

    `expected` maps regular expressions, in order, to (mean, spread, least); a feature takes the first that
    matches all of its name. A record's spread is `relative` * tokens + `tokens`. The loss is Huber's with
    a `threshold` in such spreads, by iteratively reweighted least squares (Holland and Welsch 1977): a large
    one gives least squares. `text_spread`, if given, is the spread of what is expected of texts' costs.
    Solver: scipy's bounded-variable least squares (Stark and Parker 1995) on the triangular factor.
    """

    def __init__(
        self,
        expected: Mapping[str, Sequence[float]],
        threshold: float = SMALLEST_RESIDUAL,
        text_spread: float | None = None,
        relative: float = 0.02,
        tokens: float = 1.0,
    ) -> None:
        """Keep the settings, as scikit-learn's estimators do."""
        self.expected = expected
        self.threshold = threshold
        self.text_spread = text_spread
        self.relative = relative
        self.tokens = tokens

    def named(self, names: Sequence[str]) -> Self:
        """Say what the columns of the design matrix are called."""
        self.names_ = tuple(names)
        return self

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit coefficients (d,) to a design matrix (n, d) of the named columns, and tokens (n,)."""
        prior = np.array([self._expected(name) for name in self.names_])
        means, spreads, least = prior.T
        spread = self.relative * y + self.tokens
        weight = np.ones(len(y))
        solution = means
        for _ in range(ROUNDS):
            design = np.vstack([X * (weight / spread)[:, None], np.diag(1 / spreads)])
            target = np.concatenate([y * weight / spread, means / spreads])
            solution = _solve(design, target, least)
            residual = np.abs(X @ solution - y) / spread
            weight = np.sqrt(1 / np.maximum(residual / self.threshold, 1))
        self.coef_, self.intercept_ = solution, 0.0
        return self

    def _expected(self, name: str) -> tuple[float, float, float]:
        for pattern, (mean, spread, least) in self.expected.items():
            if re.fullmatch(pattern, name):
                of_text = self.text_spread is not None and name.startswith(TEXT) and "_of_" not in name
                return mean, (self.text_spread if of_text else spread) or spread, least
        return NOTHING


def _solve(design: Floats, target: Floats, least: Floats) -> Floats:
    orthogonal, triangular = np.linalg.qr(design)
    scale = np.sqrt((triangular**2).sum(axis=0))
    most = np.full(len(least), np.inf)
    solved = lsq_linear(triangular / scale, orthogonal.T @ target, (least * scale, most), method="bvls")
    found: Floats = solved.x / scale
    return found
