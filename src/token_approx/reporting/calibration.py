"""What calibrating on usage is worth: errors before and after, and by the amount of usage."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import t as student

from token_approx.fitting.dataset import Floats
from token_approx.pretraining import calibrating
from token_approx.pretraining.calibrating import Calibrated
from token_approx.pretraining.priors import widened
from token_approx.reporting.figures import BLUE, COLOURS
from token_approx.text.ngrams import NgramTable

# Numbers of observations at which a learning curve is drawn, as far as there are so many.
SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)
INTERVAL = 0.95
# What the rows of `errors` are.
FITS = ("before", "before, and framing", "best table times a factor", "adapted table")


def errors(found: Calibrated, before: str, seed: int, resamples: int = 2000) -> pd.DataFrame:
    """Return mean, 95 % interval, median, bias and p95 of relative errors on sessions held out, in per cent.

    A row per estimate: the shipped table `before`, alone and with framing; the best prior times a factor; the
    adapted table. Intervals resample whole sessions.
    """
    test, names = found.test, list(found.priors.names)
    borrowed = widened(NgramTable.load(before), found.priors.layout)
    fits: dict[str, tuple[Floats, Floats]] = {
        f"before: {before}": (borrowed, np.zeros(len(test.things))),
        f"{before} and framing": (
            borrowed,
            calibrating.framing_beside(found.inside, borrowed, found.spec.floor),
        ),
    }
    scaled, adapted = found.calibration.scaled, found.calibration.adapted
    fits[f"{names[scaled.place]} times {scaled.factor:.3f} and framing"] = (
        scaled.factor * found.priors.weights[scaled.place],
        scaled.framing,
    )
    fits["adapted table and framing"] = adapted.weights, found.calibration.framing
    places = [np.flatnonzero(test.groups == name) for name in np.unique(test.groups)]
    drawn = np.random.default_rng(seed).integers(len(places), size=(resamples, len(places)))
    sizes = np.array([len(rows) for rows in places])
    rows = []
    for kind, (name, fit) in zip(FITS, fits.items(), strict=True):
        relative = calibrating.relative_errors(test, *fit, found.spec.floor)
        sums = np.array([np.abs(relative[rows]).sum() for rows in places])
        low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
        rows.append(
            {
                "fit": kind,
                "estimate": name,
                "observations": len(relative),
                "groups": len(places),
                "mape": 100 * float(np.abs(relative).mean()),
                "low": 100 * float(low),
                "high": 100 * float(high),
                "median": 100 * float(np.median(np.abs(relative))),
                "bias": 100 * float(relative.mean()),
                "p95": 100 * float(np.quantile(np.abs(relative), 0.95)),
            }
        )
    return pd.DataFrame(rows)


def curve(found: Calibrated, seeds: Sequence[int]) -> pd.DataFrame:
    """Return the mean relative error (per cent) on the sessions held out by the amount of usage.

    `low` and `high` are the 95 % interval (Student's t) of the mean over `seeds`, each of which draws other
    observations. The variances of the correction are those that were found with all of them.
    """
    inside, total, calibration = found.inside, len(found.inside), found.calibration
    rows = []
    for size in [*(size for size in SIZES if size < total), total]:
        draws = [np.random.default_rng(seed).permutation(total)[:size] for seed in seeds]
        if size == total:  # which is one choice
            draws = draws[:1]
        some = [inside.rows(np.sort(draw)) for draw in draws]
        fits = {
            "best table times a factor": [
                calibrating.scaled_weights(usage, found.priors, found.spec.floor) for usage in some
            ],
            "adapted table": [
                calibrating.corrected(
                    usage, found.priors, calibration.adapted, calibration.framing, found.spec
                )
                for usage in some
            ],
        }
        rows += [{"fit": name, "observations": size, **_summary(found, fit)} for name, fit in fits.items()]
    return pd.DataFrame(rows)


def _summary(found: Calibrated, fits: Sequence[tuple[Floats, Floats]]) -> dict[str, float]:
    relative = [calibrating.relative_errors(found.test, *fit, found.spec.floor) for fit in fits]
    means = np.array([100 * float(np.abs(each).mean()) for each in relative])
    mean, half = float(means.mean()), _half(means) if len(means) > 1 else 0.0
    return {"draws": len(means), "mape": mean, "low": max(0.0, mean - half), "high": mean + half}


def _half(found: Floats) -> float:
    quantile = student.ppf((1 + INTERVAL) / 2, len(found) - 1)
    return float(quantile * found.std(ddof=1) / np.sqrt(len(found)))


def curve_figure(found: pd.DataFrame, before: float, name: str) -> Figure:
    """Return the learning curves of `curve`, with the error before as a line, in per cent."""
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for (fit, rows), colour in zip(found.groupby("fit", sort=False), (COLOURS[5], BLUE), strict=False):
        axes.fill_between(rows["observations"], rows["low"], rows["high"], color=colour, alpha=0.2)
        axes.plot(rows["observations"], rows["mape"], "o-", color=colour, label=str(fit))
    axes.axhline(before, color="black", linestyle=":", label="before")
    axes.set(xscale="log", xlabel="counted steps or requests", ylabel="mean error on sessions held out (%)")
    axes.set_ylim(bottom=0)
    axes.set_title(f"What usage teaches\n{name}, with the 95 % interval of the mean over draws")
    axes.legend()
    return figure
