"""Diagnostics find what was planted: a feature, an outlier, a coefficient, a source never seen."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from tests.conftest import load_part
from token_approx.fitting.candidates import Candidate, LinearFit, Model, fit
from token_approx.fitting.comparison import Comparison, compare
from token_approx.fitting.cross_validation import ComparisonSettings
from token_approx.fitting.dataset import Dataset, Floats, read_dataset
from token_approx.fitting.feature_sets import exactly
from token_approx.fitting.search import Grid
from token_approx.fitting.selection import SelectionRule
from token_approx.fitting.splits import random_split
from token_approx.reporting import diagnostics
from token_approx.reporting.diagnostic_figures import diagnostic_figures
from token_approx.reporting.figures import png
from token_approx.reporting.label_efficiency import label_efficiency

MakeRecords = Callable[..., Path]
SETTINGS = ComparisonSettings(
    grouped=False, folds=4, repeats=2, curve_sizes=3, curve_repeats=1, resamples=50, seed=1
)
ORIGIN = Model(partial(LinearRegression, fit_intercept=False))


def run(dataset: Dataset, *features: str, **models: Model) -> Comparison:
    """Compare models, least squares if none is named, on one feature set."""
    return compare(
        dataset,
        partial(random_split, test_size=0.2, seed=1),
        {"chosen": partial(exactly, names=features)},
        models or {"ols": Model(LinearRegression)},
        Grid(workers=1),
        SETTINGS,
        SelectionRule(("ols", "ols_origin", "ridge", "huber"), by="cv", margin=0.0, sane=False),
    )


def with_tokens(dataset: Dataset, **places: float) -> Dataset:
    """Return the dataset with some records' tokens, by id, replaced."""
    tokens = dataset.tokens.copy()
    for name, value in places.items():
        tokens[dataset.ids.index(name)] = value
    return replace(dataset, tokens=tokens)


def test_ablation_tells_needed_from_useless(make_records: MakeRecords) -> None:
    """Tokens are made of bytes and words: without one the error multiplies; without lines it stays."""
    found = run(read_dataset("d", str(make_records(80))), "bytes", "words", "lines")
    table = diagnostics.ablation(found, SETTINGS)
    assert table["dropped"].tolist() == ["nothing", "bytes", "words", "lines"]
    changes = table.set_index("dropped")["mae_change_percent"]
    assert table["cv_mae"][0] == pytest.approx(found.winner.cv["mae"])
    assert changes["nothing"] == 0
    assert changes["lines"] == pytest.approx(0, abs=1e-6)
    assert changes["words"] > 1000
    assert changes["bytes"] > changes["words"]
    assert (table["mape_change"][1:3] > 1).all()


def test_an_only_feature_is_held_against_the_mean(make_records: MakeRecords) -> None:
    """Without its one feature, even a model through the origin is measured as the mean of the tokens is."""
    dataset = read_dataset("d", str(make_records(80)))
    tokens = dataset.tokens[run(dataset, "bytes").train]
    for models in ({}, {"ols_origin": ORIGIN}):
        table = diagnostics.ablation(run(dataset, "bytes", **models), SETTINGS)
        assert table["dropped"].tolist() == ["nothing", "bytes"]
        assert table["cv_mae"][1] == pytest.approx(np.abs(tokens - tokens.mean()).mean(), rel=0.03)


def test_intervals_cover_the_true_coefficients(make_records: MakeRecords) -> None:
    """The interval holds the coefficient that made the tokens, and is no wider than the noise allows."""
    found = run(read_dataset("d", str(make_records(200, noise=50.0))), "bytes", "words")
    table = diagnostics.coefficient_stability(found, SETTINGS).set_index("term")
    for term, truth, width in (("bytes", 0.25, 0.02), ("words", 0.5, 0.1)):
        row = table.loc[term]
        assert row["low"] < truth < row["high"] < row["low"] + width
        assert row["low"] < row["fitted"] < row["high"]
        assert row["sd"] == pytest.approx((row["high"] - row["low"]) / 3.92, rel=0.3)
        assert row["same_sign"] == 1


def test_a_feature_of_noise_has_no_steady_sign(make_records: MakeRecords) -> None:
    """The coefficient of a feature that tokens do not depend on covers 0 and changes its sign."""
    dataset = read_dataset("d", str(make_records(200, noise=50.0)))
    noise = np.random.default_rng(5).normal(size=len(dataset))
    dataset = replace(dataset, features=dataset.features.assign(noise=noise))
    table = diagnostics.coefficient_stability(run(dataset, "bytes", "words", "noise"), SETTINGS)
    row = table.set_index("term").loc["noise"]
    assert row["low"] < 0 < row["high"]
    assert row["same_sign"] < 0.95


