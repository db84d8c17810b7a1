"""The pace of requests, and how long one waits after a failure."""

import asyncio
import time

from tenacity import Future, RetryCallState

from token_approx.labelling.attempts import Wait
from token_approx.labelling.counters.protocol import Transient
from token_approx.labelling.pace import Pace


def test_pace_spaces_requests() -> None:
    """Eleven requests at 6,000 a minute take 0.1 s at least; a hold stops the queue too."""

    async def turns(pace: Pace, number: int) -> float:
        started = time.monotonic()
        await asyncio.gather(*(pace.turn() for _ in range(number)))
        return time.monotonic() - started

    async def held(requests_per_minute: float) -> float:
        pace = Pace(requests_per_minute)
        waiting = asyncio.create_task(turns(pace, 3))
        await asyncio.sleep(0)
        pace.hold(0.3)
        return await turns(pace, 1) if not requests_per_minute else await waiting

    assert asyncio.run(turns(Pace(6000), 11)) >= 0.1
    assert asyncio.run(held(0)) >= 0.29
    assert asyncio.run(held(6000)) >= 0.29
    assert asyncio.run(turns(Pace(0), 1000)) < 5


def test_waits_honour_what_the_provider_asks() -> None:
    """With retry-after no less than that, up to the longest wait; without it random and growing to that."""

    def wait(attempt: int, error: Exception) -> float:
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = attempt
        future = Future(attempt)
        future.set_exception(error)
        state.outcome = future
        return Wait(0.5, 8.0)(state)

    asked = [wait(1, Transient("HTTP 429", 3.0)) for _ in range(50)]
    assert 3 <= min(asked) < max(asked) <= 3.3
    capped = [wait(1, Transient("HTTP 429", 30.0)) for _ in range(50)]
    assert 8 <= min(capped) < max(capped) <= 8.8
    for attempt, most in ((1, 0.5), (3, 2.0), (20, 8.0)):
        waits = [wait(attempt, Transient("time-out")) for _ in range(50)]
        assert 0 <= min(waits) < max(waits) <= most
