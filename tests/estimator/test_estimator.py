"""The estimator evaluates model_coefs.json as the contract says, and says when it should not be trusted."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient

import token_approx
from tests.conftest import ROOT
from token_approx.errors import InputError
from token_approx.estimator.bounds import Bound, evaluate, evaluate_many
from token_approx.estimator.catalogue import catalogue
from token_approx.estimator.estimator import BASIC, Estimator, rounded
from token_approx.estimator.shipped import DEFAULTS, shipped_families
from token_approx.fitting.bounds import evaluate_bounds
from token_approx.lifecycle.registry import create_version, log_model, registered_name
from token_approx.text.counts import count
from token_approx.text.features import features, known_table

COEFS: dict[str, Any] = {
    "model": "m",
    "feature_set": ["bytes", "ngram_o200k_base"],
    "w0": 3.0,
    "w_bytes": 0.01,
    "w_ngram_o200k_base": 1.02,
    "upper_bound": [
        {"confidence": 0.95, "factor": 1.0, "offset": 0.4, "from": 0, "to": 1},
        {"confidence": 0.95, "factor": 1.4, "offset": 0, "from": 1, "to": 20},
        {"confidence": 0.95, "factor": 1.1, "offset": 0, "from": 20, "to": None},
    ],
    "lower_bound": [{"confidence": 0.95, "factor": 0.9, "offset": 0, "from": 0, "to": None}],
    "domain": {"bytes": [50, 1000], "bytes/words": [4, 8]},
}
TEXT = "The boats were coming in, one after the other. " * 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write an export with its table beside it."""
    digest = known_table("o200k_base").save(tmp_path / "o200k_base.json")
    content = COEFS | {"tables": {"ngram_o200k_base": {"file": "o200k_base.json", "sha256": digest}}}
    (tmp_path / "model_coefs.json").write_text(json.dumps(content))
    return tmp_path / "model_coefs.json"


def test_estimate_and_bounds(path: Path) -> None:
    """Terms are added in order; bounds take the size class of the unrounded estimate, and round outwards."""
    estimator = Estimator.load(path)
    found = features(TEXT)
    total = 3.0 + 0.01 * found["bytes"] + 1.02 * found["ngram_o200k_base"]
    assert estimator.linear_sum(estimator.features(TEXT)) == total
    assert estimator.estimate(TEXT) == estimator.estimate(TEXT.encode()) == math.floor(total + 0.5)
    assert estimator.upper_bound(TEXT) == math.ceil(total * 1.1)
    assert estimator.lower_bound(TEXT) == math.floor(total * 0.9)
    assert replace(estimator, domain={}).upper_bound("") == math.ceil(3 * 1.4)


def test_bounds_are_what_was_calibrated() -> None:
    """The estimator's bound is the calibration's own evaluation, in every size class and below zero."""
    lines = [
        Bound(0.95, 1.0, 0.4, 0.0, 1.0),
        Bound(0.95, 1.4, 0.0, 1.0, 20.0),
        Bound(0.95, 1.1, 0.0, 20.0, math.inf),
    ]
    estimates = np.array([-3.0, 0.0, 0.99, 1.0, 19.99, 20.0, 5000.0])
    expected = evaluate_bounds(lines, estimates)
    assert [evaluate(lines, value, 0.95) for value in estimates] == expected.tolist()
    assert evaluate_many(lines[::-1], estimates, 0.95).tolist() == expected.tolist()


@pytest.mark.usefixtures("each_kernel")
@settings(deadline=None)  # numpy's calls take long where other programs run
@given(st.lists(st.text(st.characters(codec=None, exclude_categories=())) | st.binary(), max_size=20))
def test_many_texts_are_as_each_alone(texts: list[str | bytes]) -> None:
    """Estimates, bounds and domain of many texts are those of each text, to the last bit."""
    estimator = replace(
        Estimator.load(ROOT / "output/corpus-o200k_base/model_coefs.json"),
        domain={"bytes": (5, 60), "bytes/words": (2, 9)},
    )
    found = estimator.describe_many(texts)
    assert found.input_tokens.tolist() == [estimator.estimate(text) for text in texts]
    assert found.upper_bound.tolist() == [estimator.upper_bound(text) for text in texts]
    assert found.in_domain.tolist() == [not estimator.out_of_domain(text) for text in texts]
    for text in texts:
        expected = (estimator.estimate(text), estimator.upper_bound(text), estimator.out_of_domain(text))
        assert estimator.describe(text) == expected
    weighs = replace(estimator, weights={**estimator.weights, "words": 0.5})
    for text in texts:
        features = {**vars(count(text)), **weighs.features(text)}
        rare = {"rare_o200k_base": estimator.tables["ngram_o200k_base"].rare(text)}
        assert weighs.domain_features(text) == features | rare
        assert weighs.estimate(text) == rounded(weighs.linear_sum(features))
    assert estimator.estimate_many(texts).tolist() == found.input_tokens.tolist()
    sums = estimator.linear_sums(
        {"ngram_o200k_base": np.array([1.1, 2.3]), **dict.fromkeys(BASIC, np.array([3.0, 7.0]))}
    )
    assert sums.tolist() == [
        estimator.linear_sum({"ngram_o200k_base": x, **dict.fromkeys(BASIC, n)})
        for x, n in ((1.1, 3), (2.3, 7))
    ]


