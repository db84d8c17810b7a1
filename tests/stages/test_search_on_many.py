"""One study on a real PostgreSQL, filled by processes of the main job as a user starts them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from tests.conftest import ROOT
from tests.postgres import Postgres
from tests.stages.test_train import FAST

TRIALS = 10
PASSWORD = "hush-hush"  # noqa: S105 - the server takes any; it must be found nowhere
LONGEST = 300.0


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Return a function that starts a command in a copy of the project, in an MLflow store of its own."""
    copy = tmp_path / "project"
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("MLproject", "conda.yaml", "tests/stages/meeting.py"):
        shutil.copy(ROOT / name, copy)
    (tmp_path / "meeting").mkdir()

    def started(name: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        environment = os.environ | {
            "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/{name}.db",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MEETING": str(tmp_path / "meeting"),
        }
        return subprocess.Popen(
            arguments, cwd=copy, env=environment | variables, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return started


def _filled(study: optuna.Study) -> list[FrozenTrial]:
    return [t for t in study.trials if t.state in {TrialState.COMPLETE, TrialState.PRUNED}]


def _runs(tmp_path: Path, name: str) -> tuple[Run, list[Run]]:
    client = MlflowClient(f"sqlite:///{tmp_path}/{name}.db")
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    return parent, [run for run in runs if run is not parent]


def _coefs(tmp_path: Path, name: str) -> dict[str, Any]:
    coefs: dict[str, Any] = json.loads((tmp_path / f"project/{name}/model_coefs.json").read_text())
    return coefs | {"provenance": None}


@pytest.mark.slow
def test_workers_fill_one_study_though_one_is_killed(
    tmp_path: Path,
    postgres: Postgres,
    make_records: Callable[..., Path],
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    """Two workers, one by `mlflow run`, make the asked trials together, and that of a third, killed in it.

    They do not leave before it is made again, arrive at the same winner, and leave no password behind.
    """
    records, url = make_records(40, noise=50.0), postgres.url("searched")
    secret = url.replace("token_approx@", f"token_approx:{PASSWORD}@")
    target = "++estimator.ridge.make._target_=meeting.MeetingRidge"
    quick = "workers=1 candidate_figures=0"
    heartbeats = "search.heartbeat_interval=1 search.grace_period=4"
    chosen = {
        "dataset": "custom", "records": str(records), "features": "bytes,bytes_words",
        "estimator": "ols,ridge", "search": "optuna", "study": "team", "trials": str(TRIALS),
    }  # fmt: skip

    def overrides(name: str) -> str:
        return f"overrides={FAST} {quick} {heartbeats} {target} register=false output={name}"

    def plain(name: str, **variables: str) -> "subprocess.Popen[str]":
        arguments = [f"{key}={value}" for key, value in chosen.items()]
        command = [sys.executable, "-m", "token_approx.stages.train", *arguments, overrides(name)]
        return start(name, *command, MEET="3", TOKEN_APPROX_STORAGE=secret, **variables)

    given = chosen | {"storage": url}
    flags = [flag for key, value in given.items() for flag in ("-P", f"{key}={value}")]
    workers = {
        "first": start(
            "first", "mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "token-approx",
            *flags, "-P", overrides("first"), MEET="3",
        ),
        "second": plain("second"),
        "killed": plain("killed", HOLD="true"),
    }  # fmt: skip
    ended: dict[str, tuple[str, str]] = {}
    try:
        study = _when_the_others_wait(url, workers)
        (held,) = (trial for trial in study.trials if trial.state == TrialState.RUNNING)
        assert held.user_attrs["worker"].endswith(f":{workers['killed'].pid}")
        workers["killed"].send_signal(signal.SIGKILL)
        ended = {name: worker.communicate(timeout=LONGEST) for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.kill()
    assert workers["first"].returncode == 0, ended["first"]
    assert workers["second"].returncode == 0, ended["second"]
    assert ended["second"][1] == "", "nothing noisy"

    assert len(_filled(study)) == TRIALS
    assert {trial.state for trial in study.trials} <= {
        TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL,
    }  # fmt: skip
    assert study.trials[held.number].state == TrialState.FAIL
    retried = {RetryHeartbeatStaleTrialCallback.retried_trial_number(t): t for t in _filled(study)}
    assert retried[held.number].params == held.params
    made_by = {trial.user_attrs["worker"] for trial in _filled(study)}
    assert len(made_by) == 2, "both took part"
    assert any(name.endswith(f":{workers['second'].pid}") for name in made_by)

    assert _coefs(tmp_path, "first") == _coefs(tmp_path, "second")
    parents = {}
    for name in ("first", "second"):
        parents[name], children = _runs(tmp_path, name)
        trials = {run.data.tags["worker"] for run in children if "worker" in run.data.tags}
        assert trials == made_by, "each worker's run shows its own trials, and those that others completed"
    assert parents["first"].data.tags["winner"] == parents["second"].data.tags["winner"]
    assert parents["first"].data.params["storage"] == url
    assert parents["second"].data.params["study"] == "team"

    told = "".join(text for both in ended.values() for text in both)
    assert PASSWORD not in told
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert not kept


def _when_the_others_wait(url: str, workers: dict[str, "subprocess.Popen[str]"]) -> optuna.Study:
    """Return the study once all but the held trial are made, and nobody has left."""
    give_up = time.monotonic() + LONGEST
    while time.monotonic() < give_up:
        for name, worker in workers.items():
            assert worker.poll() is None, (name, *worker.communicate())
        try:
            study = optuna.load_study(study_name="team", storage=url)
        except Exception:  # noqa: BLE001 - nobody has made the tables, or the study, yet
            time.sleep(0.5)
            continue
        if len(_filled(study)) == TRIALS - 1:
            return study
        time.sleep(0.2)
    raise AssertionError("the trials did not end")


@pytest.mark.slow
def test_a_password_given_to_mlflow_run(
    tmp_path: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """MLflow logs it before any code of ours, so the error says where it stands now; we repeat it nowhere."""
    worker = start(
        "refused", "mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "token-approx",
        "-P", "search=optuna", "-P", f"storage=postgresql+psycopg://me:{PASSWORD}@127.0.0.1:1/studies",
    )  # fmt: skip
    _, told = worker.communicate(timeout=LONGEST)
    assert worker.returncode == 1
    parent, children = _runs(tmp_path, "refused")
    (error,) = (line for line in told.splitlines() if line.startswith("error: "))
    assert "storage=postgresql+psycopg://me:***@127.0.0.1:1/studies: a password must not be there" in error
    assert f"delete the run {parent.info.run_id}" in error
    assert PASSWORD not in error
    assert PASSWORD in parent.data.params["storage"], "what MLflow itself logs"
    assert not children
    client = MlflowClient(f"sqlite:///{tmp_path}/refused.db")
    assert not client.list_artifacts(parent.info.run_id)
