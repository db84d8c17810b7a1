"""Errors by category and by size: where an estimate is good, and where it is not."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from token_approx.fitting.dataset import Floats, Names
from token_approx.fitting.metrics import SHORT
from token_approx.reporting.figures import literal

WITHIN = 10.0  # percent
MOST_SHOWN = 40
# Tokens by truth; the bounds' size classes (by estimate) are the same.
SIZE_CLASSES = {"under 20": (0, 20), "20 to 199": (20, 200), "200 and more": (200, np.inf)}


def breakdown(label: str, labels: Names, tokens: Floats, estimates: Floats) -> pd.DataFrame:
    """Return one row per value of `labels` (n,), the worst first.

    Texts of 20 tokens or more are described in percent of the truth (`documents`, `mape`, `bias_percent`,
    `p95_percent`, `within_10_percent`), shorter ones in tokens (`short_documents`, `short_mae`).
    """
    rows = [
        {label: name} | _errors(tokens[labels == name], estimates[labels == name])
        for name in np.unique(labels)
    ]
    return pd.DataFrame(rows).sort_values("mape", ascending=False, kind="stable", ignore_index=True)


def by_size(tokens: Floats, estimates: Floats) -> pd.DataFrame:
    """Return one row per size class of the counted tokens: records, MAE and bias in tokens, MAPE."""
    rows = []
    for name, (low, high) in SIZE_CLASSES.items():
        inside = (tokens >= low) & (tokens < high)
        if inside.any():
            error = (estimates - tokens)[inside]
            relative = 100 * np.abs(error) / np.maximum(tokens[inside], 1)
            rows.append(
                {
                    "tokens": name,
                    "records": int(inside.sum()),
                    "mae": np.abs(error).mean(),
                    "bias": error.mean(),
                    "mape": relative.mean(),
                    "p95_percent": np.percentile(relative, 95),
                }
            )
    return pd.DataFrame(rows)


def category_figure(categories: pd.DataFrame, title: str) -> Figure:
    """Return the worst categories' (or sources', by the first column) MAPE and bias, the worst on top."""
    label = str(categories.columns[0])
    several = {"category": "categories"}.get(label, f"{label}s")
    worst = categories.dropna(subset=["mape"]).nlargest(MOST_SHOWN, "mape")
    figure = Figure(figsize=(8, 1.6 + 0.22 * len(worst)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(worst))
    axes.barh(places, worst["mape"], color="#0072B2", label="mean absolute error")
    axes.plot(worst["bias_percent"], places, "o", color="#D55E00", markersize=4, label="bias (mean error)")
    axes.axvline(0, color="grey", linewidth=1)
    names = [f"{literal(name)} ({n})" for name, n in zip(worst.iloc[:, 0], worst["documents"], strict=True)]
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(len(worst) - 0.4, -0.6)
    axes.set_xlabel("% of the counted tokens, texts of 20 tokens or more")
    axes.set_title(f"{title}: the worst {len(worst)} of {len(categories)} {several} (texts)")
    axes.legend()
    return figure


def _errors(tokens: Floats, estimates: Floats) -> dict[str, float]:
    error, short = estimates - tokens, tokens < SHORT
    relative = 100 * error[~short] / tokens[~short]
    none = not len(relative)
    return {
        "documents": len(relative),
        "mape": np.nan if none else float(np.abs(relative).mean()),
        "bias_percent": np.nan if none else float(relative.mean()),
        "p95_percent": np.nan if none else float(np.percentile(np.abs(relative), 95)),
        "within_10_percent": np.nan if none else float(100 * (np.abs(relative) <= WITHIN).mean()),
        "short_documents": int(short.sum()),
        "short_mae": float(np.abs(error[short]).mean()) if short.any() else np.nan,
    }
