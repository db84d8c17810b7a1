"""Bounds cover as often as they promise, in the size classes that the records support."""

import math

import numpy as np
import pytest

from token_approx.errors import InputError
from token_approx.estimator.bounds import at_level
from token_approx.fitting.bounds import (
    LEVELS,
    evaluate_bounds,
    fewest_records,
    lower_bounds,
    offered,
    supported,
    upper_bounds,
    widened,
)
from token_approx.reporting.guard import guard_table


def made(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (tokens, estimates) of n texts of 1 to 5,000 tokens, small ones with larger relative errors."""
    random = np.random.default_rng(seed)
    estimates = np.exp(random.uniform(0, np.log(5000), n))
    spread = np.where(estimates < 20, 0.3, np.where(estimates < 200, 0.1, 0.03))
    return np.maximum(0, estimates * (1 + spread * random.standard_t(4, n))), estimates


def test_by_hand() -> None:
    """With 19 residuals of 1 to 19 %, the 95 % bound is the largest and the 80 % bound the sixteenth."""
    estimates = np.full(19, 1000.0)
    tokens = estimates * (1 + np.arange(1, 20) / 100)
    bounds = upper_bounds(tokens, estimates, [0.8, 0.95])
    assert [(b.start, b.end) for b in at_level(bounds, 0.95)] == [(0, 1), (1, math.inf)]
    assert at_level(bounds, 0.95)[1].factor == pytest.approx(1.19)
    assert at_level(bounds, 0.8)[1].factor == pytest.approx(1.16)
    assert evaluate_bounds(at_level(bounds, 0.95), np.array([-5.0, 0.5, 100.0])) == pytest.approx(
        [0.19, 0.69, 119]
    )
    lower = at_level(lower_bounds(tokens, estimates, [0.95]), 0.95)
    assert lower[1].factor == pytest.approx(1.01)


def test_levels_need_records() -> None:
    """A level needs 1 / (1 - level) - 1 records; asking for more is refused with the number."""
    assert [fewest_records(level) for level in LEVELS] == [4, 9, 19, 99]
    assert supported(98) == [0.8, 0.9, 0.95]
    assert supported(99) == list(LEVELS)
    tokens, estimates = made(50, 1)
    with pytest.raises(InputError, match=r"level 0\.99 needs 99 records, and there are 50"):
        upper_bounds(tokens, estimates, [0.99])


def test_few_records_get_the_default_level_wide() -> None:
    """With 10 residuals of 1 to 10 % the largest holds for 10 of 11; widened by 5/10 of it, it is 15 %."""
    assert offered(7) == [0.8]
    assert offered(8) == [0.8, 0.95]
    assert offered(17) == [0.8, 0.9, 0.95]
    assert offered(99) == list(LEVELS)
    assert not widened(19, 0.95)
    estimates = np.full(10, 1000.0)
    tokens = estimates * (1 + np.arange(1, 11) / 100)
    upper = upper_bounds(tokens, estimates, [0.9, 0.95])
    assert at_level(upper, 0.9)[1].factor == pytest.approx(1.10)
    assert at_level(upper, 0.95)[1].factor == pytest.approx(1.15)
    assert at_level(lower_bounds(tokens, estimates, [0.95]), 0.95)[1].factor == pytest.approx(0.96)
    with pytest.raises(InputError, match=r"level 0\.95 needs 8 records, and there are 7"):
        upper_bounds(tokens[:7], estimates[:7], [0.95])
    # A truth of nothing: the lower bound is nothing, and not less.
    assert at_level(lower_bounds(tokens * 0, estimates, [0.95]), 0.95)[1].factor == 0


@pytest.mark.parametrize("n", [8, 12, 18])
def test_few_records_still_hold_the_default_level(n: int) -> None:
    """Over 300 seeded draws of few records with heavy tails, the widened bounds hold for 95 % on average."""
    held = []
    for seed in range(300):
        tokens, estimates = made(n + 200, seed)
        for side, sign in ((upper_bounds, 1), (lower_bounds, -1)):
            limits = evaluate_bounds(side(tokens[:n], estimates[:n], [0.95]), estimates[n:])
            held.append((sign * tokens[n:] <= sign * limits).mean())
    assert np.mean(held) >= 0.95


def test_size_classes_only_where_all_are_filled() -> None:
    """Enough small texts give three classes with a wider bound below; too few give one."""
    many = at_level(upper_bounds(*made(2000, 1), [0.95]), 0.95)
    assert [(b.start, b.end) for b in many] == [(0, 1), (1, 20), (20, 200), (200, math.inf)]
    assert many[1].factor > many[2].factor > many[3].factor > 1
    assert len(upper_bounds(*made(30, 1), [0.95])) == 2


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [450, 2000])
def test_mean_coverage_is_the_level(level: float, n: int) -> None:
    """Over 200 seeded splits of exchangeable records, both bounds cover the level within one point.

    Fewer records cover more: by up to 1 / (n + 1) in each size class, the price of whole records.
    """
    upper, lower = [], []
    for seed in range(200):
        tokens, estimates = made(n + 1000, seed)
        inside, outside = slice(0, n), slice(n, None)
        high = evaluate_bounds(upper_bounds(tokens[inside], estimates[inside], [level]), estimates[outside])
        low = evaluate_bounds(lower_bounds(tokens[inside], estimates[inside], [level]), estimates[outside])
        upper.append((tokens[outside] <= high).mean())
        lower.append((tokens[outside] >= low).mean())
    assert np.mean(upper) == pytest.approx(level, abs=0.01)
    assert np.mean(lower) == pytest.approx(level, abs=0.01)


def test_the_guard_counts_by_the_definition() -> None:
    """Perfect estimates avoid nearly all calls, none wrong; wild ones are right only by asking."""
    random = np.random.default_rng(0)
    tokens = np.floor(np.exp(random.uniform(np.log(100), np.log(5000), 400)))
    perfect = guard_table((tokens[:200], tokens[:200]), (tokens[200:], tokens[200:]), 1)
    assert perfect["test_avoided"].min() > 99
    assert perfect["test_wrong"].max() == 0
    wild = tokens * np.exp(random.normal(0, 1, 400))
    table = guard_table((tokens[:200], wild[:200]), (tokens[200:], wild[200:]), 1)
    assert table["test_avoided"].is_monotonic_decreasing
    assert table["test_wrong"].iloc[0] > table["test_wrong"].iloc[-1]
    assert table["test_avoided"].iloc[-1] < 60
    assert table["chosen"].sum() <= 1
    chosen = table[table["chosen"]]
    assert (chosen["calibration_wrong"] <= 1).all()
    assert 0.99 not in guard_table((tokens[:50], wild[:50]), (tokens, wild), 1)["confidence"].to_numpy()
