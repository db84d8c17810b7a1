"""Evaluating a model on records: what its run holds, what is said of it, and the exit code on drift."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from token_approx.lifecycle.contract import sha256
from token_approx.stages import evaluate

COEFS = ROOT / "output/model_coefs.json"
RECORDS = ROOT / "output/records.jsonl"
(WEIGHED,) = json.loads(COEFS.read_bytes())["feature_set"]
Register = Callable[[Mapping[str, Any]], str]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Return a function that runs the stage with arguments beside its store, for its MLflow run."""

    def stage(*arguments: str) -> Run:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["evaluate", "bootstrap.resamples=50", *arguments])
        evaluate.main()
        return last_run()

    return stage


def last_run() -> Run:
    """Return the newest run of the project's experiment."""
    client = MlflowClient()
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])[0]


def test_a_registered_version(
    stage: Callable[..., Run],
    register: Register,
    coefs: dict[str, Any],
    make_records: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The run is named after version and records, and holds errors, coverage, tables, figures and digests."""
    uri, records = register(coefs), make_records(60)
    capsys.readouterr()
    found = stage(f"model={uri}", f"records={records}")
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    features = pd.DataFrame([row["features"] for row in rows])
    tokens = np.array([row["input_tokens"] for row in rows])
    estimates = np.floor(7 + features["bytes"] / 4 + features["words"] / 2 + 0.5).to_numpy()
    metrics = found.data.metrics
    assert found.info.run_name == "evaluate · token-approx-made-up/1 on records.jsonl"
    assert found.info.status == "FINISHED"
    assert metrics["evaluate/mae"] == np.abs(estimates - tokens).mean()
    assert metrics["evaluate/bias"] == (estimates - tokens).mean()
    runes = np.floor(features["runes"] / 4 + 0.5).to_numpy()
    assert metrics["chars_4/mape"] == pytest.approx(100 * (np.abs(runes - tokens) / tokens).mean())
    limits = np.ceil((7 + features["bytes"] / 4 + features["words"] / 2) * 1.02)
    assert metrics["evaluate/coverage_95"] == pytest.approx(100 * (tokens <= limits).mean())
    assert metrics["evaluate/out_of_domain"] == 0
    assert found.data.tags["model"] == "token-approx-made-up/1"
    assert found.data.tags["records_sha256"] == sha256(records)
    assert found.inputs
    (read,) = found.inputs.dataset_inputs
    assert read.dataset.name == "records.jsonl"
    assert [tag.value for tag in read.tags] == ["evaluation"]
    paths = {
        file.path
        for kind in ("tables", "figures")
        for file in MlflowClient().list_artifacts(found.info.run_id, kind)
    }
    assert paths == {
        "tables/metrics.csv", "tables/coverage.csv", "tables/errors_by_size.csv",
        "tables/errors_by_source.csv", "tables/errors_by_domain.csv", "figures/coverage.png",
        "figures/errors_by_source.png", "figures/estimate_vs_truth.png", "figures/estimators.png",
    }  # fmt: skip
    printed = capsys.readouterr()
    assert f"/runs/{found.info.run_id}" in printed.out
    assert "bounds    90 % holds for" in printed.out
    assert printed.err == ""


def test_the_published_coefficients_err_as_the_main_job_says(stage: Callable[..., Run]) -> None:
    """On the book that they have not seen, their error is the one in output/oliver-twist's ranking."""
    found = stage(f"model={COEFS}", f"records={RECORDS}", "sources=[war-and-peace]")
    table = pd.read_csv(ROOT / "output/oliver-twist/tables/candidates.csv").set_index("features")
    published = table.loc["bytes words", ["unseen_source_mae", "unseen_source_mape"]].astype(float)
    assert found.data.metrics["published_bytes_words/mae"] == pytest.approx(published.iloc[0], abs=0.1)
    assert found.data.metrics["published_bytes_words/mape"] == pytest.approx(published.iloc[1], abs=0.01)
    assert found.info.run_name == f"evaluate · {COEFS} on records.jsonl"


def test_what_differs_is_said(
    stage: Callable[..., Run],
    coefs: dict[str, Any],
    make_records: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another reference model, other counts, the model's own records, a baseline without its feature."""
    records = make_records(20)
    rows = [json.loads(line) | {"counts_of": "text"} for line in records.read_text().splitlines()]
    for row in rows:
        del row["features"]["runes"]
        row["features"]["bytes"] *= 100
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    coefs["provenance"]["records_sha256"] = sha256(records)
    path = tmp_path / "model_coefs.json"
    path.write_text(json.dumps(coefs | {"model": "another"}))
    found = stage(f"model={path}", f"records={records}")
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "chars/4 is left out: not all records have the feature 'runes'.",
        "chars/3.5 is left out: not all records have the feature 'runes'.",
        "The records are counts of made-up, but the model is of another.",
        "The records count text, but the model estimates one-user-message.",
        "The model was fitted on this file. Its error on other records is larger.",
    ]
    assert "20 of 20 records are unlike those that the model was fitted on" in printed.out
    assert found.data.metrics["evaluate/out_of_domain"] == 20
    assert "chars_4/mae" not in found.data.metrics


def test_drift_is_an_exit_code(
    stage: Callable[..., Run],
    register: Register,
    coefs: dict[str, Any],
    make_records: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A provider that counts a quarter more: past a limit, one line, exit code 7, and a run that failed."""
    wide = [line | {"factor": 1.3} for line in coefs["upper_bound"]]
    uri, records = register(coefs | {"upper_bound": wide}), make_records(30, noise=0)
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    records.write_text(
        "".join(json.dumps(row | {"input_tokens": round(row["input_tokens"] * 1.25)}) + "\n" for row in rows)
    )
    given = (f"model={uri}", f"records={records}")
    assert stage(*given, "max_mape=21", "max_bias_percent=21").info.status == "FINISHED"
    for limit, found in (("max_mape=19", "MAPE is 19.98"), ("max_bias_percent=19", "bias is -19.98")):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            stage(*given, limit)
        assert ended.value.code == 7
        error = capsys.readouterr().err
        assert error == (
            f"error: token-approx-made-up/1 no longer holds for {records}:"
            f" for made-up {found} %, over {limit}."
            " Look at its run, label fresh samples, and train on them.\n"
        )
        assert last_run().info.status == "FAILED"
        assert last_run().data.metrics["evaluate/mape"] == pytest.approx(20, abs=0.1)


def test_a_bound_that_holds_too_rarely_is_drift(
    stage: Callable[..., Run],
    register: Register,
    coefs: dict[str, Any],
    make_records: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a limit a bound below its level by more than its interval fails; out of the domain, none."""
    short = [line | {"factor": 0.9} for line in coefs["upper_bound"]]
    uri, records = register(coefs | {"upper_bound": short}), make_records(30, noise=0)
    with pytest.raises(SystemExit) as ended:
        stage(f"model={uri}", f"records={records}")
    assert ended.value.code == 7
    assert (
        "for made-up the 95 % bound holds for 0.0 % of 30 (at most 11.6 % by its interval)."
        in capsys.readouterr().err
    )
    uri = register(coefs | {"upper_bound": short, "domain": {"bytes": [0.0, 10.0]}})
    assert stage(f"model={uri}", f"records={records}").info.status == "FINISHED"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([f"records={RECORDS}"], "evaluate needs a model. Give model=models:/<name>@champion"),
        ([f"model={COEFS}"], "evaluate needs records. Give records=<path>"),
        ([f"model={COEFS}", "records=none.jsonl"], "none.jsonl: the records cannot be read"),
        ([f"model={COEFS}", f"records={RECORDS}"], f"not all its records have the feature '{WEIGHED}'"),
        (
            [f"model={COEFS}", f"records={RECORDS}", "langs=[de]"],
            "no record has the lang 'de'. Valid values: en, fr",
        ),
        (["model=none.json", f"records={RECORDS}"], "none.json cannot be read"),
        (
            ["model=models:/none@champion", f"records={RECORDS}"],
            "models:/none@champion cannot be downloaded",
        ),
        (["model=models:/none", f"records={RECORDS}"], "models:/none cannot be downloaded"),
        ([f"model={RECORDS}", f"records={RECORDS}"], "is not a valid model_coefs.json"),
        (
            [f"model={COEFS}", f"records={RECORDS}", "max_mape=low"],
            "max_mape=low is not valid. Give a number of percent",
        ),
        (
            [f"model={COEFS}", f"records={RECORDS}", "max_mape=-1"],
            "max_mape=-1 is not valid. Give a number of percent",
        ),
        ([f"model={COEFS}", f"records={RECORDS}", "max_map=1"], "unknown max_map (did you mean max_mape?)"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, stage: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong with the command line, it ends with one line that helps, and exit code 1 or 64."""
    with pytest.raises(SystemExit) as ended:
        stage(*arguments)
    printed = capsys.readouterr()
    assert ended.value.code in (1, 64)
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
