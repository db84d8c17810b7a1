"""Searches over candidates: what a trial is, and the grid."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Literal, Protocol

from token_approx.fitting.candidates import Candidate, FitError, Model
from token_approx.fitting.cross_validation import Evaluation, OnRepeat
from token_approx.fitting.processes import in_processes


@dataclass(frozen=True)
class Trial:
    """One candidate tried: complete with its evaluation, or pruned, failed or a duplicate with the reason.

    A study's trials have a `number` in it, and the name of the `worker` that made them.
    """

    candidate: Candidate
    state: Literal["complete", "pruned", "failed", "duplicate"]
    evaluation: Evaluation | None = None
    reason: str = ""
    number: int | None = None
    worker: str = ""


Evaluate = Callable[[Candidate, OnRepeat | None], Evaluation]
Models = Mapping[str, Model]
NamedSets = Mapping[str, tuple[str, ...]]


class Search(Protocol):
    """A way through the candidates."""

    def size(self, models: Models, feature_sets: NamedSets) -> int:
        """Return how many trials the search will make."""

    def trials_of(
        self, models: Models, feature_sets: NamedSets, evaluate: Evaluate, conditions: Sequence[str] = ()
    ) -> Iterator[Trial]:
        """Yield each trial as it ends; `conditions` tell on what, and how, candidates are evaluated."""


@dataclass(frozen=True)
class Grid:
    """Every feature set with every model at every point of its grid, in `workers` processes."""

    workers: int

    def size(self, models: Models, feature_sets: NamedSets) -> int:
        """Return how many candidates the grid holds."""
        return len(_grid(models, feature_sets))

    def trials_of(
        self,
        models: Models,
        feature_sets: NamedSets,
        evaluate: Evaluate,
        conditions: Sequence[str] = (),  # noqa: ARG002 - a grid has nobody to agree with
    ) -> Iterator[Trial]:
        """Yield the candidates' trials in the grid's order."""
        yield from in_processes(partial(_try, evaluate), _grid(models, feature_sets), self.workers)


def _worth_trying(model: Model, feature_sets: NamedSets) -> NamedSets:
    """Return the feature sets with as many features as a model asks for; all, where there are none such."""
    large = {name: names for name, names in feature_sets.items() if len(names) >= model.least_features}
    return large or feature_sets


def _grid(models: Models, feature_sets: NamedSets) -> list[Candidate]:
    return [
        Candidate(
            model_name, model, set_name, features, dict(zip(model.hyperparameters, values, strict=True))
        )
        for model_name, model in models.items()
        for set_name, features in _worth_trying(model, feature_sets).items()
        for values in product(*(space.grid for space in model.hyperparameters.values()))
    ]


def without_duplicates(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials in which each candidate is complete once: the trial of the lowest number counts."""
    first: dict[str, Trial] = {}
    for trial in sorted(trials, key=lambda trial: -1 if trial.number is None else trial.number):
        if trial.evaluation is not None:
            first.setdefault(trial.candidate.name, trial)
    return [_told(trial, first[trial.candidate.name]) if trial.evaluation else trial for trial in trials]


def _told(trial: Trial, first: Trial) -> Trial:
    if trial is first:
        return trial
    earlier = "an earlier candidate" if first.number is None else f"trial {first.number}"
    return replace(trial, state="duplicate", evaluation=None, reason=f"the same as {earlier}")


def _try(evaluate: Evaluate, candidate: Candidate) -> Trial:
    try:
        return Trial(candidate, "complete", evaluate(candidate, None))
    except FitError as error:
        return Trial(candidate, "failed", reason=str(error))
