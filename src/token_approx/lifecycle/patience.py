"""Waiting for a database or server that is away for a while."""

from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

T = TypeVar("T")
AWAY = ("TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR", "REQUEST_LIMIT_EXCEEDED")
LONGEST_WAIT_SECONDS = 5.0


def patiently(step: Callable[[], T], patience: float) -> T:
    """Return what `step` returns, calling it again for `patience` seconds while the store is away.

    `step` must be safe to repeat. Raises what it raised last, or at once what has another cause.
    """
    retrying = Retrying(
        retry=retry_if_exception(is_away),
        wait=wait_random_exponential(multiplier=0.2, max=LONGEST_WAIT_SECONDS),
        stop=stop_after_delay(patience),
        reraise=True,
    )
    return retrying(step)


def is_away(error: BaseException) -> bool:
    """Say whether an error means that the store cannot be reached just now."""
    if isinstance(error, MlflowException):
        return error.error_code in AWAY
    return isinstance(error, OperationalError | ConnectionError)