@pytest.mark.parametrize(
    ("sources", "whole"),
    [(("a", "b", "b", "b"), False), (tuple(f"s{n}" for n in range(12)), True)],
)
def test_resamples_keep_sources_together(
    make_records: MakeRecords,
    monkeypatch: pytest.MonkeyPatch,
    sources: tuple[str, ...],
    whole: bool,  # noqa: FBT001 - what the sources of this case call for
) -> None:
    """Few sources keep their share in every resample; many are drawn whole."""
    found = run(read_dataset("d", str(make_records(60, sources))), "bytes")
    names = dict(zip(found.dataset.features["bytes"], found.dataset.sources, strict=True))
    own = pd.Series(found.dataset.sources[found.train]).value_counts()
    drawn = []

    def spy(candidate: Candidate, X: Floats, tokens: Floats) -> LinearFit:
        drawn.append(pd.Series(X[:, 0]))
        return fit(candidate, X, tokens)

    monkeypatch.setattr(diagnostics, "fit", spy)
    diagnostics.coefficient_stability(found, SETTINGS, 20)
    assert len(drawn) == 20
    for rows in drawn:
        counts = rows.map(names).value_counts()
        if whole:
            assert (counts % own[counts.index] == 0).all()
        else:
            assert counts.to_dict() == own.to_dict()
    if whole:
        assert any(len(rows.map(names).unique()) < len(own) for rows in drawn)


def test_the_planted_outlier_is_the_most_influential(make_records: MakeRecords) -> None:
    """A record with 3,000 tokens too many stands first, and its removal lowers the mean as a refit does."""
    dataset = read_dataset("d", str(make_records(60)))
    number = run(dataset, "bytes", "words").train[7]
    name = dataset.ids[number]
    found = run(with_tokens(dataset, **{name: dataset.tokens[number] + 3000}), "bytes", "words")
    table = diagnostics.influence(found)
    assert len(table) == len(found.train)
    first = table.iloc[0]
    assert first["id"] == name
    assert first["mean_change"] < 0
    assert abs(first["mean_change"]) > 10 * abs(table["mean_change"][1])
    others = found.train[found.train != number]
    X = dataset.matrix(("bytes", "words"))
    refitted = LinearRegression().fit(X[others], found.dataset.tokens[others])
    before = found.estimates(found.train).mean()
    assert first["mean_change"] == pytest.approx(refitted.predict(X[found.train]).mean() - before)
    assert first["mean_change_percent"] == pytest.approx(100 * first["mean_change"] / before)


def test_influence_of_many_records_is_sampled(make_records: MakeRecords) -> None:
    """Of 720 training records 500 different ones are left out, others with another seed."""
    found = run(read_dataset("d", str(make_records(900))), "bytes")
    one, again, other = (set(diagnostics.influence(found, seed)["id"]) for seed in (1, 1, 2))
    assert len(one) == 500
    assert one == again != other


def test_residuals_are_signed_and_say_their_side(make_records: MakeRecords) -> None:
    """Estimate minus truth, per cent of the truth but of no fewer than 20 tokens, on all records once."""
    dataset = read_dataset("d", str(make_records(60)))
    names = [dataset.ids[number] for number in run(dataset, "bytes").test[:2]]
    found = run(with_tokens(dataset, **dict(zip(names, (4.0, 5000.0), strict=True))), "bytes")
    table = diagnostics.residuals(found).set_index("id")
    assert sorted(table.index) == sorted(dataset.ids)
    assert (table["side"] == "test").sum() == len(found.test)
    for name, truth, base in zip(names, (4, 5000), (20, 5000), strict=True):
        row = table.loc[name]
        assert row["side"] == "test"
        assert row["error"] == pytest.approx(row["estimate"] - truth)
        assert row["deviation"] == pytest.approx(100 * row["error"] / base)
        assert row["bytes"] == dataset.features["bytes"][dataset.ids.index(name)]


def two_prices(sizes: tuple[int, int]) -> Dataset:
    """Return sources `low`, at a quarter token a byte, and `high`, at a half, both without noise."""
    n = sum(sizes)
    size = np.random.default_rng(0).integers(1000, 20_000, n).astype(float)
    sources = np.array(["low"] * sizes[0] + ["high"] * sizes[1])
    tokens = size * np.where(sources == "low", 0.25, 0.5)
    return Dataset(
        name="d",
        reference_model="m",
        path=Path("made-up"),
        ids=tuple(f"r{number}" for number in range(n)),
        features=pd.DataFrame({"bytes": size, "ngram_x": size}),
        tokens=tokens,
        sources=sources,
        categories=np.array([""] * n),
    )


def test_the_source_left_out_takes_no_part_in_the_fit() -> None:
    """Fitted on one price alone the other is wrong by exactly 50 or 100 %, at every size and draw."""
    dataset = two_prices((30, 8))
    table = label_efficiency(dataset, np.arange(38), SETTINGS, sizes=(2, 5, 25, 50), repeats=6)
    both, one = table[table["left_out"] == 2], table[table["left_out"] == 1]
    assert both["feature_set"].unique().tolist() == ["bytes", "ngram_x"]
    for name in ("mape", "median", "low", "high"):
        np.testing.assert_allclose(both[name], 75, rtol=1e-6)
        np.testing.assert_allclose(one[name], 50, rtol=1e-6)
    # Beside `low` lie 8 records, beside `high` 30; nowhere 50.
    assert both["samples"].tolist() == [2, 5] * 2
    assert one["samples"].tolist() == [2, 5, 25] * 2
    assert one["unseen"].unique().tolist() == ["high"]


