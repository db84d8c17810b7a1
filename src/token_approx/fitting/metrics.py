"""Errors of estimates against counted tokens, and their bootstrap intervals."""

from math import sqrt
from statistics import NormalDist

import numpy as np

from token_approx.fitting.dataset import Floats

# Below, a percentage says little; such texts are reported apart, in tokens.
SHORT = 20
# Draws that are held at a time (256 MiB), so that a hundred thousand records fit the memory too.
MOST_DRAWN = 2**25
# Records above which means of resamples are as good as normal: to draw 2,000 resamples of 20,000 takes 4 s.
MOST_RESAMPLED = 10_000
METRICS = ("mae", "mape", "median_abs_error", "p95_abs_error", "bias", "r2")


def metrics(tokens: Floats, estimates: Floats) -> dict[str, float]:
    """Return the errors of estimates (…, n) against the counted tokens (…, n), over the last axis.

    `mae`, `median_abs_error`, `p95_abs_error` and `bias` (mean of estimate minus truth) are in tokens;
    `mape` is in percent of the truth, over the texts of 20 tokens or more (over all, each at least 1 token,
    where there is none: one token off in three says little); `r2` is 1 - residual / total variance, 0 when
    all truths are equal.
    """
    return {name: float(value) for name, value in _metrics(tokens, estimates).items()}


def intervals(
    tokens: Floats, estimates: Floats, resamples: int, seed: int, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Return the percentile bootstrap interval of each metric over resampled records.

    Source: Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7(1).
    """
    random = np.random.default_rng(seed)
    at_once = max(1, MOST_DRAWN // (5 * len(tokens)))  # five arrays of their size
    parts = []
    for start in range(0, resamples, at_once):
        rows = random.integers(0, len(tokens), size=(min(at_once, resamples - start), len(tokens)))
        parts.append(_metrics(tokens[rows], estimates[rows]))
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in METRICS}
    tail = 100 * (1 - level) / 2
    return {
        name: (float(low), float(high))
        for name, values in drawn.items()
        for low, high in [np.percentile(values, [tail, 100 - tail])]
    }


def mean_intervals(values: Floats, resamples: int, seed: int, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the percentile bootstrap intervals (low, high) of the means of values (k, n) over n.

    Of more than 10,000 records it is what resampling comes to: mean +- z * s / sqrt(n), where z is the normal
    quantile and s the standard deviation. A skewness v of the values moves an end by about v / (4 sqrt(n)) of
    the interval's half: by 1 % for v = 4.
    """
    size = values.shape[1]
    if size > MOST_RESAMPLED:
        half = NormalDist().inv_cdf((1 + level) / 2) * values.std(axis=1) / sqrt(size)
        return values.mean(axis=1) - half, values.mean(axis=1) + half
    random = np.random.default_rng(seed)
    # How often each record is drawn, so that a resample's means are one matrix product.
    at_once = max(1, MOST_DRAWN // size)
    means = []
    for start in range(0, resamples, at_once):
        counts = random.multinomial(size, np.full(size, 1 / size), size=min(at_once, resamples - start))
        means.append(values @ counts.T / size)
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(np.concatenate(means, axis=1), [tail, 100 - tail], axis=1)
    return low, high


def mape(tokens: Floats, absolute: Floats) -> Floats:
    """Return the mean absolute percentage error, as `metrics` defines it, from absolute errors (…, n)."""
    long = tokens >= SHORT
    counted = np.where(long.any(axis=-1, keepdims=True), long, 1.0)
    relative = absolute / np.maximum(tokens, 1.0)
    found: Floats = 100 * (relative * counted).sum(axis=-1) / counted.sum(axis=-1)
    return found


def paired_gain(
    before: Floats, after: Floats, resamples: int, seed: int, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the mean of `before - after` (n,), errors of the same records, and its bootstrap interval."""
    difference = before - after
    low, high = mean_intervals(difference[None], resamples, seed, level)
    return float(difference.mean()), float(low[0]), float(high[0])


def _metrics(tokens: Floats, estimates: Floats) -> dict[str, Floats]:
    error = estimates - tokens
    absolute = np.abs(error)
    total = np.sum((tokens - tokens.mean(axis=-1, keepdims=True)) ** 2, axis=-1)
    residual = np.sum(error**2, axis=-1)
    return {
        "mae": absolute.mean(axis=-1),
        "mape": mape(tokens, absolute),
        "median_abs_error": np.median(absolute, axis=-1),
        "p95_abs_error": np.percentile(absolute, 95, axis=-1),
        "bias": error.mean(axis=-1),
        "r2": np.where(total > 0, 1 - residual / np.where(total > 0, total, 1.0), 0.0),
    }
