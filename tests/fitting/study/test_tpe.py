"""Workers that share a study fill its places exactly, outlive each other, and come to the same end."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from tests.fitting.test_comparison import SETTINGS, Failing, models
from tests.postgres import Postgres
from token_approx.errors import InputError
from token_approx.fitting.candidates import Candidate, Hyperparameter, Model
from token_approx.fitting.comparison import Comparison, candidates_table, compare
from token_approx.fitting.cross_validation import ComparisonSettings, Evaluation, OnRepeat, evaluate
from token_approx.fitting.dataset import Dataset, read_dataset
from token_approx.fitting.feature_sets import exactly
from token_approx.fitting.search import Trial
from token_approx.fitting.selection import SelectionRule
from token_approx.fitting.splits import random_split
from token_approx.fitting.study.exchange import as_json, from_json
from token_approx.fitting.study.queue import FAILED, Places, join_study
from token_approx.fitting.study.storage import open_storage
from token_approx.fitting.study.tpe import Tpe

MakeRecords = Callable[..., Path]
TRIALS = 6


def failing(**_: float) -> Failing:
    """Make an estimator that never finds a solution."""
    return Failing()


FAILING = Model(failing, hyperparameters={"strength": Hyperparameter((1.0,), 0.5, 2.0)})


@pytest.fixture
def dataset(make_records: MakeRecords) -> Dataset:
    """Return noisy records."""
    return read_dataset("noisy", str(make_records(60, noise=50.0)))


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return a new SQLite database's URL."""
    return f"sqlite:///{tmp_path}/studies.db"


@pytest.fixture(scope="module")
def both() -> dict[str, Model]:
    """Return a model without hyperparameters and one with."""
    return models("ols", "ridge")


def tpe(url: str, trials: int = TRIALS, **changes: Any) -> Tpe:  # noqa: ANN401 - any of the fields
    """Return a search that notices dead workers soon."""
    search = Tpe(1, trials, url, "team", 3, heartbeat_interval=1, grace_period=2)
    return replace(search, **changes)


def work(
    search: Tpe,
    dataset: Dataset,
    compared: dict[str, Model],
    settings: ComparisonSettings = SETTINGS,
    on_trial: Callable[[Trial, int], None] = lambda *_: None,
    names: tuple[str, ...] = ("bytes", "words"),
) -> Comparison:
    """Compare models on one feature and on all, as one worker of the study `team`."""
    return compare(
        dataset,
        partial(random_split, test_size=0.2, seed=1),
        {"first": partial(exactly, names=names[:1]), "all": partial(exactly, names=names)},
        compared,
        search,
        settings,
        SelectionRule(("ols", "ridge", "failing"), by="cv", sane=False),
        on_trial=on_trial,
    )


def study(url: str) -> optuna.Study:
    """Return the study that the workers share."""
    return optuna.load_study(study_name="team", storage=url)


def filled(url: str) -> list[FrozenTrial]:
    """Return the trials that fill a place of the study."""
    done = {TrialState.COMPLETE, TrialState.PRUNED}
    return [t for t in study(url).trials if t.state in done or FAILED in t.user_attrs]


def test_many_workers_fill_the_places_exactly(
    postgres: Postgres, dataset: Dataset, both: dict[str, Model]
) -> None:
    """Four that start at once on a new database make 12 trials, failed fits among them, and end alike."""
    url = postgres.url("many")
    results: list[Comparison | BaseException] = []
    start = threading.Barrier(4)

    def worker() -> None:
        try:
            start.wait()
            results.append(work(tpe(url, 12), dataset, both | {"failing": FAILING}))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            results.append(error)

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [result for result in results if isinstance(result, Comparison)]
    assert len(found) == 4, results
    assert len(filled(url)) == 12
    assert Counter(trial.state for trial in filled(url))[TrialState.FAIL] > 0
    assert not [trial for trial in study(url).trials if not trial.state.is_finished()]
    tables = [candidates_table(result).query("state == 'complete'") for result in found]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
    shown = Counter(trial.number for result in found for trial in result.trials if trial.state != "complete")
    assert {number for number, times in shown.items() if times > 1} <= {None}, "each shows what it made"


