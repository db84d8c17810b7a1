"""The comparison that a run makes: split, search over candidates, select, test the winner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256

import numpy as np
import pandas as pd

from token_approx.errors import InputError
from token_approx.fitting.candidates import Model
from token_approx.fitting.cross_validation import ComparisonSettings, Evaluation, evaluate
from token_approx.fitting.dataset import Dataset, Floats, Indices, Split
from token_approx.fitting.feature_sets import FeatureSets, expand
from token_approx.fitting.metrics import METRICS, intervals
from token_approx.fitting.sanity import Flag, Sanity, barring
from token_approx.fitting.search import Search, Trial, without_duplicates
from token_approx.fitting.selection import Selection, SelectionRule, select


@dataclass(frozen=True)
class Comparison:
    """Everything that a run found: the candidates in order of their error, and the winner."""

    dataset: Dataset
    train: Indices
    test: Indices
    trials: tuple[Trial, ...]
    selection: Selection
    rule: SelectionRule
    flags: Mapping[str, Sequence[Flag]]
    test_intervals: dict[str, tuple[float, float]]

    @property
    def winner(self) -> Evaluation:
        """Return the chosen candidate."""
        return self.selection.winner

    @property
    def sane(self) -> bool:
        """Say whether nothing bars the winner from promotion."""
        return not self.barring(self.winner)

    @property
    def refused(self) -> str:
        """Return why the rule refuses the winner for use, "" where it does not."""
        return "; ".join(self.barring(self.winner)) if self.rule.sane else ""

    @property
    def ranked(self) -> list[Evaluation]:
        """Return the complete candidates: the winner, then the others by error, those barred at the end."""
        complete = [trial.evaluation for trial in self.trials if trial.evaluation is not None]
        return sorted(complete, key=self._place)

    def barring(self, evaluation: Evaluation) -> tuple[str, ...]:
        """Return what bars a candidate from being chosen, in words that follow its name."""
        return barring(self.flags[evaluation.candidate.name])

    def eligible(self, evaluation: Evaluation) -> bool:
        """Say whether the rule lets a candidate be chosen."""
        return not (self.rule.sane and self.barring(evaluation))

    def _place(self, evaluation: Evaluation) -> tuple[bool, bool, float, str]:
        other = evaluation is not self.winner
        barred = other and not self.eligible(evaluation)
        return barred, other, self.rule.error(evaluation), evaluation.candidate.name

    def estimates(self, rows: Indices) -> Floats:
        """Return the winner's unrounded estimates for some records, in tokens."""
        return self.winner.fit.predict(self.dataset.matrix(self.winner.candidate.features, rows))


def compare(
    dataset: Dataset,
    split: Split,
    feature_sets: Mapping[str, FeatureSets],
    models: Mapping[str, Model],
    search: Search,
    settings: ComparisonSettings,
    rule: SelectionRule,
    sanity: Sanity | None = None,
    on_trial: Callable[[Trial, int], None] = lambda *_: None,
) -> Comparison:
    """Compare candidates on the training records alone, choose one, and measure it once on the test.

    `on_trial(trial, number of trials expected)` is called as each trial ends.

    Raises:
        InputError: the dataset is too small, lacks a feature, or no candidate could be fitted.
    """
    train, test = split(dataset)
    trials = []
    sets = expand(feature_sets, list(dataset.names))
    measure = partial(evaluate, dataset=dataset, train=train, test=test, settings=settings)
    expected = search.size(models, sets)
    for trial in search.trials_of(models, sets, measure, _conditions(dataset, train, test, settings)):
        on_trial(trial, expected)
        trials.append(trial)
    trials = without_duplicates(trials)
    complete = [trial.evaluation for trial in trials if trial.evaluation is not None]
    if not complete:
        reason = trials[0].reason if trials else "the search is empty"
        raise InputError(f"No candidate could be fitted ({reason}). Choose other features or estimators.")
    smallest = float(dataset.tokens[train].min())
    tried = sanity or Sanity()
    flags = {e.candidate.name: tried.flags(e.candidate, e.fit, smallest) for e in complete}
    selection = select(complete, rule, flags, dataset.tokens[train], settings.resamples, settings.seed)
    winner = selection.winner
    estimates = winner.fit.predict(dataset.matrix(winner.candidate.features, test))
    return Comparison(
        dataset=dataset,
        train=train,
        test=test,
        trials=tuple(trials),
        selection=selection,
        rule=rule,
        flags=flags,
        test_intervals=intervals(dataset.tokens[test], estimates, settings.resamples, settings.seed),
    )


