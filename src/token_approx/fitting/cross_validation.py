"""Errors of a candidate on records it was not fitted on: folds, unseen sources, learning curve."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.model_selection import GroupKFold, RepeatedKFold

from token_approx.errors import InputError
from token_approx.fitting.candidates import Candidate, LinearFit, fit
from token_approx.fitting.dataset import Dataset, Floats, Indices, Names
from token_approx.fitting.metrics import mape, mean_intervals, metrics

# More sources than this are left out in groups: a fit each would cost hours and say the same.
MOST_SOURCES_LEFT_OUT_ALONE = 10
# With fewer records than this (or than features + 2), a fit says nothing about its features.
SMALLEST_FIT = 5

OnRepeat = Callable[[int, float], None]


@dataclass(frozen=True)
class ComparisonSettings:
    """How candidates are compared: folds x repeats, learning-curve sizes and repeats, seed, resamples.

    With `grouped`, no source is on both sides of a fold.
    """

    grouped: bool
    folds: int
    repeats: int
    curve_sizes: int
    curve_repeats: int
    resamples: int
    seed: int


@dataclass(frozen=True)
class Evaluation:
    """What is known of a candidate after fitting it on the training records.

    `cv` are metrics over out-of-fold estimates; `unseen` has one row per source (or group of sources) left
    out, with its metrics; `curve` one row per number of training records; `test` the metrics on the test
    records, which take no part in choosing. `out_of_fold` holds an estimate (n,) of each training record by
    a fit that did not see it: `cv` (the first repeat's folds) and, with several sources, `unseen_source`;
    `standard_errors` those of the fold means of `mae` and `mape`, for each.
    """

    candidate: Candidate
    fit: LinearFit
    cv: dict[str, float]
    unseen: pd.DataFrame
    curve: pd.DataFrame
    test: dict[str, float]
    out_of_fold: dict[str, Floats]
    standard_errors: dict[str, dict[str, float]]

    @property
    def unseen_source(self) -> dict[str, float]:
        """Return the metrics on unseen sources, each source counting the same; empty without any."""
        if self.unseen.empty:
            return {}
        return {name: float(self.unseen[name].mean()) for name in self.cv}


def evaluate(
    candidate: Candidate,
    on_repeat: OnRepeat | None,
    dataset: Dataset,
    train: Indices,
    test: Indices,
    settings: ComparisonSettings,
) -> Evaluation:
    """Compare a candidate on the training records, refit it on all of them and measure it on the test.

    `on_repeat(repeat, mae)` is called after each repeat of the cross-validation and may raise to stop it.

    Raises:
        FitError: the estimator finds no solution on some fold.
        InputError: there are fewer training records than folds.
    """
    X, tokens = dataset.matrix(candidate.features, train), dataset.tokens[train]
    sources = dataset.sources[train]
    if len(train) < settings.folds:
        raise InputError(
            f"{len(train)} training records are fewer than cross_validation.folds={settings.folds}."
            " Give fewer folds, or label more samples."
        )
    if settings.grouped and len(set(sources.tolist())) < settings.folds:
        raise InputError(
            f"{len(set(sources.tolist()))} sources are fewer than cross_validation.folds={settings.folds}."
            " Give fewer folds, or set cross_validation.grouped=false."
        )
    fitted = fit(candidate, X, tokens)
    # The fit above has validated parameters and data; doing so in each of 200 more doubles their time.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        cv, folded, fold_errors = _cross_validate(candidate, X, tokens, sources, settings, on_repeat)
        unseen, left_out = _unseen_sources(candidate, dataset, train, fitted, settings.seed)
        return Evaluation(
            candidate=candidate,
            fit=fitted,
            cv=cv,
            unseen=unseen,
            out_of_fold={"cv": folded} | ({} if left_out is None else {"unseen_source": left_out}),
            standard_errors={"cv": fold_errors, "unseen_source": _standard_errors(unseen)},
            curve=_learning_curve(candidate, X, tokens, sources, settings),
            test=metrics(dataset.tokens[test], fitted.predict(dataset.matrix(candidate.features, test))),
        )


def cross_validate(
    candidate: Candidate, X: Floats, tokens: Floats, sources: Names, settings: ComparisonSettings
) -> dict[str, float]:
    """Return the metrics over the out-of-fold estimates of records X (n, d), tokens (n,), sources (n,).

    Raises:
        FitError: the estimator finds no solution on some fold.
    """
    return _cross_validate(candidate, X, tokens, sources, settings, None)[0]


def _cross_validate(
    candidate: Candidate,
    X: Floats,
    tokens: Floats,
    sources: Names,
    settings: ComparisonSettings,
    on_repeat: OnRepeat | None,
) -> tuple[dict[str, float], Floats, dict[str, float]]:
    estimates = np.empty((settings.repeats, len(tokens)))
    means = []
    for number, (inside, outside) in enumerate(_folds(sources, settings, settings.repeats)):
        repeat, fold = divmod(number, settings.folds)
        estimates[repeat, outside] = fit(candidate, X[inside], tokens[inside]).predict(X[outside])
        absolute = np.abs(estimates[repeat, outside] - tokens[outside])
        means.append({"mae": absolute.mean(), "mape": mape(tokens[outside], absolute)})
        if on_repeat and fold == settings.folds - 1:
            on_repeat(repeat, float(np.abs(estimates[: repeat + 1] - tokens).mean()))
    # Repeats share their records: the standard error is that of one repeat's folds.
    errors = _standard_errors(pd.DataFrame(means), settings.folds)
    return metrics(np.tile(tokens, settings.repeats), estimates.ravel()), estimates[0], errors


def out_of_fold(
    candidate: Candidate, X: Floats, tokens: Floats, sources: Names, settings: ComparisonSettings
) -> Floats:
    """Return an estimate (n,) of each record by a fit on other folds."""
    estimates = np.empty(len(tokens))
    for inside, outside in _folds(sources, settings, 1):
        estimates[outside] = fit(candidate, X[inside], tokens[inside]).predict(X[outside])
    return estimates


def _standard_errors(means: pd.DataFrame, folds: int | None = None) -> dict[str, float]:
    if len(means) < 2:  # noqa: PLR2004 - a spread needs two
        return {"mae": 0.0, "mape": 0.0}
    root = np.sqrt(folds or len(means))
    return {name: float(means[name].std(ddof=1) / root) for name in ("mae", "mape")}


def _unseen_sources(
    candidate: Candidate, dataset: Dataset, train: Indices, fitted: LinearFit, seed: int
) -> tuple[pd.DataFrame, Floats | None]:
    rows = []
    X, tokens, sources = (
        dataset.matrix(candidate.features, train),
        dataset.tokens[train],
        dataset.sources[train],
    )
    all_left_out = np.full(len(tokens), np.nan)
    for seen, left_out in leave_sources_out(sources, seed):
        names = sorted(set(sources[left_out]))
        label = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        estimates = fit(candidate, X[seen], tokens[seen]).predict(X[left_out])
        all_left_out[left_out] = estimates
        rows.append({"source": label, "records": len(left_out)} | metrics(tokens[left_out], estimates))
    if dataset.held_out is not None:
        other = dataset.held_out
        estimates = fitted.predict(other.matrix(candidate.features))
        for name in sorted(set(other.sources.tolist())):
            mine = other.sources == name
            rows.append(
                {"source": name, "records": int(mine.sum())} | metrics(other.tokens[mine], estimates[mine])
            )
    return pd.DataFrame(rows), None if np.isnan(all_left_out).all() else all_left_out


def _folds(sources: Names, settings: ComparisonSettings, repeats: int) -> Iterator[tuple[Indices, Indices]]:
    if settings.grouped:
        for repeat in range(repeats):
            folds = GroupKFold(settings.folds, shuffle=True, random_state=settings.seed + repeat)
            yield from folds.split(sources, groups=sources)
    else:
        folds = RepeatedKFold(n_splits=settings.folds, n_repeats=repeats, random_state=settings.seed)
        yield from folds.split(sources)


def leave_sources_out(sources: Names, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield (seen, left out) indices with each source left out once; many sources go in ten groups."""
    n_sources = len(set(sources.tolist()))
    if n_sources > 1:
        n_groups = min(n_sources, MOST_SOURCES_LEFT_OUT_ALONE)
        folds = GroupKFold(n_splits=n_groups, shuffle=True, random_state=seed)
        yield from folds.split(sources, groups=sources)


def _learning_curve(
    candidate: Candidate, X: Floats, tokens: Floats, sources: Names, settings: ComparisonSettings
) -> pd.DataFrame:
    folds = list(_folds(sources, settings, settings.curve_repeats))
    largest = min(len(inside) for inside, _ in folds)
    smallest = min(max(SMALLEST_FIT, X.shape[1] + 2), largest)
    sizes = np.unique(np.linspace(smallest, largest, settings.curve_sizes).round().astype(int))
    errors = np.empty((len(sizes), settings.curve_repeats, len(tokens)))
    order = np.random.default_rng(settings.seed)
    for number, (inside, outside) in enumerate(folds):
        shuffled = order.permutation(inside)
        for row, size in enumerate(sizes):
            some = shuffled[:size]
            estimates = fit(candidate, X[some], tokens[some]).predict(X[outside])
            errors[row, number // settings.folds, outside] = np.abs(estimates - tokens[outside])
    by_record = errors.mean(axis=1)
    low, high = mean_intervals(by_record, settings.resamples, settings.seed)
    return pd.DataFrame({"records": sizes, "cv_mae": by_record.mean(axis=1), "low": low, "high": high})
