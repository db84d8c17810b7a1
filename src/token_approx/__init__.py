"""Estimate, before a request is sent, how many tokens a provider will count for a text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .estimator.estimator import Estimator

__all__ = ["Estimator"]
__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    # numpy takes a tenth of a second to import: who wants the version alone need not wait for it.
    if name == "Estimator":
        from .estimator.estimator import Estimator  # noqa: PLC0415

        return Estimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
