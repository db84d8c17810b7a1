"""Scoring as a stage: what its run holds and never holds, the output, and what is wrong on one line."""

import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from omegaconf import OmegaConf

from tests.scoring.conftest import BAD, GOOD
from tests.scoring.conftest import requests as requests  # noqa: PLC0414 - a fixture
from tests.stages.test_train import project
from token_approx.errors import MissingExtraError
from token_approx.scoring import spark
from token_approx.scoring.parquet_input import open_input
from token_approx.stages import score

Register = Callable[[Mapping[str, Any]], str]
SENTENCE = "The quagga told nobody of the planted sentence."
# By the model of `coefs`: 7 + bytes / 4 + words / 2.
TOKENS = 7 + len(SENTENCE) / 4 + 8 / 2


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write a file of 30 planted sentences and a null, of three teams."""
    path = tmp_path / "in.parquet"
    texts = [*[SENTENCE] * 30, None]
    teams = [f"team {number % 3}" for number in range(31)]
    pq.write_table(pa.table({"body": texts, "team": teams}), path)
    return path


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that runs the stage with arguments beside its store."""

    def stage(*arguments: str) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["score", *arguments])
        score.main()

    return stage


def last_run() -> Run:
    """Return the newest run of the project's experiment."""
    client = MlflowClient()
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])[0]


