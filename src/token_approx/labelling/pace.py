"""When the next request may be sent, and how long to wait before the next attempt."""

import asyncio
import random
import time
from dataclasses import dataclass

from tenacity import RetryCallState, wait_random_exponential

from token_approx.labelling.counters.protocol import Transient

# Those who wait for the same moment do not all come at once.
JITTER = 0.1


class Pace:
    """Spaces requests below a number per minute (0: no limit); holds all when one is told to wait."""

    def __init__(self, requests_per_minute: float) -> None:
        """Start with the first request allowed at once."""
        self._interval = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until a request may be sent."""
        while (wait := self._next - time.monotonic()) > 0:
            if self._interval:
                # Take this place in the queue, so that the one behind waits for the next.
                self._next += self._interval
                await asyncio.sleep(wait)
                return
            await asyncio.sleep(wait * (1 + random.uniform(0, JITTER)))  # noqa: S311 - no secret
        self._next = time.monotonic() + self._interval

    def hold(self, seconds: float) -> None:
        """Let no request start within so many seconds."""
        self._next = max(self._next, time.monotonic() + seconds)


@dataclass(frozen=True)
class Wait:
    """Tenacity's wait: what the provider asks for and a little more, else exponential with full jitter."""

    first: float
    longest: float

    def __call__(self, state: RetryCallState) -> float:
        """Return the seconds to wait before the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Transient) and error.retry_after is not None:
            return error.retry_after * (1 + random.uniform(0, JITTER))  # noqa: S311 - no secret
        return wait_random_exponential(multiplier=self.first, max=self.longest)(state)
