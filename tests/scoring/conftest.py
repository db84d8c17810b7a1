"""A model of texts and a table of all kinds of columns, for what scores texts in Parquet."""

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal

import mlflow
import pyarrow as pa
import pytest

from tests.conftest import ROOT
from token_approx.lifecycle.registry import log_model
from token_approx.scoring.arrow import ScoringModel, downloaded

TEXTS = [
    "The boats were coming in, one after the other.",
    None,
    "",
    "naïve 船 🚣\u2003\x1c",
    "x" * 20_000,
    *(f"row {number}: {'lorem ipsum ' * number}" for number in range(40)),
]


@pytest.fixture(scope="session")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoringModel]:
    """Return the committed default model as MLflow keeps it, in a folder."""
    folder = tmp_path_factory.mktemp("text_model")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("models")
        with mlflow.start_run():
            logged = log_model(json.loads((ROOT / "output/model_coefs.json").read_bytes()), "card")
        path = mlflow.artifacts.download_artifacts(logged.model_uri, dst_path=str(folder / "model"))
    with downloaded(path, 0.95) as model:
        yield model


@pytest.fixture
def table() -> pa.Table:
    """Return a table with texts, one of them null, beside columns of types that both engines keep."""
    n = len(TEXTS)
    day = dt.datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=dt.UTC)
    return pa.table(
        {
            "id": pa.array(range(n), pa.int64()),
            "text": pa.array(TEXTS),
            "team": pa.array([f"team {number % 3}" for number in range(n)]).dictionary_encode(),
            "small": pa.array([number % 100 for number in range(n)], pa.int8()),
            "share": pa.array([number / 7 for number in range(n)]),
            "kept": pa.array([None if number % 5 == 0 else number % 2 == 0 for number in range(n)]),
            "at": pa.array([day] * n, pa.timestamp("us", "Europe/Berlin")),
            "there": pa.array([day.replace(tzinfo=None)] * n, pa.timestamp("us")),
            "on": pa.array([day.date()] * n, pa.date32()),
            "price": pa.array([Decimal(number).scaleb(-2) for number in range(n)], pa.decimal128(10, 2)),
            "raw": pa.array([b"\x00\xff"] * n, pa.binary()),
            "words": pa.array([["a", None], [], None, *[["b"]] * (n - 3)], pa.list_(pa.string())),
            "who": pa.array([{"name": "n", "age": 3}] * n),
            "a.b `c`": pa.array(["d"] * n, pa.large_string()),
        }
    )
