"""What the README says of figures is what output/ holds."""

import re

import pandas as pd
import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_original_s_table_is_the_committed_one() -> None:
    """Every figure of the reproduced experiment stands in output/oliver-twist/tables/candidates.csv."""
    candidates = pd.read_csv(ROOT / "output/oliver-twist/tables/candidates.csv").set_index("features")
    rows = re.findall(
        r"^\| ((?:bytes|runes|words|lines)[a-z ]*) \| ([\d.]*) ?\|(.*)\|$", README, re.MULTILINE
    )
    assert {"bytes", "bytes words"} <= {features for features, *_ in rows}
    columns = [
        "test_mae",
        "test_p95_abs_error",
        "test_mape",
        "cv_mae",
        "unseen_source_mae",
        "unseen_source_mape",
    ]
    for features, published, cells in rows:
        shown = [float(cell.strip(" %")) for cell in cells.split("|")]
        found = candidates.loc[features, columns].astype(float).tolist()
        assert shown == pytest.approx(found, abs=0.0051)
        if published:
            assert float(published) == pytest.approx(found[0], abs=1e-4)


def test_the_tables_errors_are_the_committed_ones() -> None:
    """Every figure of the n-gram tables stands in output/ngram_tables/<table>/tables/summary.csv."""
    rows = re.findall(r"^\| (\w+) \| (corpus\w*) \|( \d.*)\|$", README, re.MULTILINE)
    assert len(rows) == 6
    columns = ["documents", "mape", "worst_category_mape", "within_10_percent", "short_mae"]
    for table, corpus, cells in rows:
        summary = pd.read_csv(ROOT / f"output/ngram_tables/{table}/tables/summary.csv").set_index("corpus")
        shown = [float(cell.strip(" %").replace(",", "")) for cell in cells.split("|")]
        assert shown == pytest.approx(summary.loc[corpus, columns].astype(float).tolist(), abs=0.051)


def test_bounds_and_guard_are_the_committed_ones() -> None:
    """Every figure of the bounds stands in the corpora's coverage.csv and guard.csv."""
    rows = re.findall(r"^\| (corpus-\w+) \|( \d.*)\|$", README, re.MULTILINE)
    assert len(rows) == 2
    for dataset, cells in rows:
        tables = ROOT / "output" / dataset / "tables"
        coverage = pd.read_csv(tables / "coverage.csv")
        own = coverage[(coverage["calibrated_on"] == "sources left out") & (coverage["level"] == 0.95)]
        guard = pd.read_csv(tables / "guard.csv").query("chosen")
        found = [own["coverage"].item(), own["excess"].item()]
        found += [guard[name].item() for name in ("test_avoided", "test_wrong", "confidence")]
        shown = [float(cell.strip(" %")) for cell in cells.split("|")]
        assert shown == pytest.approx(found, abs=0.051)


def test_the_default_champion_s_figures_are_the_committed_ones() -> None:
    """The errors named for the default dataset are those of output/tables."""
    tables = ROOT / "output/tables"
    candidates = pd.read_csv(tables / "candidates.csv").set_index("candidate")
    champion = candidates[candidates["champion"]].iloc[0]
    unseen = candidates["unseen_source_mape"].dropna().to_dict()
    coverage = (
        pd.read_csv(tables / "coverage.csv").query("level == 0.95").set_index("measured_on")["coverage"]
    )
    named = {
        f"{champion['test_mape']:.2f} % off (MAPE)",
        f"{champion['unseen_source_mape']:.2f} % on a book it never saw",
        f"{unseen['ols · bytes']:.2f} % off.",
        f"reach {min(unseen.values()):.2f} %",
        f"{coverage['unseen: war-and-peace']:.1f} % of War",
        f"{coverage['unseen: oliver-twist']:.0f} % of Oliver",
    }
    text = " ".join(README.split())
    assert {name for name in named if name not in text} == set()


def test_scoring_figures_are_the_committed_ones() -> None:
    """How much faster Spark scores than one process stands in output/benchmark/scoring.csv."""
    engines = pd.read_csv(ROOT / "output/benchmark/scoring.csv").set_index("engine")
    udf, files = engines.loc["spark"], engines.loc["spark-files"]
    named = {
        f"`spark` scores {udf['times_arrow']:.2f} times",
        f"`spark-files` {files['times_arrow']:.2f} times ({files['least']:.2f} to {files['most']:.2f};",
    }
    text = " ".join(README.split())
    assert {name for name in named if name not in text} == set()
