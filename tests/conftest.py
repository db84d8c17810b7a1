"""Fixtures: a small project on records made here, in a store of its own."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha1
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LinearRegression

from token_approx.errors import InputError
from token_approx.fitting.candidates import Model
from token_approx.lifecycle.promotion import CHAMPION
from token_approx.lifecycle.registry import create_version, log_model, registered_name
from token_approx.text import kernel

pytest_plugins = ["tests.postgres"]

ROOT = Path(__file__).parents[1]
# What makes a main job take seconds.
FAST = "cross_validation.repeats=1 learning_curve.sizes=2 bootstrap.resamples=50 candidate_figures=1"
O200K = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out, unless CI is set or marks are chosen with -m; files that hold any go first."""
    if not os.environ.get("CI") and not config.option.markexpr:
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)
    # A long file that starts last would be waited for; that of the pages' commands takes 15 minutes.
    long = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (item.path.name != "test_readme_commands.py", -long[item.path]))


@pytest.fixture(autouse=True)
def experiment_of_no_other_test() -> Iterator[None]:
    """Drop the experiment that `mlflow.set_experiment` leaves to child processes: `mlflow run` takes it."""
    yield
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)


@pytest.fixture
def root() -> Path:
    """Return the checkout's folder."""
    return ROOT


@pytest.fixture
def o200k_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tiktoken find o200k_base in its cache: the file that bpe-openai brings, whose SHA-256 it checks."""
    folder = tmp_path_factory.mktemp("tiktoken")
    vocabulary = gzip.decompress((files("bpe_openai") / "data/o200k_base.tiktoken.gz").read_bytes())
    (folder / sha1(O200K.encode(), usedforsecurity=False).hexdigest()).write_bytes(vocabulary)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))


def write_records(
    path: Path, n: int = 40, sources: tuple[str, ...] = ("a", "b"), noise: float = 5.0, seed: int = 0
) -> Path:
    """Write a records file: tokens = 7 + bytes/4 + words/2 + noise."""
    random = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            size = int(random.integers(200, 20_000))
            words = int(size / random.uniform(4, 8))
            tokens = round(7 + size / 4 + words / 2 + float(random.normal(0, noise)))
            features = {
                "bytes": size,
                "runes": size - int(random.integers(0, 20)),
                "words": words,
                "lines": 3,
            }
            record = {
                "id": f"r{number}",
                "model": "made-up",
                "input_tokens": max(tokens, 0),
                "features": features,
                "source": sources[number % len(sources)],
            }
            file.write(json.dumps(record) + "\n")
    return path


@pytest.fixture
def make_records(tmp_path: Path) -> Callable[..., Path]:
    """Return `write_records`, for a file of the test's own."""
    return partial(write_records, tmp_path / "records.jsonl")


@pytest.fixture
def coefs() -> dict[str, Any]:
    """Return a whole model_coefs.json that is right about `make_records`, but for the noise."""
    content: dict[str, Any] = json.loads((ROOT / "output/model_coefs.json").read_bytes())
    bound = {"factor": 1.02, "offset": 0.0, "from": 0.0, "to": None}
    return {name: value for name, value in content.items() if not name.startswith("w_")} | {
        "model": "made-up",
        "feature_set": ["bytes", "words"],
        "w0": 7.0,
        "w_bytes": 0.25,
        "w_words": 0.5,
        "tables": {},
        "upper_bound": [{"confidence": level, **bound} for level in (0.9, 0.95)],
        "domain": {"bytes": [200.0, 20_000.0], "bytes/words": [4.0, 8.0]},
    }


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that registers a model_coefs.json as champion in the test's store, for its URI."""

    def register(content: Mapping[str, Any]) -> str:
        monkeypatch.chdir(tmp_path)  # beside the store, where its files go
        client, name = MlflowClient(), registered_name(content["model"])
        mlflow.set_experiment("models")
        with mlflow.start_run() as run:
            logged = log_model(content, "card")
            version = create_version(client, name, logged, run, "card", {})
        client.set_registered_model_alias(name, CHAMPION, version)
        monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)  # processes choose their own
        return f"models:/{name}@{CHAMPION}"

    return register


@pytest.fixture(scope="module", params=["native", "numpy"])
def each_kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the tests of a module with each kernel; the native one is left out where it was not built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "native", native_kernel() if request.param == "native" else None)
        yield request.param


def native_kernel() -> ModuleType:
    """Return the native kernel; skip the test where it was not built, and fail where CI is set."""
    try:
        built = kernel.chosen("native")
    except InputError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert built is not None
    return built


@pytest.fixture
def ols() -> Model:
    """Return ordinary least squares."""
    return Model(make=LinearRegression)


def load_part(group: str, option: str, *overrides: str) -> Any:  # noqa: ANN401 - whatever the leaf makes
    """Compose the training configuration with one option of a group and make that part."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [f"{group}={option}", *overrides])
    return instantiate(config[group], _convert_="all")


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test out of the checkout's own store."""
    # MLflow leaves the experiment that a test chose to the processes of the next.
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    # What an earlier test set goes before the variable.
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    # MLflow sets it where a stage runs in this process; undone at the end, as it was set before.
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
