"""What coding agents' tool results cost: estimates of recorded steps, beside what was billed for them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from token_approx.benchmarks.measuring import read_parquet, write_parquet
from token_approx.benchmarks.results_table import MeasuredEstimate
from token_approx.fitting.dataset import Floats, Names
from token_approx.text.features import features_of

COLUMNS = ("session", "model", "kind", "tokens", "blocks", "o200k", "replaced")
RESULTS = "tool_results"
# Below, what frames a result weighs as much as the result.
LEAST_TOKENS = 200
OURS = "**token-approx**"
BATCH = 512


def measure_agent_steps(steps: str, out: str) -> str:
    """Write one row per recorded step: its model, billed tokens and features, and no text.

    `steps` is a Parquet file with the columns session, model, kind (`tool_results`, `answer`), tokens, blocks
    (a JSON list of objects with a `text`), o200k (their o200k_base count) and replaced (characters that were
    replaced; only steps with 0 are kept). A session becomes a number. Returns a line that says how many rows
    were written.

    Raises:
        InputError: the file cannot be read or lacks a column.
    """
    frame = read_parquet(Path(steps), COLUMNS)
    frame = frame[frame["replaced"] == 0].reset_index(drop=True)
    texts = [[str(block["text"]) for block in json.loads(blocks)] for blocks in frame["blocks"]]
    every = [text for step in texts for text in step]
    rows = [row for start in range(0, len(every), BATCH) for row in features_of(every[start : start + BATCH])]
    of_step = np.repeat(np.arange(len(texts)), [len(step) for step in texts])
    features = pd.DataFrame(rows).groupby(of_step).sum().reindex(range(len(texts)), fill_value=0.0)
    described = pd.DataFrame(
        {
            "session": pd.factorize(frame["session"])[0],
            "model": frame["model"],
            "kind": frame["kind"],
            "tokens": frame["tokens"],
            "blocks": [len(step) for step in texts],
            "o200k_base": frame["o200k"],
        }
    )
    write_parquet(pd.concat([described, features], axis=1), Path(out))
    return f"{out}: {len(frame)} steps of {frame['session'].nunique()} sessions"


def tool_results(
    steps: pd.DataFrame, families: Mapping[str, str], factors: Mapping[str, Sequence[float]]
) -> list[MeasuredEstimate]:
    """Return, per reference model, its tool results of 200 tokens or more and what is estimated of them.

    `families` leads from a model to the n-gram table that estimates it, `factors` from a table to the factors
    by which people multiply the o200k_base count. What frames a result is a constant per result, the median
    over the model's other sessions, for every estimate alike.
    """
    found = []
    chosen = steps[(steps["kind"] == RESULTS) & (steps["tokens"] >= LEAST_TOKENS)]
    for model, rows in chosen.groupby("model"):
        table = families.get(str(model))
        if table is None or rows["session"].nunique() < 2:  # noqa: PLR2004 - no other session to fit on
            continue
        contents = {
            OURS: rows[f"ngram_{table}"].to_numpy(np.float64),
            "chars/4": rows["runes"].to_numpy(np.float64) / 4,
            **{
                named_factor(factor): factor * rows["o200k_base"].to_numpy(np.float64)
                for factor in factors.get(table, ())
            },
        }
        tokens, sessions = rows["tokens"].to_numpy(np.float64), rows["session"].to_numpy(str)
        blocks = rows["blocks"].to_numpy(np.float64)
        estimates = {
            name: content + blocks * _constant_of_others((tokens - content) / blocks, sessions)
            for name, content in contents.items()
        }
        found.append(MeasuredEstimate(f"{model}, tool results of coding agents", tokens, sessions, estimates))
    return found


def named_factor(factor: float) -> str:
    """Return the name of an estimate that is OpenAI's count times a factor."""
    return "o200k_base" if factor == 1 else f"o200k_base × {factor}"


def _constant_of_others(values: Floats, sessions: Names) -> Floats:
    constants = np.empty_like(values)
    for session in np.unique(sessions):
        own = sessions == session
        constants[own] = np.median(values[~own])
    return constants
