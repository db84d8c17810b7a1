"""What every reader of usage offers: records, and a count of what was left out, by reason."""

from collections import Counter as Tally
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import pandas as pd

DESCRIBED = {"model": "model", "kind": "category", "repository": "source", "input_tokens": "input_tokens"}


class OnProgress(Protocol):
    """Is called with how much there is to read, as far as is known, at each part that was read."""

    def __call__(self, total: int, by: int = 1, /) -> None:
        """Take note of it."""


@dataclass(frozen=True)
class UsageRecords:
    """The records as the content of a file, and of each its model, category, source and input_tokens."""

    content: bytes
    described: pd.DataFrame


def request_usage(frame: pd.DataFrame) -> UsageRecords:
    """Return rows of requests' features, as `request_records` makes them, as records of usage."""
    described = frame[list(DESCRIBED)].rename(columns=DESCRIBED)
    return UsageRecords(frame.to_parquet(index=False), described)


class UsageReader(Protocol):
    """Reads usage into records; `out` is the name of the file that its records go to by default."""

    out: str

    def read(self, left_out: Tally[str], on_progress: OnProgress) -> UsageRecords:
        """Return the records; `left_out` is kept up to date, also where this raises.

        Raises:
            InputError: there is no record.
        """
        ...


def week_of(moment: object) -> str:
    """Return the ISO week, in UTC, of a moment (ISO 8601, or milliseconds since 1970); "" where it is none.

    >>> week_of("2026-01-31T23:59:00Z"), week_of(1_769_904_000_000), week_of("yesterday"), week_of(None)
    ('2026-W05', '2026-W05', '', '')
    """
    try:
        if isinstance(moment, int):
            found = datetime.fromtimestamp(moment / 1000, UTC)
        else:
            found = datetime.fromisoformat(str(moment))
        found = found.astimezone(UTC) if found.tzinfo else found
    except (ValueError, OverflowError, OSError):
        return ""
    year, week, _ = found.isocalendar()
    return f"{year}-W{week:02}"


def nothing_found(what: str, left_out: Tally[str], remedy: str) -> str:
    """Return the message about usage that has no record, with the reasons."""
    reasons = ", ".join(f"{number} {reason}" for reason, number in left_out.most_common())
    return f"no {what} can be used ({reasons or 'there is none'}). {remedy}"
