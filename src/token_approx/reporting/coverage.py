"""How often bounds hold where they were not calibrated, and how much larger than the truth they are."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from token_approx.estimator.bounds import at_level
from token_approx.fitting.bounds import evaluate_bounds, offered, upper_bounds
from token_approx.fitting.candidates import fit
from token_approx.fitting.comparison import Comparison
from token_approx.fitting.cross_validation import ComparisonSettings, leave_sources_out, out_of_fold
from token_approx.fitting.dataset import Floats
from token_approx.reporting.figures import COLOURS, literal

CALIBRATIONS = {"cv": "folds", "unseen_source": "sources left out"}


def calibration(comparison: Comparison, prefer: str = "unseen_source") -> tuple[Floats, Floats]:
    """Return (tokens, estimates) of the training records for calibrating bounds.

    The estimates are by fits on other sources where there are several, else by fits on other folds: a bound
    calibrated inside one book says nothing about the next.
    """
    estimates = comparison.winner.out_of_fold
    return comparison.dataset.tokens[comparison.train], estimates.get(prefer, estimates["cv"])


def levels_of(comparison: Comparison, asked: Sequence[float] | None) -> list[float]:
    """Return the levels to export: the asked ones, or all that the training records have bounds at."""
    return list(asked) if asked else offered(len(comparison.train))


def coverage_table(
    comparison: Comparison, levels: Sequence[float], settings: ComparisonSettings
) -> pd.DataFrame:
    """Return coverage and excess (both in percent) of upper bounds, one row per calibration, test and level.

    Bounds calibrated in folds and on sources left out are measured on the test records; and on each source
    left out, with everything (fit and calibration) done on the others. `excess` is the mean of
    bound / truth - 1.
    """
    rows: list[dict[str, object]] = []
    tokens = comparison.dataset.tokens[comparison.test]
    estimates = comparison.estimates(comparison.test)
    for key, name in CALIBRATIONS.items():
        if key in comparison.winner.out_of_fold:
            pair = calibration(comparison, key)
            rows += _rows(name, "test records", pair, (tokens, estimates), levels)
    for source, inside, outside in _nested(comparison, settings):
        rows += _rows(CALIBRATIONS["cv"], f"unseen: {source}", inside, outside, levels)
    return pd.DataFrame(rows)


def coverage_figure(table: pd.DataFrame, name: str) -> Figure:
    """Return the measured coverage against the level asked for, one line per calibration and test."""
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    low = 100 * table["level"].min() - 2
    axes.plot([low, 100], [low, 100], color="grey", linewidth=1, label="as asked")
    groups = table.groupby(["calibrated_on", "measured_on"], sort=False)
    for number, ((calibrated, measured), rows) in enumerate(groups):
        label = f"calibrated on {literal(calibrated)}, {literal(measured)} ({rows['records'].iloc[0]})"
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(100 * rows["level"], rows["coverage"], "o-", color=colour, label=label)
    axes.set(xlabel="confidence level (%)", ylabel="records at or below their upper bound (%)")
    axes.set_title(f"Coverage of the upper bounds\n{name}")
    axes.legend(fontsize=8)
    return figure


Pair = tuple[Floats, Floats]


def _rows(
    calibrated: str, measured: str, inside: Pair, outside: Pair, levels: Sequence[float]
) -> Iterator[dict[str, object]]:
    for level in levels:
        if offered(len(inside[0]), [level]):
            bounds = at_level(upper_bounds(*inside, [level]), level)
            tokens, limits = outside[0], np.ceil(evaluate_bounds(bounds, outside[1]))
            yield {
                "calibrated_on": calibrated,
                "measured_on": measured,
                "level": level,
                "records": len(tokens),
                "calibration_records": len(inside[0]),
                "coverage": 100 * float((tokens <= limits).mean()),
                "excess": 100 * float((limits / np.maximum(tokens, 1) - 1).mean()),
            }


def _nested(comparison: Comparison, settings: ComparisonSettings) -> Iterator[tuple[str, Pair, Pair]]:
    candidate, dataset = comparison.winner.candidate, comparison.dataset
    X, tokens = dataset.matrix(candidate.features, comparison.train), dataset.tokens[comparison.train]
    sources = dataset.sources[comparison.train]
    for seen, left_out in leave_sources_out(sources, settings.seed):
        names = sorted(set(sources[left_out].tolist()))
        folded = out_of_fold(candidate, X[seen], tokens[seen], sources[seen], settings)
        estimates = fit(candidate, X[seen], tokens[seen]).predict(X[left_out])
        label = names[0] if len(names) == 1 else f"{len(names)} sources"
        yield label, (tokens[seen], folded), (tokens[left_out], estimates)
