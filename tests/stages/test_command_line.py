"""How a stage ends when it is told to, or when MLflow's database is not the one it needs."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from token_approx import exit_codes

WAITS = """
import sys
from token_approx.lifecycle import tracking
from token_approx.stages.command_line import run_stage

def stage(config):
    with tracking.parent_run("e", "one that waits") as run:
        print(run.info.run_id, flush=True)
        sys.stdin.read()

run_stage("evaluate", stage)
"""


def started(folder: Path) -> "subprocess.Popen[str]":
    """Start a stage that waits, with a store in the folder."""
    return subprocess.Popen(
        [sys.executable, "-c", WAITS],
        cwd=folder,
        env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_stage_that_is_told_to_end_says_so_in_its_run(tmp_path: Path, kind: signal.Signals) -> None:
    """Ctrl-C and kill alike: one word on standard error, and a run that is no longer RUNNING."""
    process = started(tmp_path)
    assert process.stdout
    run_id = process.stdout.readline().strip()
    process.send_signal(kind)
    _, errors = process.communicate()
    assert process.returncode == exit_codes.INTERRUPTED
    assert errors == "interrupted\n"
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert client.get_run(run_id).info.status in ("FAILED", "KILLED")


def test_a_database_of_another_mlflow(tmp_path: Path) -> None:
    """It is one line with the command that upgrades it."""
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("create table alembic_version (version_num varchar(32) not null)")
        database.execute("insert into alembic_version values ('0123456789ab')")
    process = started(tmp_path)
    _, errors = process.communicate("")
    assert process.returncode == exit_codes.STORE
    store = f"sqlite:///{tmp_path}/mlflow.db"
    assert errors == (
        f"error: MLflow at {store}: another version of MLflow made the database. Make a copy of it, and run:"
        f" mlflow db upgrade {store}. If it is of a newer one, upgrade MLflow instead.\n"
    )
