"""Figures of a comparison: titles, units and legends included, drawn without a display."""

import io

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.dataset import Dataset, Floats, Names

DPI = 150
# Okabe & Ito (2008): told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
BLUE, ORANGE, GREEN = COLOURS[:3]
MOST_RANKED = 25


def figures(comparison: Comparison) -> dict[str, Figure]:
    """Return the run's figures by file name without its ending."""
    winner = comparison.winner
    rows = comparison.test
    tokens, estimates = comparison.dataset.tokens[rows], comparison.estimates(rows)
    sources = comparison.dataset.sources[rows]
    name = winner.candidate.name
    return {
        "estimate_vs_truth": estimate_vs_truth(tokens, estimates, sources, name),
        "residuals": residuals(tokens, estimates, sources, name),
        "absolute_error": absolute_error(tokens, estimates, name),
        "learning_curve": learning_curve(winner.curve, name),
        "candidates_ranked": candidates_ranked(comparison),
        "feature_correlation": feature_correlation(comparison.dataset),
        "feature_scatter": feature_scatter(comparison.dataset),
    }


def candidate_figure(tokens: Floats, estimates: Floats, sources: Names, name: str) -> Figure:
    """Return a candidate's own figure: estimate against truth, and residuals, on the test records."""
    # One per candidate, so margins are set by hand: solving for them takes a third of the time.
    figure = Figure(figsize=(11, 4.6))
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.12, top=0.9, wspace=0.25)
    left, right = figure.subplots(1, 2)
    _draw_estimates(left, tokens, estimates, sources)
    _draw_residuals(right, tokens, estimates, sources)
    figure.suptitle(f"{name}: test records")
    return figure


def literal(name: object) -> str:
    """Return a name that matplotlib draws as it is: no `$` starts a formula, no `_` hides a label."""
    text = str(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """Return a figure as PNG with a palette, at 150 dots per inch unless told otherwise.

    With 256 colours of its own it is a third as large, and no pixel's channel is off by more than 16 of 255;
    median cut, the default, gives lines of a rare colour that of another.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, dpi=dpi, format="png", pil_kwargs={"compress_level": 0})
    image = Image.open(drawn).convert("RGB")
    image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(small, "PNG")
    return small.getvalue()


def estimate_vs_truth(
    tokens: Floats, estimates: Floats, sources: Names, name: str, where: str = "the test records"
) -> Figure:
    """Return the scatter of estimates (n,) against counted tokens (n,) with the line of equality."""
    figure, axes = _one()
    _draw_estimates(axes, tokens, estimates, sources)
    axes.set_title(f"Estimate against truth on {where}\n{name}")
    return figure


def residuals(tokens: Floats, estimates: Floats, sources: Names, name: str) -> Figure:
    """Return the errors (estimate minus truth) against the counted tokens."""
    figure, axes = _one()
    _draw_residuals(axes, tokens, estimates, sources)
    axes.set_title(f"Residuals on the test records\n{name}")
    return figure


def absolute_error(tokens: Floats, estimates: Floats, name: str) -> Figure:
    """Return the histogram of absolute errors with their median and 95th percentile."""
    figure, axes = _one()
    errors = np.abs(estimates - tokens)
    median, p95 = np.median(errors), np.percentile(errors, 95)
    axes.hist(errors, bins=min(30, max(5, len(errors) // 2)), color=BLUE, edgecolor="white")
    axes.axvline(float(median), color=ORANGE, linewidth=2, label=f"median {median:,.0f} tokens")
    axes.axvline(float(p95), color=COLOURS[5], linewidth=2, linestyle="--", label=f"p95 {p95:,.0f} tokens")
    axes.set(xlabel="absolute error (tokens)", ylabel="test records")
    axes.set_title(f"Absolute error on {len(errors)} test records\n{name}")
    axes.legend()
    return figure


def learning_curve(curve: pd.DataFrame, name: str) -> Figure:
    """Return the cross-validated MAE against the number of training records, with its 95 % band."""
    figure, axes = _one()
    axes.fill_between(
        curve["records"], curve["low"], curve["high"], color=BLUE, alpha=0.2, label="95 % interval"
    )
    axes.plot(curve["records"], curve["cv_mae"], color=BLUE, marker="o", label="cross-validated MAE")
    axes.set(xlabel="training records", ylabel="MAE (tokens)")
    axes.set_ylim(bottom=0)
    axes.set_title(f"Learning curve\n{name}")
    axes.legend()
    return figure


def candidates_ranked(comparison: Comparison) -> Figure:
    """Return the MAE of the candidates that may be chosen, the winner on top, then the best others."""
    may = [each for each in comparison.ranked if each is comparison.winner or comparison.eligible(each)]
    best = may[:MOST_RANKED]
    figure = Figure(figsize=(9, 1.6 + 0.28 * len(best)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(best))
    axes.barh(places, [e.cv["mae"] for e in best], color=BLUE, label="cross-validated")
    if best[0].unseen_source:
        unseen = [e.unseen_source["mae"] for e in best]
        axes.plot(unseen, places, "D", color=COLOURS[5], label="unseen source")
    axes.plot([e.test["mae"] for e in best], places, "o", color="black", markersize=4, label="test")
    names = [literal(e.candidate.name) for e in best]
    axes.set_yticks(places, [f"{names[0]}  (winner)", *names[1:]])
    axes.set_ylim(len(best) - 0.4, -0.6)
    axes.set_xlabel("MAE (tokens)")
    by = "unseen sources" if comparison.rule.basis(best[0]) == "unseen_source" else "cross-validation"
    axes.set_title(
        f"The winner and the others of {len(may)} eligible candidates\n"
        f"by {comparison.rule.metric.upper()} ({by})"
    )
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def feature_correlation(dataset: Dataset) -> Figure:
    """Return Pearson's correlation of the features and the tokens."""
    frame = dataset.features.assign(tokens=dataset.tokens)
    frame = frame.loc[:, frame.std() > 0]
    correlation = frame.corr().to_numpy()
    size = 3 + 0.7 * len(frame.columns)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(correlation, cmap="RdBu_r", vmin=-1, vmax=1)
    names = [literal(name) for name in frame.columns]
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    for (row, column), value in np.ndenumerate(correlation):
        light = abs(value) > 0.6  # noqa: PLR2004 - where the map is too dark for black
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if light else "black")
    figure.colorbar(image, label="Pearson correlation")
    axes.set_title(f"Correlation over {len(dataset)} records")
    return figure


