"""The model card: what a registered version is for, how far to trust it, and how to mend it, in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.report import Report

WORST_SHOWN = 8
RECALIBRATE = (
    "Label some thirty texts of your own (`mlflow run . -e prepare`, `-e label`), then fit on them:"
    " `mlflow run . -P dataset=custom -P records=labelled.jsonl`. `-e evaluate` measures this version on any"
    " records first."
)


def model_card(compared: Comparison, reported: Report, coefs: Mapping[str, Any]) -> str:
    """Return the card of a comparison's champion; every figure is from the comparison and its report."""
    parts = [
        _head(compared, coefs),
        ["## Error", "", *_error(compared), "", *_breakdowns(reported.tables)],
        ["## Bounds", "", *_bounds(reported.tables["coverage"])],
        ["## Known gaps", "", *_gaps(compared, reported.tables, coefs)],
        ["## Recalibrate", "", RECALIBRATE],
    ]
    return "\n".join(line for part in parts for line in [*part, ""]).rstrip() + "\n"


def _head(compared: Comparison, coefs: Mapping[str, Any]) -> list[str]:
    sources = len(set(compared.dataset.sources[compared.train]))
    features = " + ".join(f"{coefs[f'w_{name}']:.6g} · {name}" for name in coefs["feature_set"])
    records = (
        f"{len(compared.train)} training records of {sources} sources ({_sizes(compared)} tokens each),"
        f" {len(compared.test)} test records"
    )
    return [
        f"# Input tokens of {coefs['model']}",
        "",
        f"Estimates how many input tokens `{coefs['model']}` counts for a text, locally.",
        "",
        f"- **Estimate:** {coefs['w0']:.6g} + {features} ({coefs['estimator']})",
        f"- **Scope:** counts `{coefs['scope']}`, of texts like the training records (`in_scope`)",
        f"- **Data:** {compared.dataset.name}, {records}",
        "- **In:** strings, as a list, a Series or a column `text`",
        "- **Out:** `input_tokens`, `upper_bound` (at `confidence`), `in_scope`; null where there is no text",
    ]


def _sizes(compared: Comparison) -> str:
    tokens = compared.dataset.tokens[compared.train]
    return f"{tokens.min():.0f} to {tokens.max():.0f}"


def _error(compared: Comparison) -> Iterator[str]:
    test, intervals = compared.champion.test, compared.test_intervals
    low, high = intervals["mae"]
    yield (
        f"On the test records: MAE {test['mae']:.1f} tokens (95 % interval {low:.1f} to {high:.1f}), MAPE"
        f" {test['mape']:.2f} % ({intervals['mape'][0]:.2f} to {intervals['mape'][1]:.2f}), p95"
        f" {test['p95_abs_error']:.1f}, bias {test['bias']:+.1f}."
    )
    unseen = compared.champion.unseen_source
    if unseen:
        yield f"On sources left out of the fit: MAE {unseen['mae']:.1f} tokens, MAPE {unseen['mape']:.2f} %."


def _breakdowns(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    if "errors_by_category" in tables:
        categories = tables["errors_by_category"].dropna(subset=["mape"])
        yield f"The worst of {len(categories)} categories (texts of 20 tokens or more):"
        yield ""
        columns = ("category", "documents", "mape", "bias_percent", "p95_percent")
        yield from _table(categories.head(WORST_SHOWN), columns)
        yield ""
    yield "By counted tokens:"
    yield ""
    yield from _table(tables["errors_by_size"], ("tokens", "records", "mae", "mape", "p95_percent"))


def _bounds(coverage: pd.DataFrame) -> Iterator[str]:
    yield "Measured on records that took no part in the fit or the calibration, in percent:"
    yield ""
    yield from _table(coverage, ("calibrated_on", "measured_on", "level", "coverage", "excess"), most=12)


def _gaps(
    compared: Comparison, tables: Mapping[str, pd.DataFrame], coefs: Mapping[str, Any]
) -> Iterator[str]:
    for name, (low, high) in coefs["domain"].items():
        yield f"- {name} outside of {low:.4g} to {high:.4g} was not seen: `in_scope` is false there"
    for flag in compared.flags[compared.champion.candidate.name]:
        yield f"- {flag}"
    if "errors_by_category" in tables:
        worst = tables["errors_by_category"].iloc[0]
        texts = f"{worst['documents']:.0f} texts"
        yield f"- worst category: {worst.iloc[0]}, {worst['mape']:.1f} % off on {texts}"
    below = tables["coverage"].query("coverage < 100 * level").nsmallest(1, "coverage")
    for row in below.to_dict("records"):
        yield (
            f"- the {100 * row['level']:g} % bound held for {row['coverage']:.1f} % ({row['measured_on']},"
            f" calibrated on {row['calibrated_on']})"
        )


def _table(frame: pd.DataFrame, columns: Sequence[str], most: int = WORST_SHOWN) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in frame[list(columns)].head(most).itertuples(index=False):
        yield "| " + " | ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row) + " |"
