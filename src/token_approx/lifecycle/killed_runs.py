"""Runs whose process was killed: the next run on the same machine says so, as they could not."""

import hashlib
import os
import platform
import uuid
from contextlib import suppress
from pathlib import Path

import mlflow
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

# Tags of a run: the process that makes it, and how it ended where that process could not say.
PROCESS, ENDED = "token_approx.process", "ended"
KILLED = "killed; the next run found its process gone"


def name_process() -> None:
    """Tag the active run with this process, so that others can find it gone."""
    mlflow.set_tag(PROCESS, f"{_machine()} {os.getpid()} {_started(os.getpid())}")


def mark_killed_runs(client: MlflowClient, run: Run) -> None:
    """Mark as killed the runs of an experiment whose process on this machine is gone, with those in them.

    `run` is the one that looks, and is left alone.
    """
    experiment = [run.info.experiment_id]
    mine = f"attributes.status = 'RUNNING' and tags.`{PROCESS}` LIKE '{_machine()} %'"
    for other in client.search_runs(experiment, mine):
        if other.info.run_id != run.info.run_id and _is_gone(other.data.tags[PROCESS]):
            nested = f"attributes.status = 'RUNNING' and tags.`mlflow.parentRunId` = '{other.info.run_id}'"
            for left in [*client.search_runs(experiment, nested), other]:
                client.set_tag(left.info.run_id, ENDED, KILLED)
                client.set_terminated(left.info.run_id, "KILLED")


def _is_gone(process: str) -> bool:
    _, number, started = process.split(" ", 2)
    # Numbers of processes come again, with another time of start.
    return _started(int(number)) != started


def _started(number: int) -> str:
    with suppress(OSError):
        # The 22nd field, in ticks since the machine started; the 2nd may hold spaces, and ends with ')'.
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    if Path("/proc/self").exists():
        return "gone"
    with suppress(PermissionError):  # it is there, and another user's
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return "gone"
    return "unknown"


def _machine() -> str:
    # A hash: who looks at the runs need not know the machines.
    return hashlib.sha256(f"{platform.node()} {uuid.getnode()}".encode()).hexdigest()[:12]
