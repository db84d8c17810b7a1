"""Several texts that go to the provider together: chat messages, and a context that grows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..text.streaming import TextStream
from .total import Decision, Total, rounded

if TYPE_CHECKING:
    from .estimator import Estimator

Message = Mapping[str, Any]
# Tokens that frame a message and that its estimate does not hold, by what the model's labels are counts of.
# Of a message or a logged request, they hold the framing. Of a text alone they do not, nor do they tell how
# much it is: providers count 6 to 8 tokens for one message, and this is the most of it.
FRAMING = {"one-user-message": 0, "en-long-one-turn": 0, "as-logged": 0, "text": 8, "text-alone": 8}
# Fields of a message that have tokens of their own.
NOT_ESTIMATED = ("tool_calls", "function_call")


def framing_tokens(counts_of: str | None, framing: float | None) -> float:
    """Return the tokens to add to each message's estimate: `framing`, or what `FRAMING` has for them.

    Raises:
        InputError: `framing` is negative; or it is not given and `counts_of` is unknown.
    """
    if framing is None and counts_of not in FRAMING:
        raise InputError(
            f"framing: the model's labels are counts of {counts_of!r}: give the tokens per message"
        )
    tokens = FRAMING[str(counts_of)] if framing is None else framing
    if tokens < 0:
        raise InputError(f"framing={tokens}: give a number of tokens of at least 0")
    return tokens


def message_text(message: Message, place: int) -> str:
    r"""Return a message's text; that of several parts is joined by a line feed, as a usage log's is.

    >>> parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    >>> message_text({"role": "user", "content": parts}, 0)
    'a\nb'

    Raises:
        InputError: it has no role or no content, or something that is no text; the message names the place.
    """
    name = f"messages[{place}]"
    if not isinstance(message, Mapping):
        raise InputError(f"{name} is no object: give its role and content")
    if not isinstance(message.get("role"), str):
        raise InputError(f"{name}.role is {message.get('role')!r}: give a name, such as 'user'")
    for field in NOT_ESTIMATED:
        if message.get(field):
            raise InputError(f"{name}.{field} is no text: take its tokens from the provider's usage")
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        kind = type(content).__name__
        raise InputError(f"{name}.content is of type {kind}: give a string or a list of text parts")
    return "\n".join(_part_text(part, f"{name}.content[{number}]") for number, part in enumerate(content))


def _part_text(part: object, name: str) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    text = part.get("text") if isinstance(part, Mapping) and kind == "text" else None
    if not isinstance(text, str):
        raise InputError(f"{name} is of type {kind!r}, not text: take its tokens from the provider's usage")
    return text


class RunningCount:
    r"""The tokens of a context that grows: the provider's last figure, and an estimate of what came after.

    What is appended continues the text before it, so the estimate of pieces is that of the whole. A bound is
    the sum of the appended pieces' bounds (see `Total`): append a message in one go.

    >>> from token_approx import Estimator
    >>> context = Estimator.for_model("gpt-5.4").with_context()
    >>> context.append("You are a helpful assistant.\n")
    >>> context.append("How many moons has Mars?")
    >>> context.tokens, context.upper_bound(0.95), context.fits(200_000)
    (13, 16, True)
    >>> context.exact(21)  # what the provider's usage says of the request, and of its answer if it is kept
    >>> context.append("And what are they called?")
    >>> context.tokens, context.upper_bound(0.95)
    (27, 29)
    """

    def __init__(self, estimator: "Estimator", known_tokens: int = 0) -> None:
        """Begin with a context of `known_tokens`; the model's intercept counts if there are none.

        Raises:
            InputError: `known_tokens` is negative.
        """
        self._estimator = estimator
        self._stream = TextStream(estimator.tables, basic=estimator.weighs_counts)
        self.exact(known_tokens)
        if not known_tokens:
            self._start = self._end = 0.0

    def append(self, text: str | bytes, framing: float = 0) -> None:
        """Add a text to the context, and the tokens that frame it, if any.

        Raises:
            InputError: `framing` is negative.
        """
        self._known += framing_tokens(None, framing)
        self._stream.add(text)
        start, self._end = self._end, self._linear_sum()
        self._pieces.append(self._end - start)

    def exact(self, usage_tokens: int) -> None:
        """Take the provider's figure for all that was appended so far.

        Raises:
            InputError: it is negative.
        """
        if usage_tokens < 0:
            raise InputError(f"known tokens: {usage_tokens}: give a number of at least 0")
        self._known: float = usage_tokens
        self._pieces: list[float] = []
        self._start = self._end = self._linear_sum()

    @property
    def tokens(self) -> int:
        """The tokens of the context: what is known, and the estimate of the rest."""
        return rounded(self._known + (self._end - self._start))

    def upper_bound(self, confidence: float = 0.95) -> int:
        """Return `Total.upper_bound` of the context; what is known is exact."""
        return self._total().upper_bound(confidence)

    def lower_bound(self, confidence: float = 0.95) -> int:
        """Return `Total.lower_bound` of the context; what is known is exact."""
        return self._total().lower_bound(confidence)

    def fits(self, limit: int, confidence: float = 0.95) -> bool:
        """Return whether the upper bound is within a limit of tokens."""
        return self.upper_bound(confidence) <= limit

    def decide(self, limit: int, confidence: float = 0.95) -> Decision:
        """Return `Total.decide` of the context: `fits`, `exceeds`, or `ask` the provider."""
        return self._total().decide(limit, confidence)

    def _total(self) -> Total:
        return self._estimator.total(self._pieces, self._known)

    def _linear_sum(self) -> float:
        return self._estimator.linear_sum(self._stream.features())
