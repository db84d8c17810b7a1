"""Several texts that go to the provider together: chat messages, and a context that grows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..text.counts import count, encode
from ..text.streaming import TextStream
from .byte_bounds import MESSAGES, REQUEST, TEXTS, message_framing
from .decision import Decision
from .exact import NEVER, Exact
from .total import TextEstimate, Total, rounded

if TYPE_CHECKING:
    from .estimator import Estimator
    from .request import RequestTotal

Message = Mapping[str, Any]
# Fields of a message that have tokens of their own.
NOT_ESTIMATED = ("tool_calls", "function_call")
# Fields that hold text beside the content. A provider may drop one (the reasoning of earlier turns): then to
# count it errs on the safe side.
BESIDE_CONTENT = ("name", "refusal", "reasoning_content")


def chat_framing(estimator: "Estimator", messages: int, framing: float | None) -> tuple[float, float]:
    """Return the tokens that frame messages: those that are known, `framing` for each; else the most of them.

    Labels of messages and of logged requests hold the framing. So does an estimate, as much of it as the
    model's intercept does; a model without one was fitted where framing does not matter, and lost it. Labels
    of texts alone do not hold it, nor tell how much it is.

    Raises:
        InputError: `framing` is not a number of at least 0; or it is not given and `counts_of` is unknown.
    """
    if framing is not None:
        return known_number("framing", framing) * messages, 0.0
    if estimator.counts_of in TEXTS or not messages:
        of_request, of_message = message_framing(estimator.model)
        return 0.0, (of_request + of_message * messages) if messages else 0.0
    if estimator.counts_of not in (*MESSAGES, "as-logged"):
        raise InputError(
            f"The framing of a message is unknown: the model's labels count {estimator.counts_of!r}."
            " Give framing=<tokens>."
        )
    of_request, of_message = message_framing(estimator.model)
    held = max(0.0, estimator.intercept) * messages
    return 0.0, max(0.0, of_request + of_message * messages - held)


def known_number(name: str, tokens: object) -> float:
    """Return a number of tokens that a caller gave.

    Raises:
        InputError: it is negative, not finite, or not a number.
    """
    number = float(tokens) if isinstance(tokens, Real) and not isinstance(tokens, bool) else math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"{name}={tokens!r} is not a number of tokens. Give a number of at least 0.")
    return number


def message_text(message: Message, place: int) -> str:
    r"""Return a message's text; that of several parts is joined by a line feed, as a usage log's is.

    Its name, refusal and reasoning are counted with it.

    >>> parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    >>> message_text({"role": "user", "content": parts}, 0)
    'a\nb'

    Raises:
        InputError: it has no role or no content, or something that is not text; the message names the place.
    """
    name = f"messages[{place}]"
    if not isinstance(message, Mapping):
        raise InputError(f"{name} is not an object. Give an object with a role and a content.")
    if not isinstance(message.get("role"), str):
        raise InputError(f"{name}.role is {message.get('role')!r}. Give a name, such as 'user'.")
    for field in NOT_ESTIMATED:
        if message.get(field):
            raise InputError(f"{name}.{field} is not a text. Take its tokens from the provider's usage.")
    content = message.get("content")
    beside = [message[field] for field in BESIDE_CONTENT if isinstance(message.get(field), str)]
    if isinstance(content, str):
        return "\n".join([content, *filter(None, beside)])
    if not isinstance(content, list):
        if content is None and any(beside):
            return "\n".join(filter(None, beside))
        kind = type(content).__name__
        raise InputError(f"{name}.content is of type {kind}. Give a string or a list of text parts.")
    parts = [_part_text(part, f"{name}.content[{number}]") for number, part in enumerate(content)]
    return "\n".join([*parts, *filter(None, beside)])


def _part_text(part: object, name: str) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    text = part.get("text") if isinstance(part, Mapping) and kind == "text" else None
    if not isinstance(text, str):
        raise InputError(f"{name} is of type {kind!r}, not text. Take its tokens from the provider's usage.")
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
    >>> context.append("\nAnd what are they called?")
    >>> context.tokens, context.upper_bound(0.95)
    (27, 29)
    """

    def __init__(self, estimator: "Estimator", known_tokens: int = 0) -> None:
        """Begin with a context of `known_tokens`; the model's intercept counts if there are none.

        Raises:
            InputError: `known_tokens` is negative.
        """
        self._estimator = estimator
        self._of_requests = estimator.counts_of == REQUEST
        self._stream = TextStream(estimator.tables)
        self.exact(known_tokens)
        self._first = not known_tokens
        if not known_tokens:
            self._start = self._end = 0.0

    def append(
        self, text: "str | bytes | Message | Sequence[Message]", framing: float = 0, model: str = ""
    ) -> None:
        """Add a text to the context and the tokens that frame it, or messages as a provider takes them.

        Messages are in the format of Anthropic, Bedrock, OpenAI or Gemini, or the SDKs' objects; their
        framing is estimated with them. `model` is the model's name, where its family frames them differently.

        Raises:
            InputError: `framing` is negative; messages are in no known format, or there is no model of
                requests for them.
        """
        if not isinstance(text, str | bytes):
            from .request import messages_total, request_model_for  # noqa: PLC0415 - as the estimator does

            chosen = self._estimator if self._of_requests else request_model_for(self._estimator.model)
            self._messages.append(
                messages_total(chosen, text, model or self._estimator.model, first=self._first)
            )
            self._first = False
            return
        self._known += known_number("framing", framing)
        before, start = self._stream.features(), self._end
        data = text if isinstance(text, bytes) else encode(text)
        self._stream.add(data)
        self._texts.append(data)
        after, self._end = self._stream.features(), self._linear_sum()
        # The domain is told by the piece's own words and lines, and by its cost where it stands.
        alone = vars(count(text))
        features = {name: alone.get(name, value - before[name]) for name, value in after.items()}
        found = self._estimator.of_features(features)
        self._pieces.append(found._replace(linear_sum=self._end - start))

    def exact(self, usage_tokens: int) -> None:
        """Take the provider's figure for all that was appended so far.

        Raises:
            InputError: it is negative.
        """
        self._known = known_number("known_tokens", usage_tokens)
        self._pieces: list[TextEstimate] = []
        self._texts: list[bytes] = []
        self._messages: list[RequestTotal] = []
        self._first = False
        self._start = self._end = self._linear_sum()

    @property
    def tokens(self) -> int:
        """The tokens of the context: what is known, and the estimate of the rest."""
        return rounded(
            self._known + (self._end - self._start) + sum(each.estimate for each in self._messages)
        )

    @property
    def out_of_domain(self) -> str:
        """Why the first appended text that is out of the model's domain is; "" if none is."""
        return self._total().out_of_domain

    def upper_bound(self, confidence: float = 0.95) -> float:
        """Return `Total.upper_bound` of the context; what is known is exact."""
        return self._total().upper_bound(confidence)

    def lower_bound(self, confidence: float = 0.95) -> int:
        """Return `Total.lower_bound` of the context; what is known is exact."""
        return self._total().lower_bound(confidence)

    def fits(self, limit: float, confidence: float = 0.95) -> bool:
        """Return whether the upper bound is within a limit of tokens."""
        return self.upper_bound(confidence) <= limit

    def decide(self, limit: float, confidence: float = 0.95, exact: Exact = NEVER) -> Decision:
        """Return `Total.decide` of the context: `fits`, `exceeds`, or `ask` the provider.

        It is `ask` instead of `fits` where a message has something that cannot be counted (`not_counted`).
        An exact tokenizer counts the texts appended since the provider's last figure, as one text.
        """
        total = self._total()
        if exact != NEVER:
            total = replace(total, counter=self._estimator.counter([b"".join(self._texts)]))
        return total.decide(limit, confidence, exact)

    @property
    def not_counted(self) -> tuple[str, ...]:
        """What the messages appended since the provider's last figure have that cannot be counted."""
        return tuple(entry for message in self._messages for entry in message.not_counted)

    def _total(self) -> Total:
        return replace(self._estimator.total(self._pieces, self._known), others=tuple(self._messages))

    def _linear_sum(self) -> float:
        return 0.0 if self._of_requests else self._estimator.linear_sum(self._stream.features())
