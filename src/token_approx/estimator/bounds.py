"""Bounds as model_coefs.json holds them: per confidence level, one line over the estimate per size class."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Relative, here and in all that the estimator imports: a registered version carries a copy of these modules
# under a name of its own.
from ..errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A bound: estimate * factor + offset, for estimates (unrounded, not below 0) in [start, end) tokens."""

    confidence: float
    factor: float
    offset: float
    start: float
    end: float

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Line":
        """Read an entry of model_coefs.json; a missing or mistyped field raises KeyError or TypeError."""
        end = math.inf if entry["to"] is None else float(entry["to"])
        fields = (float(entry[name]) for name in ("confidence", "factor", "offset", "from"))
        confidence, factor, offset, start = fields
        return cls(confidence, factor, offset, start, end)


def bound(lines: Sequence[Line], linear_sum: float, confidence: float) -> float:
    """Return the bound of an estimate before rounding, in tokens, not rounded either.

    Raises:
        InputError: no line is of that level (the message names the levels there are), or none of those is for
            such an estimate.
    """
    known = max(0.0, linear_sum)
    for line in lines:
        if line.confidence == confidence and line.start <= known < line.end:
            return known * line.factor + line.offset
    at_level(lines, confidence)
    raise _no_class(known, confidence)


def bounds(lines: Sequence[Line], linear_sums: Floats, confidence: float) -> Floats:
    """Return `bound` of each estimate, of shape (estimates,), to the same bits.

    Raises:
        InputError: as `bound`.
    """
    level = sorted(at_level(lines, confidence), key=lambda line: line.start)
    known = np.maximum(0.0, linear_sums)
    place = np.searchsorted([line.start for line in level], known, "right") - 1
    found: Floats = known * np.array([line.factor for line in level])[place]
    found += np.array([line.offset for line in level])[place]
    outside = (place < 0) | (known >= np.array([line.end for line in level])[place])
    if outside.any():
        raise _no_class(float(known[outside][0]), confidence)
    return found


def at_level(lines: Sequence[Line], confidence: float) -> list[Line]:
    """Return the lines of one confidence level.

    Raises:
        InputError: there are none; the message names the levels there are.
    """
    level = [line for line in lines if line.confidence == confidence]
    if not level:
        levels = ", ".join(f"{known:g}" for known in sorted({line.confidence for line in lines}))
        raise InputError(f"no bound of confidence {confidence:g}: the model has {levels or 'none'}")
    return level


def _no_class(known: float, confidence: float) -> InputError:
    return InputError(
        f"no bound of confidence {confidence:g} for an estimate of {known:g}: export the model again"
    )
