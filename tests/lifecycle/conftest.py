"""Fixtures: the committed default model, registered in a store that the tests of a module share."""

import json

import mlflow
import pytest
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from tests.lifecycle.registered import NAME, Store
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.registry import create_version, log_model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Register the committed default model, in a store of the module's own."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        coefs = json.loads((ROOT / "output" / COEFS).read_text())
        mlflow.set_experiment("e")
        with mlflow.start_run() as run:
            logged = log_model(coefs, "# Card\n")
            version = create_version(MlflowClient(), NAME, logged, run, "# Card\n", {})
        MlflowClient().set_registered_model_alias(NAME, "champion", version)
    return Store(folder)


@pytest.fixture
def store(made: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return the store, with this process looking at it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.environment["MLFLOW_TRACKING_URI"])
    mlflow.set_tracking_uri(made.environment["MLFLOW_TRACKING_URI"])
    return made
