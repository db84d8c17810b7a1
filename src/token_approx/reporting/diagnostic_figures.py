"""Figures of the diagnostic tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.dataset import Floats
from token_approx.fitting.metrics import SHORT
from token_approx.reporting.figures import BLUE, COLOURS, ORANGE, by_source, literal
from token_approx.reporting.label_efficiency import label_efficiency_figure

RED = COLOURS[5]
SHADES = COLOURS[:6]  # yellow is too light for a line
MOST_INFLUENTIAL = 20
MOST_CURVES = 10
# Sizes that differ by this factor are told apart on a logarithmic axis alone.
TENFOLD = 10
FEW, MANY = 10, 1000


def diagnostic_figures(comparison: Comparison, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Return the figures of `diagnostics.tables` by file name without its ending."""
    name = comparison.winner.candidate.name
    drawn = {
        "ablation": ablation_figure(tables["ablation"], name),
        "coefficient_stability": stability_figure(tables["coefficient_stability"], name),
        "influence": influence_figure(tables["influence"], name),
        "residuals_by_size": residuals_by_size(tables["residuals"], name),
        "residuals_by_feature": residuals_by_feature(
            tables["residuals"], list(comparison.dataset.names), name
        ),
        "learning_curves": learning_curves_figure(tables["learning_curves"], name),
    }
    if len(tables["label_efficiency"]):
        drawn["label_efficiency"] = label_efficiency_figure(tables["label_efficiency"])
    return drawn


