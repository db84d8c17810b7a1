"""The README's table of results, from the records and counts that output/ holds."""

from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from token_approx.benchmarks.results_table import Measured, markdown, results_table
from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.files import write_whole
from token_approx.fitting.dataset import read_corpus, read_dataset
from token_approx.fitting.splits import by_group
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.tracking import table_csv
from token_approx.reporting.peers import BASELINES
from token_approx.stages.command_line import check_numbers, run_stage

STAND_IN = "{} (its tokenizer)"
PUBLISHED = "published bytes+words"


def results(config: DictConfig) -> None:
    """Write results.csv and results.md into the output folder, and print the latter."""
    check_numbers(config, {"seed": 0, "resamples": 1})
    output = Path(config.output)
    try:
        peers = pd.read_parquet(output / "records/peers.parquet").set_index(["dataset", "id"])
    except OSError as error:
        raise InputError(
            f"{output}/records/peers.parquet: cannot be read: measure what=peers first"
        ) from error
    measured = [
        _corpus(output, peers, "o200k_base", "o200k_base", ["cl100k_base"]),
        _corpus(output, peers, "claude_2", "claude_legacy", ["o200k_base", "cl100k_base"]),
        _novel(output, peers),
    ]
    tables = pd.concat([results_table(part, config.resamples, config.seed) for part in measured])
    write_whole(output / "results.csv", table_csv(tables))
    write_whole(output / "results.md", markdown(tables).encode())
    print(markdown(tables))  # noqa: T201 - the stage's result


def _corpus(output: Path, peers: pd.DataFrame, model: str, tokens: str, others: list[str]) -> Measured:
    # The groups that the dataset's main job sets aside, which no table and no fit has seen.
    path = output / "records/corpus.parquet"
    dataset = read_corpus("corpus", str(path), tokens)
    counts = pd.read_parquet(path, columns=["corpus", "id", *others])
    _, test = by_group(dataset, 0.2, 42)
    features = {name: dataset.features[name].to_numpy()[test] for name in dataset.names}
    estimator = Estimator.load(output / f"corpus-{model}" / COEFS)
    rows = counts.iloc[test]
    estimates = {
        "token-approx": estimator.linear_sums(features),
        "chars/4": BASELINES["chars/4"].linear_sums(features),
        "chars/3.5": BASELINES["chars/3.5"].linear_sums(features),
        "tokenx 2.2.0": _of(peers, "tokenx", rows["corpus"], rows["id"]),
        **{STAND_IN.format(name): rows[name].to_numpy(np.float64) for name in others},
        PUBLISHED: BASELINES[PUBLISHED].linear_sums(features),
    }
    known = {name: np.maximum(0, values) for name, values in estimates.items()}
    title = f"{model}, code, markup, logs and prose of groups not fitted on"
    return Measured(title, dataset.tokens[test], dataset.sources[test], known)


def _novel(output: Path, peers: pd.DataFrame) -> Measured:
    # One scale, fitted on the one book and measured on the other.
    records = str(output / "records.jsonl")
    fitted = read_dataset("claude-3-7-sonnet", records, sources=["oliver-twist"])
    other = read_dataset("claude-3-7-sonnet", records, sources=["war-and-peace"])
    table = "ngram_claude_2"
    x = fitted.features[table].to_numpy()
    scale = float(x @ fitted.tokens / (x @ x))
    features = {name: other.features[name].to_numpy() for name in other.names}
    numbers = pd.Series([name.rpartition("-")[2].lstrip("0") for name in other.ids])
    book = pd.Series(["war-and-peace"] * len(other))
    estimates = {
        f"token-approx (one scale on {table})": scale * features[table],
        "chars/4": BASELINES["chars/4"].linear_sums(features),
        "chars/3.5": BASELINES["chars/3.5"].linear_sums(features),
        "tokenx 2.2.0": _of(peers, "tokenx", book, numbers),
        **{STAND_IN.format(name): _of(peers, name, book, numbers) for name in ("o200k_base", "cl100k_base")},
        PUBLISHED: BASELINES[PUBLISHED].linear_sums(features),
    }
    title = "claude-3-7-sonnet, War and Peace, fitted on Oliver Twist"
    return Measured(title, other.tokens, other.sources, estimates)


def _of(peers: pd.DataFrame, column: str, dataset: pd.Series, ids: pd.Series) -> np.ndarray:
    rows = peers.loc[pd.MultiIndex.from_arrays([dataset, ids]), column]
    return rows.to_numpy(np.float64)


def main() -> None:
    """Run the stage from the command line."""
    run_stage("results", results)


if __name__ == "__main__":
    main()
