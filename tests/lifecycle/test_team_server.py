"""A team's server: PostgreSQL for runs and registry, an S3-compatible store, one address for users."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import mlflow
import pytest
from mlflow.tracking import MlflowClient

from tests.conftest import FAST, ROOT
from tests.lifecycle.serving import s3_store, serving
from tests.postgres import Postgres
from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.pull import pull

BUCKET = "token-approx"
NAME = "token-approx-made-up"


@pytest.fixture
def store() -> Iterator[dict[str, str]]:
    """Return the environment in which a server finds an S3-compatible store with one empty bucket."""
    with s3_store(BUCKET) as environment:
        yield environment


def bucket(environment: dict[str, str]) -> "boto3.resources.base.ServiceResource":
    """Return the bucket of a store."""
    s3 = boto3.resource(
        "s3",
        endpoint_url=environment["MLFLOW_S3_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    return s3.Bucket(BUCKET)


@pytest.mark.slow
def test_two_machines_on_one_server(
    postgres: Postgres,
    store: dict[str, str],
    tmp_path: Path,
    make_records: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two runs at once, told the server's address alone: runs, one champion, and files in the store."""
    records = make_records(40)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = [
        "mlflow", "server", "--backend-store-uri", postgres.url("team"),
        "--artifacts-destination", f"s3://{BUCKET}/artifacts", "--workers", "2",
    ]  # fmt: skip
    environment = os.environ | store | {"PATH": programs, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with serving(server, tmp_path, environment, "/health") as address:
        user = os.environ | {"MLFLOW_TRACKING_URI": address, "PATH": programs}
        jobs = [
            subprocess.Popen(
                [
                    sys.executable, "-m", "token_approx.stages.train", "dataset=custom", f"records={records}",
                    "features=bytes,bytes_words", "estimator=ols", f"output={tmp_path}/{number}",
                    "selection.sane=false", *FAST.split(),
                ],
                env=user, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for number in (1, 2)
        ]  # fmt: skip
        for job in jobs:
            _, told = job.communicate(timeout=240)
            assert job.returncode == 0, told
            assert told == ""
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        mlflow.set_tracking_uri(address)
        client = MlflowClient()
        experiment = client.get_experiment_by_name("token-approx")
        assert experiment
        runs = client.search_runs([experiment.experiment_id])
        assert len(runs) == 2 * 3
        assert {run.info.status for run in runs} == {"FINISHED"}
        versions = {version.version: version for version in client.search_model_versions(f"name = '{NAME}'")}
        assert len(versions) == 2
        model = client.get_registered_model(NAME)
        assert model.tags == {}, "no lock is left"
        champion, challenger = (str(model.aliases[role]) for role in ("champion", "challenger"))
        assert {champion, challenger} == {str(version) for version in versions}
        for number in (1, 2):
            coefs = json.loads((tmp_path / str(number) / COEFS).read_text())
            run_id = coefs["provenance"]["run_id"]
            assert client.get_run(run_id).info.artifact_uri.startswith("mlflow-artifacts:/")
            names = {file.path for file in client.list_artifacts(run_id, "figures")}
            assert names == {f"figures/{path.name}" for path in (tmp_path / f"{number}/figures").iterdir()}
        text = "The boats were coming in. " * 50
        estimate = Estimator.load(tmp_path / "1" / COEFS).estimate(text)
        loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
        assert loaded.predict([text])["input_tokens"].item() == estimate
        pull(f"models:/{NAME}@champion", tmp_path / "pulled")
        assert Estimator.load(tmp_path / "pulled" / COEFS).estimate(text) == estimate
        stored = {item.key for item in bucket(store).objects.all()}
        # Of each run, and of the version that each registered.
        assert sum(key.endswith(f"artifacts/{COEFS}") for key in stored) == 2 * 2
        assert all(key.startswith("artifacts/") for key in stored)
        kept = {path.name for path in tmp_path.iterdir() if path.is_dir()}
        assert kept == {"1", "2", "pulled"}, "the user's machine kept no store of its own"
