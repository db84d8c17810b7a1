"""How fast texts in Parquet are scored by each engine, and what memory Spark's workers take."""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from token_approx.scoring.answers import Scorer
from token_approx.scoring.parquet_input import Input, open_input
from token_approx.scoring.pieces import score_in_turn
from token_approx.scoring.spark import score_with_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ARROW = "arrow"
CONFIDENCE = 0.95
ROW_GROUP = 50_000
Score = Callable[[Input, Path], None]


def write_texts(path: Path, text: str, rows: int, size: int, seed: int) -> None:
    """Write `rows` texts of about `size` bytes, drawn from `text` in its pieces anew for every 50,000."""
    data = text.encode()
    pieces = [data[at : at + size].decode("utf-8", "ignore") for at in range(0, len(data) - size, size)]
    texts, random = pa.array(pieces), np.random.default_rng(seed)
    with pq.ParquetWriter(path, pa.schema([("id", pa.int64()), ("text", pa.string())])) as writer:
        for start in range(0, rows, ROW_GROUP):
            count = min(ROW_GROUP, rows - start)
            chosen = random.choice(len(pieces), count, replace=count > len(pieces))
            ids = pa.array(np.arange(start, start + count))
            writer.write_table(pa.table({"id": ids, "text": texts.take(pa.array(chosen))}))


def engines(session: "SparkSession", scorer: Scorer, uri: str, partitions: Sequence[int]) -> dict[str, Score]:
    """Return what scores some texts into a folder, by engine: this process, Spark, MLflow's `spark_udf`."""
    return {
        ARROW: lambda texts, folder: score_in_turn(texts, scorer, folder),
        **{_title(count): _by_spark(session, scorer, count) for count in partitions},
        "spark_udf": lambda texts, folder: score_with_udf(session, texts, uri, folder),
    }


def score_with_udf(session: "SparkSession", texts: Input, uri: str, folder: Path) -> None:
    """Write texts with the estimates of a registered model, as MLflow's own `spark_udf` makes them."""
    # It warns that the model is run with the libraries that are here, which is what was asked for.
    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)
    result = "input_tokens long, upper_bound long, in_domain boolean"
    udf = mlflow.pyfunc.spark_udf(session, uri, result, env_manager="local")
    frame = session.read.parquet(*(f"file://{file.absolute()}" for file in texts.files))
    answered = frame.withColumn("answer", udf(frame[texts.column]))
    answered.select(*texts.schema.names, "answer.*").write.parquet(f"file://{folder.absolute()}")


def _title(partitions: int) -> str:
    return f"spark, {partitions} partition{'s' if partitions > 1 else ''}"


def _by_spark(session: "SparkSession", scorer: Scorer, partitions: int) -> Score:
    return lambda texts, folder: score_with_spark(session, texts, scorer, folder, partitions)


def measure(scores: Mapping[str, Score], texts: Input, folder: str, rounds: int) -> pd.DataFrame:
    """Return the seconds that each engine (columns) takes in each round (rows), all engines in turns."""
    out = Path(folder, "out")
    return pd.DataFrame(
        [{name: _seconds(score, texts, out) for name, score in scores.items()} for _ in range(rounds)]
    )


def worker_peak(score: Score, path: Path, folder: Path) -> float:
    """Return the most memory in MB that a Python worker has taken once a file was scored.

    Known on Linux, from /proc.
    """
    _seconds(score, open_input(path, "text"), folder)
    return max(_peaks(), default=float("nan"))


def _seconds(score: Score, texts: Input, folder: Path) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    score(texts, folder)
    return time.perf_counter() - started


def _peaks() -> Iterator[float]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"pyspark.daemon" in (process / "cmdline").read_bytes() and _is_ours(process):
                peak = re.search(r"VmHWM:\s*(\d+) kB", (process / "status").read_text())
                yield int(peak[1]) / 1024 if peak else 0.0
        except OSError:  # it ended
            continue


def _is_ours(process: Path) -> bool:
    while process.name not in ("0", "1", str(os.getpid())):
        status = (process / "status").read_text()
        parent = re.search(r"PPid:\s*(\d+)", status)
        process = process.with_name(parent[1] if parent else "0")
    return process.name == str(os.getpid())
