"""The errors of whole requests on repositories left out, as a command measures them anew."""

import sys
from pathlib import Path

import pandas as pd

from tests.conftest import ROOT
from tests.stages.test_train import project

NAME = "requests-qwen"


def test_the_committed_errors_are_what_the_command_measures(tmp_path: Path) -> None:
    """For the smallest dataset: a row per kind, equal to the committed ones, and a figure."""
    done = project(
        tmp_path, sys.executable, "-m", "token_approx.benchmarks.requests", f"datasets=[{NAME}]", "output=out"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(next(tmp_path.rglob("out/requests.csv"))).set_index("kind")
    committed = pd.read_csv(ROOT / "output/requests.csv").query("dataset == @NAME").set_index("kind")
    # Limits are drawn at random over all datasets. This family's bounds held on no repository left out.
    drawn = ["decided", "wrong"]
    pd.testing.assert_frame_equal(found.drop(columns=drawn), committed.drop(columns=drawn), rtol=1e-5)
    assert (found[drawn] == 0).all(axis=None), "nothing is decided without a bound"
    assert next(tmp_path.rglob("out/figures/requests.png")).read_bytes().startswith(b"\x89PNG")


def test_missing_counts_of_the_json_are_told(tmp_path: Path) -> None:
    """One line says what to run first."""
    done = project(tmp_path, sys.executable, "-m", "token_approx.benchmarks.requests", "peers=none.parquet")
    assert done.returncode == 1
    assert "none.parquet cannot be read. Run `measure what=request_peers` first." in done.stderr
