"""Pretraining as a stage: a table, its errors, a run; and what is wrong, on one line."""

import json
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from token_approx.preparing.samples import Sample, read_samples, sample_id, write_samples
from token_approx.pretraining.tokenizers import openai_tokenizer
from token_approx.stages import pretrain
from token_approx.text.ngrams import NgramTable

WORDS = ["alpha", "beta", "gamma", "delta", "naïve", "12", "345", "日本", ";", "(", ")", "foo_bar\n"]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Write 200 documents counted by o200k_base in two categories, a fifth of their groups as test."""
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, random.integers(3, 60))) for _ in range(200)]
    encode = openai_tokenizer("o200k_base").encode_ordinary
    path = tmp_path / "documents.parquet"
    pd.DataFrame(
        {
            "text": texts,
            "n": [len(encode(text)) for text in texts],
            "group": [f"g{i % 20}" for i in range(200)],
            "category": [f"c{i % 2}" for i in range(200)],
            "split": ["test" if i % 20 < 4 else "train" for i in range(200)],
        }
    ).to_parquet(path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the stage with arguments, as from a command line in the checkout."""
    monkeypatch.chdir(ROOT)
    small = ["fit.layout.bits=[8,10,10,10]", "fit.iterations=30"]
    monkeypatch.setattr(sys, "argv", ["pretrain", *small, *arguments])
    pretrain.main()


