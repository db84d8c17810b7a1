"""A table of one's own, from its making to a text: every stage and the estimator take it by name or path."""

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from tests.conftest import FAST
from tests.labelling.conftest import sample
from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.labelling.records import read_records
from token_approx.lifecycle.registry import registered_name
from token_approx.preparing.samples import write_samples
from token_approx.pretraining.tokenizers import openai_tokenizer
from token_approx.stages import evaluate, label, pretrain, train
from token_approx.text.ngrams import NgramTable

WORDS = ["alpha", "beta", "gamma", "delta", "naïve", "12", "345", "日本", ";", "(", ")", "foo_bar\n"]
TEXT = "alpha beta (12); naïve foo_bar 日本"


def texts(number: int, seed: int) -> list[str]:
    """Return texts of some words."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(3, 90))) for _ in range(number)]


def run(monkeypatch: pytest.MonkeyPatch, stage: ModuleType, *arguments: str) -> None:
    """Run a stage with arguments, as from a command line."""
    monkeypatch.setattr(sys, "argv", [stage.__name__, *arguments])
    stage.main()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with labelled documents, samples and a table adapted to o200k_base, and work in it."""
    monkeypatch.chdir(tmp_path)
    encode = openai_tokenizer("o200k_base").encode_ordinary
    made = texts(120, 0)
    counted = {"text": made, "tokens": [len(encode(text)) for text in made]}
    pd.DataFrame(counted | {"group": [f"g{n % 20}" for n in range(120)]}).to_parquet("documents.parquet")
    write_samples(
        Path("samples.jsonl"),
        [sample(text, f"s{n % 8}") for n, text in enumerate(texts(80, 1))],
    )
    run(
        monkeypatch, pretrain, "documents=documents.parquet", "name=my_table", "prior=claude_3,cl100k_base",
        "out=tables/my_table.json",
    )  # fmt: skip
    return tmp_path


def test_from_documents_to_an_estimate(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Label, train, load, evaluate and the catalogue take the table; its costs are those of the file."""
    run(monkeypatch, label, "counter=bpe_openai", "model=o200k_base", "tables=tables")
    table = NgramTable.load("tables/my_table.json")
    costs = {record.id: record.features["ngram_my_table"] for record in read_records(Path("labelled.jsonl"))}
    assert costs == {sample(text).id: table.tokens(text) for text in texts(80, 1)}

    run(
        monkeypatch, train, "dataset=custom", "records=labelled.jsonl", *FAST.split(), "output=mine",
        "features=ngram_tables/my_table.json", "bootstrap.resamples=50", "estimator=ols_origin",
    )  # fmt: skip
    coefs = json.loads(Path("mine/model_coefs.json").read_bytes())
    assert coefs["feature_set"] == ["ngram_my_table"]
    assert coefs["tables"]["ngram_my_table"] == {"file": "my_table.json", "sha256": table.file_sha256}
    assert coefs["upper_bound"]
    version = MlflowClient().get_model_version(registered_name("o200k_base"), "1")

    # The table's own file may go: the model has its copy, beside it and in the registry.
    shutil.rmtree("tables")
    truth = len(openai_tokenizer("o200k_base").encode_ordinary(TEXT))
    for source in ("mine", f"models:/{version.name}/1"):
        found = Estimator.load(source)
        assert found.estimate(TEXT) == pytest.approx(truth, abs=2)
        assert found.decide(TEXT, limit=10 * truth) == "fits"

    capsys.readouterr()
    run(monkeypatch, evaluate, "model=mine/model_coefs.json", "records=labelled.jsonl", "max_mape=5")
    assert "80 records" in capsys.readouterr().out

    family = {"name": "mine", "title": "Mine", "provider": "me", "framing": [3, 0], "source": "measured"}
    own = {"schema_version": 1, "families": [family | {"estimator": "mine"}], "models": []}
    own["models"] = [{"name": "my-model-1", "family": "mine", "max_input_tokens": 1000}]
    Path("catalogue.json").write_text(json.dumps(own))
    monkeypatch.setenv("TOKEN_APPROX_CATALOGUE", str(folder / "catalogue.json"))
    monkeypatch.chdir("/")
    estimator = Estimator.for_model("my-model-1")
    assert estimator.model == "my-model-1"
    assert estimator.estimate(TEXT) == pytest.approx(truth, abs=2)


def test_by_name_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With TOKEN_APPROX_TABLES a name is enough: to load, to label with, to train on, and as a prior."""
    monkeypatch.setenv("TOKEN_APPROX_TABLES", str(folder / "tables"))
    assert NgramTable.load("my_table").file_sha256 == NgramTable.load("tables/my_table.json").file_sha256
    run(monkeypatch, label, "counter=bpe_openai", "model=o200k_base")
    run(
        monkeypatch, train, "dataset=custom", "records=labelled.jsonl", *FAST.split(), "output=mine",
        "features=ngram_my_table", "bootstrap.resamples=50", "estimator=ols_origin", "register=false",
    )  # fmt: skip
    assert Estimator.load("mine").weights.keys() == {"ngram_my_table"}
    run(monkeypatch, pretrain, "documents=documents.parquet", "name=next", "prior=my_table", "out=next.json")
    assert set(NgramTable.load("next.json").provenance["priors"]) == {"my_table"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("o200k_base.json", "has the name of a shipped table"),
        ("my-table.json", "may hold letters, digits and _"),
        ("none.json", "there is no n-gram table"),
    ],
)
def test_what_cannot_be_a_table_of_ones_own(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that a shipped table has, or that no feature can have, and a missing file are refused."""
    path = tmp_path / name
    if name != "none.json":
        NgramTable("t", (1,), (8,), (np.zeros(256, np.int16),), 10).save(path)
    monkeypatch.setenv("TOKEN_APPROX_TABLES", str(path))
    with pytest.raises(InputError, match=message):
        NgramTable.load("mine")
