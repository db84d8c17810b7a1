"""A registered version does what MLflow's users expect of it, through MLflow's own tools."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, cast

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from tests.lifecycle.serving import ask, serving
from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.pull import pull
from token_approx.lifecycle.registry import CARD, create_version, log_model
from token_approx.text.features import known_table

NAME = "token-approx-claude-3-7-sonnet-latest"
URI = f"models:/{NAME}@champion"
# The one table that the committed default model weighs.
((FEATURE, TABLE),) = (
    (feature, entry["file"])
    for feature, entry in json.loads((ROOT / "output" / COEFS).read_text())["tables"].items()
)
TEXTS = ["The boats were coming in, one after the other. " * 700, "x", "", "naïve 船 🚣"]


@dataclass(frozen=True)
class Store:
    """A store with one registered version, the committed default model."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process needs to find it, and the interpreter's programs."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow.db", "PATH": programs}

    def run(self, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        """Run a command in the store's folder."""
        return subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **more,
        )


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


@pytest.fixture
def model(store: Store) -> PyFuncModel:
    """Return the champion, loaded."""
    assert store.folder.exists()
    loaded: PyFuncModel = mlflow.pyfunc.load_model(URI)
    return loaded


@pytest.fixture
def predict(model: PyFuncModel) -> Callable[..., pd.DataFrame]:
    """Return the champion's own `predict`, which MLflow types as anything."""
    return cast("Callable[..., pd.DataFrame]", model.predict)


def test_it_estimates_as_the_estimator_does(predict: Callable[..., pd.DataFrame]) -> None:
    """All three outputs are the estimator's, at any confidence that the model has."""
    estimator = Estimator.load(ROOT / "output" / COEFS)
    for confidence in (0.8, 0.95):
        answer = predict(TEXTS, params={"confidence": confidence})
        assert answer["input_tokens"].tolist() == [estimator.estimate(text) for text in TEXTS]
        assert answer["upper_bound"].tolist() == [estimator.upper_bound(text, confidence) for text in TEXTS]
        assert answer["in_domain"].tolist() == [not estimator.out_of_domain(text) for text in TEXTS]
    assert predict(TEXTS).equals(predict(TEXTS, params={"confidence": 0.95}))


def test_its_signature(model: PyFuncModel) -> None:
    """Text in; tokens, bound and domain out; the confidence is a parameter."""
    signature = model.metadata.signature
    assert signature.inputs.input_types()[0].name == "string"
    outputs = {column.name: column.type.name for column in signature.outputs.inputs}
    assert outputs == {"input_tokens": "long", "upper_bound": "long", "in_domain": "boolean"}
    (parameter,) = signature.params.params
    assert (parameter.name, parameter.default) == ("confidence", 0.95)


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        (["one two", "x"], [2, 1]),
        ("one two", [2]),
        (pd.DataFrame({"text": ["one two", "x"]}), [2, 1]),
        (pd.DataFrame({"text": ["one two"], "id": [7]}), [2]),
        (pd.DataFrame([{"text": "one two"}]), [2]),
        (pd.Series(["one two", "x"]), [2, 1]),
        (pd.Series(["one two"], name="anything but text", index=[9]), None),
        (pd.Series(["one two"], name="text", index=[9]), [2]),
        (np.array(["one two", "x"]), [2, 1]),
        ([{"text": "one two"}], [2]),
        (["one two", None, "x"], [2, None, 1]),
        ([None], [None]),
        (pd.DataFrame({"text": ["one two", np.nan, None]}), [2, None, None]),
        (pd.DataFrame({"text": pd.array(["one two", pd.NA], "string")}), [2, None]),
        (pd.DataFrame({"text": pd.Series([], dtype="str")}), []),
        ([""], [0]),
        (pd.DataFrame({"id": ["7"], "text": ["one two"]}), None),
        ([b"one two"], None),
        ([1, 2], None),
        ([], None),
    ],
    ids=str,
)
def test_inputs(predict: Callable[..., pd.DataFrame], given: Any, tokens: list[int | None] | None) -> None:  # noqa: ANN401
    """Every form of texts is taken, a missing text has null estimates, and the rest is refused."""
    if tokens is None:
        with pytest.raises(MlflowException):
            predict(given)
        return
    answer = predict(given)
    assert (
        answer["input_tokens"].astype(object).where(answer["input_tokens"].notna(), None).tolist() == tokens
    )
    assert answer.notna().all(axis="columns").tolist() == [token is not None for token in tokens]
    assert answer.dtypes.astype(str).tolist() == ["Int64", "Int64", "boolean"]
    if isinstance(given, pd.Series | pd.DataFrame):
        assert answer.index.equals(given.index)


def test_what_it_refuses_it_explains(predict: Callable[..., pd.DataFrame]) -> None:
    """A column of another name, a value that is no text, a confidence without a bound: each with its mend."""
    with pytest.raises(MlflowException, match=r"The column is 'id'. Give the texts in a column 'text'"):
        predict(pd.DataFrame({"id": ["7"], "text": ["one two"]}))
    with pytest.raises(MlflowException, match="A text must be a string, and one is of type bytes"):
        predict([b"x"])
    with pytest.raises(MlflowException, match=r"no bound of confidence 0.5. Its levels: 0.8, 0.9, 0.95"):
        predict(["x"], params={"confidence": 0.5})


