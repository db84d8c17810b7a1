"""A study that workers share: who makes which trial, and what becomes of those of a killed worker.

The first `limit` trials that retry no other hold the study's places; a retry stands in its original's. As the
database numbers trials one at a time, all workers agree on who holds a place without talking to each other.

Heartbeats, what is stale and what a retry is are Optuna's. Its MaxTrialsCallback is not used: it stops a
worker once so many trials have ended, with others still running, so that workers make more trials than were
asked for, leave before the last has ended, and choose from different candidates.
"""

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from optuna import Study, create_study
from optuna.pruners import MedianPruner
from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from token_approx.errors import InputError
from token_approx.fitting.study.storage import Storage

CONDITIONS = "conditions"
# Why a fit has no solution: tells a trial that failed from one whose worker did.
FAILED = "failed"
SHOWN_DIFFERENCES = 3


def join_study(storage: Storage, name: str, conditions: Sequence[str]) -> Study:
    """Make a study, or join the one of that name (empty: a new one with a name of Optuna's).

    Raises:
        InputError: the study was made under other conditions.
    """
    study = create_study(
        storage=storage,
        study_name=name or None,
        # The first trials are never pruned: there is nothing to compare them with.
        pruner=MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        load_if_exists=True,
    )
    if CONDITIONS not in study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr(CONDITIONS, list(conditions))
    check_conditions(study, conditions)
    return study


def check_conditions(study: Study, conditions: Sequence[str]) -> None:
    """Check that a study's trials are made under the conditions that hold here.

    Raises:
        InputError: they are not; the message names some that differ.
    """
    there = study.user_attrs.get(CONDITIONS, [])
    if there != list(conditions):
        sides = {
            "there": [condition for condition in there if condition not in conditions],
            "here": [condition for condition in conditions if condition not in there],
        }
        differences = "; ".join(
            f"{side} {', '.join(found[:SHOWN_DIFFERENCES])}" for side, found in sides.items() if found
        )
        raise InputError(
            f"study={study.study_name} compares something else ({differences or 'in another order'}). "
            "Take another name, or give all workers the same dataset, candidates and settings."
        )


@dataclass(frozen=True)
class Places:
    """The `limit` places of a study, each with at most `retries` retries of trials whose worker died."""

    study: Study
    limit: int
    retries: int

    def chains(self) -> list[list[FrozenTrial]]:
        """Return the places taken, each as its trial and the retries of it, by number."""
        found: dict[int, list[FrozenTrial]] = {}
        for trial in self.study.get_trials(deepcopy=False):
            original = RetryHeartbeatStaleTrialCallback.retried_trial_number(trial)
            found.setdefault(trial.number if original is None else original, []).append(trial)
        return list(found.values())[: self.limit]

    def holds(self, number: int) -> bool:
        """Say whether a trial holds a place, which none before it has or will still fill."""
        for chain in self.chains():
            before = [trial for trial in chain if trial.number < number]
            if any(trial.number == number for trial in chain):
                return not any(_filled(trial) or _alive(trial) for trial in before)
        return False

    def open(self) -> list[list[FrozenTrial]]:
        """Return the places taken that are not filled, and can still be."""
        return [
            chain
            for chain in self.chains()
            if not any(map(_filled, chain)) and (any(map(_alive, chain)) or self._may_retry(chain[-1]))
        ]

    def retry(self, chain: Sequence[FrozenTrial]) -> None:
        """Queue the last trial of a place again, for whichever worker is free first."""
        RetryHeartbeatStaleTrialCallback(max_retry=self.retries)(self.study, deepcopy(chain[-1]))

    def _may_retry(self, trial: FrozenTrial) -> bool:
        return len(RetryHeartbeatStaleTrialCallback.retry_history(trial)) < self.retries


@dataclass
class Queue:
    """What a worker does next in a study: make a trial, wait for the others' to end, or leave.

    `patience` is how many seconds it waits for a trial of another worker that is alive.
    """

    places: Places
    storage: Storage
    patience: float
    _waiting_since: dict[int, float] = field(default_factory=dict)
    _without_heartbeat: set[int] = field(default_factory=set)

    def wait_for_trial(self) -> bool:
        """Return True once there is a trial to make, or False once all places are filled.

        Raises:
            InputError: another worker's trial does not end.
        """
        while True:
            fail_stale_trials(self.places.study)
            waiting = self.places.open()
            abandoned = [chain for chain in waiting if not any(map(_alive, chain))]
            for chain in abandoned:
                self.places.retry(chain)
            queued = any(trial.state == TrialState.WAITING for chain in waiting for trial in chain)
            if abandoned or queued or len(self.places.chains()) < self.places.limit:
                return True
            if not waiting:
                return False
            self._wait([trial for chain in waiting for trial in chain if _alive(trial)])

    def _wait(self, running: Sequence[FrozenTrial]) -> None:
        now = time.monotonic()
        interval, grace = self.storage.heartbeat_interval, self.storage.grace_period
        assert interval is not None  # noqa: S101 - open_storage sets both
        assert grace is not None  # noqa: S101
        for trial in running:
            waited = now - self._waiting_since.setdefault(trial.number, now)
            if waited > self.patience:
                raise InputError(
                    f"study={self.places.study.study_name}: trial {trial.number} of another worker has not"
                    f" ended in {self.patience:.0f} s. Stop that worker, and run this command again."
                )
            # Killed before its first heartbeat, it would run for ever: one of ours makes it stale in time.
            if waited > grace and trial.number not in self._without_heartbeat:
                self._without_heartbeat.add(trial.number)
                self.storage.record_heartbeat(trial._trial_id)  # noqa: SLF001
        time.sleep(interval / 5)


def _alive(trial: FrozenTrial) -> bool:
    return not trial.state.is_finished()


def _filled(trial: FrozenTrial) -> bool:
    return trial.state in {TrialState.COMPLETE, TrialState.PRUNED} or FAILED in trial.user_attrs
