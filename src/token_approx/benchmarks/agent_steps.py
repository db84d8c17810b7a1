"""The error of n-gram tables on what tool results added to agents' prompts, as providers billed it.

A step is one row: model, session, kind (`tool_results`), the billed `tokens` and `blocks`, a JSON list of
objects with `text`, one per result. A result costs its text and a constant that belongs to the framing: the
constant of a session is fitted on other sessions.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import InputError
from token_approx.files import write_whole
from token_approx.lifecycle.tracking import table_csv
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, run_stage
from token_approx.text.ngrams import NgramTable

Floats = npt.NDArray[np.float64]
COLUMNS = ("model", "session", "kind", "tokens", "blocks")
KIND = "tool_results"


def agent_steps(config: DictConfig) -> None:
    """Write and print the errors by model, each under the table that the configuration names for it."""
    check_numbers(config, {"least": 1})
    if not config.steps:
        raise InputError("agent_steps needs recorded steps: give steps=<Parquet file>")
    steps = read_steps(Path(config.steps))
    tables: Mapping[str, list[str]] = OmegaConf.to_container(config.tables)  # type: ignore[assignment]
    parts = []
    for table, models in tables.items():
        own = steps[steps["model"].isin(models)]
        if len(own):
            content = contents(NgramTable.load(table), own["texts"].tolist())
            parts.append(step_errors(own, content, config.least).assign(table=table))
    if not parts:
        raise InputError(f"{config.steps}: has steps of none of the models that tables= names")
    errors = pd.concat(parts, ignore_index=True)
    write_whole(Path(config.out), table_csv(errors))
    console.table(f"{config.out}: tool results of {config.least} tokens or more", errors)


def read_steps(path: Path) -> pd.DataFrame:
    """Return the steps of kind `tool_results` whose texts stand as they were sent, with a column `texts`.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read: give steps=<Parquet file>") from error
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}: it has {', '.join(map(str, frame.columns))}")
    steps = frame[frame["kind"] == KIND]
    if "replaced" in steps:  # characters that were replaced to keep people private: other tokens than billed
        steps = steps[steps["replaced"] == 0]
    texts = [[block["text"] for block in json.loads(blocks)] for blocks in steps["blocks"]]
    return steps.assign(texts=texts)


def contents(table: NgramTable, texts: Sequence[Sequence[str]]) -> Floats:
    """Return the estimated tokens of each step's texts under a table, shape (steps,)."""
    counts = [len(own) for own in texts]
    scored = table.score_many([text for own in texts for text in own]) * table.unit
    found: Floats = np.bincount(np.repeat(np.arange(len(counts)), counts), scored, len(counts))
    return found


def step_errors(steps: pd.DataFrame, content: Floats, least: int) -> pd.DataFrame:
    """Return one row per model: its steps of `least` tokens or more, their sessions, the errors in per cent.

    `content` has shape (steps,). The constant per result is the median of (tokens - content) / results over
    the other sessions of the model; a model of one session takes those of the other models.
    """
    results = steps["texts"].map(len).to_numpy(np.float64)
    tokens = steps["tokens"].to_numpy(np.float64)
    sessions, models = steps["session"].to_numpy(str), steps["model"].to_numpy(str)
    constants = (tokens - content) / np.maximum(results, 1)
    rows = []
    for model in np.unique(models):
        own = models == model
        estimated = np.full(len(steps), np.nan)
        for session in np.unique(sessions[own]):
            inside = own & (sessions == session)
            others = own & (sessions != session)
            others = others if others.any() else sessions != session
            if others.any():
                estimated[inside] = content[inside] + np.median(constants[others]) * results[inside]
        counted = own & (tokens >= least) & ~np.isnan(estimated)
        if counted.any():
            error = 100 * (estimated[counted] - tokens[counted]) / tokens[counted]
            rows.append(
                {
                    "model": model,
                    "steps": int(counted.sum()),
                    "sessions": len(np.unique(sessions[counted])),
                    "mape": float(np.abs(error).mean()),
                    "bias_percent": float(error.mean()),
                    "p95_percent": float(np.quantile(np.abs(error), 0.95)),
                    "within_10_percent": float(100 * (np.abs(error) <= 10).mean()),  # noqa: PLR2004 - the column's name
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    """Run the stage from the command line."""
    run_stage("agent_steps", agent_steps)


if __name__ == "__main__":
    main()
