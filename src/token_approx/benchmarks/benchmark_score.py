"""Rows per second that one process and Spark score, and the memory of Spark's workers."""

import sysconfig
import tempfile
import time
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from token_approx.benchmarks.scoring_speed import (
    ARROW,
    CONFIDENCE,
    engines,
    measure,
    worker_peak,
    write_texts,
)
from token_approx.benchmarks.throughput import mixed_text
from token_approx.errors import InputError
from token_approx.files import write_whole
from token_approx.lifecycle.loading import load_model, pinned
from token_approx.lifecycle.tracking import table_csv
from token_approx.scoring import spark
from token_approx.scoring.answers import Scorer, checked_scorer
from token_approx.scoring.parquet_input import TEXT, Input, open_input
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, run_stage

PATHS = ("stdlib", "purelib")
SHOWN = {
    "rows_per_second": "rows/s",
    "times_arrow": "times",
    "start_seconds": "start",
    "pays_from_rows": "pays from",
}
LEAST = {"rows": 10, "size": 1, "texts": 1, "cores": 1, "rounds": 1, "seed": 0}


def benchmark_score(config: DictConfig) -> None:
    """Measure what the configuration names, write a table and print it."""
    check_numbers(config, LEAST)
    if not config.model:
        raise InputError("benchmark_score needs a model. Give model=models:/<name>@champion.")
    folders = [Path(folder) for folder in config.text] or [Path(sysconfig.get_path(name)) for name in PATHS]
    text = mixed_text(folders, config.texts * config.size, config.seed)
    uri = pinned(config.model)
    scorer = checked_scorer(TEXT, CONFIDENCE, load_model(uri).estimator)
    with tempfile.TemporaryDirectory() as folder:
        files = {rows: Path(folder, f"{rows}.parquet") for rows in (config.rows // 10, config.rows)}
        for rows, path in files.items():
            write_texts(path, text, rows, config.size, config.seed)
        table = _speeds(config, scorer, uri, files[config.rows])
        peaks = _peaks(config, scorer, list(files.values()))
    write_whole(Path(config.out, "scoring.csv"), table_csv(table))
    title = f"{config.rows:,} texts of {config.size} bytes, {config.cores} cores for Spark"
    console.table(title, table.rename(columns=SHOWN))
    held = " and ".join(f"{peak:.0f} MB for {rows:,} rows" for rows, peak in zip(files, peaks, strict=True))
    console.print_lines({"memory": f"a worker takes up to {held} in one partition"})
    console.notice(f"written: {Path(config.out, 'scoring.csv')}")


def _speeds(config: DictConfig, scorer: Scorer, uri: str, path: Path) -> pd.DataFrame:
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        spark.session(f"local[{config.cores}]") as session,
    ):
        start = time.perf_counter() - started
        # The first round also does what is done once, such as importing libraries in every worker.
        scores = engines(session, scorer, uri, config.partitions)
        rounds = measure(scores, open_input(path, TEXT), folder, 1 + config.rounds)
    counted = rounds[1:]
    times = counted.rdiv(counted[ARROW], axis="index")
    pace = config.rows / counted.median()
    starts = (rounds.iloc[0] - counted.median()).clip(lower=0) + start * (pace.index != ARROW)
    # Rows from which the time saved is more than what it takes to start.
    saved = 1 / pace[ARROW] - 1 / pace
    return pd.DataFrame(
        {
            "rows_per_second": pace,
            "times_arrow": times.median(),
            "least": times.min(),
            "most": times.max(),
            "start_seconds": starts,
            "pays_from_rows": (starts / saved).where(saved > 0),
        }
    ).reset_index(names="engine")


def _peaks(config: DictConfig, scorer: Scorer, paths: list[Path]) -> list[float]:
    # In a session of its own: a worker that is used again remembers what it took before.
    with tempfile.TemporaryDirectory() as folder, spark.session(f"local[{config.cores}]") as session:

        def score(texts: Input, out: Path) -> None:
            spark.score_with_spark(session, texts, scorer, out, partitions=1)

        return [worker_peak(score, path, Path(folder, "out")) for path in paths]


def main() -> None:
    """Run the stage from the command line."""
    run_stage("benchmark_score", benchmark_score)


if __name__ == "__main__":
    main()
