"""What is said of a model on labelled records, worked by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from token_approx.estimator.bounds import Bound
from token_approx.fitting.dataset import Dataset, Floats
from token_approx.reporting.evaluation import FEWEST_RESAMPLES, assess, coverage, metrics_table

TOKENS = np.array([100.0, 200.0, 10.0, 400.0])
SUMS = {"m/3": np.array([109.5, 190.4, -3.0, 400.0]), "chars/3.5": np.array([50.0, 100.0, 5.0, 200.0])}
BOUNDS = [
    Bound(0.9, 1.0, 12.0, 0.0, 150.0),
    Bound(0.9, 1.01, 0.0, 150.0, np.inf),
    Bound(0.95, 1.2, 0.0, 0.0, np.inf),
]


def dataset(tokens: Floats = TOKENS, categories: tuple[str, ...] = ("a", "b", "a", "b")) -> Dataset:
    """Return a dataset whose features nobody looks at."""
    n = len(tokens)
    return Dataset(
        name="d",
        reference_model="m",
        path=Path("d.jsonl"),
        ids=tuple(map(str, range(n))),
        features=pd.DataFrame({"bytes": 4 * tokens}),
        tokens=tokens,
        sources=np.array(["s"] * n),
        categories=np.array(categories),
    )


def test_estimates_are_what_a_user_gets() -> None:
    """Sums are rounded, halves up, and not below 0; bias is signed, in tokens and in percent."""
    found = assess(dataset(), SUMS, BOUNDS, np.array([True, True, False, True]), 50, 1).metrics
    # 110, 190, 0 and 400 tokens against 100, 200, 10 and 400; the text of 10 tokens has no percentage.
    assert found["evaluate/mae"] == (10 + 10 + 10 + 0) / 4
    assert found["evaluate/mape"] == pytest.approx((10 + 5 + 0) / 3)
    assert found["evaluate/bias"] == (10 - 10 - 10 + 0) / 4
    assert found["evaluate/bias_percent"] == pytest.approx((10 - 5 + 0) / 3)
    assert found["evaluate/mae_low"] <= found["evaluate/mae"] <= found["evaluate/mae_high"]
    assert found["chars_3.5/mape"] == 50
    assert found["chars_3.5/bias_percent"] == -50
    assert found["evaluate/out_of_domain"] == 1
    assert found["evaluate/records"] == 4


def test_coverage_of_the_model_s_bounds() -> None:
    """A bound is of the sum before rounding, by its size class, and holds up to its ceiling."""
    table = coverage(TOKENS, SUMS["m/3"], BOUNDS).set_index("level")
    # At 90 %: 121.5, 192.304, 12 and 404, rounded upwards; at 95 %: 131.4, 228.48, 0 and 480.
    assert table["coverage"].to_dict() == {0.9: 75, 0.95: 75}
    excess = [122 / 100, 193 / 200, 12 / 10, 404 / 400]
    expected = 100 * (float(np.mean(excess)) - 1)
    assert table["excess"].to_dict()[0.9] == pytest.approx(expected)
    found = assess(dataset(), SUMS, BOUNDS, np.ones(4, bool), 50, 1).metrics
    assert found["evaluate/coverage_95"] == 75
    assert found["evaluate/excess_90"] == pytest.approx(expected)


def test_breakdowns_and_figures() -> None:
    """Sizes are of every estimator; sources, categories and domain of the model; each has its figure."""
    found = assess(dataset(), SUMS, BOUNDS, np.array([True, True, True, False]), 50, 1)
    sizes = found.tables["errors_by_size"].set_index(["estimator", "tokens"])
    assert sizes.loc[("m/3", "under 20"), "mae"] == 10
    assert sizes.loc[("chars/3.5", "200 and more"), "mape"] == 50
    categories = found.tables["errors_by_category"].set_index("category")
    assert categories["bias_percent"].to_dict() == pytest.approx({"a": 10, "b": -2.5})
    domain = found.tables["errors_by_domain"].set_index("domain")
    assert domain["mape"].to_dict() == pytest.approx({"in domain": 7.5, "out of domain": 0})
    assert found.figures.keys() == {
        "estimate_vs_truth", "estimators", "errors_by_source", "errors_by_category", "coverage",
    }  # fmt: skip
    (axes,) = found.figures["estimators"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["m/3", "chars/3.5"]
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    assert [bar.get_width() for bar in bars] == pytest.approx([5, 50])


def test_records_without_categories_and_a_model_without_bounds() -> None:
    """What is not known is left out: no empty table, no figure of nothing, no metric without a number."""
    short = np.array([3.0, 4.0])
    found = assess(dataset(short, ("", "")), {"m": short + 1}, [], np.ones(2, bool), 20, 1)
    assert found.tables.keys() == {"metrics", "errors_by_size", "errors_by_domain", "errors_by_source"}
    assert found.figures.keys() == {"estimate_vs_truth", "estimators"}
    assert found.metrics["evaluate/bias_percent"] == pytest.approx(100 * (1 / 3 + 1 / 4) / 2)
    assert all(np.isfinite(value) for value in found.metrics.values())


def test_many_records_take_fewer_resamples() -> None:
    """A hundred thousand records are assessed in seconds, with intervals as wide as theory has them."""
    random = np.random.default_rng(0)
    tokens = random.uniform(100, 1000, 100_000)
    sums = tokens * random.normal(1.01, 0.05, len(tokens))
    many = dataset(tokens, ("",) * len(tokens))
    table = assess(many, {"m": sums}, [], np.ones(len(tokens), bool), 2000, 1).tables["metrics"]
    pd.testing.assert_frame_equal(
        table.drop(columns="estimator"), metrics_table(tokens, np.floor(sums + 0.5), FEWEST_RESAMPLES, 1)
    )
    bias = table.set_index("metric").loc["bias_percent"]
    assert bias["high"] - bias["low"] == pytest.approx(2 * 1.96 * 5 / np.sqrt(len(tokens)), rel=0.2)
