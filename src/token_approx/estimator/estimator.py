"""model_coefs.json -> tokens. Needs numpy and the standard library alone, so any program can embed it."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import AnyStr, NamedTuple

import numpy as np
import numpy.typing as npt

from ..text.counts import count, count_many, encode
from . import cutting
from .bounds import Floats, Line, bound, bounds
from .coefs_file import read_coefs
from .conversation import Message, RunningCount, framing_tokens, message_text
from .domain import in_domain, out_of_domain
from .linear_model import BASIC, LinearModel
from .total import Decision, Total, rounded

__all__ = ["BASIC", "Estimates", "Estimator", "Line", "rounded"]

Integers = npt.NDArray[np.int64]


class Estimates(NamedTuple):
    """What is said of several texts: each array is of shape (texts,), the first two in tokens."""

    input_tokens: Integers
    upper_bound: Integers
    in_domain: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Estimator(LinearModel):
    """A linear model of tokens, its bounds, and what it was fitted on.

    `upper` and `lower` are the bounds, `domain` the range of features and of ratios of two ("bytes/words")
    seen in training, `counts_of` what the labels were counts of. A text is a string, or its UTF-8 bytes.
    Several threads may use one instance.

    >>> estimator = Estimator.for_model("gpt-5.4")
    >>> text = "How many tokens will this be?"
    >>> estimator.estimate(text), estimator.upper_bound(text, confidence=0.95)
    (7, 9)
    >>> estimator.decide(text, limit=100)
    'fits'
    """

    upper: tuple[Line, ...] = ()
    lower: tuple[Line, ...] = ()
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    counts_of: str | None = None
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
        """Return the shipped estimator for a model, by its name as any provider, cloud or gateway writes it.

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
        fields = read_coefs(shipped(entry.family.name), TABLES)
        return cls(**fields | {"model": entry.name, "notice": entry.notice})

    def total(self, linear_sums: Sequence[float], known: float = 0) -> Total:
        """Return what texts with these estimates before rounding have together, with `known` tokens."""
        return Total(linear_sums, self.upper, self.lower, known)

    def estimate(self, text: str | bytes) -> int:
        """Return the estimated number of input tokens of a text."""
        return rounded(self.linear_sum_of(text))

    def estimate_many(self, texts: Sequence[str | bytes]) -> Integers:
        """Return the estimate of each text, [estimate(text) for text in texts], int64 of shape (texts,)."""
        return _rounded_many(self.linear_sums(self.features_many(texts)))

    def describe_many(self, texts: Sequence[str | bytes], confidence: float = 0.95) -> Estimates:
        """Return the estimate, the upper bound and whether it is in domain, of each text.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        data = _encoded(texts)
        features = count_many(data)
        features |= self.features_many(data, features)
        sums = self.linear_sums(features)
        upper = np.ceil(bounds(self.upper, sums, confidence)).astype(np.int64)
        return Estimates(_rounded_many(sums), upper, self.in_domain(features))

    def upper_bound(self, text: str | bytes, confidence: float = 0.95) -> int:
        """Return a number of tokens that the text exceeds with a probability of at most 1 - confidence.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        return math.ceil(bound(self.upper, self.linear_sum_of(text), confidence))

    def lower_bound(self, text: str | bytes, confidence: float = 0.95) -> int:
        """Return a number of tokens that the text falls below with a probability of at most 1 - confidence.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        return self._of(text).lower_bound(confidence)

    def decide(self, text: str | bytes, limit: int, confidence: float = 0.95) -> Decision:
        """Say whether a text fits a limit of tokens: `fits`, `exceeds`, or `ask` the provider.

        Raises:
            InputError: the model was exported without bounds of that level.
        """
        return self._of(text).decide(limit, confidence)

    def out_of_domain(self, text: str | bytes) -> str:
        """Return why a text is unlike the training records, "" if it is not: then bounds hold as promised.

        A feature, or a ratio of two, may lie a tenth outside of the range seen in training.
        """
        return out_of_domain(self.domain, asdict(count(text)) | self.features(text))

    def in_domain(self, features: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        """Return whether `out_of_domain` finds nothing in texts with these features, of shape (texts,) each.

        A feature or ratio that is not given is not looked at.
        """
        return in_domain(self.domain, features)

    def messages(self, messages: Sequence[Message], framing: float | None = None) -> Total:
        """Return the estimate of chat messages: of each one's content, and of the tokens that frame it.

        A message has a `role` and a `content`: a string, or a list of parts of type "text". `framing` is the
        number of tokens to add for each message. By default it is 0 for a model whose labels are counts of
        messages, as its estimates hold the framing, and 8 for one whose labels are counts of texts alone:
        then nothing in the records tells, and providers count 6 to 8 for one message.

        >>> total = Estimator.for_model("gpt-5.4").messages(
        ...     [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]
        ... )
        >>> total.tokens, total.upper_bound(0.95)
        (21, 23)

        Raises:
            InputError: a message has no role or content, or a part that is no text, such as an image; or
                `framing` is not given and the model does not say what its labels are counts of.
        """
        texts = [encode(message_text(message, place)) for place, message in enumerate(messages)]
        known = framing_tokens(self.counts_of, framing) * len(texts)
        return self.total(self.linear_sums(self.features_many(texts)).tolist() if texts else [], known)

    def with_context(self, known_tokens: int = 0) -> RunningCount:
        """Return a count of a context that grows, of which the provider counted `known_tokens` so far."""
        return RunningCount(self, known_tokens)

    def truncate(self, text: AnyStr, limit: int, confidence: float = 0.95) -> AnyStr:
        """Return as much of the beginning of a text as has an upper bound of at most `limit` tokens.

        It is all of the text if that fits, and is never cut inside of a code point, but at the end of a line
        or else before a space if there is one in the last twentieth.

        Raises:
            InputError: not even the first character fits, or the model has no bound of that level.
        """
        return cutting.truncate(self, text, limit, confidence)

    def split(self, text: AnyStr, size: int, overlap: int = 0, confidence: float = 0.95) -> list[AnyStr]:
        """Return pieces of a text whose upper bounds are at most `size` tokens, cut as `truncate` does.

        Without overlap they are the text, put together. With it each piece but the first begins with the end
        of the one before: as much as is estimated at `overlap` tokens, or less where that begins a line or a
        word, or where the piece would otherwise bring nothing new.

        Raises:
            InputError: a single character does not fit, `overlap` is not in 0 .. size - 1, or the model has
                no bound of that level.
        """
        return cutting.split(self, text, size, overlap, confidence)

    def _of(self, text: str | bytes) -> Total:
        return self.total([self.linear_sum_of(text)])


def _encoded(texts: Sequence[str | bytes]) -> list[bytes]:
    return [text if isinstance(text, bytes) else encode(text) for text in texts]


def _rounded_many(linear_sums: Floats) -> Integers:
    return np.maximum(0, np.floor(linear_sums + 0.5)).astype(np.int64)
