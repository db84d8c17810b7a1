"""Figures of the diagnostic tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, StrMethodFormatter

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.dataset import Floats
from token_approx.fitting.figures import BLUE, COLOURS, ORANGE, by_source
from token_approx.fitting.metrics import SHORT

RED = COLOURS[5]
MOST_INFLUENTIAL = 20
MOST_CURVES = 10
# Sizes that differ by this factor are told apart on a logarithmic axis alone.
TENFOLD = 10
FEW, MANY = 10, 1000
LABELS = {"basic": "bytes, runes, words, lines: least squares", "bytes": "bytes: least squares"}
PERCENT = StrMethodFormatter("{x:g}")


def diagnostic_figures(comparison: Comparison, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Return the figures of `diagnostics.tables` by file name without its ending."""
    name = comparison.champion.candidate.name
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
    axes.set_yticks(places, list(shown["dropped"]))
    axes.invert_yaxis()
    for place, change, percent in zip(places, shown["mae_change"], shown["mae_change_percent"], strict=True):
        axes.annotate(
            f"{percent:+.1f} %",
            (max(change, 0.0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.margins(x=0.12)
    axes.set(xlabel="change of the cross-validated MAE (tokens)", ylabel="feature dropped")
    axes.set_title(f"What each feature is worth\n{name}, MAE {ablation['cv_mae'][0]:,.1f} tokens")
    return figure


def stability_figure(stability: pd.DataFrame, name: str) -> Figure:
    """Return each coefficient with its bootstrap interval, in tokens per standard deviation of the feature."""
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
    axes.plot(shown["mean"] * scale, places, "o", color=BLUE, label="their mean")
    axes.plot(shown["fitted"] * scale, places, "D", color=ORANGE, markersize=5, label="fitted")
    same = [
        f"{term}\nsame sign in {share:.0%}"
        for term, share in zip(shown["term"], shown["same_sign"], strict=True)
    ]
    axes.set_yticks(places, same)
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
    axes.set_yticks(places, list(shown["id"]), fontsize=8)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlabel="change without the record (tokens)", ylabel="record left out")
    largest = shown["mean_change_percent"].abs().max()
    axes.set_title(
        f"The {len(shown)} most influential of {len(influence)} training records\n"
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
    figure.legend(handles=_legend(residuals), loc="outside lower center", ncols=5)
    return figure


def residuals_by_feature(residuals: pd.DataFrame, features: list[str], name: str) -> Figure:
    """Return the deviations of all records, in percent, against each feature that the records hold."""
    columns = min(3, len(features))
    rows = -(-len(features) // columns)
    figure = Figure(figsize=(1 + 3.6 * columns, 1.3 + 2.8 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    for axes, feature in zip(panels, features, strict=False):
        _draw_deviations(axes, residuals, residuals[feature].to_numpy())
        axes.set_xlabel(feature)
    for axes in panels[len(features) :]:
        axes.set_visible(False)
    figure.supylabel(_deviation_label(residuals))
    figure.suptitle(f"Residuals against each feature\n{name}")
    figure.legend(handles=_legend(residuals), loc="outside lower center", ncols=5)
    return figure


def learning_curves_figure(curves: pd.DataFrame, champion: str) -> Figure:
    """Return the learning curves of the ten best candidates and the champion, with their 95 % bands."""
    best = list(dict.fromkeys(curves["candidate"]))[:MOST_CURVES]
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    axes = figure.subplots()
    others = [name for name in best if name != champion]
    for number, candidate in enumerate([*others, champion]):
        curve = curves[curves["candidate"] == candidate]
        own = candidate == champion
        colour = "black" if own else COLOURS[number % len(COLOURS)]
        axes.fill_between(
            curve["records"], curve["low"], curve["high"], color=colour, alpha=0.15 if own else 0.05
        )
        axes.plot(
            curve["records"],
            curve["cv_mae"],
            color=colour,
            linewidth=2.5 if own else 1.2,
            linestyle="-" if own or number < len(COLOURS) else "--",
            marker="o" if own else None,
            label=f"{candidate}  (champion)" if own else candidate,
        )
    axes.set(xlabel="training records", ylabel="cross-validated MAE (tokens)")
    axes.set_title(
        f"Learning curves of the best {len(best)} of {curves['candidate'].nunique()} candidates, 95 % bands"
    )
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return figure


def label_efficiency_figure(efficiency: pd.DataFrame) -> Figure:
    """Return the error on an unseen source against the labelled samples, a line and band per feature set.

    Where some sources have too few records beside them, the line goes on dashed over the remaining ones.
    """
    figure = Figure(figsize=(8.4, 5.6), layout="constrained")
    axes = figure.subplots()
    sets = list(dict.fromkeys(efficiency["feature_set"]))
    colours = dict(zip(sets, (RED, ORANGE, BLUE), strict=False))
    drawn_to = dict.fromkeys(sets, 0)
    handles, partial = {}, ""
    for (name, _, unseen), line in efficiency.groupby(["feature_set", "left_out", "unseen"], sort=False):
        shown = line[line["samples"] >= drawn_to[name]]
        style = "-o" if name not in handles else "--o"
        drawn = axes.plot(shown["samples"], shown["mape"], style, color=colours[name], markersize=5)
        axes.fill_between(shown["samples"], shown["low"], shown["high"], color=colours[name], alpha=0.15)
        partial = str(unseen) if name in handles else partial
        handles.setdefault(name, drawn[0])
        drawn_to[name] = shown["samples"].max()
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(sizes := sorted(set(efficiency["samples"])), [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_minor_formatter(PERCENT)
    axes.set(xlabel="labelled samples, from other sources", ylabel="mean absolute error on it (%)")
    axes.set_title("Error on a book/source it never saw\nmean, 10-90 % of the draws of samples")
    labels = [LABELS.get(name, f"{name}: one scale") for name in sets]
    if partial:
        handles["partial"] = Line2D([], [], color="grey", linestyle="--")
        labels.append(f"on {partial} alone: the others leave fewer samples")
    axes.legend(handles.values(), labels)
    axes.grid(alpha=0.3)
    return figure


def _rows(number: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.4, 1.9 + (0.42 if number <= FEW else 0.26) * number), layout="constrained")
    return figure, figure.subplots()


def _deviation_label(residuals: pd.DataFrame) -> str:
    short = (residuals["tokens"] < SHORT).any()
    return "estimate minus truth (%" + (
        f" of the truth, at least {SHORT} tokens)" if short else " of the truth)"
    )


def _draw_deviations(axes: Axes, residuals: pd.DataFrame, against: Floats) -> None:
    deviations, test = residuals["deviation"].to_numpy(), (residuals["side"] == "test").to_numpy()
    size = 20 if len(residuals) < MANY else 4
    for _, mine, colour in by_source(residuals["source"].to_numpy(dtype=str)):
        inside, outside = mine & ~test, mine & test
        axes.scatter(against[inside], deviations[inside], s=size, alpha=0.35, color=colour, linewidths=0)
        axes.scatter(
            against[outside],
            deviations[outside],
            s=1.4 * size,
            color=colour,
            edgecolors="black",
            linewidths=0.6,
        )
    axes.axhline(0, color="grey", linewidth=1)
    positive = against[against > 0]
    if len(positive) and positive.max() >= TENFOLD * positive.min():
        axes.set_xscale("log" if len(positive) == len(against) else "symlog")


def _legend(residuals: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], linestyle="", marker="o", color=colour, label=name)
        for name, _, colour in by_source(residuals["source"].to_numpy(dtype=str))
    ]
    for side, alpha, edge in (("training", 0.4, "none"), ("test", 1.0, "black")):
        handles.append(
            Line2D(
                [], [], linestyle="", marker="o", color="grey", alpha=alpha, mec=edge, label=f"{side} record"
            )
        )
    return handles
