"""Whether estimates' bounds are within a limit, found by one comparison of each estimate."""

import math
import struct
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .bounds import Bound, Floats, at_level, evaluate_many

Booleans = npt.NDArray[np.bool_]


class Limit:
    """A limit of tokens on the bound of one confidence level.

    A bound grows with the estimate within a size class, so the estimates whose bounds are within the limit
    are ranges, which are found once: of 5,000 estimates, comparing them takes 5 us, their bounds take 100.

    Raises:
        InputError: no bound is of that level.
    """

    def __init__(self, bounds: Sequence[Bound], confidence: float, tokens: int) -> None:
        """Find the ranges; the limit is whole, so that a bound within it is so when rounded up."""
        self._bounds, self._confidence, self._tokens = bounds, confidence, tokens
        level = sorted(at_level(bounds, confidence), key=lambda bound: bound.start)
        self._ranges: list[tuple[float, float]] | None = None
        if _covers_all(level):
            tops = [(bound.start, _largest(bound, tokens)) for bound in level]
            self._ranges = _joined([(low, high) for low, high in tops if low <= high])

    def holds(self, linear_sums: Floats) -> Booleans:
        """Return whether the bound of each estimate before rounding is within the limit, of their shape.

        Raises:
            InputError: as `evaluate_many`.
        """
        if self._ranges is None:
            return evaluate_many(self._bounds, linear_sums, self._confidence) <= self._tokens
        within = np.zeros(linear_sums.shape, np.bool_)
        for low, high in self._ranges:
            found = linear_sums <= high
            # An estimate below 0 is one of 0.
            within |= found if low <= 0 else found & (linear_sums >= low)
        return within


def _covers_all(level: Sequence[Bound]) -> bool:
    joined = all(bound.end == after.start for bound, after in pairwise(level))
    whole = level[0].start <= 0 and level[-1].end == math.inf
    return joined and whole and all(bound.factor >= 0 for bound in level)


def _largest(bound: Bound, tokens: int) -> float:
    # The largest estimate of the size class whose bound is within the limit; -1 if none is. Floats from 0 on
    # are in the order of their bits, so the search ends at the very last one.
    def within(estimate: float) -> bool:
        return estimate * bound.factor + bound.offset <= tokens

    low = max(0.0, bound.start)
    high = math.nextafter(bound.end, 0)
    if not within(low):
        return -1.0
    first, last = (struct.unpack("<q", struct.pack("<d", value))[0] for value in (low, high))
    while first < last:
        middle = (first + last + 1) // 2
        if within(struct.unpack("<d", struct.pack("<q", middle))[0]):
            first = middle
        else:
            last = middle - 1
    found: float = struct.unpack("<d", struct.pack("<q", first))[0]
    return found


def _joined(ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for low, high in ranges:
        if joined and math.nextafter(joined[-1][1], math.inf) == low:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined
