"""Estimate, before a request is sent, how many tokens a provider will count for a text."""

from importlib import import_module
from typing import TYPE_CHECKING

from .errors import (
    DriftError,
    InputError,
    MissingExtraError,
    StoreError,
    TokenApproxError,
    UnfinishedError,
)

if TYPE_CHECKING:
    from .estimator.conversation import RunningCount
    from .estimator.decision import Decision
    from .estimator.estimator import Estimates, Estimator
    from .estimator.total import Total

__all__ = [
    "Decision",
    "DriftError",
    "Estimates",
    "Estimator",
    "InputError",
    "MissingExtraError",
    "RunningCount",
    "StoreError",
    "TokenApproxError",
    "Total",
    "UnfinishedError",
]
__version__ = "0.2.0"

# numpy takes a tenth of a second to import: who wants the version or an error alone need not wait for it.
_LATER = {
    "Decision": ".estimator.decision",
    "Estimates": ".estimator.estimator",
    "Estimator": ".estimator.estimator",
    "RunningCount": ".estimator.conversation",
    "Total": ".estimator.total",
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