def test_a_column_with_totals_and_cost(
    tmp_path: Path,
    source: Path,
    stage: Callable[..., None],
    register: Register,
    coefs: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The run holds totals, costs and a table by team, the output the rows; neither run nor store a text.

    The sentence is outside of the domain: its upper bound is the one by its bytes.
    """
    uri = register(coefs)
    capsys.readouterr()
    stage(
        f"model={uri}", f"input={source}", "output=out", "column=body", "group_by=team",
        "price_per_million=3", "confidence=0.9",
    )  # fmt: skip
    by_bytes = coefs["byte_bound"]
    tokens = round(TOKENS)
    upper = math.ceil(len(SENTENCE) * by_bytes["factor"] + by_bytes["offset"])
    found = pq.read_table(tmp_path / "out").to_pylist()
    assert [row["input_tokens"] for row in found] == [*[tokens] * 30, None]
    assert found[0] == {
        "body": SENTENCE, "team": "team 0", "input_tokens": tokens, "upper_bound": upper, "in_domain": False,
    }  # fmt: skip
    run = last_run()
    assert run.info.run_name == "score · token-approx-made-up/1 on in.parquet"
    assert run.info.status == "FINISHED"
    metrics = {key.removeprefix("score/"): value for key, value in run.data.metrics.items()}
    assert metrics.pop("seconds") * metrics.pop("rows_per_second") == pytest.approx(31)
    assert metrics == {
        "rows": 31, "texts": 30, "input_tokens": 30 * tokens, "upper_bound": 30 * upper, "out_of_domain": 30,
        "cost": pytest.approx(30 * tokens * 3e-6), "cost_upper_bound": pytest.approx(30 * upper * 3e-6),
    }  # fmt: skip
    assert run.data.tags["engine"] == "arrow"
    assert run.data.params["confidence"] == "0.9"
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"tokens    {30 * tokens:,}, upper bounds {30 * upper:,}" in printed.out
    assert "domain    30 of 30 texts are outside the domain" in printed.out
    table = MlflowClient().download_artifacts(run.info.run_id, "tables/totals.csv", str(tmp_path))
    lines = Path(table).read_text().splitlines()
    assert lines[0].startswith("group,rows,texts,input_tokens,upper_bound,out_of_domain,cost")
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["team 0", "11", "10"], ["team 1", "10", "10"], ["team 2", "10", "10"],
    ]  # fmt: skip
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and "out" not in path.parts]
    holds = [path for path in kept if b"quagga" in path.read_bytes()]
    assert holds == [source]


@pytest.mark.slow
def test_mlflow_run_and_an_output_that_exists(
    tmp_path: Path, source: Path, register: Register, coefs: dict[str, Any]
) -> None:
    """`mlflow run -e score` does so too; again, it is refused and the output stays, unless told otherwise."""
    uri = register(coefs)

    def run(*more: str) -> tuple[int, str]:
        done = project(
            tmp_path, "mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "token-approx",
            "-e", "score", "-P", f"model={uri}", "-P", f"input={source}", "-P", f"output={tmp_path}/my out",
            "-P", "column=body", *more,
        )  # fmt: skip
        return done.returncode, done.stderr

    code, errors = run()
    assert code == 0, errors
    assert last_run().data.metrics["score/rows"] == 31
    written = (tmp_path / "my out/part-00000.parquet").stat().st_mtime_ns
    code, errors = run()
    assert code == 1
    assert f"error: {tmp_path}/my out exists already. Give another output, or overwrite=true" in errors
    assert (tmp_path / "my out/part-00000.parquet").stat().st_mtime_ns == written
    code, errors = run("-P", "overrides=overwrite=true")
    assert code == 0, errors
    assert (tmp_path / "my out/part-00000.parquet").stat().st_mtime_ns > written


@pytest.mark.slow
def test_spark_is_quiet(tmp_path: Path, source: Path, register: Register, coefs: dict[str, Any]) -> None:
    """Spark says nothing on standard error but that it scores, and its run holds the same totals."""
    if spark.missing() and not os.environ.get("CI"):
        pytest.skip(spark.missing())
    done = project(
        tmp_path, sys.executable, "-m", "token_approx.stages.score", f"model={register(coefs)}",
        f"input={source}", f"output={tmp_path}/out", "column=body", "engine=spark",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "Spark scores on this machine.\n"
    assert "/s, spark)" in done.stdout
    run = last_run()
    assert run.data.tags["engine"] == "spark"
    assert run.data.metrics["score/input_tokens"] == 30 * round(TOKENS)
    assert len(pq.read_table(tmp_path / "out")) == 31


@pytest.mark.parametrize(
    ("engine", "gigabytes", "there", "chosen"),
    [
        ("auto", 2, "", "arrow"),
        ("auto", 0, "", "spark"),
        ("auto", 0, "no Java", "arrow"),
        ("arrow", 0, "", "arrow"),
        ("spark", 2, "", "spark"),
    ],
)
def test_which_engine(
    engine: str, gigabytes: int, there: str, chosen: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auto takes Spark where it is there and the input is large; what is asked for is taken."""
    monkeypatch.setattr(spark, "missing", lambda: there)
    config = OmegaConf.create({"engine": engine, "spark_from_gb": gigabytes, "master": ""})
    assert score.chosen_engine(config, open_input(source, "body")) == chosen


def test_an_engine_that_cannot_be(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark that was asked for, by its name or by a master, is not replaced in silence."""
    monkeypatch.setattr(spark, "missing", lambda: "no Java")
    for asked in ({"engine": "spark", "master": ""}, {"engine": "auto", "master": "spark://127.0.0.1:7077"}):
        config = OmegaConf.create(asked | {"spark_from_gb": 2})
        with pytest.raises(MissingExtraError, match="engine=spark: no Java"):
            score.chosen_engine(config, open_input(source, "body"))


def test_requests_each_by_its_own_model(
    tmp_path: Path, stage: Callable[..., None], requests: pa.Table, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a model each request is scored as it names; the run says how many were not, and why."""
    pq.write_table(requests, tmp_path / "in.parquet")
    stage("holds=request", "input=in.parquet", "output=out", "group_by=team")
    run = last_run()
    assert run.info.run_name == "score · each request's model on in.parquet"
    assert run.data.params["column"] == "request"
    metrics = {key.removeprefix("score/"): value for key, value in run.data.metrics.items()}
    found = pq.read_table(tmp_path / "out")
    assert metrics["input_tokens"] == sum(filter(None, found["input_tokens"].to_pylist())) > 0
    assert (metrics["rows"], metrics["requests"]) == (len(requests), len(GOOD))
    assert (metrics["partly_counted"], metrics["not_read"]) == (2, len(BAD))
    assert f"not read  {len(BAD)} rows are no request that can be read" in capsys.readouterr().out
    table = MlflowClient().download_artifacts(run.info.run_id, "tables/not_read.csv", str(tmp_path))
    assert "the request is not valid JSON,3" in Path(table).read_text().splitlines()
    holds = {path.name for path in tmp_path.rglob("*") if path.is_file() and b"quagga" in path.read_bytes()}
    assert holds == {"in.parquet", "part-00000.parquet"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["input=in.parquet", "output=out"], "score needs a model. Give model=models:/<name>@champion"),
        (["holds=page"], "holds=page is unknown. Valid values: text, request"),
        (["model=m", "output=out"], "score needs an input. Give input=<Parquet file, or folder of them>"),
        (["model=m", "input=in.parquet"], "score needs an output. Give output=<the folder to make>"),
        (["input=none"], "none is not a file or folder"),
        (["column=txt"], "has no column 'txt'. Give column=<one of body, team>"),
        (["output=in.parquet"], "in.parquet overlaps with the input in.parquet"),
        (["engine=flink"], "engine=flink is unknown. Valid values: auto, arrow, spark."),
        (["confidence=95"], "confidence=95 is not a level between 0 and 1. Give one, such as 0.95"),
        (["price_per_million=cheap"], "price_per_million=cheap is not valid. Give a number of at least 0"),
        (["overwrite=maybe"], "overwrite=maybe is not true or false"),
        (["model=models:/none@champion"], "models:/none@champion cannot be downloaded"),
        (["model=in.parquet"], "in.parquet is not a valid model_coefs.json"),
        (["colum=body"], "unknown colum (did you mean column?)"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    source: Path,
    stage: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is wrong with the command line, it ends with one line that helps, and exit code 1 or 64."""
    needed = [] if "needs" in message else ["model=m", f"input={source.name}", "output=out", "column=body"]
    with pytest.raises(SystemExit) as ended:
        stage(*needed, *arguments)
    printed = capsys.readouterr()
    assert ended.value.code in (1, 64)
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert {path.name for path in source.parent.iterdir()} <= {"in.parquet", "mlflow.db"}
