"""What a labelling run is to do, what it has done so far, and what it left out for good."""

from collections import Counter as Tally
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from token_approx.errors import UsageError

FRAMINGS = ("keep", "subtract")


@dataclass(frozen=True)
class LabellingSettings:
    """How samples are labelled; see conf/label.yaml for the fields' units."""

    framing: str
    concurrency: int
    requests_per_minute: float
    attempts: int
    first_wait: float
    longest_wait: float
    give_up_after: int

    def __post_init__(self) -> None:
        """Check the framing.

        Raises:
            UsageError: there is none of this name.
        """
        if self.framing not in FRAMINGS:
            raise UsageError(f"framing={self.framing} is unknown. Valid values: {', '.join(FRAMINGS)}.")


class Skipped(BaseModel):
    """A sample that will not be counted, with the reason, in a file beside the records."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    source: str
    category: str
    model: str
    counter: str
    framing: str
    reason: str


@dataclass
class Progress:
    """What a labelling run has done so far; the stage shows and logs it.

    `left_out` counts a log's rows that cannot be used, by the reason; `asked_to_wait` is the longest wait
    that the provider asked for, in seconds.
    """

    samples: int
    finished_before: int = 0
    counted: int = 0
    requests: int = 0
    framing_tokens: int | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    errors: Tally[str] = field(default_factory=Tally)
    left_out: Tally[str] = field(default_factory=Tally)
    asked_to_wait: float = 0.0

    @property
    def missing(self) -> int:
        """Return the number of samples that are neither recorded nor skipped with a reason."""
        return self.samples - self.finished_before - self.counted - len(self.skipped)
