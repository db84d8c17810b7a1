"""Estimates, errors and bounds with every source left out in turn."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from token_approx.estimator.bounds import Bound
from token_approx.fitting.candidates import Candidate, Model
from token_approx.fitting.dataset import Dataset, read_requests
from token_approx.fitting.left_out import (
    Calibration,
    bounds_by_kind,
    errors_by_category,
    kinds_without_bound,
    left_out_estimates,
    with_none_below,
)
from token_approx.fitting.shrunk import ShrunkRegression


def _dataset(n: int, seed: int = 3) -> Dataset:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"text_user": rng.integers(10, 900, n), "tools": rng.integers(0, 3, n)}).astype(float)
    noise = rng.normal(1, 0.05, n)
    return Dataset(
        name="d",
        reference_model="m",
        path=Path("none"),
        ids=tuple(map(str, range(n))),
        features=X,
        tokens=((X["text_user"] + 40 * X["tools"] + 5) * noise).round().to_numpy(copy=True),
        sources=rng.choice(["a", "b", "c", "d"], n),
        categories=np.where(X["tools"] > 0, "tools", "plain"),
    )


def _candidate(dataset: Dataset) -> Candidate:
    expected = {"text_user": (1.0, 0.1, 0.0), "tools": (0.0, 50.0, 0.0)}
    return Candidate("shrunk", Model(lambda: ShrunkRegression(expected)), "all", dataset.names)


def test_no_estimate_is_by_a_fit_that_saw_its_source() -> None:
    """Counts of one source that are ten times as high leave its own estimates as they are."""
    dataset = _dataset(200)
    before = left_out_estimates(_candidate(dataset), dataset)
    mine = dataset.sources == "b"
    dataset.tokens[mine] *= 10
    after = left_out_estimates(_candidate(dataset), dataset)
    assert after[mine] == pytest.approx(before[mine])
    assert not np.allclose(after[~mine], before[~mine], rtol=1e-6)


def test_bounds_hold_as_often_as_they_promise_on_sources_left_out() -> None:
    """On sources that err alike, 95 % bounds hold for about 95 % of each kind."""
    dataset = _dataset(3000)
    estimates = left_out_estimates(_candidate(dataset), dataset)
    table = errors_by_category(dataset, estimates, 0.95, 200, 1).set_index("kind")
    assert table["coverage"].between(93, 97).all()
    assert table["lower_coverage"].between(93, 97).all()
    assert (table["mape_low"] <= table["mape"]).all()
    assert (table["mape"] <= table["mape_high"]).all()


def test_a_bound_that_does_not_hold_is_none() -> None:
    """A kind is named that errs otherwise on each source, or of which there are too few records, or none."""
    rng = np.random.default_rng(5)
    unseen = ["documents", "images", "options"]
    kinds = np.array((["plain"] * 100 + ["tools"] * 100) * 4)
    sources = np.repeat(["a", "b", "c", "d"], 200)
    estimates = rng.uniform(100, 1000, 800)
    tokens = estimates * rng.normal(1, 0.02, 800)

    def found(rows: slice = slice(None)) -> tuple[list[str], list[str]]:
        calibration = Calibration(tokens[rows], estimates[rows], kinds[rows])
        return kinds_without_bound(calibration, sources[rows], 0.95)

    assert found() == (unseen, [])
    tokens[(kinds == "tools") & (sources == "d")] *= 2
    assert found() == ([*unseen, "tools"], [])
    tokens[(kinds == "tools") & (sources == "d")] /= 4
    assert found() == (unseen, ["tools"])
    assert found(slice(0, None, 50)) == ([*unseen, "plain", "tools"], ["plain", "tools"])


def test_no_lower_bound_is_one_of_nothing() -> None:
    """Of a kind that is named, the lower bound is 0 at every level; the others' stay."""
    bounds = [Bound(0.95, 0.9, 0.0, 0.0, np.inf, kind) for kind in ("", "tools", "plain")]
    assert with_none_below(bounds, ["tools"]) == [
        bounds[0], bounds[2], Bound(0.95, 0.0, 0.0, 0.0, np.inf, "tools")
    ]  # fmt: skip


def test_each_kind_has_the_bounds_that_its_records_support() -> None:
    """A kind with few records has no bound of its own at a high level, the others have."""
    rng = np.random.default_rng(5)
    kinds = np.array(["plain"] * 500 + ["images"] * 30)
    estimates = rng.uniform(100, 1000, 530)
    calibration = Calibration(estimates * rng.normal(1, 0.02, 530), estimates, kinds)
    upper, lower = bounds_by_kind(calibration)
    for bounds in (upper, lower):
        of = {
            kind: {bound.confidence for bound in bounds if bound.kind == kind}
            for kind in ("", "plain", "images")
        }
        assert of == {"": {0.8, 0.9, 0.95, 0.99}, "plain": {0.8, 0.9, 0.95, 0.99}, "images": {0.8, 0.9, 0.95}}


def test_a_dataset_of_requests_holds_features_of_some_models_alone(tmp_path: Path) -> None:
    """Features of groups and formats are 0 elsewhere; requests with something uncounted are left out."""
    frame = pd.DataFrame(
        {
            "id": ["1", "2", "3", "4"],
            "repository": ["a", "a", "b", "b"],
            "provider": ["anthropic", "anthropic", "bedrock", "anthropic"],
            "model": ["claude-opus-5", "claude-opus-4-8", "claude-opus-5", "claude-opus-5"],
            "family": ["claude_4_7"] * 4,
            "format": ["anthropic", "anthropic", "converse", "anthropic"],
            "kind": ["tools"] * 4,
            "not_counted": [0, 0, 0, 2],
            "input_tokens": [10.0, 20.0, 30.0, 40.0],
            "bytes": [1.0, 2.0, 3.0, 4.0],
            "tools_on": [1.0, 1.0, 1.0, 1.0],
        }
    )
    path = tmp_path / "requests.parquet"
    frame.to_parquet(path)
    names = ["tools_on", "tools_on_of_claude_opus_5", "tools_on_of_claude_opus_5_in_converse"]
    found = read_requests("requests-x", str(path), ["claude_4_7"], names)
    assert found.ids == ("1", "2", "3")
    assert found.table == "claude_4_7"
    assert found.features.to_numpy().tolist() == [[1, 1, 1, 0], [2, 1, 0, 0], [3, 1, 1, 1]]
    alone = read_requests("requests-x", str(path), ["claude_4_7"], names, providers=["bedrock"])
    assert alone.ids == ("3",)
