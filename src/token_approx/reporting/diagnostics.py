"""What a winner rests on: its features, its records, their number, and how it errs, as tables."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.linear_model import LinearRegression

from token_approx.fitting.candidates import Candidate, FitError, Model, fit
from token_approx.fitting.comparison import Comparison
from token_approx.fitting.cross_validation import (
    MOST_SOURCES_LEFT_OUT_ALONE,
    ComparisonSettings,
    cross_validate,
)
from token_approx.fitting.dataset import Indices, Names
from token_approx.fitting.metrics import SHORT
from token_approx.reporting.label_efficiency import label_efficiency

MOST_LEFT_OUT = 500
# A candidate whose one feature is dropped: a constant, on which least squares gives the mean.
MEAN = Candidate("mean", Model(LinearRegression), "intercept", ())
# The winner's own fit has validated parameters and data; doing so in 1,000 more doubles their time.
_unchecked = partial(config_context, assume_finite=True, skip_parameter_validation=True)


def tables(comparison: Comparison, settings: ComparisonSettings) -> dict[str, pd.DataFrame]:
    """Return every diagnostic table by its name; `label_efficiency` is of the training records."""
    return {
        "ablation": ablation(comparison, settings),
        "coefficient_stability": coefficient_stability(comparison, settings),
        "influence": influence(comparison, settings.seed),
        "residuals": residuals(comparison),
        "learning_curves": learning_curves(comparison),
        "label_efficiency": label_efficiency(comparison.dataset, comparison.train, settings),
    }


def ablation(comparison: Comparison, settings: ComparisonSettings) -> pd.DataFrame:
    """Return the winner's cross-validated errors without each of its features, the most missed first.

    The first row, `dropped` "nothing", is the winner itself; `mae_change` (tokens), `mae_change_percent`
    and `mape_change` (points) are against it. Without its only feature, the mean of the fitted tokens is
    measured. A row without numbers found no solution.
    """
    winner, train = comparison.winner.candidate, comparison.train
    tokens, sources = comparison.dataset.tokens[train], comparison.dataset.sources[train]
    rows = []
    for dropped in ("nothing", *winner.features):
        kept = [name for name in winner.features if name != dropped]
        X = comparison.dataset.matrix(kept, train) if kept else np.zeros((len(train), 1))
        try:
            with _unchecked():
                errors = cross_validate(winner if kept else MEAN, X, tokens, sources, settings)
        except FitError:
            errors = {"mae": np.nan, "mape": np.nan}
        rows.append({"dropped": dropped, "cv_mae": errors["mae"], "cv_mape": errors["mape"]})
    table = pd.DataFrame(rows)
    table["mae_change"] = table["cv_mae"] - table["cv_mae"][0]
    table["mae_change_percent"] = 100 * table["mae_change"] / table["cv_mae"][0]
    table["mape_change"] = table["cv_mape"] - table["cv_mape"][0]
    most_missed = table[1:].sort_values("mae_change", ascending=False, kind="stable")
    return pd.concat([table[:1], most_missed], ignore_index=True)


def coefficient_stability(
    comparison: Comparison, settings: ComparisonSettings, resamples: int = 200
) -> pd.DataFrame:
    """Return how the winner's terms vary over bootstrap resamples of its training records.

    `fitted` is the winner's own value; `mean`, `sd`, `low` and `high` (2.5th and 97.5th percentile) are
    over the `resamples` that have a solution; `same_sign` is the share of them with the sign of the fitted
    value. `feature_sd` is the feature's standard deviation over the training records (0: the intercept).

    Records are drawn within their sources; of more than ten sources, whole sources are drawn, because the
    records of one are alike.

    Source: Davison, A. C. & Hinkley, D. V. (1997). Bootstrap methods and their application, 3.2 and 3.8.
    """
    winner, train = comparison.winner, comparison.train
    X = comparison.dataset.matrix(winner.candidate.features, train)
    tokens, sources = comparison.dataset.tokens[train], comparison.dataset.sources[train]
    drawn = []
    for rows in _resamples(sources, resamples, settings.seed):
        try:
            with _unchecked():
                fitted = fit(winner.candidate, X[rows], tokens[rows])
        except FitError:
            continue
        drawn.append([fitted.intercept, *fitted.coefficients])
    own = np.array([winner.fit.intercept, *winner.fit.coefficients])
    values = np.array(drawn) if drawn else np.full((1, len(own)), np.nan)
    low, high = np.percentile(values, [2.5, 97.5], axis=0)
    return pd.DataFrame(
        {
            "term": ["intercept", *winner.candidate.features],
            "fitted": own,
            "mean": values.mean(axis=0),
            "sd": values.std(axis=0),
            "low": low,
            "high": high,
            "same_sign": (np.sign(values) == np.sign(own)).mean(axis=0),
            "feature_sd": [0.0, *X.std(axis=0)],
            "resamples": len(drawn),
        }
    )


def influence(comparison: Comparison, seed: int = 0) -> pd.DataFrame:
    """Return how the winner's estimates change as each training record is left out, the largest first.

    `mean_change` (tokens) and `mean_change_percent` are of the mean estimate over all training records,
    refitted minus fitted; `absolute_change` (tokens) is the mean size of the change, which a record that
    tilts the model without lifting it has too. Of more than 500 training records, a seeded sample of 500 is
    left out, one at a time. A row without numbers found no solution.

    Source: Cook, R. D. (1977). Detection of influential observation in linear regression.
    Technometrics 19(1).
    """
    winner, dataset, train = comparison.winner, comparison.dataset, comparison.train
    X, tokens = dataset.matrix(winner.candidate.features, train), dataset.tokens[train]
    before = winner.fit.predict(X)
    places = np.arange(len(train))
    if len(places) > MOST_LEFT_OUT:
        places = np.random.default_rng(seed).choice(places, MOST_LEFT_OUT, replace=False)
    rows = []
    for place in places:
        others = np.arange(len(train)) != place
        try:
            with _unchecked():
                change = fit(winner.candidate, X[others], tokens[others]).predict(X) - before
        except FitError:
            change = np.array([np.nan])
        rows.append(
            {
                "id": dataset.ids[train[place]],
                "source": dataset.sources[train[place]],
                "tokens": tokens[place],
                "mean_change": change.mean(),
                "mean_change_percent": 100 * change.mean() / before.mean(),
                "absolute_change": np.abs(change).mean(),
            }
        )
    return pd.DataFrame(rows).sort_values(
        "mean_change", ascending=False, kind="stable", ignore_index=True, key=np.abs
    )


def residuals(comparison: Comparison) -> pd.DataFrame:
    """Return the winner's errors on all records, with their features: one row per record.

    `error` is estimate minus truth in tokens, `deviation` the same in percent of the truth (of 20 tokens
    where it is fewer); `side` says whether the record was fitted on (`training`) or not (`test`).
    """
    dataset = comparison.dataset
    rows = np.concatenate([comparison.train, comparison.test])
    tokens, estimates = dataset.tokens[rows], comparison.estimates(rows)
    table = pd.DataFrame(
        {
            "id": np.array(dataset.ids)[rows],
            "source": dataset.sources[rows],
            "side": ["training"] * len(comparison.train) + ["test"] * len(comparison.test),
            "tokens": tokens,
            "estimate": estimates,
            "error": estimates - tokens,
            "deviation": 100 * (estimates - tokens) / np.maximum(tokens, SHORT),
        }
    )
    return table.join(dataset.features.iloc[rows].reset_index(drop=True))


def learning_curves(comparison: Comparison) -> pd.DataFrame:
    """Return the learning curves of all candidates, the best candidate's first."""
    return pd.concat(
        [e.curve.assign(candidate=e.candidate.name) for e in comparison.ranked], ignore_index=True
    )[["candidate", "records", "cv_mae", "low", "high"]]


def _resamples(sources: Names, resamples: int, seed: int) -> Iterator[Indices]:
    random = np.random.default_rng(seed)
    order = np.argsort(sources, kind="stable")
    _, starts = np.unique(sources[order], return_index=True)
    groups: list[Indices] = np.split(order, starts[1:])
    if len(groups) > MOST_SOURCES_LEFT_OUT_ALONE:
        for _ in range(resamples):
            yield np.concatenate([groups[place] for place in random.integers(0, len(groups), len(groups))])
        return
    # A source with one record has nothing to draw from: such records share a stratum.
    alone = [group for group in groups if len(group) == 1]
    strata = [group for group in groups if len(group) > 1] + ([np.concatenate(alone)] if alone else [])
    for _ in range(resamples):
        yield np.concatenate([random.choice(group, len(group)) for group in strata])
