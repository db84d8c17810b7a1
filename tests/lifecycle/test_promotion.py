"""Whatever happens to the runs that promote, there is one champion, complete, that nothing present beats."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from tests.lifecycle.promoting import NAME, RULE, challenge, killed_at, measured, register, registered
from tests.postgres import Postgres
from token_approx.errors import StoreError
from token_approx.lifecycle import lock, promotion
from token_approx.lifecycle.promotion import CHALLENGER, CHAMPION, PROMOTION

PROCESSES = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", autouse=True)
def warm_server() -> None:
    """Start the server of processes; Python 3.11 does not tell it where modules are, and it says nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        PROCESSES.set_forkserver_preload(["tests.lifecycle.warm"])
        forkserver.ensure_running()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an empty SQLite store with its artifacts beside it."""
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    return uri


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a process."""
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    return process


def ended(process: BaseProcess, seconds: float = 180) -> int | None:
    """Wait for a process and return its exit code."""
    process.join(seconds)
    return process.exitcode


def champion() -> str:
    """Return the champion's version, having loaded it and compared its estimate with its coefficients."""
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")
    assert model.predict(["abcd" * 100])["input_tokens"].item() == pytest.approx(100, abs=60)
    return str(MlflowClient().get_model_version_by_alias(NAME, CHAMPION).version)


def tags(version: str) -> dict[str, str]:
    """Return a version's tags."""
    return dict(MlflowClient().get_model_version(NAME, version).tags)


@pytest.mark.usefixtures("store")
def test_only_a_better_version_becomes_champion() -> None:
    """None before: champion. Equal or worse: challenger, with the figures. Better: champion."""
    assert register(0.3)[1].role == "champion"
    version, decision = register(0.3)
    assert decision.role == "challenger"
    assert decision.reason.endswith("a gain of 0.0 (0.0 to 0.0)")
    assert tags(version)[PROMOTION] == f"challenger: {decision.reason}"
    assert str(MlflowClient().get_model_version_by_alias(NAME, CHALLENGER).version) == version
    assert register(0.35)[1].role == "challenger"
    assert champion() == "1"
    version, decision = register(0.25)
    assert decision.role == "champion"
    assert champion() == version
    # 0.2502 errs by less than 0.25 nowhere by a hundredth of what 0.25 errs by
    assert register(0.2500001)[1].role == "challenger"


@pytest.mark.usefixtures("store")
def test_changed_records_make_a_champion_that_wins_on_both() -> None:
    """It beats the champion on its own records, and is no worse on those that the champion was tested on."""
    register(0.3, "old records")
    assert register(0.31, "new records")[1].role == "challenger"
    version, decision = register(0.25, "new records")
    assert decision.role == "champion"
    assert decision.reason.startswith("the records have changed; on its own, the MAE is ")
    assert "; on those of version 1, the MAE is " in decision.reason
    assert champion() == version
    assert register(0.25, "newest records")[1].role == "challenger", "a draw is no win"


@pytest.mark.usefixtures("store")
def test_the_alias_does_not_swing() -> None:
    """Two trainings in turn, each good on its own records and bad on the other's: the first one stays."""
    first, _ = register(0.25, "a", on=measured("a"))
    other = measured("b", truth=0.3)
    for _ in range(2):
        version, decision = register(0.3, "b", on=other)
        assert decision.role == "challenger", decision.reason
        assert register(0.25, "a")[1].role == "challenger"
        assert champion() == first
    # Let it win on its own by `always`: then the first does not come back either.
    register(0.3, "b", RULE.__class__(**{**RULE.__dict__, "when": "always"}), other)
    assert champion() != first
    assert register(0.25, "a")[1].role == "challenger"
    assert int(champion()) > int(version)


@pytest.mark.usefixtures("store")
def test_few_test_records_take_no_alias() -> None:
    """Five test records that a version wins on by far say nothing; nor do those that it was fitted on."""
    first, _ = register(0.3, "old records")
    few = register(0.25, "five records", on=measured("five", n=5))[1]
    assert few.role == "challenger"
    assert "5 test records are too few to compare on, 20 are enough" in few.reason
    assert register(0.25, "old records", on=measured("old records", n=19))[1].role == "challenger"
    seen = register(0.25, "other records", on=measured("other", fitted="old records"))[1]
    assert seen.role == "challenger"
    assert "on those of version 1, 0 test records are too few" in seen.reason
    assert champion() == first


