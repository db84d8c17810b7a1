"""Which step decides on a limit, how often it is wrong, and how long it takes: on texts counted exactly."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from token_approx.benchmarks.measuring import read_documents, read_parquet
from token_approx.errors import InputError
from token_approx.estimator.decision import Decision
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.exact import INSTALLED, exact_tokenizer
from token_approx.files import write_whole

# Limits are drawn log-uniformly from this share of a text's tokens to its inverse.
LEAST_SHARE = 0.5
STEPS = ("bytes", "bound", "exact", "ask")


def measure_decisions(
    documents: Sequence[str],
    split: str,
    counts: Sequence[str],
    families: Sequence[str],
    sample: int,
    seed: int,
    out: str,
) -> str:
    """Write a row for each family and step: its share of decisions, the wrong ones, and the mean time.

    The time is a processor's, in microseconds. `documents` are Parquet corpora with the columns id, split,
    text and counts by family; `counts` are Parquet files with id, corpus and more of them. `sample` texts of
    the split are drawn for each family, a limit for each between half and twice its tokens. Returns a line
    that says how many decisions were made.

    Raises:
        InputError: a file cannot be read, or no count of a family is there.
    """
    if not documents:
        raise InputError("what=decisions needs documents. Give documents=[<path>,…].")
    rows: list[dict[str, object]] = []
    for family in families:
        texts, truths = _counted(documents, split, counts, family)
        random = np.random.default_rng(seed)
        chosen = random.permutation(len(texts))[:sample]
        shares = LEAST_SHARE ** random.uniform(-1, 1, len(chosen))
        limits = np.round(truths[chosen] * shares).astype(np.int64)
        rows += decisions(family, [texts[place] for place in chosen], truths[chosen], limits)
    table = pd.DataFrame(rows).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_whole(Path(out), table.encode())
    return f"{out}: {sum(int(str(row['decisions'])) for row in rows if row['step'] == 'all')} decisions"


def decisions(
    family: str, texts: Sequence[str], truths: np.ndarray, limits: np.ndarray
) -> list[dict[str, object]]:
    """Return a row for each step and for all, of decisions on texts of known tokens and their limits."""
    estimator = Estimator.for_model(family)
    exact_tokenizer(family).count("loaded before anything is timed")
    made: list[tuple[str, bool, float]] = []
    for text, truth, limit in zip(texts, truths, limits, strict=True):
        started = time.thread_time()
        decision = estimator.decide(text, int(limit), exact=INSTALLED)
        seconds = time.thread_time() - started
        made.append((decision.step, is_wrong(decision, truth, limit), seconds))
    frame = pd.DataFrame(made, columns=["step", "wrong", "seconds"])
    groups: Mapping[str, pd.DataFrame] = {step: frame[frame["step"] == step] for step in STEPS}
    return [
        {
            "family": family,
            "step": step,
            "decisions": len(group),
            "share": 100 * len(group) / len(frame),
            "wrong": 100 * group["wrong"].mean() if len(group) else 0.0,
            "mean_us": 1e6 * group["seconds"].mean() if len(group) else 0.0,
        }
        for step, group in {**groups, "all": frame}.items()
    ]


def is_wrong(decision: Decision | str, truth: float, limit: float) -> bool:
    """Return whether a decision says of a text of known tokens what is not so; to ask is never wrong."""
    return (decision == "fits" and truth > limit) or (decision == "exceeds" and truth <= limit)


def _counted(
    documents: Sequence[str], split: str, counts: Sequence[str], family: str
) -> tuple[list[str], np.ndarray]:
    held = [path for path in counts if family in pq.read_schema(path).names]
    more = [read_parquet(Path(path), ["corpus", "id", family]) for path in held]
    texts: list[str] = []
    truths: list[np.ndarray] = []
    for path in map(Path, documents):
        names = ["id", "text", *([] if more else [family])]
        frame = read_documents(path, split, names).to_pandas()
        for known in more:
            frame = frame.merge(known[known["corpus"] == path.stem], on="id", validate="1:1")
        texts += frame["text"].tolist()
        truths.append(frame[family].to_numpy(np.float64))
    return texts, np.concatenate(truths)
