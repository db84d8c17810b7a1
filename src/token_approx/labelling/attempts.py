"""Asking a counter until it answers: paced, retried with jitter, every failure counted by its kind."""

import inspect
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from token_approx.errors import UnfinishedError
from token_approx.labelling.counters.protocol import Counter, Refused, Transient
from token_approx.labelling.pace import JITTER, Pace
from token_approx.labelling.progress import LabellingSettings, Progress


@dataclass(frozen=True)
class Wait:
    """Tenacity's wait: what the provider asks for and a little more, else exponential with full jitter.

    Neither is longer than `longest`, apart from the little more.
    """

    first: float
    longest: float

    def __call__(self, state: RetryCallState) -> float:
        """Return the seconds to wait before the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Transient) and error.retry_after is not None:
            return min(error.retry_after, self.longest) * (1 + random.uniform(0, JITTER))  # noqa: S311 - no secret
        return wait_random_exponential(multiplier=self.first, max=self.longest)(state)


class Attempts:
    """Asks one counter for everybody, so that all of them keep one pace."""

    def __init__(self, counter: Counter, settings: LabellingSettings, progress: Progress) -> None:
        """Count requests and errors in `progress`."""
        self._counter = counter
        self._settings = settings
        self._progress = progress
        self._pace = Pace(settings.requests_per_minute)

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        """Return the number of tokens of each text.

        Raises:
            Transient: the last attempt failed too.
            Refused, InputError: as the counter raises them, without another attempt.
            UnfinishedError: the provider asks for a longer wait than all attempts together may take.
        """
        settings = self._settings
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Transient),
            stop=stop_after_attempt(settings.attempts),
            wait=Wait(settings.first_wait, settings.longest_wait),
            reraise=True,
        ):
            with attempt:
                await self._pace.turn()
                self._progress.requests += 1
                try:
                    counts = self._counter.count(texts)
                    return await counts if inspect.isawaitable(counts) else counts
                except Transient as error:
                    self._progress.errors[error.kind] += 1
                    if error.retry_after is not None:
                        self._hold(error.retry_after)
                    raise
                except Refused as error:
                    self._progress.errors[error.reason] += 1
                    raise
        raise AssertionError  # AsyncRetrying returns or raises

    def _hold(self, asked: float) -> None:
        longest = self._settings.longest_wait
        self._progress.asked_to_wait = max(self._progress.asked_to_wait, asked)
        if asked > longest * self._settings.attempts:
            raise UnfinishedError(
                f"{self._counter.name} asks to wait {duration(asked)} before the next request. This is more"
                f" than {self._settings.attempts} attempts may (labelling.longest_wait={longest:g} s each)."
                f" {self._progress.missing} samples are missing. Run the same command again after that time."
            )
        self._pace.hold(min(asked, longest))


def duration(seconds: float) -> str:
    """Return a time in the largest unit that it has at least two of.

    >>> duration(90), duration(86_400)
    ('90 seconds', '24 hours')
    """
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