def ablation_figure(ablation: pd.DataFrame, name: str) -> Figure:
    """Return the change of the cross-validated MAE as each feature is dropped, the most missed on top."""
    shown = ablation[1:]
    figure, axes = _rows(len(shown))
    places = np.arange(len(shown))
    axes.barh(places, shown["mae_change"], color=BLUE)
    axes.axvline(0, color="grey", linewidth=1)
    axes.set_yticks(places, [literal(name) for name in shown["dropped"]])
    axes.invert_yaxis()
    for place, change, percent in zip(places, shown["mae_change"], shown["mae_change_percent"], strict=True):
        axes.annotate(
            f"{round(percent, 1) + 0.0:+,.1f} %",
            (max(change, 0.0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.margins(x=0.2)
    axes.set(
        xlabel="change of the cross-validated MAE (tokens)",
        ylabel="feature dropped" if len(shown) > 1 else "the mean instead of",
    )
    axes.set_title(f"What each feature is worth\n{name}, MAE {ablation['cv_mae'][0]:,.1f} tokens")
    return figure


def stability_figure(stability: pd.DataFrame, name: str) -> Figure:
    """Return each coefficient with its bootstrap interval, tokens per standard deviation of its feature."""
    shown = stability[stability["term"] != "intercept"]
    figure, axes = _rows(len(shown))
    places, scale = np.arange(len(shown)), shown["feature_sd"].to_numpy()
    axes.axvline(0, color="grey", linewidth=1)
    axes.hlines(
        places,
        shown["low"] * scale,
        shown["high"] * scale,
        color=BLUE,
        linewidth=3,
        label="95 % of resamples",
    )
    axes.plot(shown["fitted"] * scale, places, "D", color=ORANGE, label="fitted")
    labels = [
        f"{literal(row.term)} = {row.fitted:,.4g}\n"
        f"{row.low:,.4g} to {row.high:,.4g}, same sign {row.same_sign:.1%}"
        for row in shown.itertuples()
    ]
    axes.set_yticks(places, labels)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("coefficient x standard deviation of its feature (tokens)")
    axes.set_title(f"Coefficients over {stability['resamples'][0]} bootstrap resamples\n{name}")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def influence_figure(influence: pd.DataFrame, name: str) -> Figure:
    """Return the records whose removal moves the mean estimate most, the first on top."""
    shown = influence.dropna(subset="mean_change")[:MOST_INFLUENTIAL]
    figure, axes = _rows(len(shown))
    places = np.arange(len(shown))
    axes.barh(places, shown["mean_change"], color=BLUE, label="change of the mean estimate")
    axes.plot(shown["absolute_change"], places, "o", color=ORANGE, label="mean size of the change")
    axes.axvline(0, color="grey", linewidth=1)
    axes.set_yticks(places, [literal(name) for name in shown["id"]], fontsize=8)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlabel="change without the record (tokens)", ylabel="record left out")
    largest = shown["mean_change_percent"].abs().max()
    axes.set_title(
        f"The {len(shown)} most influential of {len(influence)} records left out one at a time\n"
        f"{name}, at most {largest:.2g} % of the mean estimate"
    )
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def residuals_by_size(residuals: pd.DataFrame, name: str) -> Figure:
    """Return the deviations of all records, in percent, against their counted tokens."""
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    _draw_deviations(axes, residuals, residuals["tokens"].to_numpy())
    axes.set(xlabel="counted tokens", ylabel=_deviation_label(residuals))
    axes.set_title(f"Residuals against size\n{name}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def residuals_by_feature(residuals: pd.DataFrame, features: list[str], name: str) -> Figure:
    """Return the deviations of all records, in percent, against each feature that the records hold."""
    rows = -(-len(features) // 4)
    columns = -(-len(features) // rows)
    figure = Figure(figsize=(1 + 3 * columns, 1.4 + 2.8 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    for axes, feature in zip(panels, features, strict=False):
        _draw_deviations(axes, residuals, residuals[feature].to_numpy())
        axes.set_xlabel(literal(feature))
        if axes.get_xscale() == "linear":
            axes.xaxis.set_major_locator(MaxNLocator(4))
    for axes in panels[len(features) :]:
        axes.set_visible(False)
    figure.supylabel(_deviation_label(residuals))
    figure.suptitle(f"Residuals against each feature\n{name}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def learning_curves_figure(curves: pd.DataFrame, winner: str) -> Figure:
    """Return the learning curves of the ten best candidates and the winner, with their 95 % bands."""
    best = list(dict.fromkeys(curves["candidate"]))[:MOST_CURVES]
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    axes = figure.subplots()
    others = [name for name in best if name != winner]
    for number, candidate in enumerate([*others, winner]):
        curve = curves[curves["candidate"] == candidate]
        own = candidate == winner
        colour = "black" if own else SHADES[number % len(SHADES)]
        axes.fill_between(
            curve["records"],
            curve["low"],
            curve["high"],
            color=colour,
            alpha=0.15 if own else 0.04,
            linewidth=0,
        )
        axes.plot(
            curve["records"],
            curve["cv_mae"],
            color=colour,
            linewidth=2.5 if own else 1.2,
            linestyle="-" if own or number < len(SHADES) else "--",
            marker="o" if own else None,
            label=f"{candidate}  (winner)" if own else candidate,
        )
    axes.set(xlabel="training records", ylabel="cross-validated MAE (tokens)")
    axes.set_title(
        f"Learning curves of the best {len(best)} of {curves['candidate'].nunique()} candidates, 95 % bands"
    )
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return figure


def _rows(number: int) -> tuple[Figure, Axes]:
    figure = Figure(
        figsize=(8.4, 1.9 + (0.42 if number <= FEW else 0.26) * max(number, 2)), layout="constrained"
    )
    return figure, figure.subplots()


def _deviation_label(residuals: pd.DataFrame) -> str:
    short = (residuals["tokens"] < SHORT).any()
    return "estimate minus truth (%" + (
        f" of the truth, at least {SHORT} tokens)" if short else " of the truth)"
    )


def _draw_deviations(axes: Axes, residuals: pd.DataFrame, against: Floats) -> None:
    deviations = residuals["deviation"].to_numpy()
    for mine, style in _groups(residuals):
        axes.scatter(against[mine], deviations[mine], **style)
    axes.axhline(0, color="grey", linewidth=1)
    positive = against[against > 0]
    if len(positive) and positive.max() >= TENFOLD * positive.min():
        axes.set_xscale("log" if len(positive) == len(against) else "symlog")


def _groups(residuals: pd.DataFrame) -> list[tuple[NDArray[np.bool_], dict[str, Any]]]:
    """Return records that are drawn alike, and how: by source and side, by side alone if they are many."""
    test = (residuals["side"] == "test").to_numpy()
    if len(residuals) >= MANY:
        return [
            (~test, {"s": 3, "alpha": 0.4, "color": BLUE, "linewidths": 0, "label": "training records"}),
            (test, {"s": 4, "alpha": 0.6, "color": RED, "linewidths": 0, "label": "test records"}),
        ]
    groups: list[tuple[NDArray[np.bool_], dict[str, Any]]] = []
    for name, mine, colour in by_source(residuals["source"].to_numpy(dtype=str)):
        inside = {"s": 20, "alpha": 0.4, "color": colour, "linewidths": 0, "label": f"{name}: training"}
        outside = {
            "s": 28,
            "color": colour,
            "edgecolors": "black",
            "linewidths": 0.6,
            "label": f"{name}: test",
        }
        groups += [(mine & ~test, inside), (mine & test, outside)]
    return groups
