"""The registered model of whole requests answers by MLflow's own commands: a server, and files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.serving import ask, serving
from tests.lifecycle.test_registered_request_model import BODIES, ESTIMATOR, FAMILY, QUESTION, TEXTS
from token_approx.estimator.shipped import DEFAULTS

pytestmark = pytest.mark.slow

JSON = "application/json"


@pytest.fixture
def uri(register: Callable[[Mapping[str, Any]], str]) -> str:
    """Register the shipped model of requests to Claude, as its training job does."""
    return register(json.loads((DEFAULTS / f"requests/{FAMILY}.json").read_bytes()))


@pytest.fixture
def environment() -> dict[str, str]:
    """Return what a process needs to find this test's store, and the interpreter's programs."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def expected() -> list[dict[str, Any]]:
    """Return what the estimator says of each body."""
    return [
        {
            "input_tokens": total.tokens,
            "upper_bound": total.upper_bound(),
            "in_domain": not total.out_of_domain,
            "not_counted": json.dumps(total.not_counted, ensure_ascii=False),
        }
        for total in map(ESTIMATOR.request, BODIES)
    ]


def test_serving(uri: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Bodies in each of MLflow's forms are answered; a bad one gives 400 and a sentence, no more."""
    split = {"columns": ["request"], "data": [[text] for text in TEXTS]}
    forms: list[dict[str, Any]] = [
        {"inputs": TEXTS},
        {"dataframe_split": split},
        {"dataframe_records": [{"request": text} for text in TEXTS]},
    ]
    unnamed = json.dumps({"messages": [QUESTION]})
    refused = {
        '{"messages": [': "Row 1: the request is not valid JSON",
        "[]": "Row 1: the request is of type list",
        "{}": "Row 1: the request has none of the fields messages",
    }
    command = ["mlflow", "models", "serve", "-m", uri, "--env-manager", "local"]
    with serving(command, tmp_path, environment, "/ping") as address:
        for form in forms:
            status, answer = ask(address, json.dumps(form), JSON)
            assert status == 200, answer
            assert json.loads(answer)["predictions"] == expected()
        named = json.dumps({"inputs": [unnamed], "params": {"model": "claude-opus-4-7"}})
        (row,) = json.loads(ask(address, named, JSON)[1])["predictions"]
        assert row["input_tokens"] == ESTIMATOR.request(unnamed, "claude-opus-4-7").tokens
        for body, message in refused.items():
            status, answer = ask(address, json.dumps({"inputs": [TEXTS[0], body]}), JSON)
            assert (status, message in json.loads(answer)["message"]) == (400, True), answer
        status, answer = ask(address, json.dumps({"dataframe_records": [{"body": TEXTS[0]}]}), JSON)
        assert status == 400
        assert "Give the bodies in a column 'request'" in json.loads(answer)["message"]
        assert ask(address, json.dumps({"inputs": TEXTS}), JSON)[0] == 200


def test_mlflow_models_predict(uri: str, environment: dict[str, str], tmp_path: Path) -> None:
    """`mlflow models predict` reads a file of bodies and writes their estimates; a bad one ends it."""
    done = _predict(uri, environment, tmp_path, TEXTS)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["predictions"] == expected()
    done = _predict(uri, environment, tmp_path, ["{}"])
    assert done.returncode != 0
    assert "Row 0: the request has none of the fields messages" in done.stderr


def _predict(
    uri: str, environment: dict[str, str], folder: Path, bodies: list[str]
) -> subprocess.CompletedProcess[str]:
    (folder / "in.json").write_text(json.dumps({"inputs": bodies}))
    command = ["mlflow", "models", "predict", "-m", uri, "--env-manager", "local"]
    files = ["-t", "json", "-i", "in.json", "-o", "out.json"]
    return subprocess.run(
        [*command, *files], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
