"""Totals of what was scored are sums by value, and a table of a readable length."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from token_approx.errors import InputError
from token_approx.scoring import parquet_output as scoring_output
from token_approx.scoring.parquet_output import totals


def test_totals_by_hand(tmp_path: Path) -> None:
    """Sums are over the texts, by value the most tokens first; a null is a value of its own."""
    rows = {
        "team": ["a", "b", "a", None, "b", "c"],
        "input_tokens": [10, 20, 5, 100, None, None],
        "upper_bound": [12, 22, 7, 110, None, None],
        "in_domain": [True, False, False, True, None, None],
    }
    for number in range(2):
        pq.write_table(pa.table(rows), tmp_path / f"part-{number:05d}.parquet")
    found = totals(tmp_path, "team")
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == [
        [None, 2, 2, 200, 220, 0],
        ["b", 4, 2, 40, 44, 2],
        ["a", 4, 4, 30, 38, 2],
        ["c", 2, 0, 0, 0, 0],
    ]
    whole = totals(tmp_path)
    assert whole.drop(columns="group").to_numpy().tolist() == [[12, 8, 270, 302, 4]]


def test_too_many_values_to_total_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of identifiers is refused before the table becomes as long as the input."""
    monkeypatch.setattr(scoring_output, "MOST_GROUPS", 3)
    rows = pd.DataFrame({"id": range(4), "input_tokens": 1, "upper_bound": 1, "in_domain": True})
    rows.to_parquet(tmp_path / "part-00000.parquet")
    with pytest.raises(InputError, match="group_by=id has more than 3 values"):
        totals(tmp_path, "id")
