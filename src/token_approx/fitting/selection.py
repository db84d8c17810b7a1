"""Choosing the winner: the simplest sane candidate among those as good as the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from token_approx.errors import InputError
from token_approx.fitting.cross_validation import Evaluation
from token_approx.fitting.metrics import paired_gain
from token_approx.fitting.sanity import Flag, barring

BASELINE = ("ols", ("bytes",))


@dataclass(frozen=True)
class SelectionRule:
    """How a winner is chosen.

    `by` compares errors on sources left out (`unseen_source`, where there are several sources) or in folds
    (`cv`); `metric` is `mae` or `mape`. Candidates within `tolerance` of the lowest error are as good: by the
    share `margin`, or by one standard error of the best candidate's fold means. Among them the fewest
    features win, then the estimator that stands earlier in `simpler_first`, then the lower error in folds.
    With `sane`, candidates that extrapolate badly are passed over while there are others.
    """

    simpler_first: Sequence[str]
    by: Literal["unseen_source", "cv"] = "unseen_source"
    metric: Literal["mae", "mape"] = "mae"
    tolerance: Literal["margin", "one_standard_error"] = "margin"
    margin: float = 0.03
    sane: bool = True

    def error(self, evaluation: Evaluation) -> float:
        """Return the error by which candidates are compared."""
        return self._errors(evaluation)[self.metric]

    def standard_error(self, evaluation: Evaluation) -> float:
        """Return the standard error of the fold means of that error."""
        return evaluation.standard_errors[self.basis(evaluation)][self.metric]

    def basis(self, evaluation: Evaluation) -> Literal["unseen_source", "cv"]:
        """Return what is compared: folds where there are no sources to leave out."""
        return self.by if evaluation.unseen_source else "cv"

    def _errors(self, evaluation: Evaluation) -> dict[str, float]:
        return evaluation.unseen_source if self.basis(evaluation) == "unseen_source" else evaluation.cv


@dataclass(frozen=True)
class Selection:
    """The winner, why, and at what price.

    `passed_over` are the candidates with a lower error than the winner's, with the reason; `gain` is the
    winner's mean gain in absolute error over the baseline (least squares on bytes), in tokens on records
    not fitted on, with its 95 % interval, None without the baseline among the candidates.
    """

    winner: Evaluation
    passed_over: tuple[tuple[Evaluation, str], ...]
    gain: tuple[float, float, float] | None
    note: str


def select(
    evaluations: Sequence[Evaluation],
    rule: SelectionRule,
    flags: Mapping[str, Sequence[Flag]],
    tokens: np.ndarray,
    resamples: int,
    seed: int,
) -> Selection:
    """Choose the winner by a rule; `flags` are each candidate's by name, `tokens` the training records'.

    If the gain over the baseline cannot be told from zero, the baseline is winner. The test records take no
    part.

    Raises:
        InputError: an estimator does not stand in `simpler_first`.
    """
    unknown = sorted({e.candidate.model_name for e in evaluations} - set(rule.simpler_first))
    if unknown:
        raise InputError(
            f"selection.simpler_first lacks the estimator {unknown[0]!r}. Add it where it belongs."
        )
    bad = {name: reasons for name, found in flags.items() if (reasons := barring(found))}
    sane = [e for e in evaluations if e.candidate.name not in bad] if rule.sane else list(evaluations)
    pool = sane or list(evaluations)
    best = min(pool, key=rule.error)
    limit = rule.error(best) * (1 + rule.margin)
    if rule.tolerance == "one_standard_error":
        limit = rule.error(best) + rule.standard_error(best)
    winner = min((e for e in pool if rule.error(e) <= limit), key=lambda e: _simplicity(e, rule))
    gain, note = _gain(evaluations, winner, rule, tokens, resamples, seed)
    baseline = _baseline(evaluations)
    if gain is not None and baseline is not None and gain[1] <= 0 and baseline in pool:
        winner, note = baseline, "no candidate is clearly better than least squares on bytes"
    passed = sorted((e for e in evaluations if rule.error(e) < rule.error(winner)), key=rule.error)
    simpler = note or f"is no better than the simpler winner by more than the {rule.tolerance}"
    # Where none makes sense, that is not what sets the winner apart.
    barred = bad if rule.sane and sane else {}
    over = tuple((e, "; ".join(barred.get(e.candidate.name, [simpler]))) for e in passed)
    return Selection(winner, over, gain, note)


def _simplicity(evaluation: Evaluation, rule: SelectionRule) -> tuple[int, int, float, str]:
    candidate = evaluation.candidate
    place = rule.simpler_first.index(candidate.model_name)
    # Equals on sources left out are told apart in folds: with a few sources, the former is mostly luck.
    return len(candidate.features), place, evaluation.cv[rule.metric], candidate.name


def _baseline(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    found = (e for e in evaluations if (e.candidate.model_name, tuple(e.candidate.features)) == BASELINE)
    return next(found, None)


def _gain(
    evaluations: Sequence[Evaluation],
    winner: Evaluation,
    rule: SelectionRule,
    tokens: np.ndarray,
    resamples: int,
    seed: int,
) -> tuple[tuple[float, float, float] | None, str]:
    baseline = _baseline(evaluations)
    if baseline is None or baseline is winner:
        return None, ""
    basis = rule.basis(winner)
    errors = [np.abs(e.out_of_fold[basis] - tokens) for e in (baseline, winner)]
    return paired_gain(errors[0], errors[1], resamples, seed), ""
