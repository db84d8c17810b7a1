"""The README's table of results is what its command makes of output/, and says what is in it."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ROOT
from token_approx.benchmarks import results
from token_approx.benchmarks.measuring_peers import measure_peers
from token_approx.benchmarks.results_table import MeasuredEstimate, markdown, results_table
from token_approx.errors import InputError


def test_the_committed_table_is_what_the_command_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the committed records and counts, the same figures; and the README shows them."""
    shutil.copytree(ROOT / "output", tmp_path / "output", ignore=shutil.ignore_patterns("figures"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["results"])
    results.main()
    made = (tmp_path / "output/results.md").read_text()
    assert made == (ROOT / "output/results.md").read_text()
    assert capsys.readouterr().out == made + "\n"
    assert made in (ROOT / "docs/how-it-works.md").read_text()
    ours = pd.read_csv(ROOT / "output/results.csv").groupby("measured_on").first()
    assert (ours["estimate"] == "**token-approx**").all()
    # Counts of agents' steps are differences of two: some are off, and a few dozen texts say little.
    agents = ours.index.str.contains("tool results")
    assert (ours["mape"] < np.where(agents, 4, 3))[~agents | (ours["texts"] >= 100)].all()
    assert (~agents).sum() == 4


def test_errors_and_intervals_by_hand() -> None:
    """Percent of the counted tokens over texts of 20 tokens or more; whole groups are resampled."""
    tokens = np.array([100.0, 100.0, 200.0, 10.0])
    groups = np.array(["a", "a", "b", "c"])
    table = results_table(
        MeasuredEstimate("t", tokens, groups, {"e": np.array([110.0, 110.0, 190.0, 99.0])}),
        resamples=500,
        seed=1,
    )
    (row,) = table.to_dict("records")
    assert (row["texts"], row["mape"], row["bias"]) == (3, pytest.approx(25 / 3), pytest.approx(5))
    assert [row["low"], row["high"]] == pytest.approx([5, 10]), "only a, only b: nothing between is outside"
    assert "| e | 8.3 % (5.0 to 10.0) | +5.0 % | 10.0 % | 100 % |" in markdown(table)


def test_measuring_peers_names_what_is_missing(tmp_path: Path) -> None:
    """Without the package, or a book, there is one line that says what to give."""
    frame = pd.DataFrame(
        {"id": ["1"], "split": ["test"], "text": ["x"], "o200k_base": [1], "cl100k_base": [1]}
    )
    frame.to_parquet(tmp_path / "c.parquet")
    with pytest.raises(InputError, match=r"is not the package\. Run npm install tokenx"):
        measure_peers([str(tmp_path / "c.parquet")], "test", "", [], str(tmp_path), str(tmp_path / "out"))
    with pytest.raises(InputError, match=r"is not there\. Name the folder"):
        measure_peers([], "test", str(tmp_path), ["book"], str(tmp_path), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_measuring_peers_runs_a_package_s_estimate(tmp_path: Path) -> None:
    """Each text goes to the package as it is, line ends and all, and its estimate comes back in order."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/index.mjs").write_text("export const estimateTokenCount = (text) => text.length\n")
    texts = ["two\nlines", "", "\u2028 naïve 船"]
    frame = pd.DataFrame(
        {"id": list("abc"), "split": ["test"] * 3, "text": texts}
        | dict.fromkeys(["o200k_base", "cl100k_base"], 1)
    )
    frame.to_parquet(tmp_path / "c.parquet")
    measure_peers([str(tmp_path / "c.parquet")], "test", "", [], str(tmp_path), str(tmp_path / "out"))
    found = pd.read_parquet(tmp_path / "out")
    assert found["tokenx"].tolist() == [len(text) for text in texts]
    assert set(found["dataset"]) == {"c"}
    assert "text" not in found
