"""A run whose process was killed does not stay RUNNING beyond the next run; others are left alone."""

import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient

from token_approx.lifecycle import tracking
from token_approx.lifecycle.killed_runs import ENDED, KILLED, PROCESS

WAITS = """
import sys, mlflow
from token_approx.lifecycle import tracking
with tracking.parent_run("e", "one that waits") as run:
    with mlflow.start_run(nested=True) as nested:
        print(run.info.run_id, nested.info.run_id, flush=True)
        sys.stdin.read()
"""


def test_the_next_run_marks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its process lives it is RUNNING; after kill -9 the next run marks it and its nested run."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    made = process.stdout.readline().split()
    assert len(made) == 2
    with tracking.parent_run("e", "beside it") as run:
        elsewhere = client.create_run(run.info.experiment_id, tags={PROCESS: "another 1 1"})
    assert [client.get_run(each).info.status for each in made] == ["RUNNING"] * 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with tracking.parent_run("e", "after it"):
        found = [client.get_run(each) for each in made]
    assert [each.info.status for each in found] == ["KILLED"] * 2
    assert {each.data.tags[ENDED] for each in found} == {KILLED}
    assert client.get_run(elsewhere.info.run_id).info.status == "RUNNING", "who knows, on another machine"
    assert client.get_run(run.info.run_id).info.status == "FINISHED"
