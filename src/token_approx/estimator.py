"""model_coefs.json -> tokens. Needs numpy and the standard library alone, so any program can embed it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

# Relative, here and in `text`: a registered version carries a copy of these modules under a name of its own.
from .errors import InputError
from .text.counts import count, count_many, encode
from .text.ngrams import NgramTable

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
BASIC = frozenset({"bytes", "runes", "words", "lines"})
Decision = Literal["fits", "exceeds", "ask"]
# How far, of its value, a feature or ratio may lie outside of what was seen in training.
SLACK = 0.1


@dataclass(frozen=True)
class Line:
    """A bound: estimate * factor + offset, for estimates in [start, end) tokens."""

    confidence: float
    factor: float
    offset: float
    start: float
    end: float


class Estimates(NamedTuple):
    """What is said of several texts: each array is of shape (texts,), the first two in tokens."""

    input_tokens: Integers
    upper_bound: Integers
    in_scope: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Estimator:
    """A linear model over features: tokens = intercept + sum of weight * feature, in `weights` order.

    `tables` holds the n-gram table of each feature that is a cost under one, `upper` and `lower` the bounds,
    `domain` the range of features and of ratios of two ("bytes/words") seen in training.
    """

    model: str
    intercept: float
    weights: Mapping[str, float]
    tables: Mapping[str, NgramTable] = field(default_factory=dict)
    upper: tuple[Line, ...] = ()
    lower: tuple[Line, ...] = ()
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | str) -> "Estimator":
        """Read a model_coefs.json, ours or the original experiment's, and the tables it names beside it.

        Raises:
            InputError: a file cannot be read, lacks a coefficient, or is not the one that was named.
        """
        try:
            coefs = json.loads(Path(path).read_bytes())
            weights = {name: float(coefs[f"w_{name}"]) for name in coefs["feature_set"]}
            model, intercept = str(coefs["model"]), float(coefs["w0"])
            entries = coefs.get("tables", {}).items()
            named = {name: (str(entry["file"]), entry["sha256"]) for name, entry in entries}
            upper = tuple(_line(entry) for entry in coefs.get("upper_bound", []))
            lower = tuple(_line(entry) for entry in coefs.get("lower_bound", []))
            domain = {
                name: (float(low), float(high)) for name, (low, high) in coefs.get("domain", {}).items()
            }
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}): give a model_coefs.json") from error
        except KeyError as error:
            raise InputError(f"{path}: field {error.args[0]!r} is missing: export the model again") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: is no model_coefs.json ({error}): export the model again") from error
        tables = {name: _table(Path(path).parent / file, digest) for name, (file, digest) in named.items()}
        return cls(model, intercept, weights, tables, upper, lower, domain)

    def features(self, text: str | bytes) -> dict[str, float]:
        """Return the features of a text that the model weighs.

        Raises:
            InputError: the model weighs a feature that is no basic count and has no table.
        """
        found: dict[str, float] = {}
        if not BASIC.isdisjoint(self.weights):
            found = {name: float(value) for name, value in asdict(count(text)).items()}
        for name, table in self.tables.items():
            found[name] = table.tokens(text)
        self._check(found)
        return found

    def linear_sum(self, features: Mapping[str, float]) -> float:
        """Return the estimate before rounding, in tokens, from the text's features.

        Terms are added in `weights` order after the intercept, so every language gets the same bits.
        """
        total = self.intercept
        for name, weight in self.weights.items():
            total += weight * features[name]
        return total

    def estimate(self, text: str | bytes) -> int:
        """Return the estimated number of input tokens of a text (a string, or its UTF-8 bytes)."""
        return rounded(self.linear_sum(self.features(text)))

    def estimate_many(self, texts: Sequence[str | bytes]) -> Integers:
        """Return the estimate of each text, [estimate(text) for text in texts], int64 of shape (texts,)."""
        return _rounded_many(self.linear_sums(self._features_many(_encoded(texts))))

    def describe_many(self, texts: Sequence[str | bytes], confidence: float = 0.95) -> Estimates:
        """Return the estimate, the upper bound and whether it is in scope, of each text.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        data = _encoded(texts)
        counts = count_many(data)
        features = counts | self._features_many(data, counts)
        sums = self.linear_sums(features)
        bounds = np.ceil(self._bounds_many(self.upper, sums, confidence))
        return Estimates(_rounded_many(sums), bounds.astype(np.int64), self.in_scope(features))

    def upper_bound(self, text: str | bytes, confidence: float = 0.95) -> int:
        """Return a number of tokens that the text exceeds with a probability of at most 1 - confidence.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        return math.ceil(self._bound(self.upper, self.linear_sum(self.features(text)), confidence))

    def lower_bound(self, text: str | bytes, confidence: float = 0.95) -> int:
        """Return a number of tokens that the text falls below with a probability of at most 1 - confidence.

        Raises:
            InputError: the model was exported without a bound of that level.
        """
        return max(0, math.floor(self._bound(self.lower, self.linear_sum(self.features(text)), confidence)))

    def decide(self, text: str | bytes, limit: int, confidence: float = 0.95) -> Decision:
        """Say whether a text fits a limit of tokens: `fits`, `exceeds`, or `ask` the provider.

        Raises:
            InputError: the model was exported without bounds of that level.
        """
        total = self.linear_sum(self.features(text))
        if math.ceil(self._bound(self.upper, total, confidence)) <= limit:
            return "fits"
        return "exceeds" if math.floor(self._bound(self.lower, total, confidence)) > limit else "ask"

    def out_of_scope(self, text: str | bytes) -> str:
        """Return why a text is unlike the training records, "" if it is not: then bounds hold as promised.

        A feature, or a ratio of two, may lie a tenth outside of the range seen in training.
        """
        found = {name: float(value) for name, value in asdict(count(text)).items()} | self.features(text)
        for name, (low, high) in self.domain.items():
            above, _, below = name.partition("/")
            if above not in found or below not in ("", *found):
                continue
            if below and found[below] == 0:
                return f"{below} is 0"
            value = found[above] / found[below] if below else found[above]
            if not low * (1 - SLACK) <= value <= high * (1 + SLACK):
                return f"{name} is {value:.4g}, in training it was {low:.4g} to {high:.4g}"
        return ""

    def linear_sums(self, features: Mapping[str, Floats]) -> Floats:
        """Return `linear_sum` of each text, to the same bits; a feature's values are of shape (texts,)."""
        total: Floats = np.asarray(self.intercept)
        for name, weight in self.weights.items():
            total = total + weight * features[name]
        return total

    def in_scope(self, features: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        """Return whether `out_of_scope` finds nothing in texts with these features, of shape (texts,) each.

        A feature or ratio that is not given is not looked at.
        """
        inside = np.ones(len(next(iter(features.values()))), np.bool_)
        for name, (low, high) in self.domain.items():
            above, _, below = name.partition("/")
            if above not in features or below not in ("", *features):
                continue
            divisor = features[below] if below else np.ones(1)
            value = np.divide(features[above], divisor, out=np.full(len(inside), np.nan), where=divisor != 0)
            inside &= (low * (1 - SLACK) <= value) & (value <= high * (1 + SLACK))
        return inside

    def _features_many(
        self, data: Sequence[bytes], counts: Mapping[str, Floats] | None = None
    ) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        if not BASIC.isdisjoint(self.weights):
            found |= counts or count_many(data)
        for name, table in self.tables.items():
            found[name] = table.score_many(data).astype(np.float64) * table.unit
        self._check(found)
        return found

    def _check(self, found: Mapping[str, Any]) -> None:
        for name in self.weights:
            if name not in found:
                raise InputError(f"feature {name!r} cannot be computed from a text: give its value yourself")

    def _bounds_many(self, lines: tuple[Line, ...], linear_sums: Floats, confidence: float) -> Floats:
        level = [line for line in lines if line.confidence == confidence]
        if not level:
            raise self._no_level(lines, confidence)
        known = np.maximum(0.0, linear_sums)
        inside = [(line.start <= known) & (known < line.end) for line in level]
        return np.select(inside, [known * line.factor + line.offset for line in level])

    def _bound(self, lines: tuple[Line, ...], linear_sum: float, confidence: float) -> float:
        known = max(0.0, linear_sum)
        for line in lines:
            if line.confidence == confidence and line.start <= known < line.end:
                return known * line.factor + line.offset
        raise self._no_level(lines, confidence)

    @staticmethod
    def _no_level(lines: tuple[Line, ...], confidence: float) -> InputError:
        levels = ", ".join(f"{level:g}" for level in sorted({line.confidence for line in lines}))
        return InputError(f"no bound of confidence {confidence:g}: the model has {levels or 'none'}")


def rounded(linear_sum: float) -> int:
    """Return the estimate max(0, floor(x + 0.5)) of a linear sum x."""
    return max(0, math.floor(linear_sum + 0.5))


def _encoded(texts: Sequence[str | bytes]) -> list[bytes]:
    return [text if isinstance(text, bytes) else encode(text) for text in texts]


def _rounded_many(linear_sums: Floats) -> Integers:
    return np.maximum(0, np.floor(linear_sums + 0.5)).astype(np.int64)


def _line(entry: Mapping[str, Any]) -> Line:
    end = math.inf if entry["to"] is None else float(entry["to"])
    confidence, factor, offset, start = (float(entry[k]) for k in ("confidence", "factor", "offset", "from"))
    return Line(confidence, factor, offset, start, end)


def _table(path: Path, digest: Any) -> NgramTable:  # noqa: ANN401 - from JSON
    table = NgramTable.load(path)
    if table.file_sha256 != digest:
        raise InputError(f"{path}: is not the table that the model was fitted with: export the model again")
    return table
