"""Bounds that an estimate's truth rarely exceeds, from the errors on records it was not fitted on.

Split conformal prediction on one-sided relative residuals r_i = (y_i - e_i) / max(e_i, 1), e_i the estimate
of record i by a model that was not fitted on it: with n exchangeable records, a new record's residual is at
most the ceil((n + 1) * level)-th smallest r_i with a probability of at least `level`. By size class of the
estimate (Mondrian) where each class has enough records.

The default level has a bound from few records too: there the largest residual holds for n / (n + 1) of new
records, so it is widened by WIDENING / n times the largest error. No theorem gives that level; it was
measured. See WIDENING.

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
# The level that everything asks for where no other is given: a model without it cannot answer.
DEFAULT_LEVEL = 0.95
# With fewer records than this, not even the default level has a bound.
FEWEST_WIDENED = 8
# Chosen on 65 categories of the first corpus, fits through the origin on bytes or one table, nine tokenizers:
# of 8 to 18 records' upper bounds so widened, 96.5 to 97.5 % hold. On the second corpus, looked at once with
# a smaller factor before this one was chosen, 96.4 % hold (95.9 to 96.8 over 28 categories and the whole,
# 93.0 in the worst); of lower bounds 97.8 %.
WIDENING = 5.0


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
    """Return the levels that n records support by themselves: n + 1 >= 1 / (1 - level)."""
    return [level for level in levels if fewest_records(level) <= n]


def offered(n: int, levels: Sequence[float] = LEVELS) -> list[float]:
    """Return the levels that n records have bounds at: those they support, and the default one, widened."""
    return [level for level in levels if fewest_records(level) <= n or widened(n, level)]


def widened(n: int, level: float) -> bool:
    """Say whether n records are too few for a level by themselves, and get its bound by widening."""
    return level == DEFAULT_LEVEL and FEWEST_WIDENED <= n < fewest_records(level)


def fewest_records(level: float) -> int:
    """Return how many calibration records a level needs."""
    # Rounded first: 1 / (1 - 0.95) is a little more than 20 in binary.
    return math.ceil(round(1 / (1 - level), 9)) - 1


def true_level(n: int) -> float:
    """Return for what share of new records the largest residual of n records is enough, at least."""
    return n / (n + 1)


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
        if not offered(n, [level]):
            needed = FEWEST_WIDENED if level == DEFAULT_LEVEL else fewest_records(level)
            raise InputError(
                f"A bound of level {level} needs {needed} records, and there are {n}."
                " Ask for a lower level, or label more samples."
            )
        for start, end in _classes(known, level):
            shift = sign * _quantile(residuals[(known >= start) & (known < end)], level)
            if start < 1:  # below one token the error is relative to one token
                bounds.append(Bound(level, 1.0, shift, start, 1.0))
            # A lower bound is never below nothing.
            bounds.append(Bound(level, max(0.0, 1.0 + shift), 0.0, max(start, 1.0), end))
    return bounds


def _classes(known: Floats, level: float) -> list[tuple[float, float]]:
    ends = (*CLASS_STARTS[1:], math.inf)
    classes = list(zip(CLASS_STARTS, ends, strict=True))
    counts = [int(((known >= start) & (known < end)).sum()) for start, end in classes]
    return classes if min(counts) >= fewest_records(level) else [(0.0, math.inf)]


def _quantile(residuals: Floats, level: float) -> float:
    n = len(residuals)
    if widened(n, level):
        return float(residuals.max() + WIDENING / n * np.abs(residuals).max())
    place = math.ceil(round((n + 1) * level, 9))
    return float(np.sort(residuals)[place - 1])
