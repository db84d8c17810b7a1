"""A registered version does what MLflow's users expect of it, through MLflow's own tools."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel

from tests.conftest import ROOT
from tests.lifecycle.registered import FEATURE, TABLE, TEXTS, URI, Store
from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.registry import CARD
from token_approx.text.features import known_table


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