def test_a_later_worker_takes_over_what_is_there(url: str, dataset: Dataset, both: dict[str, Model]) -> None:
    """Joining a full study makes no trial and gives the very same candidates; asking for more makes more."""
    first = work(tpe(url), dataset, both)
    second = work(tpe(url), dataset, both)
    assert len(study(url).trials) == TRIALS
    whole, again = (candidates_table(c).query("state == 'complete'") for c in (first, second))
    pd.testing.assert_frame_equal(whole, again)
    assert first.winner.candidate == second.winner.candidate
    third = work(tpe(url, TRIALS + 2), dataset, both)
    assert len(filled(url)) == TRIALS + 2
    assert len(third.ranked) >= len(first.ranked)


def test_places_are_the_first_trials_and_their_retries(url: str) -> None:
    """Of trials begun at once, those numbered first hold the places; of two retries at once, the first."""
    joined = join_study(open_storage(url, 1, 2), "team", ["dataset d"])
    places = Places(joined, limit=2, retries=3)
    for number in range(3):
        assert joined.ask().number == number
    assert [places.holds(number) for number in range(3)] == [True, True, False]
    joined.tell(0, state=TrialState.FAIL)
    (chain,) = (chain for chain in places.open() if chain[0].number == 0)
    places.retry(chain)
    places.retry(chain)
    assert [joined.ask().number, joined.ask().number] == [3, 4]
    assert (places.holds(3), places.holds(4)) == (True, False)
    joined.tell(3, 1.0)
    assert [chain[0].number for chain in places.open()] == [1]


