"""MLflow's model registry: one registered model per reference model, its best version the champion."""

import tempfile
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from mlflow.tracking import MlflowClient

from token_approx.fitting.comparison import Comparison
from token_approx.lifecycle.export import tables_of, write_json

CHAMPION = "champion"
EXAMPLE_ROWS = 3


def registered_name(reference_model: str) -> str:
    """Return the registered model's name for a reference model."""
    return f"token-approx-{reference_model}"


def register(run: Run, comparison: Comparison, coefs: dict[str, Any], *, promote: bool) -> str:
    """Log the champion as a model of the run, register it, and return the new version.

    `promote` sets the alias `champion` on the version.
    """
    name = registered_name(comparison.dataset.reference_model)
    example: pd.DataFrame = comparison.dataset.features[coefs["feature_set"]].head(EXAMPLE_ROWS)
    with (
        tempfile.TemporaryDirectory() as folder,
        as_file(files("token_approx.lifecycle") / "feature_model.py") as code,
    ):
        path = Path(folder, "model_coefs.json")
        write_json(path, coefs)
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(code),
            artifacts={"model_coefs": str(path)}
            | {name: str(table) for name, table in tables_of(coefs["feature_set"]).items()},
            input_example=example,
            # Named outright: to infer them, MLflow would load the model in a process of its own.
            pip_requirements=["mlflow", "numpy", "pandas"],
        )
    client = MlflowClient()
    version = _new_version(client, name, logged, run)
    client.set_model_version_tag(name, version, "candidate", comparison.champion.candidate.name)
    client.set_model_version_tag(name, version, "dataset", comparison.dataset.name)
    client.set_model_version_tag(name, version, "test_mae", f"{comparison.champion.test['mae']:.6g}")
    if promote:
        client.set_registered_model_alias(name, CHAMPION, version)
    return version


def _new_version(client: MlflowClient, name: str, logged: ModelInfo, run: Run) -> str:
    with suppress(MlflowException):  # it exists: another run may make it at the same moment
        client.create_registered_model(name)
    created = client.create_model_version(
        name, logged.model_uri, run_id=run.info.run_id, model_id=logged.model_id
    )
    return str(created.version)
