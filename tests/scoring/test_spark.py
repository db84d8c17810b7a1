"""Spark scores as one process does: same columns, types, rows and files; on real Spark, on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from token_approx.benchmarks.scoring_speed import engines, worker_peak, write_texts
from token_approx.errors import InputError, MissingExtraError
from token_approx.scoring import parquet_input as scoring_input
from token_approx.scoring import spark
from token_approx.scoring.arrow import ScoringModel
from token_approx.scoring.parquet_input import RESULTS, open_texts
from token_approx.scoring.parquet_output import staged, totals

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
SPARK = ("spark", "spark-files")


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
    with spark.session("local[2]", "1g") as made:
        yield made


def score(engine: str, session: "SparkSession", model: ScoringModel, source: Path, output: Path) -> pa.Table:
    """Score a file or folder with an engine, and return what was written, by id."""
    with staged(output, source, overwrite=True) as folder:
        engines(session, model)[engine](open_texts(source, "text"), folder)
    return pq.read_table(output).sort_by("id")


@pytest.mark.parametrize("engine", SPARK)
def test_spark_writes_what_one_process_writes(
    engine: str, session: "SparkSession", text_model: ScoringModel, table: pa.Table, tmp_path: Path
) -> None:
    """Columns of all types, nulls, an empty and a long text: the same table, in files of the same names."""
    source = tmp_path / "in [a] {b}*"
    source.mkdir()
    for number in range(3):
        pq.write_table(table.slice(number * 15, 15), source / f"x={number}, y?.parquet")
    assert spark.changed_by_spark(open_texts(source, "text")) == ""
    expected = score("arrow", session, text_model, source, tmp_path / "arrow")
    found = score(engine, session, text_model, source, tmp_path / "out put")
    assert found.schema == expected.schema
    assert found.equals(expected)
    assert found["input_tokens"].null_count == 1
    parts = sorted(path.name for path in (tmp_path / "out put").iterdir())
    assert parts == [f"part-{number:05d}.parquet" for number in range(len(parts))]
    assert totals(tmp_path / "out put", "team").equals(totals(tmp_path / "arrow", "team"))


@pytest.mark.parametrize("engine", SPARK)
@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(
    engine: str, rows: int, session: "SparkSession", text_model: ScoringModel, table: pa.Table, tmp_path: Path
) -> None:
    """An input without rows, or with one, has a part file with all columns."""
    pq.write_table(table.slice(0, rows), tmp_path / "in.parquet")
    found = score(engine, session, text_model, tmp_path / "in.parquet", tmp_path / "out")
    assert found.column_names == [*table.column_names, *RESULTS.names]
    assert len(found) == rows
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part-00000.parquet"]


@pytest.mark.parametrize("engine", SPARK)
def test_a_failure_is_one_line_and_leaves_nothing(
    engine: str, session: "SparkSession", text_model: ScoringModel, tmp_path: Path
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
    with pytest.raises(InputError, match="Spark gives up") as told:
        score(engine, session, text_model, path, tmp_path / "out")
    assert "\n" not in str(told.value)
    assert [left.name for left in tmp_path.iterdir()] == ["in.parquet"]


def test_pieces_are_scored_by_several_workers(
    session: "SparkSession",
    text_model: ScoringModel,
    table: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file of several pieces becomes as many part files, with every row once."""
    monkeypatch.setattr(scoring_input, "PIECE_BYTES", 8_000)
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=4)
    pieces = open_texts(tmp_path / "in.parquet", "text").pieces
    found = score("spark-files", session, text_model, tmp_path / "in.parquet", tmp_path / "out")
    assert found["id"].to_pylist() == list(range(len(table)))
    assert len(list((tmp_path / "out").iterdir())) == len(pieces) > 2


def test_a_worker_s_memory_does_not_grow_with_the_partition(
    session: "SparkSession", text_model: ScoringModel, tmp_path: Path
) -> None:
    """Ten times the rows in one partition, 150 MB of texts, take a worker less than 40 MB more."""
    before = str(session.conf.get("spark.sql.files.maxPartitionBytes"))
    peaks = []
    for rows in (30_000, 300_000):
        path = tmp_path / f"{rows}.parquet"
        write_texts(path, "".join(f"{number:x} " for number in range(400_000)), rows, 500, 1)
        peaks.append(worker_peak(session, engines(session, text_model)["spark"], path, tmp_path / "out"))
    session.conf.set("spark.sql.files.maxPartitionBytes", before)
    assert 50 < peaks[0] <= peaks[1] < peaks[0] + 40


@pytest.mark.parametrize(
    ("kind", "kept"),
    [(pa.int16(), True), (pa.uint8(), False), (pa.timestamp("us"), True), (pa.timestamp("ns"), False)],
)
def test_types_that_spark_has_not(kind: pa.DataType, *, kept: bool, tmp_path: Path) -> None:
    """A column that Spark would write with another type, or not at all, is named before Spark starts."""
    pq.write_table(pa.table({"text": ["a"], "odd": pa.array([1], kind)}), tmp_path / "in.parquet")
    assert spark.changed_by_spark(open_texts(tmp_path / "in.parquet", "text")) == ("" if kept else "odd")


def test_without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no Java, that is said, and how to mend it; JAVA_HOME goes before PATH."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert spark.missing() == "no Java was found. Install Java 17 or later, or set JAVA_HOME."
    with pytest.raises(MissingExtraError, match="engine=spark: no Java was found"), spark.session("", "1g"):
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
    with spark.session("nonsense://x", "1g"):
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
