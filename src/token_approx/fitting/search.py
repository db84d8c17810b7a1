"""Searches over candidates: a grid, or Optuna's TPE over the hyperparameters."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Literal, Protocol

import optuna
from joblib import Parallel, delayed
from sqlalchemy.exc import SQLAlchemyError

from token_approx.errors import InputError
from token_approx.fitting.candidates import Candidate, FitError, Model
from token_approx.fitting.cross_validation import Evaluation, OnRepeat


@dataclass(frozen=True)
class Trial:
    """One candidate tried: complete with its evaluation, or pruned or failed with the reason."""

    candidate: Candidate
    state: Literal["complete", "pruned", "failed"]
    evaluation: Evaluation | None = None
    reason: str = ""
    number: int | None = None


Evaluate = Callable[[Candidate, OnRepeat | None], Evaluation]
Models = Mapping[str, Model]
NamedSets = Mapping[str, tuple[str, ...]]


class Search(Protocol):
    """A way through the candidates."""

    def size(self, models: Models, feature_sets: NamedSets) -> int:
        """Return how many trials the search will make."""

    def trials_of(self, models: Models, feature_sets: NamedSets, evaluate: Evaluate) -> Iterator[Trial]:
        """Yield each trial as it ends."""


@dataclass(frozen=True)
class Grid:
    """Every feature set with every model at every point of its grid, in `workers` processes."""

    workers: int

    def size(self, models: Models, feature_sets: NamedSets) -> int:
        """Return how many candidates the grid holds."""
        return len(_grid(models, feature_sets))

    def trials_of(self, models: Models, feature_sets: NamedSets, evaluate: Evaluate) -> Iterator[Trial]:
        """Yield the candidates' trials in the grid's order."""
        work = (delayed(_try)(candidate, evaluate) for candidate in _grid(models, feature_sets))
        yield from Parallel(n_jobs=self.workers, return_as="generator")(work)


@dataclass(frozen=True)
class Tpe:
    """The models without hyperparameters everywhere, then `trials` trials of the others by Optuna's TPE.

    Each trial picks a feature set with a model and values for its hyperparameters; a trial whose error
    after a repeat of the cross-validation is above the median of the earlier ones is pruned. `storage` is
    an SQLAlchemy URL; `study` names the study in it (None: a new one).

    Source: Bergstra et al. (2011). Algorithms for hyper-parameter optimization. NIPS 24.
    """

    workers: int
    trials: int
    storage: str
    study: str | None
    seed: int

    def size(self, models: Models, feature_sets: NamedSets) -> int:
        """Return how many trials the search will make."""
        plain, tunable = _by_tunable(models)
        return len(_grid(plain, feature_sets)) + (self.trials if tunable else 0)

    def trials_of(self, models: Models, feature_sets: NamedSets, evaluate: Evaluate) -> Iterator[Trial]:
        """Yield the plain candidates' trials, then the study's as they end.

        Raises:
            InputError: the storage cannot be opened, or no trials were asked for.
        """
        if self.trials < 1:
            raise InputError(f"trials={self.trials}: ask for at least 1")
        plain, tunable = _by_tunable(models)
        yield from Grid(self.workers).trials_of(plain, feature_sets, evaluate)
        if not tunable:
            return
        study = self._open()
        places = {f"{m} · {f}": (m, f) for m, f in product(tunable, feature_sets)}
        for _ in range(self.trials):
            trial = study.ask()
            model_name, set_name = places[trial.suggest_categorical("candidate", list(places))]
            model = tunable[model_name]
            values = {
                name: trial.suggest_float(f"{model_name}.{name}", space.low, space.high, log=space.log)
                for name, space in model.hyperparameters.items()
            }
            candidate = Candidate(model_name, model, set_name, feature_sets[set_name], values)
            tried = replace(_try(candidate, evaluate, partial(_report, trial)), number=trial.number)
            value = tried.evaluation.cv["mae"] if tried.evaluation else None
            study.tell(trial, value, state=STATES[tried.state])
            yield tried

    def _open(self) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            return optuna.create_study(
                storage=self.storage,
                study_name=self.study,
                sampler=optuna.samplers.TPESampler(seed=self.seed),
                # The first trials are never pruned: there is nothing to compare them with.
                pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
                load_if_exists=True,
            )
        except (SQLAlchemyError, ImportError, ValueError, optuna.exceptions.OptunaError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"search.storage={self.storage}: cannot be opened ({reason}): give an SQLAlchemy URL"
            ) from error


STATES = {
    "complete": optuna.trial.TrialState.COMPLETE,
    "pruned": optuna.trial.TrialState.PRUNED,
    "failed": optuna.trial.TrialState.FAIL,
}


def _by_tunable(models: Models) -> tuple[Models, Models]:
    plain = {name: model for name, model in models.items() if not model.hyperparameters}
    return plain, {name: model for name, model in models.items() if model.hyperparameters}


def _grid(models: Models, feature_sets: NamedSets) -> list[Candidate]:
    return [
        Candidate(
            model_name, model, set_name, features, dict(zip(model.hyperparameters, values, strict=True))
        )
        for model_name, model in models.items()
        for set_name, features in feature_sets.items()
        for values in product(*(space.grid for space in model.hyperparameters.values()))
    ]


def _try(candidate: Candidate, evaluate: Evaluate, on_repeat: OnRepeat | None = None) -> Trial:
    try:
        return Trial(candidate, "complete", evaluate(candidate, on_repeat))
    except optuna.TrialPruned as error:
        return Trial(candidate, "pruned", reason=str(error))
    except FitError as error:
        return Trial(candidate, "failed", reason=str(error))


def _report(trial: optuna.Trial, repeat: int, mae: float) -> None:
    trial.report(mae, repeat)
    if trial.should_prune():
        raise optuna.TrialPruned(
            f"MAE {mae:.1f} after repeat {repeat + 1} is above the median of earlier trials"
        )
