"""A comparison chooses on training records alone, prefers the simple, and is reproducible."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import load_part
from token_approx.errors import InputError, StoreError
from token_approx.fitting.candidates import Hyperparameter, Model
from token_approx.fitting.comparison import Comparison, candidates_table, compare
from token_approx.fitting.cross_validation import ComparisonSettings, leave_sources_out
from token_approx.fitting.dataset import Dataset, read_dataset
from token_approx.fitting.feature_sets import every_subset, expand, named
from token_approx.fitting.search import Grid, Search, without_duplicates
from token_approx.fitting.selection import SelectionRule
from token_approx.fitting.splits import random_split
from token_approx.fitting.study.tpe import Tpe

MakeRecords = Callable[..., Path]
SETTINGS = ComparisonSettings(
    grouped=False, folds=4, repeats=3, curve_sizes=3, curve_repeats=1, resamples=50, seed=1
)
SIMPLER_FIRST = ("ols_origin", "ols", "ridge", "failing")


def run(
    dataset: Dataset, models: dict[str, Model], search: Search | None = None, margin: float = 0.03
) -> Comparison:
    """Compare models on all subsets of two features."""
    return compare(
        dataset,
        partial(random_split, test_size=0.2, seed=1),
        {"subsets": partial(every_subset, names=["bytes", "words"])},
        models,
        search or Grid(workers=1),
        SETTINGS,
        SelectionRule(SIMPLER_FIRST, by="cv", margin=margin, sane=False),
    )


def models(*names: str) -> dict[str, Model]:
    """Return configured models by name."""
    return {name: load_part("estimator", name)[name] for name in names}


def test_the_true_features_win(make_records: MakeRecords) -> None:
    """Tokens were made from bytes and words, so the winner has both and finds the coefficients."""
    found = run(read_dataset("d", str(make_records(60))), models("ols", "ridge"))
    assert found.winner.candidate.features == ("bytes", "words")
    np.testing.assert_allclose(found.winner.fit.coefficients, [0.25, 0.5], atol=0.01)


def test_test_records_take_no_part_in_choosing(make_records: MakeRecords) -> None:
    """With the test records' tokens turned to nonsense, the ranking and the winner stay the same."""
    dataset = read_dataset("d", str(make_records(60, noise=200.0)))
    before = run(dataset, models("ols", "ols_origin"))
    spoilt = dataset.tokens.copy()
    spoilt[before.test] = 10**6
    after = run(replace(dataset, tokens=spoilt), models("ols", "ols_origin"))
    assert [e.candidate.name for e in before.ranked] == [e.candidate.name for e in after.ranked]
    assert before.winner.candidate.name == after.winner.candidate.name
    assert before.winner.cv == after.winner.cv
    assert after.winner.test["mae"] > 10 * before.winner.test["mae"]


def test_the_simpler_wins_within_the_margin(make_records: MakeRecords) -> None:
    """With a wide margin one feature does; with none the lowest error wins."""
    dataset = read_dataset("d", str(make_records(60, noise=100.0)))
    wide, none = (
        run(dataset, models("ols", "ridge"), margin=9.0),
        run(dataset, models("ols", "ridge"), margin=0.0),
    )
    assert len(wide.winner.candidate.features) == 1
    assert wide.winner.candidate.model_name == "ols"
    assert none.winner is none.ranked[0]


