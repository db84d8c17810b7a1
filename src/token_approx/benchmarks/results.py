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
        *(_corpus(output, peers, table, FACTORS.get(table, ())) for table in TEXTS),
        *_agents(output),
        _novel(output, peers),
    ]
    tables = pd.concat([results_table(part, config.resamples, config.seed) for part in measured])
    write_whole(output / "results.csv", table_csv(tables))
    write_whole(output / "results.md", markdown(tables).encode())
    print(markdown(tables))  # noqa: T201 - the stage's result


def _corpus(output: Path, peers: pd.DataFrame, table: str, factors: Sequence[float]) -> Measured:
    # The groups that the dataset's main job sets aside, which no table and no fit has seen.
    path = output / "records/corpus.parquet"
    dataset = read_corpus("corpus", str(path), table)
    _, test = by_group(dataset, 0.2, 42)
    rows = pd.read_parquet(path, columns=["corpus", "id", TARGET]).iloc[test]
    features = {name: dataset.features[name].to_numpy()[test] for name in dataset.names}
    estimator = Estimator.for_model(table)
    stand_in = rows[TARGET].to_numpy(np.float64)
    estimates = {
        OURS: estimator.linear_sums(features),
        "chars/4": BASELINES["chars/4"].linear_sums(features),
        "tokenx 2.2.0": _of(peers, "tokenx", rows["corpus"], rows["id"]),
        **{f"{TARGET} x {factor}": factor * stand_in for factor in factors},
    }
    bounds = estimator.bounds(features)
    title = f"{catalogue().families[table].title}, texts of groups not fitted on"
    known = {name: np.maximum(0, values) for name, values in estimates.items()}
    return Measured(title, dataset.tokens[test], dataset.sources[test], known, bounds)


def _agents(output: Path) -> list[Measured]:
    path = output / "records/agent_steps.parquet"
    try:
        steps = pd.read_parquet(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read. Run `measure what=agent_steps` first.") from error
    known = catalogue()
    families = {model: known.find(model).family.table for model in steps["model"].unique()}
    return tool_results(steps, families, FACTORS)


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
