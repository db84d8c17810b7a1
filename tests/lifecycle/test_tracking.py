"""Runs go where they should, whatever other processes do at the same moment."""

from pathlib import Path

import pytest
from mlflow.entities import Experiment
from mlflow.tracking import MlflowClient
from mlflow.tracking._tracking_service.client import TrackingServiceClient

from token_approx.lifecycle.tracking import parent_run


def test_an_experiment_that_another_process_has_just_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for before and made after the other process made it, it is the run's all the same."""
    monkeypatch.chdir(tmp_path)
    found = TrackingServiceClient.get_experiment_by_name
    asked: list[str] = []

    def too_early(self: TrackingServiceClient, name: str) -> Experiment | None:
        asked.append(name)
        if len(asked) == 1:
            MlflowClient().create_experiment(name)
            return None
        experiment: Experiment | None = found(self, name)  # type: ignore[no-untyped-call]
        return experiment

    monkeypatch.setattr(TrackingServiceClient, "get_experiment_by_name", too_early)
    with parent_run("meeting", "first") as run:
        pass
    assert len(asked) > 1
    experiment = MlflowClient().get_experiment(run.info.experiment_id)
    assert experiment.name == "meeting"
