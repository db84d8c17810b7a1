"""The search by Optuna's TPE over the hyperparameters, by one worker or by many that share a study."""

import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import BaseTrial, FixedTrial, FrozenTrial, TrialState

from token_approx.errors import InputError
from token_approx.fitting.candidates import Candidate, FitError
from token_approx.fitting.search import Evaluate, Grid, Models, NamedSets, Trial
from token_approx.fitting.study.exchange import as_json, from_json
from token_approx.fitting.study.queue import FAILED, Places, Queue, check_conditions, join_study
from token_approx.fitting.study.storage import open_storage, reported, storage_url

# Attributes of a study's trials.
EVALUATION, PRUNED, WORKER = "evaluation", "pruned", "worker"


class SurplusTrialError(Exception):
    """Raised in a trial that no place of its study is left for."""


@dataclass(frozen=True)
class Tpe:
    """The models without hyperparameters everywhere, then a study of `trials` trials by Optuna's TPE.

    Each trial picks a feature set with a model and values for its hyperparameters; a trial whose error
    after a repeat of the cross-validation is above the median of the earlier ones is pruned. `storage` is
    an SQLAlchemy URL (empty: see `storage_url`); `study` names the study in it (empty: a new one). All that
    name the same study fill it together, and come to the same candidates. A worker's trial is failed
    `grace_period` seconds after the last of its heartbeats, one every `heartbeat_interval`, and then made
    again, up to `retries` times; a live one is waited for `patience` seconds.

    Source: Bergstra et al. (2011). Algorithms for hyper-parameter optimization. NIPS 24.
    """

    workers: int
    trials: int
    storage: str
    study: str
    seed: int
    heartbeat_interval: int = 5
    grace_period: int = 30
    retries: int = 3
    patience: float = 3600

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: no trials were asked for, or a trial is stale before its next heartbeat.
        """
        if self.trials < 1:
            raise InputError(f"trials={self.trials} is too small. Give at least 1.")
        if not 0 < self.heartbeat_interval < self.grace_period:
            raise InputError(
                f"search.heartbeat_interval={self.heartbeat_interval} is not between 0 s and"
                f" search.grace_period={self.grace_period} s. Give at least 1 s, and less than that."
            )

    def size(self, models: Models, feature_sets: NamedSets) -> int:
        """Return how many trials the search will make, with those of other workers."""
        plain, tunable = _by_tunable(models)
        return Grid(self.workers).size(plain, feature_sets) + (self.trials if tunable else 0)

    def trials_of(
        self, models: Models, feature_sets: NamedSets, evaluate: Evaluate, conditions: Sequence[str] = ()
    ) -> Iterator[Trial]:
        """Yield the plain candidates' trials, the study's as they end, then those completed by other workers.

        Raises:
            InputError: the storage cannot be opened or fails, the study was made under other conditions, or
                another worker's trial does not end.
        """
        plain, tunable = _by_tunable(models)
        yield from Grid(self.workers).trials_of(plain, feature_sets, evaluate)
        if not tunable:
            return
        space = Space(tunable, feature_sets)
        url = storage_url(self.storage)
        storage = open_storage(url, self.heartbeat_interval, self.grace_period)
        with reported(url, "does not answer", "Run the same command again: a named study goes on."):
            required = [*conditions, *_candidates(models, feature_sets)]
            study = join_study(storage, self.study, required)
            places = Places(study, self.trials, self.retries)
            queue = Queue(places, storage, self.patience)
            made = set()
            while queue.wait_for_trial():
                check_conditions(study, required)
                for frozen in self._make_trial(places, space, evaluate):
                    made.add(frozen.number)
                    yield _as_trial(frozen, space)
            for frozen in (trial for chain in places.chains() for trial in chain):
                if frozen.state == TrialState.COMPLETE and frozen.number not in made:
                    yield _as_trial(frozen, space)

    def _make_trial(self, places: Places, space: "Space", evaluate: Evaluate) -> list[FrozenTrial]:
        study, ended = places.study, list[FrozenTrial]()

        def objective(trial: optuna.Trial) -> float:
            if not places.holds(trial.number):
                raise SurplusTrialError
            trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
            # By its number: workers with the same seed must not try the same values.
            seed = np.random.SeedSequence([self.seed, trial.number]).generate_state(1)[0]
            study.sampler = optuna.samplers.TPESampler(seed=int(seed))
            try:
                evaluation = evaluate(space.suggest(trial), partial(_report, trial))
            except FitError as error:
                trial.set_user_attr(FAILED, str(error))
                raise
            trial.set_user_attr(EVALUATION, as_json(evaluation))
            return evaluation.cv["mae"]

        def on_end(_: optuna.Study, frozen: FrozenTrial) -> None:
            if frozen.state != TrialState.FAIL or FAILED in frozen.user_attrs:
                ended.append(frozen)

        try:
            study.optimize(objective, n_trials=1, catch=(FitError, SurplusTrialError), callbacks=[on_end])
        except (UpdateFinishedTrialError, ValueError) as error:
            # This process stood still for so long that another took it for dead: the trial is retried.
            if isinstance(error, ValueError) and "Cannot tell" not in str(error):
                raise
        return ended


@dataclass(frozen=True)
class Space:
    """What a trial picks from: a feature set with a model, and values for the model's hyperparameters."""

    models: Models
    feature_sets: NamedSets

    def suggest(self, trial: BaseTrial) -> Candidate:
        """Return the candidate that a trial picks."""
        places = {f"{m} · {f}": (m, f) for m, f in product(self.models, self.feature_sets)}
        model_name, set_name = places[trial.suggest_categorical("candidate", list(places))]
        model = self.models[model_name]
        values = {
            name: trial.suggest_float(f"{model_name}.{name}", space.low, space.high, log=space.log)
            for name, space in model.hyperparameters.items()
        }
        return Candidate(model_name, model, set_name, self.feature_sets[set_name], values)


