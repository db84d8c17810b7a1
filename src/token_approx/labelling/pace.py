"""When the next request may be sent."""

import asyncio
import random
import time

# Those who wait for the same moment do not all come at once.
JITTER = 0.1


class Pace:
    """Spaces requests below a number per minute (0: no limit); holds all when one must wait."""

    def __init__(self, requests_per_minute: float) -> None:
        """Start with the first request allowed at once."""
        self._interval = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._next_slot = 0.0
        self._held_until = 0.0

    async def turn(self) -> None:
        """Wait until a request may be sent."""
        slot = max(self._next_slot, time.monotonic())
        self._next_slot = slot + self._interval
        while (wait := max(slot, self._held_until) - time.monotonic()) > 0:
            if self._held_until > slot:
                wait *= 1 + random.uniform(0, JITTER)  # noqa: S311 - no secret
            await asyncio.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Let no request start within so many seconds, whoever waits for its turn already."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)
