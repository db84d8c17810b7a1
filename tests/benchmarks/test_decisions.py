"""Decisions are measured against exact counts: shares by step, and what is wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from token_approx.benchmarks.decisions import decisions, is_wrong, measure_decisions
from token_approx.errors import InputError
from token_approx.estimator.exact import exact_tokenizer

TEXTS = ["The boats were coming in, one after the other. " * n for n in range(1, 41)]
COUNT = exact_tokenizer("o200k_base").count
TRUTHS = np.array([COUNT(text) for text in TEXTS], dtype=np.float64)


def test_what_is_wrong() -> None:
    """Only an answer that the count contradicts; to ask never is."""
    cases = [("fits", 9, 9), ("fits", 10, 9), ("exceeds", 9, 9), ("exceeds", 10, 9), ("ask", 10, 9)]
    assert [is_wrong(*case) for case in cases] == [False, True, True, False, False]


def test_shares_by_step() -> None:
    """Limits at the truth need the tokenizer, those far away do not; the shares add up to all."""
    limits = np.where(np.arange(40) % 2, TRUTHS, 10 * len(TEXTS[-1])).astype(np.int64)
    rows = pd.DataFrame(decisions("o200k_base", TEXTS, TRUTHS, limits)).set_index("step").T
    assert rows["bytes"]["decisions"] == 20
    assert rows["exact"]["decisions"] + rows["bound"]["decisions"] == 20
    assert rows["exact"]["decisions"] > 0
    assert rows["exact"]["wrong"] == 0
    assert (rows["all"]["decisions"], rows["all"]["share"]) == (40, 100)


def test_it_reads_corpora_and_writes_a_table(tmp_path: Path) -> None:
    """Documents of the split alone, with counts of their own or from another file."""
    frame = pd.DataFrame(
        {"id": range(40), "text": TEXTS, "split": ["train", "test"] * 20, "o200k_base": TRUTHS}
    )
    frame.to_parquet(tmp_path / "corpus.parquet")
    documents, out = [str(tmp_path / "corpus.parquet")], str(tmp_path / "decisions.csv")
    said = measure_decisions(documents, "test", [], ["o200k_base"], 15, 1, out)
    assert said == f"{out}: 15 decisions"
    table = pd.read_csv(out).set_index("step")
    assert table["decisions"]["all"] == 15
    assert table["wrong"]["all"] <= 100 / 15
    counts = frame[["id", "o200k_base"]].assign(corpus="corpus")
    counts.to_parquet(tmp_path / "counts.parquet")
    frame.drop(columns="o200k_base").to_parquet(tmp_path / "corpus.parquet")
    again = str(tmp_path / "again.csv")
    measure_decisions(documents, "test", [str(tmp_path / "counts.parquet")], ["o200k_base"], 15, 1, again)
    assert pd.read_csv(again).set_index("step")["decisions"]["all"] == 15
    with pytest.raises(InputError, match="what=decisions needs documents"):
        measure_decisions([], "test", [], ["o200k_base"], 15, 1, out)
