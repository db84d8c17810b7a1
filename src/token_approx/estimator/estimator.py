"""model_coefs.json -> tokens. Needs numpy and the standard library alone, so any program can embed it."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, AnyStr, NamedTuple

import numpy as np
import numpy.typing as npt

from ..text.counts import encode
from . import cutting
from .bounds import Bound, Floats, at_level, evaluate_many
from .byte_bounds import MESSAGES, REQUEST, ByteBound, message_framing
from .coefs_file import read_coefs
from .conversation import Message, RunningCount, chat_framing, message_text
from .decision import Decision
from .domain import in_domain, out_of_domain
from .exact import NEVER, Exact, ExactCount, checked, count_exactly
from .linear_model import BASIC, LinearModel
from .total import TextEstimate, Total, rounded

if TYPE_CHECKING:
    from .request import RequestTotal

__all__ = ["BASIC", "Description", "Estimates", "Estimator", "rounded"]

Integers = npt.NDArray[np.int64]


class Description(NamedTuple):
    """What is said of a text: two numbers of tokens, and why it is out of domain, "" if it is not.

    The upper bound is a whole number, or infinite: see `Estimator.upper_bound`.
    """

    input_tokens: int
    upper_bound: float
    out_of_domain: str


class Estimates(NamedTuple):
    """What is said of several texts: each array is of shape (texts,), the first two in tokens.

    An upper bound is a whole number, or infinite where nobody knows: out of the domain of a model without a
    byte bound.
    """

    input_tokens: Integers
    upper_bound: Floats
    in_domain: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Estimator(LinearModel):
    """A linear model of tokens, its bounds, and what it was fitted on.

    `upper` and `lower` are the bounds, `domain` the range of features and of ratios of two ("bytes/words")
    seen in training, `byte_bound` the most tokens by a text's bytes, `counts_of` what the labels were counts
    of, `kinds_without_bound` the kinds of requests of which no bound can be trusted. A text is a string, or
    its UTF-8 bytes. Several threads may use one instance.

    >>> estimator = Estimator.for_model("gpt-5.4")
    >>> text = "How many tokens will this be?"
    >>> estimator.estimate(text), estimator.upper_bound(text, confidence=0.95)
    (7, 9)
    >>> estimator.decide(text, limit=100)
    'fits'
    """

    upper: tuple[Bound, ...] = ()
    lower: tuple[Bound, ...] = ()
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    counts_of: str | None = None
    byte_bound: ByteBound | None = None
    kinds_without_bound: tuple[str, ...] = ()
    notice: str = ""

    @classmethod
    def load(cls, source: Path | str) -> "Estimator":
        """Read a model_coefs.json with the tables beside it: its path, its folder, or an MLflow model URI.

        A URI (`models:/<name>@champion`, `models:/<name>/<version>`, `runs:/<id>/<name>`) is downloaded from
        the registry that MLFLOW_TRACKING_URI names. The original experiment's export can be read too.

        Raises:
            InputError: a file cannot be read, lacks a coefficient, or is not the one that was named; a model
                cannot be downloaded.
            MissingExtraError, StoreError: MLflow is not installed, or its registry cannot be reached.
        """
        if isinstance(source, str) and source.startswith(("models:/", "runs:/")):
            from .shipped import downloaded  # noqa: PLC0415 - MLflow takes seconds to import

            with downloaded(source) as folder:
                return cls(**read_coefs(folder))
        return cls(**read_coefs(Path(source)))

    @classmethod
    def for_model(cls, name: str) -> "Estimator":
        """Return the estimator for a model, by its name as any provider, cloud or gateway writes it.

        It is the shipped one of the model's family, or what a catalogue of one's own names for it.

        It estimates a text's own tokens. An unknown version of a known line is counted as the newest known
        one: then `notice` says so, and a UserWarning does.

        Raises:
            InputError: the catalogue has no model like it; the message has the nearest names.
        """
        from .catalogue import catalogue  # noqa: PLC0415 - who loads a file need not read it
        from .shipped import TABLES, shipped  # noqa: PLC0415

        entry = catalogue().find(name)
        if entry.notice:
            warnings.warn(entry.notice, stacklevel=2)
        own = entry.family.estimator
        fields = read_coefs(Path(own)) if own else read_coefs(shipped(entry.family.name), TABLES)
        return cls(**fields | {"model": entry.name, "notice": entry.notice})

    def __hash__(self) -> int:
        """Return a hash of the model's name and coefficients; its mappings have none."""
        return hash((self.model, self.intercept, frozenset(self.weights.items())))

    def total(self, texts: Sequence[TextEstimate], known: float = 0, framing: float = 0) -> Total:
        """Return what texts that were estimated have together, with `known` tokens and at most `framing`."""
        return Total(texts, self.upper, self.lower, known, framing)

    def of_features(self, features: Mapping[str, float]) -> TextEstimate:
        """Return what is known of a text with these features, of which `domain_features` makes all."""
        most = self.byte_bound.tokens(features["bytes"]) if self.byte_bound else math.inf
        return TextEstimate(self.linear_sum(features), most, out_of_domain(self.domain, features))

    def estimate(self, text: str | bytes) -> int:
        """Return the estimated number of input tokens of a text."""
        return rounded(self.linear_sum_of(text))

    def estimate_many(self, texts: Sequence[str | bytes]) -> Integers:
        """Return the estimate of each text, [estimate(text) for text in texts], int64 of shape (texts,)."""
        return _rounded_many(self.linear_sums(self.features_many(_encoded(texts))))

    def describe(self, text: str | bytes, confidence: float = 0.95) -> Description:
        """Return the estimate, the upper bound, and why the text is out of domain, in one pass over it.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        total = self._of(text)
        return Description(total.tokens, total.upper_bound(confidence), total.out_of_domain)

    def describe_many(self, texts: Sequence[str | bytes], confidence: float = 0.95) -> Estimates:
        """Return the estimate, the upper bound and whether it is in the domain, of each text.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        features = self.domain_features_many(_encoded(texts))
        sums = self.linear_sums(features)
        inside = self.in_domain(features)
        factor, offset = (
            (self.byte_bound.factor, self.byte_bound.offset) if self.byte_bound else (0, math.inf)
        )
        most = features["bytes"] * factor + offset
        upper = np.ceil(np.where(inside, evaluate_many(self.upper, sums, confidence), most))
        return Estimates(_rounded_many(sums), upper, inside)

    def upper_bound(self, text: str | bytes, confidence: float = 0.95) -> float:
        """Return a number of tokens that the text exceeds with a probability of at most 1 - confidence.

        Out of the model's domain it is the most tokens that the text's bytes can have, or infinite where
        nobody knows that. Else it is a whole number too.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        return self._of(text).upper_bound(confidence)

    def lower_bound(self, text: str | bytes, confidence: float = 0.95) -> int:
        """Return a number of tokens that the text falls below with a probability of at most 1 - confidence.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        return self._of(text).lower_bound(confidence)

    def decide(
        self, text: str | bytes, limit: float, confidence: float = 0.95, exact: Exact = NEVER
    ) -> Decision:
        """Say whether a text fits a limit of tokens: `fits`, `exceeds`, or `ask` the provider.

        It is a string, whose `step` and `reason` say what decided: see `Total.decide`. A text whose bytes
        cannot have more tokens fits at once. With exact="installed" a tokenizer that is installed for the
        model's family counts the texts that the bounds cannot decide on; `exact` may also be the path of a
        tokenizer.json. Out of the model's domain a text fits only if its bytes cannot have more tokens, or if
        it was counted; `out_of_domain` says why it is to ask.

        Raises:
            InputError: the model was exported without bounds of that level, or `exact` is not known.
            MissingExtraError: a tokenizer.json is given, and `tokenizers` is not installed.
        """
        checked(exact)
        if self.byte_bound and at_level(self.upper, confidence):
            size = len(text) if isinstance(text, bytes) or text.isascii() else len(encode(text))
            if (most := self.byte_bound.tokens(size)) <= limit:
                return Decision("fits", "bytes", f"its bytes cannot have more than {most:,} tokens")
        total = replace(self._of(text), counter=self.counter([text]))
        return total.decide(limit, confidence, exact)

    def counter(self, texts: Sequence[str | bytes]) -> Callable[[Exact], ExactCount]:
        """Return what asks an exact tokenizer for texts, each with the framing that the labels hold."""
        framing = sum(message_framing(self.model)) * len(texts) if self.counts_of in MESSAGES else 0.0
        return partial(count_exactly, self.model, self.counts_of, texts, framing)

    def out_of_domain(self, text: str | bytes) -> str:
        """Return why a text is unlike the training records, "" if it is not: then bounds hold as promised.

        A feature, or a ratio of two, may lie a tenth outside of the range seen in training. A text is outside
        too where many of its n-grams are rare in the training of the model's table.
        """
        return out_of_domain(self.domain, self.domain_features(text))

    def in_domain(self, features: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        """Return whether `out_of_domain` finds nothing in texts with these features, of shape (texts,) each.

        A feature or ratio that is not given is not looked at.
        """
        return in_domain(self.domain, features)

    def messages(self, messages: Sequence[Message], framing: float | None = None) -> Total:
        """Return the estimate of chat messages: of each one's content, and of the tokens that frame it.

        A message has a `role` and a `content`: a string, or a list of parts of type "text". `framing` is the
        number of tokens to add for each message. By default, for a model whose labels count messages, it is
        what the provider adds to a request and to each of its messages, minus what the intercept holds of it.
        For one whose labels are counts of texts alone it is 8 for each message: nothing in the records tells,
        and providers count 6 to 8 for one message. A lower bound goes without framing that is not given.

        >>> total = Estimator.for_model("gpt-5.4").messages(
        ...     [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]
        ... )
        >>> total.tokens, total.upper_bound(0.95)
        (15, 17)

        Raises:
            InputError: a message has no role or content, or a part that is not text, such as an image; or
                `framing` is not given and the model does not say what its labels are counts of.
        """
        texts = [encode(message_text(message, place)) for place, message in enumerate(messages)]
        found = [self._measured(text) for text in texts]
        total = self.total(found, *chat_framing(self, len(texts), framing))
        return replace(total, counter=self.counter(texts))

    def request(self, body: Any, model: str = "", wire_format: str = "") -> "RequestTotal":  # noqa: ANN401 - a mapping, JSON or an SDK's object
        """Return the estimate of a whole request, as it is sent to a provider.

        `body` is a mapping, JSON text or bytes, or an SDK's object, in the format of Anthropic's messages
        (Bedrock's invoke and Converse too), OpenAI's chat completions or responses, or Gemini's content.
        `model` is the model's name where the body has none, `wire_format` one of `anthropic`, `converse`,
        `openai_chat`, `openai_responses` and `gemini` where the fields do not tell. A model of texts takes
        the shipped model of whole requests of its family.

        Raises:
            InputError: the body is in none of these formats, or there is no model of requests of the family.
        """
        from .request import request_model_for, request_total  # noqa: PLC0415 - takes a third of the import

        if self.counts_of == REQUEST:
            return request_total(self, body, model, wire_format)
        return request_total(request_model_for(self.model), body, model, wire_format, otherwise=self.model)

    def with_context(self, known_tokens: int = 0) -> RunningCount:
        """Return a count of a context that grows, of which the provider counted `known_tokens` so far."""
        return RunningCount(self, known_tokens)

    def truncate(self, text: AnyStr, limit: int, confidence: float = 0.95) -> AnyStr:
        """Return as much of the beginning of a text as has an upper bound of at most `limit` tokens.

        It is all of the text if that fits, and is never cut inside of a code point, but at the end of a line
        or else before a space if there is one in the last twentieth. The bound is that of texts of the
        model's domain: an OutOfDomainWarning says where what is kept may not fit.

        Raises:
            InputError: not even the first character fits, or the model has no bound of that level.
        """
        kept = cutting.truncate(self, text, limit, confidence)
        cutting.warn_of(cutting.unsure(self, [kept], limit, confidence))
        return kept

    def split(self, text: AnyStr, size: int, overlap: int = 0, confidence: float = 0.95) -> list[AnyStr]:
        """Return pieces of a text whose upper bounds are at most `size` tokens, cut as `truncate` does.

        Without overlap they are the text, put together. With it each piece but the first begins with the end
        of the one before: as much as is estimated at `overlap` tokens, or less where that begins a line or a
        word, or where the piece would otherwise bring nothing new. An OutOfDomainWarning says where
        pieces may not fit, as for `truncate`.

        Raises:
            InputError: a single character does not fit, `overlap` is more than half of `size`, or the model
                has no bound of that level.
        """
        pieces = cutting.split(self, text, size, overlap, confidence)
        cutting.warn_of(cutting.unsure(self, pieces, size, confidence))
        return pieces

    def _of(self, text: str | bytes) -> Total:
        return self.total([self._measured(text)])

    def _measured(self, text: str | bytes) -> TextEstimate:
        return self.of_features(self.domain_features(text))


def _several(texts: Sequence[str | bytes]) -> Sequence[str | bytes]:
    if isinstance(texts, str | bytes):  # it is a sequence, too, and its letters would be the texts
        raise TypeError(f"A list of texts is needed, and a single {type(texts).__name__} was given.")
    return texts


def _encoded(texts: Sequence[str | bytes]) -> list[str | bytes]:
    # Once for all features; a string of ASCII is its own UTF-8.
    return [text if isinstance(text, bytes) or text.isascii() else encode(text) for text in _several(texts)]


def _rounded_many(linear_sums: Floats) -> Integers:
    return np.maximum(0, np.floor(linear_sums + 0.5)).astype(np.int64)
