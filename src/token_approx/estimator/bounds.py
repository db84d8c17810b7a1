"""Bounds as model_coefs.json holds them: per confidence level, one line over the estimate per size class."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

# Relative, here and in all that the estimator imports: a registered version carries a copy of these modules
# under a name of its own.
from ..errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """A bound: estimate * factor + offset, for estimates (unrounded, not below 0) in [start, end) tokens.

    `kind` is the kind of request that it is for, "" where it is for all.
    """

    confidence: float
    factor: float
    offset: float
    start: float
    end: float
    kind: str = ""

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Bound":
        """Read an entry of model_coefs.json; a missing or mistyped field raises KeyError or TypeError."""
        end = math.inf if entry["to"] is None else float(entry["to"])
        fields = (float(entry[name]) for name in ("confidence", "factor", "offset", "from"))
        confidence, factor, offset, start = fields
        return cls(confidence, factor, offset, start, end, str(entry.get("kind", "")))


def evaluate(bounds: Sequence[Bound], linear_sum: float, confidence: float) -> float:
    """Return the bound of an estimate before rounding, in tokens, not rounded either.

    Raises:
        InputError: no bound is of that level (the message names the levels there are), or none of those is
            for such an estimate.
    """
    known = max(0.0, linear_sum)
    for bound in bounds:
        if bound.confidence == confidence and bound.start <= known < bound.end:
            return known * bound.factor + bound.offset
    at_level(bounds, confidence)
    raise _no_class(known, confidence)


def evaluate_many(bounds: Sequence[Bound], linear_sums: Floats, confidence: float) -> Floats:
    """Return `evaluate` of each estimate, of shape (estimates,), to the same bits.

    Raises:
        InputError: as `evaluate`.
    """
    level = sorted(at_level(bounds, confidence), key=lambda bound: bound.start)
    known = np.maximum(0.0, linear_sums)
    place = np.searchsorted([bound.start for bound in level], known, "right") - 1
    found: Floats = known * np.array([bound.factor for bound in level])[place]
    found += np.array([bound.offset for bound in level])[place]
    outside = (place < 0) | (known >= np.array([bound.end for bound in level])[place])
    if outside.any():
        raise _no_class(float(known[outside][0]), confidence)
    return found


def at_level(bounds: Sequence[Bound], confidence: float) -> list[Bound]:
    """Return the bounds of one confidence level, all its size classes.

    Raises:
        InputError: there are none; the message names the levels there are.
    """
    if not isinstance(confidence, Real) or not 0 < confidence < 1:
        raise InputError(f"confidence={confidence!r} is not a level between 0 and 1. Give one, such as 0.95.")
    level = [bound for bound in bounds if bound.confidence == confidence]
    if not level:
        levels = ", ".join(f"{known:g}" for known in sorted({bound.confidence for bound in bounds}))
        raise InputError(
            f"The model has no bound of confidence {confidence:g}. Its levels: {levels or 'none'}."
        )
    return level


def _no_class(known: float, confidence: float) -> InputError:
    return InputError(
        f"The model has no bound of confidence {confidence:g} for an estimate of {known:g}. Export it again."
    )
