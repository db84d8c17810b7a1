"""Errors, bounds and decisions of whole requests, by family and kind, each repository left out in turn.

The shipped model of each family is fitted anew without the repository, with the features and hyperparameters
that its job chose; beside it stands what people do today with the request's JSON.
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from token_approx.benchmarks.requests_figure import requests_figure
from token_approx.errors import InputError
from token_approx.estimator.shipped import DEFAULTS
from token_approx.files import write_together
from token_approx.fitting.candidates import Candidate
from token_approx.fitting.dataset import Dataset, Floats
from token_approx.fitting.left_out import (
    Calibration,
    errors_by_category,
    kinds_without_bound,
    left_out_estimates,
    nested_bounds,
)
from token_approx.lifecycle.tracking import table_csv
from token_approx.reporting.figures import png
from token_approx.stages.command_line import CONF, run_stage

LEVEL = 0.95
# Of few requests of few repositories no bounds can be had: those of the older family are joined to theirs.
BORROWED = {"requests-claude-4-7": "requests-claude-3"}
SETTING = re.compile(r"(\w+)=([0-9.e-]+)")


def requests(config: DictConfig) -> None:
    """Write requests.csv, a row for each family and kind, and its figure into the output folder."""
    peers = _peers(Path(config.peers))
    random = np.random.default_rng(config.seed)
    found: dict[str, tuple[Dataset, Floats]] = {}
    parts = []
    for name in config.datasets:
        dataset, candidate = _shipped(name)
        estimates = left_out_estimates(candidate, dataset)
        found[name] = dataset, estimates
        borrowed = found.get(BORROWED.get(name, ""))
        more = None if borrowed is None else _calibration(*borrowed)
        table = errors_by_category(dataset, estimates, LEVEL, config.resamples, config.seed, more)
        decided = _decided(dataset, estimates, more, random)
        beside = _beside(dataset, peers)
        table = table.merge(decided, on="kind", how="left").merge(beside, on="kind", how="left")
        table.insert(0, "dataset", name)
        parts.append(table)
    errors, output = pd.concat(parts), Path(config.output)
    write_together(
        {
            output / "requests.csv": table_csv(errors),
            output / "figures/requests.png": png(requests_figure(errors)),
        }
    )
    print(errors.to_string(index=False))  # noqa: T201 - the stage's result


def _shipped(name: str) -> tuple[Dataset, Candidate]:
    # The dataset as its job reads it, and the candidate that the shipped model says was chosen.
    config = OmegaConf.load(CONF / "dataset" / f"{name}.yaml")
    dataset: Dataset = instantiate(config.dataset, _convert_="all")
    coefs = json.loads((DEFAULTS / f"requests/{dataset.table}.json").read_bytes())
    estimator = OmegaConf.load(CONF / "estimator/shrunk.yaml")
    model = instantiate(OmegaConf.merge(estimator, {"expected": config.expected}).shrunk, _convert_="all")
    settings = {key: float(value) for key, value in SETTING.findall(coefs["estimator"])}
    return dataset, Candidate("shrunk", model, "shipped", tuple(coefs["feature_set"]), settings)


def _calibration(dataset: Dataset, estimates: Floats) -> Calibration:
    return Calibration(dataset.tokens, estimates, dataset.categories)


def _decided(
    dataset: Dataset, estimates: Floats, borrowed: Calibration | None, random: np.random.Generator
) -> pd.DataFrame:
    """Return, by kind, the percent of limits between half and twice a request that bounds decide on.

    Nothing is decided on requests of a kind without a bound.
    """
    limits = np.round(dataset.tokens * 2 ** random.uniform(-1, 1, len(dataset)))
    own = _calibration(dataset, estimates)
    upper, lower = nested_bounds(own, dataset.sources, LEVEL, borrowed)
    above, below = kinds_without_bound(own, dataset.sources, LEVEL, borrowed)
    upper[np.isin(dataset.categories, above)] = np.nan
    lower[np.isin(dataset.categories, [*above, *below])] = np.nan
    fits, exceeds = upper <= limits, (lower > limits) & (upper > limits)
    wrong = (fits & (dataset.tokens > limits)) | (exceeds & (dataset.tokens <= limits))
    frame = pd.DataFrame({"kind": dataset.categories, "decided": fits | exceeds, "wrong": wrong})
    return 100 * frame.groupby("kind").mean()


def _beside(dataset: Dataset, peers: pd.DataFrame) -> pd.DataFrame:
    """Return, by kind, the mean error of what people make of the request's JSON."""
    rows = peers.loc[list(dataset.ids)]
    others = {"chars4": rows["characters"] / 4, "o200k": rows["o200k_base"]}
    errors = {
        f"{name}_{what}": 100 * change(values.to_numpy() / dataset.tokens - 1)
        for name, values in others.items()
        for what, change in (("mape", np.abs), ("bias", np.asarray))
    }
    return pd.DataFrame({"kind": dataset.categories, **errors}).groupby("kind").mean()


def _peers(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path).set_index("id")
    except OSError as error:
        raise InputError(f"{path} cannot be read. Run `measure what=request_peers` first.") from error


def main() -> None:
    """Run the stage from the command line."""
    run_stage("requests_left_out", requests)


if __name__ == "__main__":
    main()
