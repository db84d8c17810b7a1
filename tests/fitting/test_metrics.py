"""Metrics mean what their names say, and intervals cover what they should."""

import numpy as np
import pytest

from token_approx.fitting.metrics import intervals, mean_intervals, metrics

TRUTH = np.array([100.0, 200.0, 400.0, 0.0])
ESTIMATES = np.array([110.0, 180.0, 400.0, 3.0])


def test_by_hand() -> None:
    """Four records, worked by hand; texts under 20 tokens are no part of the percentage."""
    found = metrics(TRUTH, ESTIMATES)
    assert found["mae"] == pytest.approx((10 + 20 + 0 + 3) / 4)
    assert found["mape"] == pytest.approx(100 * (0.1 + 0.1 + 0) / 3)
    assert found["median_abs_error"] == pytest.approx(6.5)
    assert found["p95_abs_error"] == pytest.approx(18.5)
    assert found["bias"] == pytest.approx((10 - 20 + 0 + 3) / 4)
    assert found["r2"] == pytest.approx(1 - (100 + 400 + 9) / 87_500)


def test_short_texts_alone_have_a_percentage() -> None:
    """Where every text is short, all count, and an empty one as one token."""
    assert metrics(np.array([10.0, 0.0]), np.array([9.0, 3.0]))["mape"] == pytest.approx(100 * (0.1 + 3) / 2)


def test_interval_of_a_mean_is_the_normal_one() -> None:
    """For many values the bootstrap interval of the mean is the textbook's."""
    values = np.random.default_rng(1).normal(5, 2, (3, 1000))
    low, high = mean_intervals(values, 2000, 1)
    half = 1.96 * values.std(axis=1) / np.sqrt(1000)
    np.testing.assert_allclose(low, values.mean(axis=1) - half, atol=0.01)
    np.testing.assert_allclose(high, values.mean(axis=1) + half, atol=0.01)


def test_many_records_need_no_resampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,001 skewed errors the interval is what 4,000 resamples come to, within 3 % of its width."""
    values = np.random.default_rng(3).exponential(5, (2, 10_001))
    at_once = np.array(mean_intervals(values, 4000, 1))
    assert np.array_equal(at_once, mean_intervals(values, 1, 2)), "nothing is drawn"
    monkeypatch.setattr("token_approx.fitting.metrics.MOST_RESAMPLED", 10_001)
    drawn = np.array(mean_intervals(values, 4000, 1))
    np.testing.assert_allclose(at_once, drawn, atol=0.03 * float(np.max(drawn[1] - drawn[0])))


def test_equal_truths_have_no_r2() -> None:
    """Where nothing varies there is nothing to explain."""
    assert metrics(np.array([5.0, 5.0]), np.array([4.0, 6.0]))["r2"] == 0


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Over 200 samples of normal errors, 90 to 99 % of the MAE's 95 % intervals hold its expectation."""
    random = np.random.default_rng(0)
    inside = 0
    for seed in range(200):
        errors = random.normal(0, 10, 60)
        low, high = intervals(np.full(60, 1000.0), 1000 + errors, resamples=400, seed=seed)["mae"]
        inside += low <= 10 * np.sqrt(2 / np.pi) <= high
    assert 180 <= inside <= 198


def test_intervals_are_seeded() -> None:
    """The same seed gives the same interval, another seed another."""
    one, two, three = (intervals(TRUTH, ESTIMATES, 50, seed)["mae"] for seed in (1, 1, 2))
    assert one == two != three


def test_intervals_of_many_records_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few draws are held at a time, the intervals are the same."""
    values = np.random.default_rng(2).normal(5, 2, (2, 30))
    whole = intervals(TRUTH, ESTIMATES, 50, 1), mean_intervals(values, 50, 1)
    monkeypatch.setattr("token_approx.fitting.metrics.MOST_DRAWN", 7 * 30)
    assert intervals(TRUTH, ESTIMATES, 50, 1) == whole[0]
    np.testing.assert_allclose(mean_intervals(values, 50, 1), whole[1], rtol=1e-12)
