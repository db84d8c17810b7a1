"""Cutting a text to pieces whose upper bounds are within a limit of tokens.

The bound of each beginning of what is left is computed as that beginning has it by itself (the n-gram costs
of its first bytes included, which are not those they have inside of the text): no piece needs a second look.
It takes one pass over the text, and the memory of a few blocks besides the pieces.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, AnyStr

import numpy as np

from ..errors import InputError, OutOfDomainWarning
from ..text.counts import encode
from ..text.prefixes import BLOCK, Booleans, prefixes, whole
from .bounds import evaluate
from .limits import Limit

if TYPE_CHECKING:
    from .estimator import Estimator

# A piece may give up this part of its end, to be cut at the end of a line or before a space.
LOOK_BACK = 20
# An overlap may be this part of a piece's size: every piece brings as much that is new, so that the time and
# the pieces grow with the text alone.
MOST_OVERLAP = 2
# Bytes that a token has, about: how far to look for the end of the first piece. The next ones are looked for
# in a quarter more than the one before had, and at least in these bytes, as a numpy call costs that much.
BYTES_PER_TOKEN = 4
LEAST_BYTES = 256
# Where a text is best cut, and how many bytes of the mark stay with what is before it.
MARKS = ((b"\n", 1), (b" ", 0))


def truncate(estimator: "Estimator", text: AnyStr, limit: int, confidence: float) -> AnyStr:
    """Return the beginning of a text that fits: see `Estimator.truncate`."""
    if estimator.upper_bound(text, confidence) <= limit:
        return text
    data = _bytes(text)
    end = _Cutter(estimator, data, Limit(estimator.upper, confidence, limit)).end(
        0, 0, BYTES_PER_TOKEN * limit
    )
    if end is None:
        raise _too_small(estimator, data, f"limit={limit}", confidence)
    return _like(text, data[:end])


def split(estimator: "Estimator", text: AnyStr, size: int, overlap: int, confidence: float) -> list[AnyStr]:
    """Return the pieces of a text that fit: see `Estimator.split`."""
    if not 0 <= overlap <= size // MOST_OVERLAP:
        raise InputError(
            f"overlap={overlap} is not a number of tokens from 0 to {size // MOST_OVERLAP}, half of size."
        )
    data = _bytes(text)
    cutter = _Cutter(estimator, data, Limit(estimator.upper, confidence, size))
    pieces: list[AnyStr] = []
    start, end, guess = 0, 0, BYTES_PER_TOKEN * size
    while end < len(data):
        begin = cutter.tail(start, end, overlap) if overlap and end else end
        found = cutter.end(begin, end, guess)
        if found is None and begin < end:
            begin, found = end, cutter.end(end, end, guess)
        if found is None:
            raise _too_small(estimator, data[begin:], f"size={size}", confidence)
        start, end, guess = begin, found, (found - begin) * 5 // 4
        pieces.append(_like(text, data[start:end]))
    return pieces


def unsure(estimator: "Estimator", pieces: Sequence[str | bytes], limit: int, confidence: float) -> str:
    """Return why the first of the pieces that may not fit the limit they were cut for does not, else ""."""
    for place, piece in enumerate(pieces):
        if estimator.decide(piece, limit, confidence) != "fits":
            number = f"piece {place + 1} of {len(pieces)}" if len(pieces) > 1 else "the text"
            reason = estimator.out_of_domain(piece)
            return (
                f"{number} is out of the model's domain ({reason}): it may have more than {limit:,} tokens."
            )
    return ""


def warn_of(reason: str) -> None:
    """Warn the caller's caller with an OutOfDomainWarning, unless the reason is ""."""
    if reason:
        warnings.warn(reason, OutOfDomainWarning, stacklevel=3)


@dataclass(frozen=True)
class _Cutter:
    estimator: "Estimator"
    data: bytes
    limit: Limit

    def end(self, start: int, least: int, guess: int) -> int | None:
        """Return where the piece that begins at `start` ends, beyond `least`; None if nothing fits."""
        model = self.estimator
        best, begin, fits = 0, start, np.zeros(0, np.bool_)
        first = min(max(guess, LEAST_BYTES), BLOCK)
        for block in prefixes(self.data, start, model.tables, basic=model.weighs_counts, first=first):
            within = self.limit.holds(model.linear_sums(block.features))
            within_and_whole = within & block.whole
            # What was known of the block before is kept, to look back.
            fits = np.concatenate([fits[-BLOCK:], within_and_whole]) if len(fits) else within_and_whole
            begin = block.begin + len(within) - len(fits)
            last = len(fits) - int(fits[::-1].argmax())
            if fits[last - 1]:
                best = begin + last
            if not within[-1]:
                break
        if best <= least:
            return None
        return best if best == len(self.data) else self._at_a_mark(start, best, least, begin, fits)

    def tail(self, start: int, end: int, overlap: int) -> int:
        """Return where the end of the piece data[start:end] begins that is estimated at `overlap` tokens."""
        too_early, begin = start, end
        while too_early < (middle := self._border(start, (too_early + begin) // 2)) < begin:
            if self.estimator.estimate(self.data[middle:end]) <= overlap:
                begin = middle
            else:
                too_early = middle
        latest = begin + (end - begin) // LOOK_BACK
        for mark, after in MARKS:
            at = self.data.find(mark, begin - after, latest + 1 - after)
            if at >= 0 and self.estimator.estimate(self.data[at + after : end]) <= overlap:
                return at + after
        return begin

    def _border(self, start: int, at: int) -> int:
        if at == start:
            return at
        return at + int(whole(self.data, start, at - 1, min(at + 3, len(self.data))).argmax())

    def _at_a_mark(self, start: int, best: int, least: int, begin: int, fits: Booleans) -> int:
        # fits[i] is of the end begin + i + 1.
        earliest = max(least + 1, begin + 1, best - (best - start) // LOOK_BACK)
        for mark, after in MARKS:
            end = best
            while (at := self.data.rfind(mark, earliest - after, end + 1 - after)) >= 0:
                if fits[at + after - begin - 1]:
                    return at + after
                end = at + after - 1
        return best


def _too_small(estimator: "Estimator", data: bytes, limit: str, confidence: float) -> InputError:
    first = data[: int(whole(data, 0, 0, min(4, len(data))).argmax()) + 1] if data else data
    found = estimator.linear_sum(estimator.features(first))
    least = math.ceil(evaluate(estimator.upper, found, confidence))
    what = "its first character" if data else "the empty text"
    return InputError(
        f"{limit} is too small: the upper bound of {what} alone is {least} tokens. Give at least that."
    )


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else encode(text)


def _like(text: AnyStr, data: bytes) -> AnyStr:
    return data if isinstance(text, bytes) else data.decode("utf-8", "surrogatepass")
