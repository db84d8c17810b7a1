"""The winner is simple, sane, and clearly better than the baseline, or the run says so."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import load_part
from token_approx.fitting.candidates import Candidate, LinearFit, Model
from token_approx.fitting.comparison import Comparison, compare
from token_approx.fitting.cross_validation import ComparisonSettings
from token_approx.fitting.dataset import Dataset, read_dataset
from token_approx.fitting.feature_sets import exactly
from token_approx.fitting.nonnegative import NonNegativeRegression
from token_approx.fitting.sanity import Flag, Sanity
from token_approx.fitting.search import Grid
from token_approx.fitting.selection import SelectionRule
from token_approx.fitting.splits import random_split

MakeRecords = Callable[..., Path]
SETTINGS = ComparisonSettings(
    grouped=False, folds=5, repeats=2, curve_sizes=2, curve_repeats=1, resamples=200, seed=1
)
SIMPLER_FIRST = ("ols_origin", "ols", "relative_ols", "nonnegative")


def run(dataset: Dataset, rule: SelectionRule, sets: dict[str, list[str]], *models: str) -> Comparison:
    """Compare configured models on named feature sets."""
    return compare(
        dataset,
        partial(random_split, test_size=0.2, seed=1),
        {name: partial(exactly, names=names) for name, names in sets.items()},
        {name: load_part("estimator", name)[name] for name in models or ("ols",)},
        Grid(workers=1),
        SETTINGS,
        rule,
    )


def useless(path: Path, seed: int) -> Dataset:
    """Return records with a useless feature and one that the tokens follow from besides bytes."""
    dataset = read_dataset("d", str(path))
    random = np.random.default_rng(seed)
    size = dataset.features["bytes"].to_numpy()
    emoji = random.integers(0, 2000, len(dataset)).astype(float)
    features = dataset.features.assign(noise=random.normal(100, 10, len(dataset)), emoji=emoji)
    tokens = 0.25 * size + emoji + random.normal(0, 40, len(dataset))
    return replace(dataset, features=features, tokens=np.maximum(1, tokens))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tolerance", ["margin", "one_standard_error"])
def test_a_useless_feature_is_not_chosen(make_records: MakeRecords, tolerance: str, seed: int) -> None:
    """The simpler model wins unless the gain is clear: noise is left out, what helps is not."""
    dataset = useless(make_records(250, seed=seed), seed)
    helps = ["bytes", "emoji"]
    sets = {"bytes": ["bytes"], "with_noise": ["bytes", "noise"], "helps": helps, "both": [*helps, "noise"]}
    rule = SelectionRule(SIMPLER_FIRST, by="cv", tolerance=tolerance, sane=False)  # type: ignore[arg-type]
    assert run(dataset, rule, sets).winner.candidate.feature_set == "helps"


def test_sources_left_out_decide(make_records: MakeRecords) -> None:
    """Features that name the source help in folds, and not on the next source: they are not chosen."""
    dataset = read_dataset("d", str(make_records(120, sources=("a", "b", "c"), noise=30.0)))
    telling = {f"is_{name}": (dataset.sources == name).astype(float) for name in "bc"}
    dataset = replace(
        dataset,
        features=dataset.features.assign(**telling),
        tokens=dataset.tokens + 400 * (telling["is_b"] + telling["is_c"]),
    )
    sets = {"words": ["bytes", "words"], "telling": ["bytes", "words", *telling]}
    by = {
        basis: run(dataset, SelectionRule(SIMPLER_FIRST, by=basis, sane=False), sets)
        for basis in ("cv", "unseen_source")
    }
    assert by["cv"].winner.candidate.feature_set == "telling"
    assert by["unseen_source"].winner.candidate.feature_set == "words"
    assert by["unseen_source"].ranked[0] is by["unseen_source"].winner


def test_no_gain_over_bytes_makes_bytes_the_winner(make_records: MakeRecords) -> None:
    """Where another candidate only seems better, least squares on bytes is winner, and the run says why."""
    dataset = read_dataset("d", str(make_records(60)))
    size = dataset.features["bytes"].to_numpy()
    notes = set()
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(0, 300, len(size))
        noisy = replace(dataset, tokens=np.maximum(1, 500 + size / 4 + noise))
        rule = SelectionRule(("relative_ols", "ols"), by="cv", margin=0.0, sane=False)
        sets = {"bytes": ["bytes"], "more": ["bytes", "words", "lines"]}
        found = run(noisy, rule, sets, "ols", "relative_ols")
        assert found.winner.candidate.name == "ols · bytes"
        notes.add(found.selection.note)
    assert "no candidate is clearly better than least squares on bytes" in notes


def test_what_was_passed_over_is_told(make_records: MakeRecords) -> None:
    """Candidates with a lower error are listed with the reason, the lowest first."""
    dataset = read_dataset("d", str(make_records(60)))
    sets = {"bytes": ["bytes"], "both": ["bytes", "words"]}
    found = run(dataset, SelectionRule(SIMPLER_FIRST, by="cv", margin=50.0, sane=False), sets)
    assert found.winner.candidate.feature_set == "bytes"
    ((passed, reason),) = found.selection.passed_over
    assert passed.candidate.feature_set == "both"
    assert "by more than the margin" in reason


def test_flags() -> None:
    """A senseless estimate of an empty text, a negative weight, a large intercept: each is named."""
    ols = Model(make=NonNegativeRegression)
    candidate = Candidate("ols", ols, "two", ("bytes", "words"))

    def flags(intercept: float, *weights: float, smallest: float = 100.0) -> str:
        return "; ".join(
            map(str, Sanity().flags(candidate, LinearFit(intercept, np.array(weights)), smallest))
        )

    assert flags(7, 0.25, 0.1) == ""
    assert flags(-0.2, 0.25, 0.1) == ""
    assert (
        flags(-800, 0.25, 0.1)
        == "says -800 tokens for an empty text; has an intercept larger than its smallest record"
    )
    assert flags(60, 0.25, 0.1) == "says 60 tokens for an empty text"
    assert flags(0, 0.25, -0.1) == "says fewer tokens for a text with more words"
    large = Sanity().flags(candidate, LinearFit(15, np.array([0.25, 0.1])), 10.0)
    assert [flag.bars for flag in large] == [False], "that is to be known, and bars nothing"


def test_the_shape_on_small_texts() -> None:
    """A candidate that is fine on long texts and far off on short ones, against its table, is marked."""
    truth = np.concatenate([np.arange(5, 200), np.arange(200, 400)]).astype(float)
    documents = pd.DataFrame(
        {"ngram_claude_3": truth * 1.01, "claude_3": truth, "words": np.sqrt(truth) * 14}
    )
    documents = documents.assign(
        ngram_o200k_base=truth, o200k_base=truth, ngram_cl100k_base=truth, cl100k_base=truth
    )
    sanity, model = Sanity(documents), Model(make=NonNegativeRegression)

    def flags(name: str) -> list[Flag]:
        return sanity.flags(Candidate("m", model, name, (name,)), LinearFit(7.0, np.array([1.1])), 50)

    assert flags("ngram_claude_3") == []
    example, short, medium = flags("words")
    assert example.text == "says 60 tokens for a chat message of about 12"
    assert "texts of 1 to 19 tokens" in short.text
    assert "texts of 20 to 199 tokens" in medium.text
    assert all(flag.bars for flag in (example, short, medium))
    assert Sanity.read(Path("nowhere.parquet")).documents is None


def test_insane_candidates_are_passed_over_and_not_promoted(make_records: MakeRecords) -> None:
    """With a sane candidate there, one with a lower error that extrapolates badly is not winner."""
    dataset = read_dataset("d", str(make_records(60)))
    dataset = replace(dataset, tokens=dataset.tokens + 500)
    sets = {"both": ["bytes", "words"]}
    found = run(dataset, SelectionRule(SIMPLER_FIRST, by="cv"), sets, "ols", "nonnegative")
    assert found.winner.candidate.model_name == "nonnegative"
    assert found.sane
    ((_, reason),) = found.selection.passed_over
    assert re.fullmatch(r"says \d+ tokens for an empty text", reason)
    assert not found.refused
    assert [found.eligible(each) for each in found.ranked] == [True, False]
    alone = run(dataset, SelectionRule(SIMPLER_FIRST, by="cv"), sets, "ols")
    assert not alone.sane
    assert "tokens for an empty text" in alone.refused
    assert alone.winner.candidate.model_name == "ols"
    # Where none makes sense, that is no reason to pass one over.
    neither = run(
        dataset, SelectionRule(SIMPLER_FIRST, by="cv", margin=50.0), sets | {"bytes": ["bytes"]}, "ols"
    )
    assert not neither.sane
    ((_, reason),) = neither.selection.passed_over
    assert "by more than the margin" in reason


def test_nonnegative_least_squares() -> None:
    """Weights and intercept stay within their bounds, and where the truth is inside it is found."""
    random = np.random.default_rng(0)
    X = random.uniform(0, 1000, (80, 2))
    inside = NonNegativeRegression().fit(X, 7 + X @ [0.3, 0.2])
    np.testing.assert_allclose([*inside.coef_, inside.intercept_], [0.3, 0.2, 7], rtol=1e-6)
    outside = NonNegativeRegression().fit(X, -50 + X @ [0.3, -0.2])
    assert outside.coef_[1] == 0
    assert outside.intercept_ == 0
    assert NonNegativeRegression(most_intercept=0).fit(X, 7 + X @ [0.3, 0.2]).intercept_ == pytest.approx(
        0, abs=1e-6
    )