def test_a_folder_is_its_model_coefs(path: Path) -> None:
    """A folder stands for the model_coefs.json in it, and a file may lack `counts_of`."""
    assert Estimator.load(path.parent).estimate(TEXT) == Estimator.load(str(path)).estimate(TEXT)
    assert Estimator.load(path).counts_of is None
    with pytest.raises(InputError, match=r"nowhere/? cannot be read .* Give the path of a model_coefs.json"):
        Estimator.load(path.parent / "nowhere")


def test_defaults_are_the_committed_champions(tmp_path: Path) -> None:
    """The shipped estimators are output/'s, to the byte; if this fails: python .ci/ship_defaults.py."""
    subprocess.run([sys.executable, ROOT / ".ci/ship_defaults.py", tmp_path], check=True)
    expected = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name: path.read_bytes() for path in DEFAULTS.glob("*.json")} == expected
    assert set(shipped_families()) == set(catalogue().families)
    for name in shipped_families():
        shipped, committed = Estimator.for_model(name), Estimator.load(ROOT / f"output/corpus-{name}")
        assert shipped.model == name
        assert shipped.upper_bound(TEXT) == committed.upper_bound(TEXT)
        assert shipped.out_of_domain(TEXT) == committed.out_of_domain(TEXT)


def test_an_unknown_version_is_estimated_with_a_warning() -> None:
    """It is counted as the newest known version, and both the estimator and a warning say so."""
    with pytest.warns(UserWarning, match=r"does not know the model 'gpt-9'\. It is counted as 'gpt-5\.6' is"):
        estimator = Estimator.for_model("gpt-9")
    assert "'gpt-9'" in estimator.notice
    assert estimator.estimate(TEXT) == Estimator.for_model("gpt-5.6").estimate(TEXT)
    assert Estimator.for_model("gpt-5.6").notice == ""


def test_an_unknown_model_is_refused() -> None:
    """No tokenizer is guessed: its one line has the nearest names."""
    with pytest.raises(InputError, match=r"^unknown model 'grok-9'\."):
        Estimator.for_model("grok-9")


def test_a_registered_version_is_loaded_by_its_uri() -> None:
    """By version, by alias and by run, from a real registry; what is not there is told on one line."""
    coefs = json.loads((DEFAULTS / "o200k_base.json").read_text())
    mlflow.set_experiment("token-approx")
    with mlflow.start_run() as run:
        logged = log_model(coefs, "A card.")
    name = registered_name("o200k_base")
    version = create_version(MlflowClient(), name, logged, run, "A card.", {})
    MlflowClient().set_registered_model_alias(name, "champion", version)
    for uri in (f"models:/{name}/{version}", f"models:/{name}@champion", f"runs:/{run.info.run_id}/model"):
        assert Estimator.load(uri).upper_bound(TEXT) == Estimator.for_model("o200k_base").upper_bound(TEXT)
    with pytest.raises(InputError, match=r"models:/nobody@champion cannot be downloaded") as refused:
        Estimator.load("models:/nobody@champion")
    assert "\n" not in str(refused.value)


def run_python(code: str) -> str:
    """Return what a fresh Python prints."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout


def test_without_mlflow_a_uri_is_refused() -> None:
    """Where MLflow is not installed, its absence is what is told, and all else works."""
    code = """
import sys
sys.modules["mlflow"] = None
from token_approx import Estimator, MissingExtraError
print(Estimator.for_model("o200k_base").estimate("Hello!"))
try:
    Estimator.load("models:/a/1")
except MissingExtraError as error:
    print(error)