def _by_tunable(models: Models) -> tuple[Models, Models]:
    plain = {name: model for name, model in models.items() if not model.hyperparameters}
    return plain, {name: model for name, model in models.items() if model.hyperparameters}


def _candidates(models: Models, feature_sets: NamedSets) -> list[str]:
    """Tell what is compared, for workers to see whether they compare the same."""
    described = [f"feature set {name} ({' '.join(features)})" for name, features in feature_sets.items()]
    for name, model in models.items():
        # Not repr: a function's holds its address in memory.
        make, settings = getattr(model.make, "func", model.make), getattr(model.make, "keywords", {})
        parts = [f"{make.__module__}.{make.__qualname__}", *(f"{key}={settings[key]}" for key in settings)]
        parts += [f"standardize={model.standardize}", f"relative={model.relative}"]
        for key, space in model.hyperparameters.items():
            parts.append(f"{key} from {space.low} to {space.high}{' (log)' if space.log else ''}")
        described.append(f"model {name} ({' '.join(parts)})")
    return described


def _as_trial(frozen: FrozenTrial, space: Space) -> Trial:
    candidate = space.suggest(FixedTrial(frozen.params))
    number, worker = frozen.number, frozen.user_attrs[WORKER]
    if frozen.state == TrialState.COMPLETE:
        evaluation = from_json(candidate, frozen.user_attrs[EVALUATION])
        return Trial(candidate, "complete", evaluation, number=number, worker=worker)
    if frozen.state == TrialState.PRUNED:
        return Trial(candidate, "pruned", reason=frozen.user_attrs[PRUNED], number=number, worker=worker)
    return Trial(candidate, "failed", reason=frozen.user_attrs[FAILED], number=number, worker=worker)


def _report(trial: optuna.Trial, repeat: int, mae: float) -> None:
    trial.report(mae, repeat)
    if trial.should_prune():
        reason = f"MAE {mae:.1f} after repeat {repeat + 1} is above the median of earlier trials"
        trial.set_user_attr(PRUNED, reason)
        raise optuna.TrialPruned(reason)