def test_a_place_that_another_takes_at_the_last_moment(
    url: str, dataset: Dataset, both: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial begun when no place is left any more is neither made nor counted nor shown."""
    ask = optuna.Study.ask

    def beaten(self: optuna.Study, *arguments: Any) -> optuna.Trial:  # noqa: ANN401 - as Optuna's
        if len(self.trials) == TRIALS - 1:
            other = study(url)
            other.tell(ask(other), state=TrialState.PRUNED)
        return ask(self, *arguments)

    monkeypatch.setattr(optuna.Study, "ask", beaten)
    found = work(tpe(url), dataset, both)
    assert len(filled(url)) == TRIALS
    assert study(url).trials[TRIALS].state == TrialState.FAIL
    assert {trial.number for trial in found.trials} == {None, *range(TRIALS - 1)}


@pytest.mark.parametrize("beats", [True, False], ids=["with a heartbeat", "before its first heartbeat"])
def test_a_killed_worker_s_trial_is_made_again(
    url: str, dataset: Dataset, both: dict[str, Model], *, beats: bool
) -> None:
    """A trial that its worker left is failed after the grace period and made again with the same values."""
    work(tpe(url, 1), dataset, both)
    storage = open_storage(url, 1, 2)
    left = optuna.load_study(study_name="team", storage=storage).ask()
    left.suggest_categorical("candidate", ["ridge · first", "ridge · all"])
    left.suggest_float("ridge.alpha", 0.001, 100.0, log=True)
    values = dict(left.params)
    if beats:
        storage.record_heartbeat(left._trial_id)  # noqa: SLF001
    work(tpe(url), dataset, both)
    trials = study(url).trials
    assert trials[left.number].state == TrialState.FAIL
    (again,) = (t for t in trials if RetryHeartbeatStaleTrialCallback.retried_trial_number(t) == left.number)
    assert again.state in {TrialState.COMPLETE, TrialState.PRUNED}
    assert again.params == values
    assert len(filled(url)) == TRIALS


def test_a_trial_that_kills_its_workers_is_given_up(
    url: str, dataset: Dataset, both: dict[str, Model]
) -> None:
    """After `retries` retries a place counts as filled: the others are, and the search ends."""
    work(tpe(url, 1), dataset, both)
    joined = study(url)
    joined.ask()
    joined.tell(1, state=TrialState.FAIL)
    for retry in (2, 3):
        RetryHeartbeatStaleTrialCallback()(joined, joined.trials[-1])
        assert joined.ask().number == retry
        joined.tell(retry, state=TrialState.FAIL)
    work(tpe(url, retries=2), dataset, both)
    assert len(filled(url)) == TRIALS - 1
    assert len(study(url).trials) == TRIALS - 1 + 3


def test_a_worker_that_was_taken_for_dead_goes_on(
    url: str, dataset: Dataset, both: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial failed by others while its worker lives is made again; the worker does not stumble over it."""
    failed: list[int] = []

    def paused(candidate: Candidate, on_repeat: OnRepeat | None, **others: Any) -> Evaluation:  # noqa: ANN401
        running = [trial.number for trial in study(url).trials if trial.state == TrialState.RUNNING]
        if candidate.model_name == "ridge" and not failed:
            failed.extend(running)
            study(url).tell(running[0], state=TrialState.FAIL)
        return evaluate(candidate, on_repeat, **others)

    work(tpe(url, 1), dataset, both)
    monkeypatch.setattr("token_approx.fitting.comparison.evaluate", paused)
    found = work(tpe(url), dataset, both)
    assert failed == [1]
    assert len(filled(url)) == TRIALS
    assert 1 not in {trial.number for trial in found.trials}


def test_an_interrupted_worker_s_trial_is_made_again(
    url: str, dataset: Dataset, both: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a trial leaves its place to whoever runs the study next, at once."""

    def interrupted(candidate: Candidate, on_repeat: OnRepeat | None, **others: Any) -> Evaluation:  # noqa: ANN401
        if candidate.model_name == "ridge":
            raise KeyboardInterrupt
        return evaluate(candidate, on_repeat, **others)

    with monkeypatch.context() as patch:
        patch.setattr("token_approx.fitting.comparison.evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            work(tpe(url), dataset, both)
    assert not filled(url)
    work(tpe(url, patience=0.0), dataset, both)
    assert len(filled(url)) == TRIALS


def test_a_worker_that_hangs_is_named(url: str, dataset: Dataset, both: dict[str, Model]) -> None:
    """A trial that another worker neither ends nor leaves stops the search after its patience, by number."""
    work(tpe(url, 1), dataset, both)
    study(url).ask()
    with pytest.raises(InputError, match="study=team: trial 1 of another worker has not ended in 0 s"):
        work(tpe(url, 2, patience=0.1), dataset, both)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("words", "bytes")}, "there feature set first (bytes)"),
        ({"compared": models("ridge")}, "(there model ols (sklearn"),
        ({"settings": replace(SETTINGS, folds=5)}, "(there folds 4; here folds 5)"),
    ],
    ids=["features", "models", "settings"],
)
def test_other_conditions_are_refused(
    url: str, dataset: Dataset, both: dict[str, Model], changes: dict[str, Any], message: str
) -> None:
    """A worker that compares something else gets one error that says what, and makes no trial."""
    work(tpe(url, 2), dataset, both)
    with pytest.raises(InputError, match="study=team compares something else") as raised:
        work(tpe(url), dataset, **({"compared": both} | changes))
    assert message in str(raised.value)
    assert len(study(url).trials) == 2


def test_another_dataset_is_refused(url: str, dataset: Dataset, both: dict[str, Model]) -> None:
    """One record with another count makes another dataset, by whatever name."""
    work(tpe(url, 2), dataset, both)
    tokens = dataset.tokens.copy()
    tokens[7] += 1
    with pytest.raises(InputError, match=r"there records [0-9a-f]{12}; here records [0-9a-f]{12}"):
        work(tpe(url), replace(dataset, tokens=tokens), both)
    with pytest.raises(InputError, match="there dataset noisy; here dataset other"):
        work(tpe(url), replace(dataset, name="other"), both)


def test_two_that_began_different_studies_under_one_name(
    url: str, dataset: Dataset, both: dict[str, Model]
) -> None:
    """If another worker's conditions replace ours at the very start, we stop at the next trial."""

    def replaced(trial: Trial, _: int) -> None:
        if trial.number == 0:
            study(url).set_user_attr("conditions", ["dataset other"])

    with pytest.raises(InputError, match="there dataset other; here dataset noisy"):
        work(tpe(url), dataset, both, on_trial=replaced)
    assert len(study(url).trials) == 1


def test_evaluations_travel_exactly(dataset: Dataset, both: dict[str, Model]) -> None:
    """What a study hands on as JSON is the evaluation itself, number by number."""
    for trial in work(tpe("sqlite://", 3), dataset, both).trials:
        if trial.evaluation is None:
            continue
        there = trial.evaluation
        back = from_json(there.candidate, json.loads(json.dumps(as_json(there))))
        assert (back.fit.intercept, back.cv, back.test) == (there.fit.intercept, there.cv, there.test)
        assert back.standard_errors == there.standard_errors
        assert back.unseen_source == there.unseen_source
        np.testing.assert_array_equal(back.fit.coefficients, there.fit.coefficients)
        pd.testing.assert_frame_equal(back.unseen, there.unseen)
        pd.testing.assert_frame_equal(back.curve, there.curve)
        for basis in ("cv", "unseen_source"):
            np.testing.assert_array_equal(back.out_of_fold[basis], there.out_of_fold[basis])