def test_ten_megabytes_in_one_cell(predict: Callable[..., pd.DataFrame]) -> None:
    """A long text is a text like any other."""
    text = "The boats were coming in. " * 400_000
    assert predict([text])["input_tokens"].item() == pytest.approx(len(text) / 4.3, rel=0.1)


def test_its_files_are_text_alone(store: Store, tmp_path: Path) -> None:
    """Nothing is pickled: JSON, YAML, Markdown and Python, all readable; the code is this package's."""
    folder = Path(mlflow.artifacts.download_artifacts(URI, dst_path=str(tmp_path)))
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {"artifacts/model_coefs.json", f"artifacts/{TABLE}", CARD, "MLmodel"} <= files.keys()
    for name, path in files.items():
        content = path.read_text(encoding="utf-8")
        assert "\0" not in content, name
        if path.suffix == ".json":
            json.loads(content)
        if name.startswith("code/"):
            original = ROOT / "src/token_approx" / "/".join(Path(name).parts[2:])
            assert content == original.read_text(encoding="utf-8")
    assert {path.suffix for path in files.values()} == {"", ".json", ".yaml", ".md", ".py", ".txt"}
    assert "model_code_path" in files["MLmodel"].read_text()
    assert ".pkl" not in files["MLmodel"].read_text()
    assert (folder / "artifacts" / TABLE).read_bytes() == known_table(FEATURE.removeprefix("ngram_")).json()
    assert store.folder.exists()


def test_mlflow_artifacts_download(store: Store, tmp_path: Path) -> None:
    """`mlflow artifacts download` fetches model_coefs.json of a version by its alias."""
    uri = f"{URI}/artifacts/model_coefs.json"
    done = store.run("mlflow", "artifacts", "download", "-u", uri, "-d", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = next(tmp_path.rglob(COEFS))
    assert json.loads(found.read_text()) == json.loads((ROOT / "output" / COEFS).read_text())


def test_pull(store: Store, tmp_path: Path) -> None:
    """A pulled model estimates as the one that was registered; pulled again, it is replaced by the same."""
    assert store.folder.exists()
    for _ in range(2):
        assert {path.name for path in pull(URI, tmp_path / "out")} == {COEFS, TABLE}
        estimator = Estimator.load(tmp_path / "out" / COEFS)
        assert estimator.estimate(TEXTS[0]) == Estimator.load(ROOT / "output" / COEFS).estimate(TEXTS[0])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {COEFS, TABLE}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / TABLE).unlink(), TABLE),
        (
            lambda folder: (folder / TABLE).write_bytes(known_table("o200k_base").json()),
            "is not the table",
        ),
        (lambda folder: (folder / COEFS).write_text("{"), "is damaged"),
        (lambda folder: (folder / COEFS).write_text('{"a":' * 200_000), "is damaged"),
        (
            lambda folder: (folder / COEFS).write_text(
                re.sub('"factor": [0-9.]+', '"factor": NaN', (folder / COEFS).read_text())
            ),
            "NaN is not a number",
        ),
        (
            lambda folder: (folder / COEFS).write_text(
                re.sub('"factor": ', '"factor": -', (folder / COEFS).read_text(), count=1)
            ),
            "upper_bound[0].factor is -",
        ),
        (lambda folder: (folder / COEFS).unlink(), "holds no model_coefs.json"),
        (
            lambda folder: (folder / COEFS).write_text(
                (folder / COEFS).read_text().replace(f'"{TABLE}"', f'"../{TABLE}"')
            ),
            "is not in the model's folder",
        ),
        (
            lambda folder: (folder / COEFS).write_text(
                (folder / COEFS).read_text().replace('"w0"', '"w0"'.replace("0", "_x"))
            ),
            "breaks the contract at $ ('w0' is a required property)",
        ),
    ],
)
def test_a_damaged_version_replaces_nothing(
    store: Store,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    message: str,
) -> None:
    """What was pulled before stays as it was, and the error says what is wrong."""
    pull(URI, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (artifacts,) = (path.parent for path in store.folder.rglob(f"artifacts/{COEFS}"))
    kept = shutil.copytree(artifacts, tmp_path / "kept")
    try:
        spoil(artifacts)
        with pytest.raises(InputError) as refused:
            pull(URI, tmp_path / "out")
    finally:
        shutil.copytree(kept, artifacts, dirs_exist_ok=True)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(
    "uri", ["models:/none@champion", f"models:/{NAME}/99", "models:/", "nonsense", "runs:/x/y"]
)
def test_pulling_what_is_not_there(store: Store, tmp_path: Path, uri: str) -> None:
    """A model that does not exist is one line that says what to give."""
    assert store.folder.exists()
    with pytest.raises(InputError, match=r"cannot be downloaded .* Give models:/<name>@champion") as refused:
        pull(uri, tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


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
    """`mlflow models predict` reads JSON and CSV files and writes the estimates."""
    for name, content, kind in (
        ("in.json", '{"inputs": ["one two"]}', "json"),
        ("in.csv", "text\none two\n", "csv"),
    ):
        (tmp_path / name).write_text(content)
        done = store.run(
            "mlflow", "models", "predict", "-m", URI, "--env-manager", "local", "-t", kind,
            "-i", str(tmp_path / name), "-o", str(tmp_path / "out.json"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (row,) = json.loads((tmp_path / "out.json").read_text())["predictions"]
        assert row["input_tokens"] == 2


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