def test_a_table_with_its_errors_and_run(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is sound and near on held-out groups, twice the same, and the run holds it and its errors."""
    for name in ("one", "two"):
        run(
            monkeypatch,
            f"documents={documents}", "tokens=n", f"name={name}", "tokenizer=openai",
            "tokenizer.name=o200k_base", f"reports={tmp_path}/reports", f"out={tmp_path}/{name}.json",
        )  # fmt: skip
    tables = [NgramTable.load(tmp_path / f"{name}.json") for name in ("one", "two")]
    assert all(np.array_equal(*pair) for pair in zip(tables[0].weights, tables[1].weights, strict=True))
    schema = json.loads((ROOT / "src/token_approx/text/ngram_table.schema.json").read_bytes())
    jsonschema.validate(json.loads((tmp_path / "one.json").read_bytes()), schema)
    assert tables[0].provenance["trained_on"]["documents"] == 160
    summary = pd.read_csv(tmp_path / "reports/one/tables/summary.csv")
    assert summary["documents"].sum() + summary["short_documents"].sum() == 40
    assert summary["mape"].item() < 5
    categories = pd.read_csv(tmp_path / "reports/one/tables/by_category.csv")["category"]
    assert set(categories) == {"documents c0", "documents c1"}

    client = MlflowClient()
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    runs = client.search_runs([experiment.experiment_id])
    assert {found.info.run_name for found in runs} == {"pretrain · one", "pretrain · two"}
    assert runs[0].data.metrics["test/documents/mape"] == pytest.approx(summary["mape"].item(), rel=1e-6)
    assert runs[0].data.params["fit.iterations"] == "30"
    logged = {file.path for file in client.list_artifacts(runs[0].info.run_id)}
    assert logged == {"config.yaml", "figures", "tables", "two.json"}
    assert tables[0].known is not None, "what was counted of n-grams is in the table"


def test_documents_without_counts_are_counted_by_the_tokenizer(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tokenizer at hand, what it says of held-out documents stands in for counts that a file lacks."""
    bare = tmp_path / "bare" / "documents.parquet"
    bare.parent.mkdir()
    pd.read_parquet(documents).drop(columns="n").to_parquet(bare)
    for name, path in (("counted", documents), ("bare", bare)):
        run(
            monkeypatch,
            f"documents={path}", "tokens=n", f"name={name}", "tokenizer=openai",
            "tokenizer.name=o200k_base", f"reports={tmp_path}/reports", f"out={tmp_path}/{name}.json",
        )  # fmt: skip
    counted, found = (
        pd.read_csv(tmp_path / f"reports/{name}/tables/summary.csv") for name in ("counted", "bare")
    )
    assert found["documents"].item() > 30
    pd.testing.assert_frame_equal(found, counted)


def test_a_table_knows_the_files_that_are_named(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights are fitted to all files; which n-grams are known is up to those that `known=` names."""
    odd = tmp_path / "odd.parquet"
    pd.DataFrame({"text": ["\u13a0\u13a1\u13a2 \u13a3\u13a4"] * 30, "category": "c0"}).to_parquet(odd)
    common = (f"documents=[{documents},{odd}]", "tokens=n", "name=x", "tokenizer=openai")
    vocabulary = ("tokenizer.name=o200k_base", f"reports={tmp_path}/reports", f"out={tmp_path}/x.json")
    tables = []
    for known in ("known=[]", "known=[documents]"):
        run(monkeypatch, *common, *vocabulary, known)
        tables.append(NgramTable.load(tmp_path / "x.json"))
    assert all(np.array_equal(*pair) for pair in zip(tables[0].weights, tables[1].weights, strict=True))
    rare = [table.rare("\u13a0\u13a1\u13a2 \u13a3\u13a4") for table in tables]
    assert rare[0] == 0 < rare[1]
    assert tables[1].provenance["known"] == ["documents"]
    with pytest.raises(SystemExit):
        run(monkeypatch, *common, *vocabulary, "known=[nothing]")
    said = capsys.readouterr().err
    assert "known=nothing is none of the files of documents. Give documents, odd." in said


def test_a_table_adapted_from_priors(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Priors that do not know the tokenizer give a table that does, and the run says by how much.

    The result is a prior itself: by its path it is adapted once more.
    """
    for name, prior in (("mine", "claude_3,cl100k_base"), ("again", f"{tmp_path}/mine.json")):
        run(
            monkeypatch,
            f"documents={documents}", "tokens=n", f"name={name}", f"prior={prior}",
            f"reports={tmp_path}/reports", f"out={tmp_path}/{name}.json",
        )  # fmt: skip
    printed = capsys.readouterr().out
    assert "by cross-validation over groups" in printed
    table = NgramTable.load(tmp_path / "mine.json")
    frame = pd.read_parquet(documents)
    frame = frame[frame["split"] == "test"]
    errors = {
        name: np.abs(found.score_many(frame["text"]) * found.unit / np.maximum(frame["n"], 10) - 1).mean()
        for name, found in {"mine": table, "other": NgramTable.load("cl100k_base")}.items()
    }
    assert errors["mine"] < 0.03
    assert errors["mine"] < 0.5 * errors["other"]
    assert table.known is not None
    assert table.provenance["trained_on"]["documents"] == 160
    adapted = table.provenance["adapted"]
    assert set(adapted["shares"]) == {"claude_3", "cl100k_base", "bytes", "runes"}
    assert adapted["cross_validation"]["adapted"] < adapted["cross_validation"]["scale"]
    again = NgramTable.load(tmp_path / "again.json")
    assert again.provenance["priors"] == {"mine": table.file_sha256}
    assert str(tmp_path) not in json.dumps(again.provenance), "a path says where it was made"
    experiment = MlflowClient().get_experiment_by_name("token-approx")
    assert experiment
    runs = {run.info.run_name: run for run in MlflowClient().search_runs([experiment.experiment_id])}
    data = runs["pretrain · mine"].data
    assert data.metrics["cv/adapted/mape"] == pytest.approx(100 * adapted["cross_validation"]["adapted"])
    assert data.params["prior"] == "claude_3,cl100k_base"


def test_no_text_leaves_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text, a key, an address and a path in documents reach no table, report, run, artifact or error."""
    planted = ["planted okapi", "sk-planted-0123456789", "okapi@planted.example", "/home/okapi/planted"]
    rows = [
        {"text": f"{' '.join(planted)} {'alpha beta ' * (n % 7)}{n}", "n": 30 + 4 * (n % 7), "group": f"g{n}"}
        for n in range(40)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "documents.parquet")
    bad = [*rows, {"text": planted[0], "n": -1, "group": "g"}]
    pd.DataFrame(bad).to_parquet(tmp_path / "bad.parquet")
    common = ("tokens=n", "name=x", "prior=cl100k_base", f"reports={tmp_path}/reports")
    run(monkeypatch, *common, f"documents={tmp_path}/documents.parquet", f"out={tmp_path}/reports/x.json")
    with pytest.raises(SystemExit):
        run(monkeypatch, *common, f"documents={tmp_path}/bad.parquet")
    printed = "".join(capsys.readouterr())
    assert "in row 40, n is -1" in printed
    experiment = MlflowClient().get_experiment_by_name("token-approx")
    assert experiment
    (found,) = MlflowClient().search_runs([experiment.experiment_id])
    artifacts = Path(MlflowClient().download_artifacts(found.info.run_id, "", str(tmp_path)))
    written = [path for folder in (tmp_path / "reports", artifacts) for path in folder.rglob("*")]
    files = [path.read_bytes() for path in written if path.is_file() and path.name[-8:] != ".parquet"]
    assert len(files) > 5
    for text in planted:
        assert not any(text.encode() in data for data in files), text
        assert text not in printed
        assert text not in str(found.to_dictionary())


def test_samples_to_label_next(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Samples and the records of some of them are documents and counts; the others are chosen from."""
    texts = pd.read_parquet(documents)["text"].drop_duplicates()
    samples = [
        Sample(id=sample_id(text), source=f"s{n % 9}", category="c", text=text)
        for n, text in enumerate(texts)
    ]
    write_samples(tmp_path / "samples.jsonl", samples)
    rows = [{"id": each.id, "input_tokens": len(each.text)} for each in samples[:60]]
    pd.DataFrame(rows).to_json(tmp_path / "labelled.jsonl", orient="records", lines=True)
    common = (
        *(f"documents={tmp_path}/samples.jsonl", f"counts={tmp_path}/labelled.jsonl", "tokens=input_tokens"),
        *("name=x", "prior=cl100k_base", f"reports={tmp_path}/reports"),
    )
    run(monkeypatch, *common, "choose=5", f"out={tmp_path}/next.jsonl")
    chosen = read_samples(tmp_path / "next.jsonl")
    assert len({sample.id for sample in chosen}) == 5
    assert not {sample.id for sample in chosen} & {row["id"] for row in rows}
    assert {sample.source for sample in chosen} <= {f"s{n}" for n in range(9)}
    assert f"5 of {len(samples) - 60} documents without a count" in capsys.readouterr().out
    run(monkeypatch, *common, f"out={tmp_path}/x.json")
    assert NgramTable.load(tmp_path / "x.json").provenance["labelled_documents"] == 60
    with pytest.raises(SystemExit):
        run(monkeypatch, f"documents={documents}", "tokens=n", "name=x", "prior=cl100k_base", "choose=5")
    assert "Every document has a count" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give name=<name>"),
        (["name=x"], "Give documents=[<path>,…]"),
        (["name=x", "documents={documents}", "tokens=n", "prior=o200k"], "The shipped tables are"),
        (
            ["name=x", "documents={documents}", "tokens=n", "prior=o200k_base", "tokenizer=ctok"],
            "Leave out one of the two",
        ),
        (
            ["name=x", "documents={documents}"],
            "has no column 'tokens'. It has text, n, group",
        ),
        (
            ["name=cl100k_base", "documents={documents}", "tokens=n", "tokenizer=openai"],
            "where the documents say",
        ),
        (
            [
                *("name=x", "documents={documents}", "tokens=n"),
                *("tokenizer=huggingface", "tokenizer.path=none.json"),
            ],
            "none.json cannot be read",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    documents: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is missing, or another tokenizer than the documents were counted by, is said on one line."""
    with pytest.raises(SystemExit):
        run(monkeypatch, *(argument.format(documents=documents) for argument in arguments))
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
