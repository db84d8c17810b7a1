"""One promotion at a time, wherever the runs are: a lock in the registered model's tags.

Each run writes a tag of its own, then reads all; it may go on if it reads no other. Two runs that both went
on would each have written before they read, so one of them read the other's tag: they cannot. Of runs that
meet, the first by name waits and the others withdraw and come again. A run that was killed leaves its tag,
which holds for its lease alone.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlflow.tracking import MlflowClient

from token_approx.errors import StoreError

PREFIX = "promoting."
WAIT_SECONDS = 0.1


@contextmanager
def exclusive(
    client: MlflowClient, name: str, owner: str, lease: float, patience: float
) -> Iterator[Callable[[], bool]]:
    """Hold the registered model `name` for `owner` (unique), and yield a function: is it still held?

    `lease` is how many seconds the lock outlives its owner, `patience` how many to wait for others.

    Raises:
        StoreError: others hold it for longer than `patience`.
    """
    key = PREFIX + owner
    _enter(client, name, key, lease, time.monotonic() + patience)
    held_until = time.monotonic() + lease
    try:
        yield lambda: time.monotonic() < held_until and key in client.get_registered_model(name).tags
    finally:
        client.delete_registered_model_tag(name, key)


def _enter(client: MlflowClient, name: str, key: str, lease: float, deadline: float) -> None:
    while True:
        client.set_registered_model_tag(name, key, repr(time.time() + lease))
        others = _others(client, name, key)
        if not others:
            return
        if key > min(others) or time.monotonic() > deadline:
            client.delete_registered_model_tag(name, key)
        if time.monotonic() > deadline:
            raise StoreError(
                f"{name}: another run is still promoting ({min(others)}). Run this one again after it."
            )
        # At random, so that those who met do not meet again.
        time.sleep(WAIT_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


def _others(client: MlflowClient, name: str, own: str) -> list[str]:
    locks = {k: v for k, v in client.get_registered_model(name).tags.items() if k.startswith(PREFIX)}
    expired = [key for key, until in locks.items() if key != own and float(until) < time.time()]
    for key in expired:
        client.delete_registered_model_tag(name, key)
    return sorted(locks.keys() - {own, *expired})
