"""The README's table of results, from the records and counts that output/ holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from token_approx.benchmarks.agent_steps import OURS, named_factor, tool_results
from token_approx.benchmarks.results_table import MeasuredEstimate, markdown, results_table
from token_approx.errors import InputError
from token_approx.estimator.bounds import evaluate_many
from token_approx.estimator.catalogue import catalogue
from token_approx.estimator.estimator import Estimator
from token_approx.files import write_whole
from token_approx.fitting.dataset import read_corpus, read_dataset
from token_approx.fitting.splits import by_group
from token_approx.lifecycle.tracking import table_csv
from token_approx.reporting.peers import BASELINES
from token_approx.stages.command_line import check_numbers, run_stage

STAND_IN = "o200k_base"
PUBLISHED = "published bytes+words"
LEVEL = 0.95
# The tokenizers whose texts are measured, and the factors by which people multiply OpenAI's count for them.
TEXTS: Mapping[str, Sequence[float]] = {"claude_4_7": (1, 1.53), "claude_3": (1, 1.18), "o200k_base": ()}


def results(config: DictConfig) -> None:
    """Write results.csv and results.md into the output folder, and print the latter."""
    check_numbers(config, {"seed": 0, "resamples": 1})
    output = Path(config.output)
    try:
        peers = pd.read_parquet(output / "records/peers.parquet").set_index(["dataset", "id"])
    except OSError as error:
        raise InputError(
            f"{output}/records/peers.parquet cannot be read. Run `measure what=peers` first."
        ) from error
    measured = [
        *(_corpus(output, peers, table, factors) for table, factors in TEXTS.items()),
        *_agents(output),
        _novel(output, peers),
    ]
    tables = pd.concat([results_table(part, config.resamples, config.seed) for part in measured])
    write_whole(output / "results.csv", table_csv(tables))
    write_whole(output / "results.md", markdown(tables).encode())
    print(markdown(tables))  # noqa: T201 - the stage's result


def _corpus(output: Path, peers: pd.DataFrame, table: str, factors: Sequence[float]) -> MeasuredEstimate:
    # The groups that the dataset's main job sets aside, which no table and no fit has seen.
    path = output / "records/corpus.parquet"
    dataset = read_corpus("corpus", str(path), table)
    _, test = by_group(dataset, 0.2, 42)
    rows = pd.read_parquet(path, columns=["corpus", "id", STAND_IN]).iloc[test]
    features = {name: dataset.features[name].to_numpy()[test] for name in dataset.names}
    estimator = Estimator.for_model(table)
    stand_in = rows[STAND_IN].to_numpy(np.float64)
    estimates = {
        OURS: estimator.linear_sums(features),
        "chars/4": BASELINES["chars/4"].linear_sums(features),
        "tokenx 2.2.0": _of(peers, "tokenx", rows["corpus"], rows["id"]),
        **{named_factor(factor): factor * stand_in for factor in factors},
    }
    upper = np.ceil(evaluate_many(estimator.upper, estimates[OURS], LEVEL))
    title = f"{catalogue().families[table].title}, texts of groups not fitted on"
    known = {name: np.maximum(0, values) for name, values in estimates.items()}
    return MeasuredEstimate(title, dataset.tokens[test], dataset.sources[test], known, {OURS: upper})


def _agents(output: Path) -> list[MeasuredEstimate]:
    path = output / "records/agent_steps.parquet"
    try:
        steps = pd.read_parquet(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read. Run `measure what=agent_steps` first.") from error
    known = catalogue()
    # The tables of other families were fitted on some of these steps.
    families = {
        model: family.table
        for model in steps["model"].unique()
        if (family := known.find(model).family).provider == "anthropic"
    }
    return tool_results(steps, families, TEXTS)


def _novel(output: Path, peers: pd.DataFrame) -> MeasuredEstimate:
    # One scale, fitted on the one book and measured on the other.
    records = str(output / "records.jsonl")
    fitted = read_dataset("claude-3-7-sonnet", records, sources=["oliver-twist"])
    other = read_dataset("claude-3-7-sonnet", records, sources=["war-and-peace"])
    table = "ngram_claude_3"
    x = fitted.features[table].to_numpy()
    scale = float(x @ fitted.tokens / (x @ x))
    features = {name: other.features[name].to_numpy() for name in other.names}
    numbers = pd.Series([name.rpartition("-")[2].lstrip("0") for name in other.ids])
    book = pd.Series(["war-and-peace"] * len(other))
    estimates = {
        OURS: scale * features[table],
        "chars/4": BASELINES["chars/4"].linear_sums(features),
        "tokenx 2.2.0": _of(peers, "tokenx", book, numbers),
        **{
            named_factor(factor): factor * _of(peers, STAND_IN, book, numbers) for factor in TEXTS["claude_3"]
        },
        PUBLISHED: BASELINES[PUBLISHED].linear_sums(features),
    }
    title = "claude-3-7-sonnet, War and Peace, fitted on Oliver Twist"
    return MeasuredEstimate(title, other.tokens, other.sources, estimates)


def _of(peers: pd.DataFrame, column: str, dataset: pd.Series, ids: pd.Series) -> np.ndarray:
    rows = peers.loc[pd.MultiIndex.from_arrays([dataset, ids]), column]
    return rows.to_numpy(np.float64)


def main() -> None:
    """Run the stage from the command line."""
    run_stage("results", results)


if __name__ == "__main__":
    main()
