"""How well a model's estimates and bounds hold on labelled records, beside baselines: tables and figures."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from token_approx.estimator.bounds import Bound, at_level
from token_approx.fitting.bounds import evaluate_bounds
from token_approx.fitting.dataset import Dataset, Floats
from token_approx.fitting.metrics import SHORT, intervals, mean_intervals, metrics
from token_approx.reporting.breakdown import breakdown, by_size, category_figure
from token_approx.reporting.coverage import coverage_figure
from token_approx.reporting.figures import BLUE, ORANGE, estimate_vs_truth

# What the model's own metrics are logged under; a baseline's stand under its name.
MODEL = "evaluate"
# Of many records, fewer resamples are drawn: 2,000 of 100,000 take 40 s per estimator, and 200 say as much.
MOST_DRAWN, FEWEST_RESAMPLES = 20_000_000, 200


@dataclass(frozen=True)
class Assessment:
    """Tables (those with rows) and figures by name, and metrics by `<estimator>/<metric>`."""

    tables: dict[str, pd.DataFrame]
    figures: dict[str, Figure]
    metrics: dict[str, float]


def assess(
    dataset: Dataset,
    linear_sums: Mapping[str, Floats],
    bounds: Sequence[Bound],
    in_domain: NDArray[np.bool_],
    resamples: int,
    seed: int,
) -> Assessment:
    """Return how a model and its baselines do on a dataset of n records.

    `linear_sums` holds each estimator's sums (n,) by its name, the model's first; an estimate is the sum
    rounded, and not below 0. `bounds` are the model's upper bounds; `in_domain` (n,) says which records
    are in its domain. Of more than 10,000 records, intervals rest on fewer than `resamples` of 2,000, at
    least 200.
    """
    name = next(iter(linear_sums))
    resamples = min(resamples, max(FEWEST_RESAMPLES, MOST_DRAWN // len(dataset)))
    tokens, estimates = dataset.tokens, {key: _estimates(sums) for key, sums in linear_sums.items()}
    own = estimates[name]
    domain = np.where(in_domain, "in domain", "out of domain")
    tables = {
        "metrics": _of_each(estimates, lambda values: metrics_table(tokens, values, resamples, seed)),
        "errors_by_size": _of_each(estimates, lambda values: by_size(tokens, values)),
        "errors_by_domain": breakdown("domain", domain, tokens, own),
        "errors_by_source": breakdown("source", dataset.sources, tokens, own),
        "coverage": coverage(tokens, linear_sums[name], bounds),
    }
    if dataset.categories.any():
        tables["errors_by_category"] = breakdown("category", dataset.categories, tokens, own)
    drawn = {
        "estimate_vs_truth": estimate_vs_truth(tokens, own, dataset.sources, name, f"{len(tokens)} records"),
        "estimators": estimators_figure(tables["metrics"]),
    }
    for key in ("errors_by_source", "errors_by_category"):
        if key in tables and tables[key]["mape"].notna().any():
            drawn[key] = category_figure(tables[key], name)
    if len(tables["coverage"]):
        drawn["coverage"] = coverage_figure(tables["coverage"], name)
    values = dict(_metrics(tables["metrics"], name)) | dict(_coverage_metrics(tables["coverage"]))
    values |= {f"{MODEL}/records": len(tokens), f"{MODEL}/out_of_domain": int((~in_domain).sum())}
    return Assessment({key: table for key, table in tables.items() if len(table)}, drawn, values)


def metrics_table(tokens: Floats, estimates: Floats, resamples: int, seed: int) -> pd.DataFrame:
    """Return one row per metric: its value and 95 % interval.

    To those of `metrics.metrics` comes `bias_percent`: the mean deviation (estimate minus truth in percent of
    the truth), over the texts that `mape` is over.
    """
    long = tokens >= SHORT
    counted = long if long.any() else np.ones_like(long)
    deviation = 100 * (estimates - tokens)[counted] / np.maximum(tokens[counted], 1)
    (low,), (high,) = mean_intervals(deviation[None], resamples, seed)
    values = metrics(tokens, estimates) | {"bias_percent": float(deviation.mean())}
    ranges = intervals(tokens, estimates, resamples, seed) | {"bias_percent": (float(low), float(high))}
    return pd.DataFrame(
        [
            {"metric": key, "value": value, "low": ranges[key][0], "high": ranges[key][1]}
            for key, value in values.items()
        ]
    ).assign(records=len(tokens))


def coverage(tokens: Floats, linear_sums: Floats, bounds: Sequence[Bound]) -> pd.DataFrame:
    """Return how often each level's upper bounds hold, and by how much they exceed the truth, in percent.

    The columns are those of `coverage.coverage_table`, but for the number of calibration records.
    """
    rows = []
    for level in sorted({bound.confidence for bound in bounds}):
        limits = np.ceil(evaluate_bounds(at_level(bounds, level), linear_sums))
        rows.append(
            {
                "calibrated_on": "training records",
                "measured_on": "these records",
                "level": level,
                "records": len(tokens),
                "coverage": 100 * float((tokens <= limits).mean()),
                "excess": 100 * float((limits / np.maximum(tokens, 1) - 1).mean()),
            }
        )
    return pd.DataFrame(rows)


def estimators_figure(table: pd.DataFrame) -> Figure:
    """Return each estimator's MAPE with its 95 % interval, and its bias, the model on top."""
    rows = table[table["metric"] == "mape"]
    bias = table[table["metric"] == "bias_percent"]
    figure = Figure(figsize=(8, 1.8 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    around = np.abs(rows[["low", "high"]].to_numpy() - rows[["value"]].to_numpy()).T
    axes.barh(places, rows["value"], xerr=around, capsize=4, color=BLUE, label="MAPE, 95 % interval")
    axes.plot(bias["value"], places, "D", color=ORANGE, label="bias")
    axes.axvline(0, color="grey", linewidth=1)
    axes.set_yticks(places, rows["estimator"])
    axes.invert_yaxis()
    axes.set_xlabel("% of the counted tokens")
    axes.set_title(f"Errors on {rows['records'].iloc[0]} records")
    axes.legend()
    return figure


def _estimates(linear_sums: Floats) -> Floats:
    return np.maximum(0.0, np.floor(linear_sums + 0.5))


def _of_each(estimates: Mapping[str, Floats], table: Callable[[Floats], pd.DataFrame]) -> pd.DataFrame:
    tables = {key: table(values) for key, values in estimates.items()}
    return pd.concat(tables, names=["estimator"]).reset_index("estimator").reset_index(drop=True)


def _metrics(table: pd.DataFrame, name: str) -> Iterator[tuple[str, float]]:
    for row in table.to_dict("records"):
        own = row["estimator"] == name
        prefix = MODEL if own else re.sub(r"[^a-z0-9.]+", "_", row["estimator"])
        yield f"{prefix}/{row['metric']}", float(row["value"])
        if own:
            yield f"{MODEL}/{row['metric']}_low", float(row["low"])
            yield f"{MODEL}/{row['metric']}_high", float(row["high"])


def _coverage_metrics(table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    for row in table.to_dict("records"):
        for key in ("coverage", "excess"):
            yield f"{MODEL}/{key}_{100 * row['level']:g}", float(row[key])
