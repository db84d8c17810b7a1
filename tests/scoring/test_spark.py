"""Spark scores as one process does: same columns, types, rows and files; on real Spark, on this machine."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.scoring.conftest import GOOD, TEXTS
from token_approx.benchmarks.scoring_speed import score_with_udf, worker_peak, write_texts
from token_approx.errors import InputError, MissingExtraError
from token_approx.estimator.request import shipped_request_model
from token_approx.estimator.shipped import DEFAULTS
from token_approx.scoring import parquet_input as scoring_input
from token_approx.scoring import spark
from token_approx.scoring.answers import Scorer, checked_scorer
from token_approx.scoring.parquet_input import RESULTS, Input, open_input
from token_approx.scoring.parquet_output import reasons, staged, totals
from token_approx.scoring.pieces import score_in_turn

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

# MLflow makes no null of a `long`, and a request out of the domain has no bound.
REQUEST_TYPES = "input_tokens long, upper_bound double, in_domain boolean, not_counted string"


@pytest.fixture(scope="module", autouse=True)
def there() -> None:
    """Fail in CI, and skip elsewhere, where Spark or Java is missing."""
    reason = spark.missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def session() -> "Iterator[SparkSession]":
    """Return a Spark session on this machine."""
    with spark.session("local[2]") as made:
        yield made


def score(session: "SparkSession | None", scorer: Scorer, source: Path, output: Path) -> pa.Table:
    """Score by Spark, or without a session in one process, and return what was written, by id."""
    rows = open_input(source, scorer.holds, holds=scorer.holds)
    with staged(output, source, overwrite=True) as folder:
        if session is None:
            score_in_turn(rows, scorer, folder)
        else:
            spark.score_with_spark(session, rows, scorer, folder)
    return pq.read_table(output).sort_by("id")


def test_spark_writes_what_one_process_writes(
    session: "SparkSession", scorer: Scorer, table: pa.Table, tmp_path: Path
) -> None:
    """Columns of all types, nulls, an empty and a long text: the same table, in files of the same names."""
    source = tmp_path / "in [a] {b}*"
    source.mkdir()
    # Whole numbers without a sign and nanoseconds are no types of Spark's own.
    table = table.append_column("odd", pa.array(range(len(table)), pa.uint8()))
    table = table.append_column("when", pa.array(range(len(table)), pa.timestamp("ns")))
    for number in range(3):
        pq.write_table(table.slice(number * 15, 15), source / f"x={number}, y?.parquet")
    expected = score(None, scorer, source, tmp_path / "in turn")
    found = score(session, scorer, source, tmp_path / "out put")
    assert found.schema == expected.schema
    assert found.equals(expected)
    assert found["input_tokens"].null_count == 1
    parts = sorted(path.name for path in (tmp_path / "out put").iterdir())
    assert parts == [f"part-{number:05d}.parquet" for number in range(3)]
    assert totals(tmp_path / "out put", "team").equals(totals(tmp_path / "in turn", "team"))


def test_requests(session: "SparkSession", requests: pa.Table, tmp_path: Path) -> None:
    """Requests, good and bad, have the same answers and the same reasons as in one process."""
    pq.write_table(requests, tmp_path / "in.parquet", row_group_size=4)
    scorer = checked_scorer("request", 0.95)
    expected = score(None, scorer, tmp_path / "in.parquet", tmp_path / "in turn")
    assert score(session, scorer, tmp_path / "in.parquet", tmp_path / "out").equals(expected)
    assert reasons(tmp_path / "out").equals(reasons(tmp_path / "in turn"))
    assert expected["input_tokens"].null_count < len(requests)


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(
    rows: int, session: "SparkSession", scorer: Scorer, table: pa.Table, tmp_path: Path
) -> None:
    """An input without rows, or with one, has a part file with all columns."""
    pq.write_table(table.slice(0, rows), tmp_path / "in.parquet")
    found = score(session, scorer, tmp_path / "in.parquet", tmp_path / "out")
    assert found.column_names == [*table.column_names, *RESULTS["text"].names]
    assert len(found) == rows
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part-00000.parquet"]


def test_a_failure_is_one_line_and_leaves_nothing(
    session: "SparkSession", scorer: Scorer, tmp_path: Path
) -> None:
    """A file that is damaged ends the job with one line, and no output."""
    path = tmp_path / "in.parquet"
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(pa.table({"id": [1], "text": ["abc" * 1000]}), path, **plain)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(bytes(200))
        file.seek(1000)
        file.write(b"\xff\xfe")
    with pytest.raises(InputError, match=r"Spark gives up \(.*in.parquet is damaged") as told:
        score(session, scorer, path, tmp_path / "out")
    assert "\n" not in str(told.value)
    assert [left.name for left in tmp_path.iterdir()] == ["in.parquet"]


@pytest.mark.parametrize("partitions", [1, 2, 0])
def test_pieces_are_scored_by_several_workers(
    partitions: int,
    session: "SparkSession",
    scorer: Scorer,
    table: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file of several pieces becomes as many part files, with every row once, in any partitions."""
    monkeypatch.setattr(scoring_input, "PIECE_BYTES", 8_000)
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=4)
    rows = open_input(tmp_path / "in.parquet", "text")
    spark.score_with_spark(session, rows, scorer, tmp_path / "out", partitions)
    assert pq.read_table(tmp_path / "out").sort_by("id")["id"].to_pylist() == list(range(len(table)))
    assert len(list((tmp_path / "out").iterdir())) == len(rows.pieces) > 2