@pytest.mark.usefixtures("store")
def test_a_champion_without_test_records_is_kept(tmp_path: Path) -> None:
    """A version of an earlier release kept none: only `always` replaces it when the records change."""
    first, _ = register(0.3, "old records")
    next(tmp_path.rglob("tested_records.csv")).unlink()
    decision = register(0.25, "new records")[1]
    assert decision.role == "challenger"
    assert decision.reason == (
        "the records have changed, and version 1 keeps none to compare on. Give promotion.when=always to"
        " replace it"
    )
    assert champion() == first
    assert register(0.25, "old records")[1].role == "champion", "the same records are enough by themselves"


@pytest.mark.usefixtures("store")
def test_a_version_that_cannot_answer_by_default_is_no_champion() -> None:
    """With bounds of 90 % alone it is a challenger, even as the first; a champion like it is replaced."""
    always = RULE.__class__(**{**RULE.__dict__, "when": "always"})
    version, decision = register(0.25, rule=always, level=0.9)
    assert decision.role == "challenger"
    assert decision.reason == (
        "it cannot answer as it is asked by default (The model has no bound of confidence 0.95. Its levels:"
        " 0.9.)"
    )
    MlflowClient().set_registered_model_alias(NAME, CHAMPION, version)
    newer, decision = register(0.26)
    assert decision.role == "champion"
    assert decision.reason.startswith("version 1 is no champion: it cannot answer")
    assert champion() == newer


@pytest.mark.usefixtures("store")
def test_rules_and_bars() -> None:
    """`never` leaves the aliases alone, `always` takes them, and a barred version never becomes champion."""
    client = MlflowClient()
    first, _ = register(0.25)
    second, _ = register(0.3)
    always = RULE.__class__(**{**RULE.__dict__, "when": "always"})
    never = RULE.__class__(**{**RULE.__dict__, "when": "never"})
    assert promotion.promote(client, challenge(second), never).role == "registered"
    assert champion() == first
    barred = challenge(second, barred="extrapolates badly")
    assert promotion.promote(client, barred, always).role == "challenger"
    assert promotion.promote(client, challenge(second), always).role == "champion"
    assert champion() == second
    with pytest.raises(MlflowException, match="alias challenger not found"):
        client.get_model_version_by_alias(NAME, CHALLENGER)


@pytest.mark.usefixtures("store")
def test_a_champion_that_cannot_be_loaded_or_compared(tmp_path: Path) -> None:
    """One whose files are gone is replaced; one that weighs what the records lack is kept."""
    register(0.25)
    lacking = measured().features.rename(columns={"bytes": "x"})
    other = challenge("2", on=replace(measured(), features=lacking))
    register(0.3)
    decision = promotion.promote(MlflowClient(), other, RULE)
    assert decision.reason == (
        "version 1 cannot be compared: the feature 'bytes' is weighed, and not all test records have it"
    )
    (damaged,) = (
        path for path in tmp_path.rglob("model_coefs.json") if '"w_bytes": 0.25' in path.read_text()
    )
    damaged.unlink()
    version, decision = register(0.3)
    assert decision.role == "champion"
    assert decision.reason.startswith("version 1 cannot be loaded (")
    assert champion() == version


@pytest.mark.usefixtures("store")
def test_an_incomplete_version_is_never_promoted(tmp_path: Path) -> None:
    """A version whose own files cannot be read leaves the champion where it was."""
    first, _ = register(0.3)
    second, _ = register(0.3)
    for path in tmp_path.rglob("model_coefs.json"):
        path.unlink()
    with pytest.raises((MlflowException, OSError, StoreError)):
        promotion.promote(MlflowClient(), challenge(second), RULE)
    assert str(MlflowClient().get_model_version_by_alias(NAME, CHAMPION).version) == first


