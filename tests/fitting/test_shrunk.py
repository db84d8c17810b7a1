"""Robust least squares drawn to what is expected of the weights."""

import numpy as np
import pytest

from token_approx.fitting.shrunk import ShrunkRegression

EXPECTED = {"text_.*": (1.0, 0.05, 0.0), "gain": (-20.0, 5.0, -40.0), "count": (3.0, 10.0, 0.0)}
NAMES = ("text_user", "count", "gain")


def _data(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    X = np.column_stack([rng.integers(5, 500, n), rng.integers(1, 6, n), rng.integers(0, 2, n)]).astype(float)
    return X, X @ np.array([1.02, 4.0, -8.0]) + 20


def test_weights_are_found_where_there_are_records() -> None:
    """With many exact records, what was expected no longer matters."""
    X, y = _data(400)
    fitted = ShrunkRegression(EXPECTED).named(NAMES).fit(X, y - 20)
    assert fitted.coef_ == pytest.approx([1.02, 4.0, -8.0], abs=0.2)


def test_without_records_of_a_feature_its_weight_is_what_was_expected() -> None:
    """A feature that is 0 in all records keeps the mean of its prior."""
    X, y = _data(400)
    X[:, 2] = 0
    fitted = ShrunkRegression(EXPECTED).named(NAMES).fit(X, y)
    assert fitted.coef_[2] == pytest.approx(-20.0)


def test_a_few_records_that_say_anything_do_not_move_the_weights() -> None:
    """Recordings with made-up counts pull least squares away, and the robust loss hardly."""
    X, y = _data(400)
    y -= 20
    broken = y.copy()
    broken[:20] *= 0.2
    robust = ShrunkRegression(EXPECTED).named(NAMES).fit(X, broken)
    least_squares = ShrunkRegression(EXPECTED, threshold=1e9).named(NAMES).fit(X, broken)
    assert np.abs(X @ robust.coef_ - y).max() < 3
    assert np.abs(X @ least_squares.coef_ - y).max() > 3


def test_no_weight_goes_below_its_least_value() -> None:
    """Counts cannot take tokens away unless that is allowed for them."""
    X, _ = _data(200)
    fitted = ShrunkRegression(EXPECTED).named(NAMES).fit(X, X @ np.array([1.0, -5.0, -300.0]) + 400)
    assert fitted.coef_[1] >= 0
    assert fitted.coef_[2] >= -40
