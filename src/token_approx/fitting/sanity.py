"""Does a candidate make sense far below the sizes it was fitted on, where programs will use it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from token_approx.fitting.candidates import Candidate, LinearFit
from token_approx.fitting.dataset import Floats

# What providers add to frame one message.
MOST_TOKENS_OF_NOTHING = 20
# Percentage points that a candidate may be worse than its own table on short and medium documents.
MOST_POINTS_WORSE = 2.0
CLASSES = ((1, 20), (20, 200))
LONG = 200
TRUTHS = {
    "ngram_claude_2": "claude_legacy",
    "ngram_o200k_base": "o200k_base",
    "ngram_cl100k_base": "cl100k_base",
}
# An intercept of -0.2 is still an estimate of 0.
LEAST_INTERCEPT = -0.5
MARK = "extrapolates badly"


@dataclass(frozen=True)
class Sanity:
    """Measured documents of all sizes, on which candidates are tried (None: those checks are left out)."""

    documents: pd.DataFrame | None = None

    @classmethod
    def read(cls, path: Path) -> "Sanity":
        """Read the table of measured documents; without the file, the checks that need it are left out."""
        return cls(pd.read_parquet(path) if path.is_file() else None)

    def flags(self, candidate: Candidate, fit: LinearFit, smallest: float) -> list[str]:
        """Return what makes no sense about a fitted candidate; `smallest` is its smallest record, in tokens.

        Flags that begin with `extrapolates badly` bar it from promotion: its estimate of an empty text is not
        within 0 to 20 tokens, it falls when a text grows (a weight is negative), or on documents under 200
        tokens, scaled by its level on long ones and without its intercept, its error is more than 2 points
        above that of the n-gram table it weighs most.
        """
        weights = dict(zip(candidate.features, fit.coefficients.tolist(), strict=True))
        negative = [name for name, weight in weights.items() if weight < 0]
        flags = [f"{MARK}: a negative weight on {', '.join(negative)}"] if negative else []
        if not LEAST_INTERCEPT <= fit.intercept <= MOST_TOKENS_OF_NOTHING:
            flags.append(f"{MARK}: {fit.intercept:.0f} tokens for an empty text")
        if abs(fit.intercept) > smallest:
            flags.append("the intercept is larger than the smallest record")
        return flags + self._shape(weights)

    def _shape(self, weights: Mapping[str, float]) -> list[str]:
        if self.documents is None or not set(weights) <= set(self.documents.columns):
            return []
        contributions = {name: weights.get(name, 0.0) * self.documents[name].mean() for name in TRUTHS}
        table = max(contributions, key=lambda name: contributions[name])
        truth = self.documents[TRUTHS[table]].to_numpy(np.float64)
        estimates = self.documents[list(weights)].to_numpy(np.float64) @ np.array(list(weights.values()))
        found, own = _errors(truth, estimates), _errors(truth, self.documents[table].to_numpy())
        return [
            f"{MARK}: {error:.0f} % off on texts of {low} to {high - 1} tokens, {table} alone {least:.0f} %"
            for (low, high), error, least in zip(CLASSES, found, own, strict=True)
            if error > least + MOST_POINTS_WORSE
        ]


def _errors(truth: Floats, estimates: Floats) -> list[float]:
    ratio = np.median(truth[truth >= LONG] / np.maximum(estimates[truth >= LONG], 1e-9))
    relative = 100 * np.abs(estimates * ratio - truth) / np.maximum(truth, 1)
    return [float(relative[(truth >= low) & (truth < high)].mean()) for low, high in CLASSES]
