"""model_coefs.json -> tokens. Needs numpy and the standard library alone, so any program can embed it."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from token_approx.errors import InputError
from token_approx.text.counts import count
from token_approx.text.ngrams import NgramTable

BASIC = frozenset({"bytes", "runes", "words", "lines"})


@dataclass(frozen=True)
class Estimator:
    """A linear model over features: tokens = intercept + sum of weight * feature, in `weights` order.

    `tables` holds the n-gram table of each feature that is a cost under one.
    """

    model: str
    intercept: float
    weights: Mapping[str, float]
    tables: Mapping[str, NgramTable] = field(default_factory=dict)

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
            named = {
                name: (str(entry["file"]), entry["sha256"]) for name, entry in coefs.get("tables", {}).items()
            }
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}): give a model_coefs.json") from error
        except KeyError as error:
            raise InputError(f"{path}: field {error.args[0]!r} is missing: export the model again") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: is no model_coefs.json ({error}): export the model again") from error
        tables = {name: _table(Path(path).parent / file, digest) for name, (file, digest) in named.items()}
        return cls(model, intercept, weights, tables)

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
        for name in self.weights:
            if name not in found:
                raise InputError(f"feature {name!r} cannot be computed from a text: give its value yourself")
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


def rounded(linear_sum: float) -> int:
    """Return the estimate max(0, floor(x + 0.5)) of a linear sum x."""
    return max(0, math.floor(linear_sum + 0.5))


def _table(path: Path, digest: Any) -> NgramTable:  # noqa: ANN401 - from JSON
    table = NgramTable.load(path)
    if table.file_sha256 != digest:
        raise InputError(f"{path}: is not the table that the model was fitted with: export the model again")
    return table
