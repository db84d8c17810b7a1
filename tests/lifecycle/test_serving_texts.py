"""The registered model of texts answers by MLflow's own commands, and where little is installed."""

import json
import venv
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.lifecycle.registered import TEXTS, URI, Store
from tests.lifecycle.serving import ask, serving
from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.contract import COEFS


@pytest.fixture(scope="module")
def server(made: Store) -> Iterator[str]:
    """Serve the champion with MLflow's own command, and return the address."""
    command = ["mlflow", "models", "serve", "-m", URI, "--env-manager", "local"]
    with serving(command, made.folder, made.environment, "/ping") as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "kind", "tokens"),
    [
        ('{"inputs": ["one two", "x"]}', "application/json", [2, 1]),
        ('{"dataframe_records": [{"text": "one two"}, {"text": null}]}', "application/json", [2, None]),
        ('{"dataframe_records": [{"text": "one two"}]}', "application/json", [2]),
        ('{"dataframe_split": {"columns": ["text"], "data": [["one two"]]}}', "application/json", [2]),
        ('{"inputs": ["one two"], "params": {"confidence": 0.8}}', "application/json", [2]),
        ('text\none two\n"x"\n007\n', "text/csv", [2, 1, 2]),
    ],
)
def test_serving(server: str, body: str, kind: str, tokens: list[int | None]) -> None:
    """JSON in each of MLflow's forms and CSV are answered with the estimates."""
    status, answer = ask(server, body, kind)
    assert status == 200, answer
    rows = json.loads(answer)["predictions"]
    assert [row["input_tokens"] for row in rows] == tokens
    assert all(row["upper_bound"] is None or row["upper_bound"] >= row["input_tokens"] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("{", "application/json", "valid JSON"),
        ('{"inputs": []}', "application/json", "missing inputs"),
        (
            '{"dataframe_records": [{"id": "7", "text": "x"}]}',
            "application/json",
            "Give the texts in a column 'text'",
        ),
        (
            '{"inputs": ["x"], "params": {"confidence": 0.5}}',
            "application/json",
            "Its levels: 0.8, 0.9, 0.95",
        ),
        ('{"texts": ["x"]}', "application/json", "dataframe_split"),
        ("id,text\n7,x\n", "text/csv", "Give the texts in a column 'text'"),
        ("x", "text/plain", "text/csv"),
    ],
)
def test_serving_refuses(server: str, body: str, kind: str, message: str) -> None:
    """A bad request is answered with 4xx and a message, and the server goes on."""
    status, answer = ask(server, body, kind)
    assert 400 <= status < 500
    assert message in answer
    assert ask(server, '{"inputs": ["x"]}', "application/json")[0] == 200


@pytest.mark.slow
def test_mlflow_models_predict(store: Store, tmp_path: Path) -> None:
    """`mlflow models predict` reads JSON and CSV files; of a CSV it takes the texts NA and null for missing.

    That is MLflow's reading, which docs/scoring.md tells of. JSON has them as the texts that they are.
    """
    words = ["one two", "NA", "null"]
    for name, content, kind, expected in (
        ("in.json", json.dumps({"inputs": words}), "json", [2, 1, 1]),
        ("in.csv", "\n".join(["text", *words, ""]), "csv", [2, None, None]),
    ):
        (tmp_path / name).write_text(content)
        done = store.run(
            "mlflow", "models", "predict", "-m", URI, "--env-manager", "local", "-t", kind,
            "-i", str(tmp_path / name), "-o", str(tmp_path / "out.json"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = json.loads((tmp_path / "out.json").read_text())["predictions"]
        assert [row["input_tokens"] for row in rows] == expected


@pytest.mark.slow
def test_it_runs_where_little_is_installed(store: Store, tmp_path: Path) -> None:
    """With mlflow-skinny, numpy, pandas and what reads a SQLite registry, and without this package."""
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env/bin/python")
    pinned = [
        f"{name}=={installed(name)}" for name in ("mlflow-skinny", "numpy", "pandas", "sqlalchemy", "alembic")
    ]
    done = store.run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *pinned)
    assert done.returncode == 0, done.stderr
    script = (
        "import importlib.util, json, mlflow, sys\n"
        "assert importlib.util.find_spec('token_approx') is None\n"
        f"model = mlflow.pyfunc.load_model({URI!r})\n"
        "json.dump(model.predict(json.load(sys.stdin))['input_tokens'].tolist(), sys.stdout)\n"
    )
    done = store.run(python, "-c", script, input=json.dumps(TEXTS))
    assert done.returncode == 0, done.stderr
    estimator = Estimator.load(ROOT / "output" / COEFS)
    assert json.loads(done.stdout) == [estimator.estimate(text) for text in TEXTS]