def test_rows_outside_the_training_records_take_no_part() -> None:
    """With the other records' tokens turned to nonsense, label efficiency stays the same."""
    dataset, train = two_prices((30, 30)), np.arange(5, 55)
    spoilt = with_tokens(dataset, **{f"r{number}": 10**6 for number in (0, 4, 55, 59)})
    tables = [label_efficiency(some, train, SETTINGS, (5, 10), 3) for some in (dataset, spoilt)]
    pd.testing.assert_frame_equal(tables[0], tables[1])


def test_a_good_feature_needs_fewer_labels(make_records: MakeRecords) -> None:
    """A feature near the tokens beats four counts at 5 samples, where the counts fit 5 terms to 5 records."""
    dataset = read_dataset("d", str(make_records(80, noise=100.0)))
    near = dataset.tokens * np.random.default_rng(1).normal(1, 0.01, len(dataset))
    dataset = replace(dataset, features=dataset.features.assign(ngram_a=near, ngram_claude_3=near))
    table = label_efficiency(dataset, np.arange(80), SETTINGS).set_index(["feature_set", "samples"])["mape"]
    assert set(table.index.get_level_values(0)) == {"basic", "bytes", "ngram_claude_3"}
    assert table["ngram_claude_3", 5] < table["basic", 5] / 5
    assert table["basic", 25] < table["basic", 5]


def test_one_source_has_no_label_efficiency(make_records: MakeRecords) -> None:
    """With nothing to leave out there are no rows, and no figure."""
    found = run(read_dataset("d", str(make_records(40, ("a",)))), "bytes")
    tables = diagnostics.tables(found, SETTINGS)
    assert tables["label_efficiency"].empty
    assert "label_efficiency" not in diagnostic_figures(found, tables)


def test_learning_curves_are_every_candidates(make_records: MakeRecords) -> None:
    """All candidates' curves stand in the table as they were measured, the best candidate's first."""
    found = run(
        read_dataset("d", str(make_records(60))), "bytes", **load_part("estimator", "ridge"), ols=ORIGIN
    )
    table = diagnostics.learning_curves(found)
    assert list(dict.fromkeys(table["candidate"])) == [e.candidate.name for e in found.ranked]
    for evaluation in found.ranked:
        mine = table[table["candidate"] == evaluation.candidate.name].drop(columns="candidate")
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), evaluation.curve)


def test_tables_are_seeded_and_drawn(make_records: MakeRecords) -> None:
    """Twice the same seed gives the same tables, another seed others; each has its figure."""
    found = run(read_dataset("d", str(make_records(60))), "bytes", "words")
    one, again, other = (
        diagnostics.tables(found, settings) for settings in (SETTINGS, SETTINGS, replace(SETTINGS, seed=2))
    )
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, again[name], check_exact=True)
    for name in ("ablation", "coefficient_stability", "label_efficiency"):
        assert not one[name].equals(other[name])
    drawn = diagnostic_figures(found, one)
    assert set(drawn) == set(one) - {"residuals"} | {"residuals_by_size", "residuals_by_feature"}
    assert all(png(figure, dpi=50).startswith(b"\x89PNG") for figure in drawn.values())


def test_sizes_tenfold_apart_are_drawn_on_a_logarithmic_axis(make_records: MakeRecords) -> None:
    """Tokens from about 100 to 10,000 are; those of a constant feature are not."""
    found = run(read_dataset("d", str(make_records(60))), "bytes")
    drawn = diagnostic_figures(found, diagnostics.tables(found, SETTINGS))
    assert drawn["residuals_by_size"].axes[0].get_xscale() == "log"
    scales = {axes.get_xlabel(): axes.get_xscale() for axes in drawn["residuals_by_feature"].axes}
    assert scales == {"bytes": "log", "runes": "log", "words": "log", "lines": "linear"}


def test_the_winner_is_drawn_among_the_best(make_records: MakeRecords) -> None:
    """A winner that ten candidates beat by CV still stands in the learning curves."""
    found = run(read_dataset("d", str(make_records(60))), "bytes")
    curve = diagnostics.learning_curves(found)
    curves = pd.concat([curve.assign(candidate=name) for name in "abcdefghijklm"])
    drawn = diagnostic_figures(
        found, diagnostics.tables(found, SETTINGS) | {"learning_curves": pd.concat([curves, curve])}
    )
    labels = drawn["learning_curves"].axes[0].get_legend_handles_labels()[1]
    assert labels == [*"abcdefghij", f"{found.winner.candidate.name}  (winner)"]
