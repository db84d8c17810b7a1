"""How fast texts in Parquet are scored by each engine, and what memory Spark's workers take."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from token_approx.scoring import spark
from token_approx.scoring.arrow import ScoringModel, score_with_arrow
from token_approx.scoring.parquet_input import Texts, open_texts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ARROW = "arrow"
CONFIDENCE = 0.95
ROW_GROUP = 50_000
Score = Callable[[Texts, Path], None]


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


def engines(session: "SparkSession", model: ScoringModel) -> dict[str, Score]:
    """Return what scores some texts into a folder, by engine."""
    return {
        ARROW: lambda texts, folder: score_with_arrow(texts, model.model, CONFIDENCE, folder),
        "spark": lambda texts, folder: spark.score_with_spark(session, texts, model.path, CONFIDENCE, folder),
        "spark-files": lambda texts, folder: spark.score_files_with_spark(
            session, texts, model.path, CONFIDENCE, folder
        ),
    }


def measure(scores: Mapping[str, Score], texts: Texts, folder: str, rounds: int) -> pd.DataFrame:
    """Return the seconds that each engine (columns) takes in each round (rows), all engines in turns."""
    out = Path(folder, "out")
    return pd.DataFrame(
        [{name: _seconds(score, texts, out) for name, score in scores.items()} for _ in range(rounds)]
    )


def worker_peak(session: "SparkSession", score: Score, path: Path, folder: Path) -> float:
    """Return the most memory in MB that a Python worker has taken once a file was scored, in one partition.

    Known on Linux, from /proc.
    """
    session.conf.set("spark.sql.files.maxPartitionBytes", str(2**40))
    _seconds(score, open_texts(path, "text"), folder)
    return max(_peaks(), default=float("nan"))


def _seconds(score: Score, texts: Texts, folder: Path) -> float:
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
