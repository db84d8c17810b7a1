"""Every source left out in turn: estimates, errors by category with intervals, and whether bounds hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from token_approx.estimator.bounds import Bound, at_level
from token_approx.fitting.bounds import (
    by_kind,
    evaluate_bounds,
    lower_bounds,
    supported,
    upper_bounds,
)
from token_approx.fitting.candidates import Candidate, fit
from token_approx.fitting.dataset import Dataset, Floats, Names
from token_approx.requests.features import KINDS

# In percent of the records, of a bound that is to hold for 95 %: sources are few, and differ.
LEAST_COVERAGE = 90.0


def left_out_estimates(candidate: Candidate, dataset: Dataset) -> Floats:
    """Return an estimate (n,) of each record by a fit on the records of all other sources.

    Raises:
        FitError: the estimator finds no solution without some source.
    """
    X = dataset.matrix(candidate.features)
    estimates = np.empty(len(dataset))
    for source in np.unique(dataset.sources):
        mine = dataset.sources == source
        estimates[mine] = fit(candidate, X[~mine], dataset.tokens[~mine]).predict(X[mine])
    return estimates


@dataclass(frozen=True)
class Calibration:
    """Records that calibrate bounds: tokens, estimates by fits on other sources, and kinds, (n,) each."""

    tokens: Floats
    estimates: Floats
    kinds: Names

    def joined(self, other: "Calibration | None") -> "Calibration":
        """Return these records and another model's, whose errors are taken to be alike."""
        if other is None:
            return self
        return Calibration(
            np.concatenate([self.tokens, other.tokens]),
            np.concatenate([self.estimates, other.estimates]),
            np.concatenate([self.kinds, other.kinds]),
        )


def errors_by_category(
    dataset: Dataset,
    estimates: Floats,
    level: float,
    resamples: int,
    seed: int,
    borrowed: Calibration | None = None,
) -> pd.DataFrame:
    """Return a row per category: errors in percent, coverage of both bounds of a level, excess of the upper.

    `estimates` (n,) are by fits on other sources. `mape_low` and `mape_high` are the 95 % interval of the
    mean error over resampled sources. A source's bounds are calibrated on all others, and on `borrowed`.
    """
    own = Calibration(dataset.tokens, estimates, dataset.categories)
    limits, lower = nested_bounds(own, dataset.sources, level, borrowed)
    errors = 100 * np.abs(estimates / dataset.tokens - 1)
    rows = []
    for category in sorted(set(dataset.categories.tolist())):
        mine = dataset.categories == category
        low, high = _interval(errors[mine], dataset.sources[mine], resamples, seed)
        tokens = dataset.tokens[mine]
        rows.append(
            {
                "kind": category,
                "records": int(mine.sum()),
                "sources": len(set(dataset.sources[mine].tolist())),
                "mape": errors[mine].mean(),
                "mape_low": low,
                "mape_high": high,
                "median": np.median(errors[mine]),
                "p95": np.quantile(errors[mine], 0.95),
                "bias": 100 * (estimates[mine] / tokens - 1).mean(),
                "coverage": 100 * (tokens <= limits[mine]).mean(),
                "lower_coverage": 100 * (tokens >= lower[mine]).mean(),
                "excess": 100 * (limits[mine] / tokens - 1).mean(),
                "median_excess": 100 * np.median(limits[mine] / tokens - 1),
            }
        )
    return pd.DataFrame(rows)


def kinds_without_bound(
    calibration: Calibration, sources: Names, level: float, borrowed: Calibration | None = None
) -> tuple[list[str], list[str]]:
    """Return the kinds of records whose upper bound, and those whose lower bound, holds too seldom elsewhere.

    That is for less than 90 % of the records, each by the bounds of other sources (n,) and of `borrowed`; or
    there were too few other records to have any. No upper bound holds for a kind that no record is of; what
    is known of such a request may be more than a limit all the same.
    """
    upper, lower = nested_bounds(calibration, sources, level, borrowed)
    kinds = calibration.kinds
    seen = sorted(set(kinds.tolist()))
    first, second = (
        [kind for kind in seen if 100 * held[kinds == kind].mean() < LEAST_COVERAGE]
        for held in (calibration.tokens <= upper, calibration.tokens >= lower)
    )
    return sorted({*first, *KINDS}.difference(seen).union(first)), second


def with_none_below(lower: Sequence[Bound], kinds: Sequence[str]) -> list[Bound]:
    """Return lower bounds that are 0 for requests of these kinds, of which none can be trusted."""
    levels = sorted({bound.confidence for bound in lower})
    kept = [bound for bound in lower if bound.kind not in kinds]
    return kept + [Bound(level, 0.0, 0.0, 0.0, math.inf, kind) for kind in kinds for level in levels]


def bounds_by_kind(
    calibration: Calibration, levels: Sequence[float] | None = None
) -> tuple[list[Bound], list[Bound]]:
    """Return the upper and lower bounds of all records and of each kind, at the levels they support."""
    asked = supported(len(calibration.tokens)) if levels is None else levels
    upper, lower = (
        by_kind(side, calibration.tokens, calibration.estimates, calibration.kinds, asked)
        for side in (upper_bounds, lower_bounds)
    )
    return upper, lower


def bounds_of(bounds: Sequence[Bound], kinds: Names, estimates: Floats, level: float) -> Floats:
    """Return the whole bound (n,) of each estimate: of its kind, or of all where its kind has none."""
    mine = at_level(bounds, level)
    limits = evaluate_bounds([bound for bound in mine if not bound.kind], estimates)
    for kind in {bound.kind for bound in mine} - {""}:
        rows = kinds == kind
        limits[rows] = evaluate_bounds([bound for bound in mine if bound.kind == kind], estimates[rows])
    return np.ceil(limits)


def nested_bounds(
    calibration: Calibration, sources: Names, level: float, borrowed: Calibration | None
) -> tuple[Floats, Floats]:
    """Return the upper and lower bound (n,) of each record by the bounds of other sources and of `borrowed`.

    They are not a number where the other records are too few for the level.
    """
    limits = np.full(len(sources), np.nan), np.full(len(sources), np.nan)
    for source in np.unique(sources):
        mine = sources == source
        kinds, estimates = calibration.kinds[mine], calibration.estimates[mine]
        others = Calibration(
            calibration.tokens[~mine], calibration.estimates[~mine], calibration.kinds[~mine]
        ).joined(borrowed)
        if supported(len(others.tokens), [level]):
            upper, lower = bounds_by_kind(others, [level])
            limits[0][mine] = bounds_of(upper, kinds, estimates, level)
            # A whole bound is rounded up: below it is one less.
            limits[1][mine] = bounds_of(lower, kinds, estimates, level) - 1
    return limits


def _interval(errors: Floats, sources: Names, resamples: int, seed: int) -> tuple[float, float]:
    names = np.unique(sources)
    sums = np.array([errors[sources == name].sum() for name in names])
    counts = np.array([(sources == name).sum() for name in names])
    drawn = np.random.default_rng(seed).integers(0, len(names), (resamples, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
