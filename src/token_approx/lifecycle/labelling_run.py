"""A labelling run in MLflow: counts, rates, kinds of errors, sizes by category; never a text."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities import Run

from token_approx.labelling.progress import Progress
from token_approx.labelling.records import Record
from token_approx.labelling.usage import UsageRecords
from token_approx.lifecycle import tracking
from token_approx.lifecycle.contract import sha256
from token_approx.preparing.samples import Sample
from token_approx.text.counts import encode

# What MLflow accepts in a metric's name.
UNFIT = re.compile(r"[^A-Za-z0-9_\-. /]+")


def log_progress(run: Run, progress: Progress, seconds: float) -> None:
    """Log what a labelling run has done, whole or interrupted."""
    values: dict[str, float] = {
        "samples": progress.samples,
        "finished_before": progress.finished_before,
        "counted": progress.counted,
        "skipped": len(progress.skipped),
        "missing": progress.missing,
        "requests": progress.requests,
        "seconds": seconds,
        "samples_per_second": progress.counted / seconds if seconds else 0.0,
        "error_rate": progress.errors.total() / progress.requests if progress.requests else 0.0,
    }
    values |= {f"errors/{UNFIT.sub('', kind)}": number for kind, number in progress.errors.items()}
    if progress.framing_tokens is not None:
        values["framing_tokens"] = progress.framing_tokens
    mlflow.log_metrics({name: float(value) for name, value in values.items()}, run_id=run.info.run_id)


def log_results(
    run: Run, samples: Sequence[Sample], records: Sequence[Record], out: Path, figure: bytes
) -> None:
    """Log the records file, its SHA-256, the sizes by category and the figure of sample lengths (PNG)."""
    mlflow.set_tag("records_sha256", sha256(out))
    mlflow.log_artifact(str(out), run_id=run.info.run_id)  # it may be in a folder that is gone after the run
    table = categories(samples, {record.id: record for record in records})
    tracking.log_files(
        run.info.run_id,
        {"tables/categories.csv": tracking.table_csv(table), "figures/sample_lengths.png": figure},
    )


def log_usage(run: Run, found: UsageRecords | None, left_out: Mapping[str, int], seconds: float) -> None:
    """Log how many records usage has, by model and category, and how much was left out, by the reason."""
    values = {"records": 0.0 if found is None else float(len(found.described)), "seconds": seconds}
    values |= {"left_out": float(sum(left_out.values()))}
    values |= {f"left_out/{UNFIT.sub('', reason)}": float(number) for reason, number in left_out.items()}
    mlflow.log_metrics(values, run_id=run.info.run_id)
    if found is None:
        return
    mlflow.set_tag("records_sha256", hashlib.sha256(found.content).hexdigest())
    table = found.described.groupby(["model", "category"], as_index=False).agg(
        sessions=("source", "nunique"), records=("source", "size"), tokens=("input_tokens", "sum")
    )
    tracking.log_files(run.info.run_id, {"tables/categories.csv": tracking.table_csv(table)})


def categories(samples: Sequence[Sample], records: Mapping[str, Record]) -> pd.DataFrame:
    """Return one row per category: its samples and their bytes, those recorded and their tokens."""
    rows = [
        {
            "category": sample.category,
            "samples": 1,
            "bytes": len(encode(sample.text)),
            "records": int(sample.id in records),
            "tokens": records[sample.id].input_tokens if sample.id in records else 0,
        }
        for sample in samples
    ]
    return pd.DataFrame(rows).groupby("category", as_index=False).sum()