def test_reproducible_in_any_number_of_processes(make_records: MakeRecords) -> None:
    """Two processes find what one finds, to the last bit."""
    dataset = read_dataset("d", str(make_records(40)))
    one, two = (candidates_table(run(dataset, models("ols", "ridge"), Grid(workers=n))) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_unseen_sources_are_never_fitted_on(make_records: MakeRecords) -> None:
    """Sources are left out whole, one at a time, or in ten groups when there are more."""
    few = read_dataset("d", str(make_records(30, ("a", "b", "c")))).sources
    many = np.array([f"s{i % 25}" for i in range(100)])
    for sources, n in ((few, 3), (many, 10)):
        folds = list(leave_sources_out(sources, 1))
        assert len(folds) == n
        assert all(not set(sources[seen]) & set(sources[out]) for seen, out in folds)
        assert sorted(np.concatenate([out for _, out in folds])) == list(range(len(sources)))
    assert not list(leave_sources_out(np.array(["a"] * 9), 1))


def test_held_out_sources_show_as_unseen(make_records: MakeRecords) -> None:
    """Sources held out of the dataset are measured, and are neither trained nor tested on."""
    path = str(make_records(60, ("a", "b", "c")))
    found = run(read_dataset("d", path, sources=["a"], held_out_sources=["c"]), models("ols"))
    assert len(found.dataset) == 20
    assert found.winner.unseen["source"].tolist() == ["c"]
    assert found.winner.unseen["records"].tolist() == [20]


def test_tpe_searches_prunes_and_is_seeded(make_records: MakeRecords, tmp_path: Path) -> None:
    """TPE makes the asked number of trials over the tunable models, prunes some, and repeats itself."""
    dataset = read_dataset("d", str(make_records(60, noise=50.0)))
    tables = []
    for name in ("one", "two"):
        search = Tpe(workers=1, trials=20, storage=f"sqlite:///{tmp_path}/{name}.db", study="s", seed=3)
        found = run(dataset, models("ols", "ridge"), search)
        assert sum(trial.number is not None for trial in found.trials) == 20
        assert len(found.trials) == search.size(models("ols", "ridge"), dict.fromkeys("abc", ())) == 23
        tables.append(candidates_table(found))
    assert {"complete", "pruned"} == set(tables[0]["state"])
    assert tables[0]["flags"][tables[0]["state"] == "pruned"].str.contains("above the median").all()
    pd.testing.assert_frame_equal(tables[0], tables[1])


class Failing:
    """An estimator that never finds a solution."""

    def fit(self, *_: object) -> None:
        """Fail as scikit-learn's solvers do."""
        raise ValueError("singular")


def test_a_candidate_tried_twice_counts_once(make_records: MakeRecords) -> None:
    """Of trials of one candidate the one with the lowest number counts; the others say so, in any order."""
    dataset = read_dataset("d", str(make_records(40)))
    found = run(dataset, models("ols"))
    first, *_ = found.trials
    trials = [replace(first, number=number) for number in (7, 2, 5)]
    kept = without_duplicates(trials)
    assert [trial.state for trial in kept] == ["duplicate", "complete", "duplicate"]
    assert {trial.reason for trial in kept if trial.state == "duplicate"} == {"the same as trial 2"}
    assert all(trial.evaluation is None for trial in kept if trial.state == "duplicate")


def test_failed_candidates_are_shown(make_records: MakeRecords) -> None:
    """A candidate without a solution stands in the table as failed; with no other there is no result."""
    dataset = read_dataset("d", str(make_records(40)))
    failing = {"failing": Model(make=Failing)}
    table = candidates_table(run(dataset, models("ols") | failing))
    assert table["state"].tolist() == ["complete"] * 3 + ["failed"] * 3
    with pytest.raises(InputError, match=r"No candidate could be fitted \(failing · bytes: no solution"):
        run(dataset, failing)


def test_settings_that_make_no_sense(make_records: MakeRecords, tmp_path: Path) -> None:
    """An unreachable database, no trials, an unranked model: one clear error each."""
    dataset = read_dataset("d", str(make_records(40)))
    ridge = models("ridge")
    with pytest.raises(StoreError, match=r"storage=nonsense:.*cannot be opened"):
        run(dataset, ridge, Tpe(1, 3, "nonsense://", "s", 1))
    with pytest.raises(InputError, match="trials=0"):
        run(dataset, ridge, Tpe(1, 0, f"sqlite:///{tmp_path}/x.db", "s", 1))
    with pytest.raises(InputError, match="simpler_first lacks the estimator 'huber'"):
        run(dataset, {"huber": ridge["ridge"]})


def test_feature_sets() -> None:
    """Sets are named by their parts; subsets are all there, smallest first; a new table needs no new name."""
    held = ["bytes", "runes", "words", "lines", "ngram_new", "ngram_own_2", "x_y"]
    basic = ("bytes", "runes", "words", "lines")
    sets = expand(named("bytes,subsets,all"), held)
    assert len(sets) == 16
    assert list(sets)[:3] == ["bytes", "runes", "words"]
    assert sets["basic"] == basic
    assert sets["all"] == tuple(held)
    assert list(expand(named("default"), held)) == [
        "bytes", "bytes_words", "basic", "ngram_new", "ngram_own_2", "all",
    ]  # fmt: skip
    assert list(expand(named("default"), ["words", "z"])) == ["all"], "what the records lack is left out"
    chosen = expand(named(["bytes_words", "basic_ngram_own_2", "ngram_new+x_y", "basic_ngram_*"]), held)
    assert chosen == {
        "bytes_words": ("bytes", "words"),
        "basic_ngram_own_2": (*basic, "ngram_own_2"),
        "ngram_new+x_y": ("ngram_new", "x_y"),
        "basic_ngram_new": (*basic, "ngram_new"),
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ngram_y", "The feature 'ngram_y' is not in every record. Valid features: bytes, runes"),
        (
            "byts",
            r"unknown features=byts \(did you mean bytes\?\)\. Valid values: default, all, subsets, basic",
        ),
        ("basic_ngram_*", r"the records hold no n-gram feature\. They hold bytes, runes"),
        ("subsets", "feature 'words' is not in every record"),
    ],
)
def test_feature_sets_that_are_none(name: str, message: str) -> None:
    """What the records lack, and what is no name, is refused with what there is."""
    with pytest.raises(InputError, match=message):
        expand(named(name), ["bytes", "runes"])


def test_hyperparameter_grids_lie_in_their_ranges() -> None:
    """What the grid tries, the search can find."""
    for name in ("ridge", "elastic_net", "huber"):
        for space in models(name)[name].hyperparameters.values():
            assert isinstance(space, Hyperparameter)
            assert all(space.low <= value <= space.high for value in space.grid)