@pytest.mark.usefixtures("store")
def test_the_lock_excludes_and_expires() -> None:
    """While one holds it another waits in vain; a lock whose owner is gone is void after its lease."""
    client = MlflowClient()
    client.create_registered_model(NAME)
    with lock.exclusive(client, NAME, "a", lease=60, patience=1) as held:
        assert held()
        for owner in ("0", "b"):
            refused = pytest.raises(StoreError, match="another run is still promoting")
            with refused, lock.exclusive(client, NAME, owner, lease=60, patience=0.5):
                pass
        assert held()
    client.set_registered_model_tag(NAME, f"{lock.PREFIX}dead", "1.0")
    with lock.exclusive(client, NAME, "b", lease=0.0, patience=1) as held:
        assert not held(), "its lease is over"
    assert client.get_registered_model(NAME).tags == {}


def kill_everywhere(uri: str) -> int:
    """Kill a run at each of its writes, mend by running again, and return how many kills there were."""
    client = MlflowClient()
    # Each is better than all before: the truth is 0.25.
    weights = (0.25 + 0.1 * 0.9**step for step in count())
    for write in count():
        before = len(client.search_model_versions(f"name = '{NAME}'")) if write else 0
        code = ended(start(killed_at, uri, next(weights), write))
        if code == 0:
            return write
        assert code == -signal.SIGKILL
        if client.search_registered_models():
            named = client.get_registered_model(NAME).aliases
            assert before == 0 or CHAMPION in named
            if CHAMPION in named:
                champion()
        assert ended(start(registered, uri, next(weights))) == 0
        versions = client.search_model_versions(f"name = '{NAME}'", max_results=500)
        newest = max(versions, key=lambda version: int(version.version))
        assert champion() == str(newest.version), "the run after a kill is better, and so the champion"
        assert all(PROMOTION in version.tags for version in versions), "and nothing is left undecided"
        assert client.get_registered_model(NAME).tags == {}, "nor locked"
    raise AssertionError


@pytest.mark.slow
def test_killed_at_every_write(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite: wherever a run is killed there is one complete champion, and the next run mends the rest."""
    kills = kill_everywhere(store)
    assert kills >= 9
    with capsys.disabled():
        print(f"\nSQLite: killed at each of {kills} writes")  # noqa: T201


@pytest.mark.slow
def test_killed_at_every_write_on_postgres(postgres_store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """PostgreSQL: the same."""
    kills = kill_everywhere(postgres_store)
    assert kills >= 9
    with capsys.disabled():
        print(f"\nPostgreSQL: killed at each of {kills} writes")  # noqa: T201


def race(uri: str) -> None:
    """Let four runs promote at once, and see the best of them champion."""
    register(0.4)
    weights = (0.26, 0.33, 0.3, 0.28)
    # None is killed, so none may lose its lease, however busy the machine is.
    processes = [start(registered, uri, weight, 60.0) for weight in weights]
    assert [ended(process) for process in processes] == [0] * 4
    best = mlflow.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")
    assert best.predict(["x" * 1000])["input_tokens"].item() == 260
    client = MlflowClient()
    versions = client.search_model_versions(f"name = '{NAME}'")
    assert len(versions) == 5
    assert all(PROMOTION in version.tags for version in versions)
    assert client.get_registered_model(NAME).tags == {}


@pytest.mark.slow
def test_runs_that_promote_at_once(store: str) -> None:
    """SQLite: of four runs at once, the best is champion in the end."""
    race(store)


@pytest.mark.slow
def test_runs_that_promote_at_once_on_postgres(postgres_store: str) -> None:
    """PostgreSQL: the same."""
    race(postgres_store)


@pytest.mark.slow
def test_a_database_that_goes_away(postgres: Postgres, postgres_store: str) -> None:
    """A run waits for it and ends well; one without patience fails, and running again mends what it left."""
    first, _ = register(0.4)
    with mlflow.start_run():
        pass
    process = start(registered, postgres_store, 0.3)
    away = MlflowClient()
    while len(away.search_model_versions(f"name = '{NAME}'")) == 1:
        assert process.is_alive()
    postgres.stop()
    process.join(1.5)
    waiting = process.is_alive()
    postgres.start()
    assert ended(process) == 0
    second = champion()
    assert waiting or second != first

    version, _ = register(0.29)
    new = challenge(version)
    postgres.stop()
    with pytest.raises(MlflowException):
        promotion.promote(MlflowClient(), new, RULE)
    postgres.start()
    assert promotion.promote(MlflowClient(), new, RULE).role == "champion"
    assert champion() == version
