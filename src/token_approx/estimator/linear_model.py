"""A linear model over the features of a text, before any rounding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..text import kernel
from ..text.counts import NAMES, count, count_many
from ..text.known_ngrams import rare_name
from ..text.ngrams import NgramTable

Floats = npt.NDArray[np.float64]
BASIC = frozenset({"bytes", "runes", "words", "lines"})


@dataclass(frozen=True)
class LinearModel:
    """A linear model: tokens = intercept + sum of weight * feature, in `weights` order.

    `model` is the reference model; `tables` holds the n-gram table of each feature that is a cost under one.
    """

    model: str
    intercept: float
    weights: Mapping[str, float]
    tables: Mapping[str, NgramTable] = field(default_factory=dict)

    def features(self, text: str | bytes) -> dict[str, float]:
        """Return the features of a text that the model weighs: basic counts, and costs under its tables."""
        found = {name: table.tokens(text) for name, table in self.tables.items()}
        if self.weighs_counts:
            found |= vars(count(text))
        return found

    def domain_features(self, text: str | bytes) -> dict[str, float]:
        """Return the features of a text that tell its domain: basic counts, costs, and its rare n-grams."""
        if kernel.native is None or len(self.tables) != 1:
            return vars(count(text)) | self.features(text) | self._rare(text)
        ((name, table),) = self.tables.items()
        # One pass: counting takes a tenth of it.
        size, runes, words, lines, units, pairs, threes = kernel.native.measure(table.checked_plan, text)
        found = {"bytes": size, "runes": runes, "words": words, "lines": lines, name: units * table.unit}
        return found if table.known is None else found | {rare_name(name): pairs + threes}

    def _rare(self, text: str | bytes) -> dict[str, float]:
        known = ((name, table) for name, table in self.tables.items() if table.known is not None)
        return {rare_name(name): table.rare(text) for name, table in known}

    @cached_property
    def weighs_counts(self) -> bool:
        """Whether any of the basic counts is a feature of the model."""
        return not BASIC.isdisjoint(self.weights)

    def linear_sum(self, features: Mapping[str, float]) -> float:
        """Return the estimate before rounding, in tokens, from the text's features.

        Terms are added in `weights` order after the intercept, so every language gets the same bits.

        Raises:
            InputError: a feature is missing, as one does that no text gives.
        """
        total = self.intercept
        try:
            for name, weight in self.weights.items():
                total += weight * features[name]
        except KeyError as error:
            raise _unknown(error) from None
        return total

    def linear_sum_of(self, text: str | bytes) -> float:
        """Return `linear_sum` of a text's features.

        Raises:
            InputError: as `linear_sum`.
        """
        if self._one_table is None:
            return self.linear_sum(self.features(text))
        table, weight = self._one_table
        return self.intercept + weight * table.tokens(text)

    @cached_property
    def _one_table(self) -> tuple[NgramTable, float] | None:
        # As shipped models are: dicts of features would take half of the time of a text of 200 bytes.
        if len(self.weights) != 1 or self.weights.keys() != self.tables.keys():
            return None
        (name,) = self.weights
        return self.tables[name], self.weights[name]

    def linear_sums(self, features: Mapping[str, Floats]) -> Floats:
        """Return `linear_sum` of each text, to the same bits; a feature's values are of shape (texts,)."""
        total: Floats = np.asarray(self.intercept)
        try:
            for name, weight in self.weights.items():
                total = total + weight * features[name]
        except KeyError as error:
            raise _unknown(error) from None
        return total

    def features_many(
        self, texts: Sequence[str | bytes], counts: Mapping[str, Floats] | None = None
    ) -> dict[str, Floats]:
        """Return `features` of each text, (texts,) by name, given the basic counts if known."""
        found: dict[str, Floats] = {}
        if self.weighs_counts:
            found |= counts or count_many(texts)
        for name, table in self.tables.items():
            found[name] = table.score_many(texts).astype(np.float64) * table.unit
        return found

    def domain_features_many(self, texts: Sequence[str | bytes]) -> dict[str, Floats]:
        """Return `domain_features` of each text, (texts,) by name."""
        if kernel.native is None or len(self.tables) != 1:
            found = count_many(texts)
            found |= self.features_many(texts, found)
            known = [(name, table) for name, table in self.tables.items() if table.known is not None]
            return found | {
                rare_name(name): table.rare_many(texts).astype(np.float64) for name, table in known
            }
        ((name, table),) = self.tables.items()
        units, counts = np.empty(len(texts), np.int64), np.empty((len(NAMES), len(texts)))
        unseen = np.empty((2, len(texts)), np.int64)
        kernel.native.measure_many(table.checked_plan, list(texts), units, counts, unseen)
        found = dict(zip(NAMES, counts, strict=True)) | {name: units.astype(np.float64) * table.unit}
        if table.known is not None:
            found[rare_name(name)] = unseen.sum(axis=0).astype(np.float64)
        return found


def _unknown(error: KeyError) -> InputError:
    return InputError(
        f"The feature {error.args[0]!r} cannot be computed from a text. Give its value yourself."
    )
