"""The records that a version was tested on, kept beside its files, so that a later version meets them too.

What is kept are features and counted tokens, never a text; an id only as a hash of it.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.dataset import Dataset, Floats, Indices

FILE = "tested_records.csv"
# Of more test records, those with the smallest keys are kept, which is as good as drawing them.
MOST_KEPT = 2000
KEY, FITTED, TOKENS = "key", "fitted", "input_tokens"


@dataclass(frozen=True)
class TestedRecords:
    """A version's test records: features, counted tokens, keys (n,); the keys of those it was fitted on."""

    features: pd.DataFrame
    tokens: Floats
    keys: tuple[str, ...]
    fitted: frozenset[str]

    def unseen_by(self, other: "TestedRecords") -> "TestedRecords":
        """Return the test records that another version was not fitted on."""
        rows = np.array([key not in other.fitted for key in self.keys], dtype=bool)
        keys = tuple(key for key, kept in zip(self.keys, rows, strict=True) if kept)
        return TestedRecords(self.features[rows], self.tokens[rows], keys, self.fitted)


def tested_records(compared: Comparison) -> TestedRecords:
    """Return the test records of a comparison."""
    dataset, test = compared.dataset, compared.test
    return TestedRecords(
        features=dataset.features.iloc[test],
        tokens=dataset.tokens[test],
        keys=_keys(dataset, test),
        fitted=frozenset(_keys(dataset, compared.train)),
    )


def keep(model_id: str, tested: TestedRecords) -> None:
    """Log the records beside a logged model's files."""
    rows = tested.features.copy()
    rows[TOKENS], rows[KEY], rows[FITTED] = tested.tokens, list(tested.keys), False
    rows = rows.sort_values(KEY).head(MOST_KEPT)
    fitted = pd.DataFrame({KEY: sorted(tested.fitted), FITTED: True})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, FILE)
        pd.concat([rows, fitted]).to_csv(path, index=False, lineterminator="\n")
        MlflowClient().log_model_artifact(model_id, str(path))


def kept(uri: str) -> TestedRecords | None:
    """Return the records that a model brings, None where it brings none that can be read."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = mlflow.artifacts.download_artifacts(f"{uri.rstrip('/')}/{FILE}", dst_path=folder)
            table = pd.read_csv(path, dtype={KEY: str, FITTED: bool}, float_precision="round_trip")
            rows = table[~table[FITTED]]
            return TestedRecords(
                features=rows.drop(columns=[KEY, FITTED, TOKENS]).reset_index(drop=True),
                tokens=rows[TOKENS].to_numpy(np.float64),
                keys=tuple(rows[KEY]),
                fitted=frozenset(table.loc[table[FITTED], KEY]),
            )
        except (MlflowException, OSError, ValueError, KeyError):
            return None


def _keys(dataset: Dataset, rows: Indices | Sequence[int]) -> tuple[str, ...]:
    named = (f"{dataset.ids[row]}\t{dataset.tokens[row]:.0f}" for row in rows)
    return tuple(sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16] for name in named)
