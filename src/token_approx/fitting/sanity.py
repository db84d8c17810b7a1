"""Does a candidate make sense far below the sizes it was fitted on, where programs will use it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from token_approx.fitting.candidates import Candidate, LinearFit
from token_approx.fitting.dataset import Floats
from token_approx.requests.features import COUNTS
from token_approx.requests.named import parts_of_name
from token_approx.text.features import NGRAM

# What providers add to frame one message.
MOST_TOKENS_OF_NOTHING = 20
# Percentage points that a candidate may be worse than its own table on short and medium documents.
MOST_POINTS_WORSE = 2.0
CLASSES = ((1, 20), (20, 200))
LONG = 200
# An intercept of -0.2 is still an estimate of 0.
LEAST_INTERCEPT = -0.5
# The length of a chat message, which serves as an example.
MESSAGE = 12


@dataclass(frozen=True)
class Flag:
    """What makes no sense about a candidate, in words that follow its name; `bars` it from being chosen."""

    text: str
    bars: bool = True

    def __str__(self) -> str:
        """Return the text."""
        return self.text


@dataclass(frozen=True)
class Measured:
    """Measured documents: features (n,) by name, the counted tokens (n,) by n-gram feature."""

    features: Mapping[str, Floats]
    truths: Mapping[str, Floats]
    # Errors of the tables alone, by feature: the same for every candidate.
    errors: Mapping[str, list[float]]


@dataclass(frozen=True)
class Sanity:
    """Measured documents of all sizes, on which candidates are tried (None: those checks are left out)."""

    documents: pd.DataFrame | None = None

    @cached_property
    def measured(self) -> Measured | None:
        """Return the documents' columns as arrays, taken out of the table once for all candidates."""
        return None if self.documents is None else _measured(self.documents)

    @classmethod
    def read(cls, path: Path) -> "Sanity":
        """Read the table of measured documents; without the file, the checks that need it are left out."""
        return cls(pd.read_parquet(path) if path.is_file() else None)

    def flags(self, candidate: Candidate, fit: LinearFit, smallest: float) -> list[Flag]:
        """Return what makes no sense about a fitted candidate; `smallest` is its smallest record, in tokens.

        Flags bar it from being chosen if it falls when a text grows (see `_must_grow`), its estimate of an
        empty text is not within 0 to 20 tokens, or on documents under 200 tokens, scaled by its level on
        long ones and without its intercept, its error is more than 2 points above that of the n-gram table
        it weighs most.
        """
        weights = dict(zip(candidate.features, fit.coefficients.tolist(), strict=True))
        found = []
        if not LEAST_INTERCEPT <= fit.intercept <= MOST_TOKENS_OF_NOTHING:
            found.append(f"says {fit.intercept:.0f} tokens for an empty text")
        known = self.measured
        if known is not None and not (known.truths and weights.keys() <= known.features.keys()):
            known = None
        if known is not None:
            found += _shape(known, weights)
        negative = [name for name, weight in weights.items() if weight < 0 and _must_grow(name)]
        if negative:
            found.append(f"says fewer tokens for a text with more {' or '.join(negative)}")
        if found and known is not None:
            found = [*_example(known, weights, fit.intercept), *found]
        flags = [Flag(text) for text in found]
        if abs(fit.intercept) > smallest:
            flags.append(Flag("has an intercept larger than its smallest record", bars=False))
        return flags


def barring(flags: Sequence[Flag]) -> tuple[str, ...]:
    """Return the texts of the flags that bar a candidate."""
    return tuple(flag.text for flag in flags if flag.bars)


def _must_grow(name: str) -> bool:
    """Say whether more of a feature can only be more tokens.

    Of a request's features that is so of its texts alone: a count may stand for a text that is left out, and
    what holds for a group of models is a difference from what holds for all.
    """
    return name not in COUNTS and parts_of_name(name)[1:] == (None, None)


def _shape(known: Measured, weights: Mapping[str, float]) -> list[str]:
    table = _heaviest(known, weights)
    found = _errors(known.truths[table], _sums(known, weights))
    return [
        f"is {error:.0f} % off on texts of {low} to {high - 1} tokens, {table} alone {least:.0f} %"
        for (low, high), error, least in zip(CLASSES, found, known.errors[table], strict=True)
        if error > least + MOST_POINTS_WORSE
    ]


def _example(known: Measured, weights: Mapping[str, float], intercept: float) -> list[str]:
    truth = known.truths[_heaviest(known, weights)]
    row = int(np.argmin(np.abs(truth - MESSAGE)))
    said = float(_sums(known, weights)[row]) + intercept
    far = abs(said - truth[row]) > truth[row] / 2
    return [f"says {said:.0f} tokens for a chat message of about {truth[row]:.0f}"] if far else []


def _heaviest(known: Measured, weights: Mapping[str, float]) -> str:
    # The table that contributes most to the estimates.
    return max(known.truths, key=lambda name: weights.get(name, 0.0) * known.features[name].mean())


def _sums(known: Measured, weights: Mapping[str, float]) -> Floats:
    features = np.column_stack([known.features[name] for name in weights])
    sums: Floats = features @ np.array(list(weights.values()))
    return sums


def _truth(table: str) -> str:
    # The column that counts what a table stands for has its name.
    return table.removeprefix(NGRAM)


def _measured(documents: pd.DataFrame) -> Measured:
    numbers = documents.select_dtypes("number")
    features = {str(name): numbers[name].to_numpy(np.float64) for name in numbers}
    tables = [name for name in features if name.startswith(NGRAM) and _truth(name) in features]
    truths = {name: features[_truth(name)] for name in tables}
    errors = {name: _errors(truth, features[name]) for name, truth in truths.items()}
    return Measured(features, truths, errors)


def _errors(truth: Floats, estimates: Floats) -> list[float]:
    ratio = np.median(truth[truth >= LONG] / np.maximum(estimates[truth >= LONG], 1e-9))
    relative = 100 * np.abs(estimates * ratio - truth) / np.maximum(truth, 1)
    return [float(relative[(truth >= low) & (truth < high)].mean()) for low, high in CLASSES]
