"""A registered model of whole requests takes JSON bodies through MLflow's own tools, and says what we say."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from token_approx import Estimator
from token_approx.estimator.request import shipped_request_model
from token_approx.estimator.shipped import DEFAULTS
from token_approx.lifecycle.pull import pull
from token_approx.lifecycle.registry import CARD

FAMILY = "claude_4_7"
ESTIMATOR = shipped_request_model(FAMILY)
TOOL = {
    "name": "get_weather",
    "description": "Get the weather of a place.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}},
}
QUESTION = {"role": "user", "content": "Do I need an umbrella in Oslo?"}
BY_URL = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
BODIES = [
    {"model": "claude-opus-5", "max_tokens": 9, "messages": [QUESTION]},
    {"model": "claude-opus-5", "system": "Be brief.", "tools": [TOOL], "messages": [QUESTION]},
    {"model": "claude-opus-5", "system": "", "messages": [{"role": "user", "content": [BY_URL]}]},
    {"modelId": "us.anthropic.claude-opus-5", "messages": [{"role": "user", "content": [{"text": "Oslo?"}]}]},
]
TEXTS = [json.dumps(body) for body in BODIES]


@pytest.fixture
def uri(register: Callable[[Mapping[str, Any]], str]) -> str:
    """Register the shipped model of requests to Claude, as its training job does."""
    return register(json.loads((DEFAULTS / f"requests/{FAMILY}.json").read_bytes()))


def test_it_says_what_the_estimator_says(uri: str, tmp_path: Path) -> None:
    """Tokens, bound, domain and what is not counted: from the registry, and pulled to a folder."""
    assert uri == "models:/token-approx-requests-claude-4-7@champion"
    model = mlflow.pyfunc.load_model(uri)
    answer = model.predict(pd.DataFrame({"request": TEXTS}), params={"confidence": 0.9})
    totals = [ESTIMATOR.request(body) for body in BODIES]
    assert answer["input_tokens"].tolist() == [total.tokens for total in totals]
    assert answer["upper_bound"].tolist() == [total.upper_bound(0.9) for total in totals]
    assert answer["in_domain"].tolist() == [not total.out_of_domain for total in totals]
    listed = [tuple(json.loads(found)) for found in answer["not_counted"].tolist()]
    assert listed == [total.not_counted for total in totals]
    assert totals[2].not_counted
    assert not totals[1].not_counted
    pull(uri, tmp_path / "out")
    pulled = Estimator.load(tmp_path / "out")
    assert [pulled.request(text).tokens for text in TEXTS] == [total.tokens for total in totals]
    assert Estimator.load(uri).request(TEXTS[1]).parts == totals[1].parts


def test_what_it_is_given(uri: str) -> None:
    """Lists, columns and nulls are taken; the model may be named beside bodies that name none."""
    model = mlflow.pyfunc.load_model(uri)
    tokens = ESTIMATOR.request(BODIES[0]).tokens
    unnamed = json.dumps({"messages": [QUESTION]})
    named = ESTIMATOR.request(unnamed, "claude-opus-4-7")
    assert named.tokens != tokens, "the two models frame a request differently"
    given: list[tuple[Any, list[int | None]]] = [
        ([TEXTS[0]], [tokens]),
        (pd.DataFrame([{"request": TEXTS[0]}], index=[7]), [tokens]),
        (pd.DataFrame({"request": [None, TEXTS[0]]}), [None, tokens]),
        (pd.DataFrame({"request": pd.Series([], dtype="str")}), []),
    ]
    for bodies, expected in given:
        answer = model.predict(bodies)
        found = answer["input_tokens"].astype(object).where(answer["input_tokens"].notna(), None).tolist()
        assert found == expected
        assert answer.notna().all(axis="columns").tolist() == [value is not None for value in expected]
    other = model.predict([unnamed], params={"model": "claude-opus-4-7"})
    assert other["input_tokens"].tolist() == [named.tokens]


def test_half_of_a_surrogate_pair(uri: str) -> None:
    """No UTF-8 has it, so the answer has a question mark in its place."""
    body = {"odd \ud83d": "more", "model": "claude-opus-5", "messages": [QUESTION]}
    answer = mlflow.pyfunc.load_model(uri).predict([json.dumps(body)])
    (reason,) = json.loads(answer["not_counted"].item())
    assert reason.startswith("request.odd ?: this field is not known")
    assert answer["input_tokens"].item() == ESTIMATOR.request(body).tokens


def test_what_it_refuses_it_explains(uri: str) -> None:
    """One clear error that names the row: bad JSON, no request, another column, a level without a bound."""
    model = mlflow.pyfunc.load_model(uri)
    with pytest.raises(MlflowException, match=r"Row 1: the request is not valid JSON .* Give the body"):
        model.predict([TEXTS[0], '{"messages": ['])
    with pytest.raises(MlflowException, match=r"Row 0: the request is of type list"):
        model.predict(["[]"])
    with pytest.raises(MlflowException, match=r"Row 0: the request has none of the fields messages"):
        model.predict(["{}"])
    with pytest.raises(MlflowException, match=r"The column is 'body'. Give the bodies in a column 'request'"):
        model.predict(pd.DataFrame({"body": TEXTS}))
    with pytest.raises(MlflowException, match=r"no bound of confidence 0.5"):
        model.predict(TEXTS[:1], params={"confidence": 0.5})


def test_its_signature_and_files(uri: str, tmp_path: Path) -> None:
    """Strings in, four columns out, two parameters; its files are text, with the code and one table."""
    signature = mlflow.pyfunc.load_model(uri).metadata.signature
    outputs = {column.name: column.type.name for column in signature.outputs.inputs}
    assert outputs == {
        "input_tokens": "long",
        "upper_bound": "long",
        "in_domain": "boolean",
        "not_counted": "string",
    }
    assert [(each.name, each.default) for each in signature.params.params] == [
        ("confidence", 0.95),
        ("model", ""),
    ]
    folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / "version")))
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    artifacts = {name for name in files if name.startswith("artifacts/")}
    assert artifacts == {"artifacts/model_coefs.json", f"artifacts/{FAMILY}.json"}
    assert CARD in files
    for name, path in files.items():
        assert "\0" not in path.read_text(encoding="utf-8"), name
    assert ".pkl" not in files["MLmodel"].read_text()
