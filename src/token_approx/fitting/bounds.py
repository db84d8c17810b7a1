"""Bounds that an estimate's truth rarely exceeds, from the errors on records it was not fitted on.

Split conformal prediction on one-sided relative residuals r_i = (y_i - e_i) / max(e_i, 1), e_i the estimate
of record i by a model that was not fitted on it: with n exchangeable records, a new record's residual is at
most the ceil((n + 1) * level)-th smallest r_i with a probability of at least `level`. By size class of the
estimate (Mondrian) where each class has enough records.

Papers: Vovk, Gammerman, Shafer (2005), Algorithmic Learning in a Random World; Lei et al. (2018),
Distribution-free predictive inference for regression, JASA 113; Vovk, Lindsay, Nouretdinov, Gammerman (2003),
Mondrian confidence machine.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from token_approx.errors import InputError
from token_approx.estimator.bounds import Bound
from token_approx.fitting.dataset import Floats, Names

LEVELS = (0.8, 0.9, 0.95, 0.99)
# Estimated tokens at which a size class begins: small texts err more.
CLASS_STARTS = (0.0, 20.0, 200.0)


def by_kind(
    bounds: Callable[[Floats, Floats, Sequence[float]], list[Bound]],
    tokens: Floats,
    estimates: Floats,
    kinds: Names,
    levels: Sequence[float],
) -> list[Bound]:
    """Return the bounds of all records, and those of each kind (n,) at the levels that its records support.

    `bounds` is `upper_bounds` or `lower_bounds`.
    """
    found = bounds(tokens, estimates, levels)
    for kind in sorted(set(kinds.tolist()) - {""}):
        mine = kinds == kind
        own = supported(int(mine.sum()), levels)
        found += [replace(bound, kind=kind) for bound in bounds(tokens[mine], estimates[mine], own)]
    return found


def upper_bounds(tokens: Floats, estimates: Floats, levels: Sequence[float]) -> list[Bound]:
    """Return the upper bounds of each level, from counted tokens (n,) and out-of-fold estimates (n,).

    Raises:
        InputError: the records are too few for a level.
    """
    return _bounds(_residuals(tokens, estimates), np.maximum(estimates, 0), levels, sign=1)


def lower_bounds(tokens: Floats, estimates: Floats, levels: Sequence[float]) -> list[Bound]:
    """Return the lower bounds of each level, as `upper_bounds`."""
    return _bounds(-_residuals(tokens, estimates), np.maximum(estimates, 0), levels, sign=-1)


def supported(n: int, levels: Sequence[float] = LEVELS) -> list[float]:
    """Return the levels that n records support: n + 1 >= 1 / (1 - level)."""
    return [level for level in levels if fewest_records(level) <= n]


def fewest_records(level: float) -> int:
    """Return how many calibration records a level needs."""
    # Rounded first: 1 / (1 - 0.95) is a little more than 20 in binary.
    return math.ceil(round(1 / (1 - level), 9)) - 1


def evaluate_bounds(bounds: Sequence[Bound], estimates: Floats) -> Floats:
    """Return the bound of each estimate (n,), unrounded; `bounds` are of one level."""
    known = np.maximum(estimates, 0)
    values = np.full(len(known), np.nan)
    for bound in bounds:
        inside = (known >= bound.start) & (known < bound.end)
        values[inside] = known[inside] * bound.factor + bound.offset
    return values


def _residuals(tokens: Floats, estimates: Floats) -> Floats:
    known = np.maximum(estimates, 0)
    return (tokens - known) / np.maximum(known, 1)


def _bounds(residuals: Floats, known: Floats, levels: Sequence[float], sign: int) -> list[Bound]:
    bounds = []
    for level in levels:
        n = len(residuals)
        if fewest_records(level) > n:
            raise InputError(
                f"A bound of level {level} needs {fewest_records(level)} records, and there are {n}."
                " Ask for a lower level, or label more samples."
            )
        for start, end in _classes(known, level):
            shift = sign * _quantile(residuals[(known >= start) & (known < end)], level)
            if start < 1:  # below one token the error is relative to one token
                bounds.append(Bound(level, 1.0, shift, start, 1.0))
            bounds.append(Bound(level, 1.0 + shift, 0.0, max(start, 1.0), end))
    return bounds


def _classes(known: Floats, level: float) -> list[tuple[float, float]]:
    ends = (*CLASS_STARTS[1:], math.inf)
    classes = list(zip(CLASS_STARTS, ends, strict=True))
    counts = [int(((known >= start) & (known < end)).sum()) for start, end in classes]
    return classes if min(counts) >= fewest_records(level) else [(0.0, math.inf)]


def _quantile(residuals: Floats, level: float) -> float:
    place = math.ceil(round((len(residuals) + 1) * level, 9))
    return float(np.sort(residuals)[place - 1])
