"""The learning curve of adapted tables: nested draws, an interval over seeds, groups that stay whole."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ROOT
from token_approx.benchmarks import adapting
from token_approx.benchmarks.adapting import summary

WORDS = ["alpha", "beta", "gamma", "naïve", "12", "345", "日本", ";", "(", "foo_bar\n"]


def documents(path: Path, *, shared: bool) -> None:
    """Write 80 documents whose tokens are twice their words, a quarter as test; a group may be in both."""
    random = np.random.default_rng(0)
    words = [random.choice(WORDS, random.integers(5, 40)) for _ in range(80)]
    groups = [f"g{n % 20}" if shared else f"g{n // 4}" for n in range(80)]
    pd.DataFrame(
        {
            "text": [" ".join(each) for each in words],
            "n": [2 * len(each) for each in words],
            "group": groups,
            "split": ["test" if n < 20 else "train" for n in range(80)],
        }
    ).to_parquet(path)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    """Run the benchmark on the documents of a folder."""
    monkeypatch.chdir(ROOT)
    own = [f"documents={folder}/documents.parquet", "tokens=n", f"out={folder}/adapting.csv", "fit.repeats=1"]
    monkeypatch.setattr(sys, "argv", ["adapting", *own, *arguments])
    adapting.main()


def test_a_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each size of each draw has its errors on the test documents alone, which adapting lowers."""
    documents(tmp_path / "documents.parquet", shared=False)
    run(
        monkeypatch, tmp_path, "prior=tekken,o200k_base,cl100k_base", "without=tekken", "sizes=20,50",
        "seeds=1,2", "chosen_of=40", "chosen_sizes=20",
    )  # fmt: skip
    rows = pd.read_csv(tmp_path / "adapting.csv")
    assert rows[["picked", "documents", "seed"]].to_numpy().tolist() == [
        [picked, size, seed]
        for seed in (1, 2)
        for picked, size in (("at random", 20), ("at random", 50), ("chosen", 20))
    ]
    assert (rows["adapted"] < rows["scale"]).all()
    found = summary(rows).set_index(["picked", "documents"])
    first = rows[(rows["picked"] == "at random") & (rows["documents"] == 20)]["adapted"]
    assert found.loc[("at random", 20), "adapted"] == pytest.approx(first.mean())
    half = 12.706 * first.std() / np.sqrt(2)
    assert found.loc[("at random", 20), "high"] == pytest.approx(first.mean() + half, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prior=o200k_base"], "20 groups are in the split `test` and in another"),
        (["prior=o200k_base", "sizes=many"], "sizes=many are not whole numbers"),
    ],
)
def test_what_is_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Groups on both sides of the split would flatter the error; sizes are numbers."""
    documents(tmp_path / "documents.parquet", shared="sizes=many" not in arguments)
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, *arguments)
    assert message in capsys.readouterr().err