"""
    message = "models:/a/1: mlflow is not installed. Run: pip install 'token-approx[mlflow]'"
    assert run_python(code) == f"2\n{message}\n"


def test_importing_it_is_cheap() -> None:
    """The version needs no numpy, and the estimator nothing but numpy."""
    code = """
import sys
import token_approx
print(token_approx.__version__ != "", "numpy" in sys.modules)
token_approx.Estimator.for_model("o200k_base").estimate("Hello!")
foreign = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(name for name in foreign if not name.startswith(("_", "sitecustomize"))))
"""
    assert run_python(code) == "True False\n['numpy', 'token_approx']\n"
    with pytest.raises(AttributeError, match="no attribute 'Estimater'"):
        token_approx.Estimater  # noqa: B018


def test_decide(path: Path) -> None:
    """Above the upper bound it fits, below the lower it exceeds, between the two the provider is asked."""
    estimator = Estimator.load(path)
    upper, lower = estimator.upper_bound(TEXT), estimator.lower_bound(TEXT)
    assert [estimator.decide(TEXT, limit) for limit in (upper, upper - 1, lower, lower - 1)] == [
        "fits", "ask", "ask", "exceeds",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"no bound of confidence 0.5. Its levels: 0.95"):
        estimator.upper_bound(TEXT, 0.5)


def test_domain(path: Path) -> None:
    """What is unlike the training records is told with its reason; a tenth outside is still inside."""
    estimator = Estimator.load(path)
    assert estimator.out_of_domain(TEXT) == ""
    assert "bytes is 0" in estimator.out_of_domain("")
    assert "bytes is 9447, in training it was 50 to 1000" in estimator.out_of_domain(TEXT * 67)
    assert "bytes/words is" in estimator.out_of_domain("x" * 200)
    assert estimator.out_of_domain("word " * 215) == "", "1,075 bytes, a tenth more than 1,000 at most"


def test_another_table_is_refused(path: Path) -> None:
    """A table that is not the one the model was fitted with is refused, and so is one that is nowhere."""
    content = json.loads(path.read_bytes())
    content["tables"]["ngram_o200k_base"]["sha256"] = "0" * 64
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="is not the table"):
        Estimator.load(path)
    content["tables"]["ngram_o200k_base"]["file"] = "none.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"the n-gram table 'none\.json' is missing in .* pull"):
        Estimator.load(path)


@pytest.mark.parametrize("beside", [None, "cl100k_base"], ids=["nothing", "another"])
def test_a_shipped_table_is_found_by_its_sha256(path: Path, beside: str | None) -> None:
    """Where no table or another lies beside the file, the package's own is taken, whatever its name."""
    before = Estimator.load(path).estimate(TEXT)
    content = json.loads(path.read_bytes())
    content["tables"]["ngram_o200k_base"]["file"] = "mine.json"
    path.write_text(json.dumps(content))
    (path.parent / "o200k_base.json").unlink()
    if beside:
        known_table(beside).save(path.parent / "mine.json")
    assert Estimator.load(path).estimate(TEXT) == before


def test_a_feature_that_no_text_gives(tmp_path: Path) -> None:
    """A model on a feature of the user's own estimates from values, and says so when given a text."""
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"model": "m", "feature_set": ["emoji"], "w0": 1.0, "w_emoji": 2.0}))
    estimator = Estimator.load(path)
    assert estimator.linear_sum({"emoji": 3}) == 7
    with pytest.raises(InputError, match="'emoji' cannot be computed from a text"):
        estimator.estimate("x")


@pytest.mark.parametrize("confidence", [math.nan, math.inf, "0.95", 0, 1, None])
def test_a_level_that_is_no_level(path: Path, confidence: Any) -> None:  # noqa: ANN401 - whatever a caller gives
    """One error for every confidence that is not a number between 0 and 1."""
    estimator = Estimator.load(path)
    with pytest.raises(InputError, match="is not a level between 0 and 1"):
        estimator.upper_bound(TEXT, confidence)
    with pytest.raises(InputError, match="is not a level between 0 and 1"):
        estimator.describe_many([TEXT], confidence)


@pytest.mark.parametrize("text", ["abc", b"abc"])
def test_a_single_text_is_not_a_list(path: Path, text: Any) -> None:  # noqa: ANN401 - whatever a caller gives
    """A string is a sequence of its letters: it is refused where several texts are wanted."""
    estimator = Estimator.load(path)
    for many in (estimator.estimate_many, estimator.describe_many):
        with pytest.raises(TypeError, match="A list of texts is needed"):
            many(text)
