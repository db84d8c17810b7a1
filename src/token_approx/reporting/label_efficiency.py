"""How many labelled samples an estimate of an unseen source needs, by what it is made from."""

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from sklearn import config_context
from sklearn.linear_model import LinearRegression

from token_approx.fitting.candidates import Candidate, Model, fit
from token_approx.fitting.cross_validation import ComparisonSettings, leave_sources_out
from token_approx.fitting.dataset import Dataset, Floats, Indices
from token_approx.fitting.metrics import metrics
from token_approx.reporting.figures import BLUE, COLOURS, ORANGE, literal

BASIC = ("bytes", "runes", "words", "lines")
LEAST_SQUARES = Model(LinearRegression)
RELATIVE_ORIGIN = Model(partial(LinearRegression, fit_intercept=False), relative=True)
COLUMNS = ["feature_set", "left_out", "unseen", "samples", "mape", "median", "low", "high"]
MOST_NAMED = 3
LABELS = {"basic": "bytes, runes, words, lines: least squares", "bytes": "bytes: least squares"}
PERCENT = StrMethodFormatter("{x:g} %")


def label_efficiency(
    dataset: Dataset,
    train: Indices,
    settings: ComparisonSettings,
    sizes: Sequence[int] = (5, 10, 25, 50, 100),
    repeats: int = 20,
) -> pd.DataFrame:
    """Return the error on an unseen source against the number of labelled samples fitted on.

    Each source of the records `train` (each of ten groups of sources, if there are more) is left out once. A
    feature set is fitted on `samples` records drawn from the others, the same for every set, and its MAPE
    measured on all of the source left out: `basic` and `bytes` by least squares, an n-gram feature by one
    scale that minimises the relative error.

    `mape` is the mean over the sources left out and the repeats; `median`, `low` and `high` (10th and 90th
    percentile) are over repeats. Where the others of some source are fewer than `samples`, the rows go on
    for the remaining sources (`left_out`: how many, `unseen`: which), with their smaller sizes beside them,
    so that no line mixes sources. There are no rows with one source.
    """
    sources = dataset.sources[train]
    random = np.random.default_rng(settings.seed)
    folds = [
        (left_out, [random.permutation(seen) for _ in range(repeats)])
        for seen, left_out in leave_sources_out(sources, settings.seed)
    ]
    able = np.array([[size <= len(orders[0]) for _, orders in folds] for size in sizes], dtype=bool)
    lines = sorted({tuple(enough) for enough in able.tolist() if any(enough)}, key=sum, reverse=True)
    rows = []
    for candidate in _candidates(dataset):
        errors = _errors(candidate, dataset, train, folds, sizes)
        for line in lines:
            inside = np.array(line)
            unseen = sorted(
                {str(sources[row]) for number in np.flatnonzero(line) for row in folds[number][0]}
            )
            label = " and ".join(unseen) if len(unseen) <= MOST_NAMED else f"{len(unseen)} sources"
            for place, size in enumerate(sizes):
                if able[place, inside].all():
                    by_repeat = errors[place, inside].mean(axis=0)
                    spread = np.percentile(by_repeat, [50, 10, 90])
                    rows.append(
                        (candidate.feature_set, sum(line), label, size, float(by_repeat.mean()), *spread)
                    )
    return pd.DataFrame(rows, columns=COLUMNS)


def label_efficiency_figure(efficiency: pd.DataFrame) -> Figure:
    """Return the error on an unseen source against the labelled samples, a line and band per feature set.

    Where some sources have too few records beside them, the line goes on dashed over the remaining ones.
    """
    figure = Figure(figsize=(8.4, 5.6), layout="constrained")
    axes = figure.subplots()
    sets = list(dict.fromkeys(efficiency["feature_set"]))
    colours = dict(zip(sets, (COLOURS[5], ORANGE, BLUE), strict=False))
    drawn_to = dict.fromkeys(sets, 0)
    handles: dict[Hashable, Line2D] = {}
    partial = ""
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
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="labelled samples fitted on, all of other sources", ylabel="MAPE on the source left out")
    axes.set_title("Error on a book/source it never saw\nmean, and 10-90 % band, over draws of samples")
    labels = [LABELS.get(name, f"{name}: one scale") for name in sets]
    if partial:
        handles["partial"] = Line2D([], [], color="grey", linestyle="--")
        labels.append(f"on {literal(partial)} alone (too few samples beside the rest)")
    axes.legend(handles.values(), labels)
    axes.grid(alpha=0.3)
    return figure


def _errors(
    candidate: Candidate,
    dataset: Dataset,
    train: Indices,
    folds: Sequence[tuple[Indices, list[Indices]]],
    sizes: Sequence[int],
) -> Floats:
    """Return the MAPE (sizes, folds, repeats), NaN where a fold has too few records to fit on."""
    X, tokens = dataset.matrix(candidate.features, train), dataset.tokens[train]
    errors = np.full((len(sizes), len(folds), len(folds[0][1]) if folds else 0), np.nan)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for number, (left_out, orders) in enumerate(folds):
            for repeat, order in enumerate(orders):
                for place, size in enumerate(sizes):
                    if size <= len(order):
                        fitted = fit(candidate, X[order[:size]], tokens[order[:size]])
                        estimates = fitted.predict(X[left_out])
                        errors[place, number, repeat] = metrics(tokens[left_out], estimates)["mape"]
    return errors


def _candidates(dataset: Dataset) -> list[Candidate]:
    tables = [name for name in dataset.names if name.startswith("ngram_")]
    table = "ngram_claude_3" if "ngram_claude_3" in tables else (tables or [""])[0]
    candidates = [
        Candidate("ols", LEAST_SQUARES, "basic", BASIC),
        Candidate("ols", LEAST_SQUARES, "bytes", ("bytes",)),
        Candidate("relative_ols_origin", RELATIVE_ORIGIN, table, (table,)),
    ]
    return [candidate for candidate in candidates if set(candidate.features) <= set(dataset.names)]
