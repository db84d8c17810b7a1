"""Least squares with weights that cannot be negative, and an intercept that framing can explain."""

from typing import Self

import numpy as np
from scipy.optimize import lsq_linear
from sklearn.base import BaseEstimator, RegressorMixin

from token_approx.fitting.dataset import Floats


class NonNegativeRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Weighted least squares with coefficients >= 0 and an intercept in [0, `most_intercept`] tokens.

    An estimate then never falls when a text grows, and an empty text costs what a provider's framing does.
    Solver: scipy's bounded-variable least squares (Stark and Parker 1995).
    """

    def __init__(self, most_intercept: float = 20.0) -> None:
        """Keep the largest intercept; 0 fits through the origin."""
        self.most_intercept = most_intercept

    def fit(self, X: Floats, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Fit coefficients (d,) and intercept to a design matrix (n, d) and tokens (n,)."""
        root = np.sqrt(np.ones(len(y)) if sample_weight is None else sample_weight)
        design = np.column_stack([X, np.ones(len(y))]) * root[:, None]
        scale = np.sqrt((design**2).mean(axis=0))
        scale[scale == 0] = 1.0
        most = np.full(design.shape[1], np.inf)
        most[-1] = max(self.most_intercept, np.finfo(float).tiny) * scale[-1]
        solved = lsq_linear(design / scale, y * root, (0, most), method="bvls")
        solution = solved.x / scale
        self.coef_, self.intercept_ = solution[:-1], float(solution[-1])
        return self
