"""Errors of whole requests on repositories left out, drawn beside what people make of a request's JSON."""

import matplotlib.ticker
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from token_approx.reporting.figures import BLUE, GREEN, ORANGE

# A kind of fewer requests says nothing of others.
FEWEST_REQUESTS = 10
ESTIMATES = {
    "mape": ("token-approx, with its 95 % interval", BLUE),
    "chars4_mape": ("characters of the JSON / 4", ORANGE),
    "o200k_mape": ("o200k_base of the JSON", GREEN),
}


def requests_figure(errors: pd.DataFrame) -> Figure:
    """Return the figure of the rows of requests.csv, one line per family and kind."""
    shown = errors[errors["records"] >= FEWEST_REQUESTS].iloc[::-1]
    names = shown["dataset"].str.removeprefix("requests-") + " · " + shown["kind"]
    figure = Figure(figsize=(8.5, 1.2 + 0.24 * len(shown)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(shown))
    for column, (label, colour) in ESTIMATES.items():
        axes.scatter(shown[column], places, color=colour, label=label, zorder=3, s=22)
    axes.hlines(places, shown["mape_low"], shown["mape_high"], color=BLUE, lw=2)
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.set_xlabel("mean error in percent of the counted tokens (log scale)")
    axes.set_title("Whole requests, on repositories that were left out of the fit", loc="left", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)
    return figure