def feature_scatter(dataset: Dataset) -> Figure:
    """Return one scatter per feature against the counted tokens, coloured by source."""
    names = list(dataset.features)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.8 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes, name in zip(panels, names, strict=False):
        for label, mine, colour in by_source(dataset.sources):
            axes.scatter(
                dataset.features[name].to_numpy()[mine],
                dataset.tokens[mine],
                s=14,
                alpha=0.7,
                color=colour,
                label=label,
            )
        axes.set(xlabel=literal(name), ylabel="counted tokens")
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    panels[0].legend(title="source")
    figure.suptitle(f"Features against tokens, {len(dataset)} records")
    return figure


def _one() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    return figure, figure.subplots()


def by_source(sources: Names) -> list[tuple[str, NDArray[np.bool_], str]]:
    """Return each source's name, records (n,) and colour; one entry for all if there are many."""
    names = sorted(set(sources.tolist()))
    if len(names) > len(COLOURS):
        return [(f"{len(names)} sources", np.ones(len(sources), dtype=bool), BLUE)]
    return [(literal(name), sources == name, colour) for name, colour in zip(names, COLOURS, strict=False)]


def _draw_estimates(axes: Axes, tokens: Floats, estimates: Floats, sources: Names) -> None:
    low, high = min(tokens.min(), estimates.min()), max(tokens.max(), estimates.max())
    axes.plot([low, high], [low, high], color="grey", linewidth=1, label="estimate = truth")
    for label, mine, colour in by_source(sources):
        axes.scatter(tokens[mine], estimates[mine], s=24, alpha=0.8, color=colour, label=label)
    axes.set(xlabel="counted tokens", ylabel="estimated tokens")
    axes.legend()


def _draw_residuals(axes: Axes, tokens: Floats, estimates: Floats, sources: Names) -> None:
    axes.axhline(0, color="grey", linewidth=1)
    for label, mine, colour in by_source(sources):
        axes.scatter(tokens[mine], (estimates - tokens)[mine], s=24, alpha=0.8, color=colour, label=label)
    axes.set(xlabel="counted tokens", ylabel="estimate minus truth (tokens)")
    axes.legend()
