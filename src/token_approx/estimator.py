"""model_coefs.json -> tokens. Needs the standard library alone, so any program can embed it."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from token_approx.errors import InputError
from token_approx.text.counts import count


@dataclass(frozen=True)
class Estimator:
    """A linear model over features: tokens = intercept + sum of weight * feature, in `weights` order."""

    model: str
    intercept: float
    weights: Mapping[str, float]

    @classmethod
    def load(cls, path: Path | str) -> "Estimator":
        """Read a model_coefs.json, ours or the original experiment's.

        Raises:
            InputError: the file cannot be read or lacks a coefficient.
        """
        try:
            coefs = json.loads(Path(path).read_bytes())
            weights = {name: float(coefs[f"w_{name}"]) for name in coefs["feature_set"]}
            return cls(model=str(coefs["model"]), intercept=float(coefs["w0"]), weights=weights)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}): give a model_coefs.json") from error
        except KeyError as error:
            raise InputError(f"{path}: field {error.args[0]!r} is missing: export the model again") from error
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: is no model_coefs.json ({error}): export the model again") from error

    def linear_sum(self, features: Mapping[str, float]) -> float:
        """Return the estimate before rounding, in tokens, from the text's features.

        Terms are added in `weights` order after the intercept, so every language gets the same bits.
        """
        total = self.intercept
        for name, weight in self.weights.items():
            total += weight * features[name]
        return total

    def estimate(self, text: str | bytes) -> int:
        """Return the estimated number of input tokens of a text (its UTF-8 bytes or a string)."""
        return rounded(self.linear_sum(asdict(count(text))))


def rounded(linear_sum: float) -> int:
    """Return the estimate max(0, floor(x + 0.5)) of a linear sum x."""
    return max(0, math.floor(linear_sum + 0.5))
