"""What every counter offers, and the ways in which a count can fail."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from token_approx.errors import MissingExtraError, UsageError

# What a count is of.
ONE_USER_MESSAGE = "one-user-message"
TEXT = "text"
AS_LOGGED = "as-logged"
REQUEST = "request"
STEP = "step"


class Counter(Protocol):
    """Counts the tokens of texts as the reference model `model` does.

    `name` is that of the counter, `counts_of` says what its counts are of, and `batch_size` how many texts it
    takes at once. `count` is asynchronous where it is input and output; it raises one of:

        Transient: the same question may be answered when it is asked again.
        Refused: asking again for this text is in vain.
        InputError: no text is counted before somebody corrects the configuration.
    """

    name: str
    model: str
    counts_of: str
    batch_size: int

    def count(self, texts: Sequence[str]) -> Sequence[int] | Awaitable[Sequence[int]]:
        """Return the number of tokens of each text."""
        ...


class Transient(Exception):  # noqa: N818 - a kind of failure, not all of them errors
    """A failure that may pass: its kind, and how many seconds the provider asks to wait."""

    def __init__(self, kind: str, retry_after: float | None = None) -> None:
        """Keep the kind (a word of ours, never the provider's message) and the wait."""
        super().__init__(kind)
        self.kind = kind
        self.retry_after = retry_after


class Refused(Exception):  # noqa: N818 - likewise
    """A text that is not counted, for good or (`final` false) in this run.

    The reason is in words of ours and never quotes the text.
    """

    def __init__(self, reason: str, *, final: bool = True) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason
        self.final = final


def missing_extra(counter: str) -> MissingExtraError:
    """Return the error for a counter whose library is not installed."""
    extra = counter.replace("_", "-")
    return MissingExtraError(
        f"counter={counter} needs a library that is not installed. Run: pip install 'token-approx[{extra}]'"
    )


def known_model(counter: str, model: str) -> str:
    """Return the model.

    Raises:
        UsageError: it is empty.
    """
    if not model:
        raise UsageError(f"counter={counter} needs the name of the reference model. Give model=<name>.")
    return model