def _conditions(dataset: Dataset, train: Indices, test: Indices, settings: ComparisonSettings) -> list[str]:
    records, split = sha256(), sha256()
    for part in filter(None, (dataset, dataset.held_out)):
        records.update("\n".join((*part.names, *part.ids, *part.sources.tolist())).encode())
        records.update(part.matrix(part.names).tobytes() + part.tokens.tobytes())
    for rows in (train, test):
        split.update(rows.astype("<i8").tobytes())
    return [
        f"dataset {dataset.name}",
        f"records {records.hexdigest()[:12]}",
        f"split {split.hexdigest()[:12]}",
        *(f"{name} {value}" for name, value in asdict(settings).items()),
    ]


def candidates_table(comparison: Comparison) -> pd.DataFrame:
    """Return the leaderboard: one row per candidate tried, best first, those without a result last."""
    rows = []
    for rank, evaluation in enumerate(comparison.ranked, start=1):
        candidate = evaluation.candidate
        rows.append(
            {
                "rank": rank,
                "candidate": candidate.name,
                "title": candidate.title,
                "model": candidate.model_name,
                "feature_set": candidate.feature_set,
                "features": " ".join(candidate.features),
                "winner": evaluation is comparison.winner,
                "state": "complete",
                "eligible": comparison.eligible(evaluation),
                "flags": "; ".join(map(str, comparison.flags[candidate.name])),
                "gap_mae": evaluation.unseen_source.get("mae", np.nan) - evaluation.cv["mae"],
            }
            | {f"cv_{name}": evaluation.cv[name] for name in METRICS}
            | {f"unseen_source_{name}": value for name, value in evaluation.unseen_source.items()}
            | {f"test_{name}": evaluation.test[name] for name in METRICS}
        )
    rows += [
        {
            "candidate": trial.candidate.name,
            "title": trial.candidate.title,
            "model": trial.candidate.model_name,
            "feature_set": trial.candidate.feature_set,
            "features": " ".join(trial.candidate.features),
            "winner": False,
            "state": trial.state,
            "eligible": False,
            "flags": trial.reason,
        }
        for trial in comparison.trials
        if trial.evaluation is None
    ]
    return pd.DataFrame(rows).astype({"rank": "Int64"})


def metrics_table(comparison: Comparison) -> pd.DataFrame:
    """Return the winner's test metrics, one row each with its 95 % interval."""
    return pd.DataFrame(
        [
            {"metric": name, "value": value, "low": low, "high": high, "records": len(comparison.test)}
            for name, value in comparison.winner.test.items()
            for low, high in [comparison.test_intervals[name]]
        ]
    )


def unseen_table(comparison: Comparison) -> pd.DataFrame:
    """Return the errors on sources left out, one row per candidate and source."""
    frames = [
        evaluation.unseen.assign(candidate=evaluation.candidate.name)
        for evaluation in comparison.ranked
        if not evaluation.unseen.empty
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def terms(evaluation: Evaluation) -> pd.DataFrame:
    """Return a candidate's intercept and coefficients in raw units, one row per term."""
    return pd.DataFrame(
        {
            "term": ["intercept", *evaluation.candidate.features],
            "value": [evaluation.fit.intercept, *evaluation.fit.coefficients],
        }
    )


def coefficients_table(comparison: Comparison) -> pd.DataFrame:
    """Return the terms of every candidate."""
    return pd.concat(
        [terms(e).assign(candidate=e.candidate.name) for e in comparison.ranked], ignore_index=True
    )


def passed_over_table(comparison: Comparison) -> pd.DataFrame:
    """Return the candidates with a lower error than the winner's: by how much (percent), and why not."""
    rule, winner = comparison.rule, comparison.winner
    return pd.DataFrame(
        [
            {
                "candidate": evaluation.candidate.name,
                "error": rule.error(evaluation),
                "winner_error": rule.error(winner),
                "lower_by_percent": 100 * (1 - rule.error(evaluation) / rule.error(winner)),
                "reason": reason,
                "flags": "; ".join(map(str, comparison.flags[evaluation.candidate.name])),
            }
            for evaluation, reason in comparison.selection.passed_over
        ]
    )
