"""The errors of the shipped n-gram tables alone, on documents of groups that they never saw."""

from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from token_approx.files import write_whole
from token_approx.fitting.dataset import read_corpus
from token_approx.lifecycle.tracking import table_csv
from token_approx.reporting.breakdown import breakdown
from token_approx.stages import console
from token_approx.stages.command_line import run_stage
from token_approx.text.features import NGRAM, TABLES


def ngram_tables(config: DictConfig) -> None:
    """Write and print the errors of every shipped table whose counts the measured corpora hold."""
    errors = pd.concat([_errors(table, str(config.corpus)) for table in TABLES], ignore_index=True)
    write_whole(Path(config.out), table_csv(errors))
    console.table(f"{config.out}: n-gram tables alone, on documents that they never saw", errors)


def _errors(table: str, path: str) -> pd.DataFrame:
    # One row per corpus; its worst category is that of the largest mean error.
    dataset = read_corpus("corpus", path, table)
    estimated = np.maximum(0, np.floor(dataset.features[NGRAM + table].to_numpy() + 0.5))
    corpus = np.array([category.partition(" ")[0] for category in dataset.categories])
    whole = breakdown("corpus", corpus, dataset.tokens, estimated)
    categories = breakdown("category", dataset.categories, dataset.tokens, estimated)
    worst = categories.groupby(categories["category"].str.partition(" ")[0])["mape"].max()
    whole = whole.assign(worst_category_mape=whole["corpus"].map(worst))
    whole.insert(0, "table", table)
    return whole


def main() -> None:
    """Run the stage from the command line."""
    run_stage("ngram_tables", ngram_tables)


if __name__ == "__main__":
    main()