def test_a_worker_s_memory_does_not_grow_with_the_partition(
    session: "SparkSession", scorer: Scorer, tmp_path: Path
) -> None:
    """Five times the rows in one partition, 250 MB of texts, take a worker less than 40 MB more.

    The smaller file fills a row group of the output, which is what a worker holds.
    """

    def in_one(texts: Input, out: Path) -> None:
        spark.score_with_spark(session, texts, scorer, out, partitions=1)

    peaks = []
    for rows in (100_000, 500_000):
        path = tmp_path / f"{rows}.parquet"
        write_texts(path, "".join(f"{number:x} " for number in range(400_000)), rows, 500, 1)
        peaks.append(worker_peak(in_one, path, tmp_path / "out"))
    assert 50 < peaks[0] <= peaks[1] < peaks[0] + 40


def test_spark_udf_of_mlflow(
    session: "SparkSession",
    register: Callable[[Mapping[str, Any]], str],
    scorer: Scorer,
    tmp_path: Path,
) -> None:
    """MLflow's own function of a registered model gives the texts that are there the same answers."""
    texts = pa.table({"id": range(len(TEXTS)), "text": [text or "" for text in TEXTS]})
    pq.write_table(texts, tmp_path / "in.parquet")
    uri = register(json.loads((ROOT / "output/model_coefs.json").read_bytes()))
    score_with_udf(session, open_input(tmp_path / "in.parquet", "text"), uri, tmp_path / "udf")
    found = pq.read_table(tmp_path / "udf").sort_by("id")
    assert found.equals(score(None, scorer, tmp_path / "in.parquet", tmp_path / "in turn"))


def test_spark_udf_of_requests(
    session: "SparkSession", register: Callable[[Mapping[str, Any]], str], requests: pa.Table
) -> None:
    """Bodies in a column have the estimator's answers; what is no request ends the job with its reason."""
    estimator = shipped_request_model("claude_4_7")
    uri = register(json.loads((DEFAULTS / "requests/claude_4_7.json").read_bytes()))
    udf = mlflow.pyfunc.spark_udf(session, uri, REQUEST_TYPES, env_manager="local")
    given = [text for text in requests["request"].to_pylist() if text in GOOD]

    def answers(bodies: list[str]) -> list[dict[str, Any]]:
        rows = session.createDataFrame([(body,) for body in bodies], "request string").repartition(2)
        found = rows.select("request", udf("request").alias("answer")).collect()
        by_body = {row["request"]: row["answer"].asDict() for row in found}
        return [by_body[body] for body in bodies]

    totals = [estimator.request(body) for body in given]
    assert len(totals) == len(GOOD)
    assert any(total.upper_bound() == math.inf for total in totals)
    assert answers(given) == [
        {
            "input_tokens": total.tokens,
            "upper_bound": total.upper_bound() if math.isfinite(total.upper_bound()) else None,
            "in_domain": not total.out_of_domain,
            "not_counted": json.dumps(
                [reason.encode("utf-8", "replace").decode() for reason in total.not_counted],
                ensure_ascii=False,
            ),
        }
        for total in totals
    ]
    with pytest.raises(Exception, match=r"Row 0: the request has none of the fields messages"):
        answers(['{"max_tokens": 9}'])


def test_without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no Java, that is said, and how to mend it; JAVA_HOME goes before PATH."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert spark.missing() == "no Java was found. Install Java 17 or later, or set JAVA_HOME."
    with pytest.raises(MissingExtraError, match="engine=spark: no Java was found"), spark.session(""):
        pytest.fail("there is no Java")
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert spark.missing()


def test_a_master_that_is_none(tmp_path: Path) -> None:
    """An address that Spark cannot use ends in one line."""
    program = """
import sys
from token_approx.errors import InputError
from token_approx.scoring import spark
try:
    with spark.session("nonsense://x"):
        pass
except InputError as error:
    print(error)
"""
    done = subprocess.run(
        (sys.executable, "-c", program), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("engine=spark: Spark does not start (")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
