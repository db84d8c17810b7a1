"""The README's table: our estimates beside what others give for the same texts, none of them fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from token_approx.fitting.dataset import Floats, Names
from token_approx.fitting.metrics import SHORT

HEADER = "| {} | error (95 % interval) | bias | p95 | within 10 % | 95 % bound holds | is above by |"


@dataclass(frozen=True)
class MeasuredEstimate:
    """Texts with their counted tokens (n,), the groups they come from (n,), and estimates (n,) by name.

    `upper` has the 95 % upper bounds (n,) of those estimates that come with any.
    """

    title: str
    tokens: Floats
    groups: Names
    estimates: Mapping[str, Floats]
    upper: Mapping[str, Floats] = field(default_factory=dict)


def results_table(measured: MeasuredEstimate, resamples: int, seed: int) -> pd.DataFrame:
    """Return one row per estimate, over the texts of 20 tokens or more, all in percent of the counted tokens.

    `mape` with its 95 % interval (`low`, `high`; percentile bootstrap over groups, whose texts are alike),
    `bias`, `p95` of the absolute error and `within_10`; `texts` is how many there are. `bound_holds` is for
    how many the 95 % upper bound does, and `bound_above` by how much its mean is above the truth; both are
    missing where there is no bound.
    """
    long = measured.tokens >= SHORT
    tokens, groups = measured.tokens[long], measured.groups[long]
    rows = []
    for name, estimates in measured.estimates.items():
        error = 100 * (estimates[long] - tokens) / tokens
        absolute = np.abs(error)
        low, high = _interval(absolute, groups, resamples, seed)
        rows.append(
            {
                "measured_on": measured.title,
                "estimate": name,
                "texts": int(long.sum()),
                "mape": absolute.mean(),
                "low": low,
                "high": high,
                "bias": error.mean(),
                "p95": np.percentile(absolute, 95),
                "within_10": 100 * (absolute <= 10).mean(),  # noqa: PLR2004 - the column's name
                **_bound(measured.upper[name][long] if name in measured.upper else None, tokens),
            }
        )
    return pd.DataFrame(rows)


def markdown(tables: pd.DataFrame) -> str:
    """Return the results as one Markdown table, a row of its own above each set of texts."""
    lines = [HEADER.format("estimate"), "|---|---|---|---|---|---|---|"]
    for title, rows in tables.groupby("measured_on", sort=False):
        lines.append(f"| **{title}**, {rows['texts'].iloc[0]:,} texts | | | | | | |")
        for row in rows.to_dict("records"):
            error = f"{row['mape']:.1f} % ({row['low']:.1f} to {row['high']:.1f})"
            rest = f"{row['bias']:+.1f} % | {row['p95']:.1f} % | {row['within_10']:.0f} %"
            held = [row["bound_holds"], row["bound_above"]]
            bound = " | ".join("" if np.isnan(value) else f"{value:.1f} %" for value in held)
            lines.append(f"| {row['estimate']} | {error} | {rest} | {bound} |")
    return "\n".join(lines) + "\n"


def _bound(upper: Floats | None, tokens: Floats) -> dict[str, float]:
    if upper is None:
        return {"bound_holds": np.nan, "bound_above": np.nan}
    above = 100 * float(((upper - tokens) / tokens).mean())
    return {"bound_holds": 100 * float((tokens <= upper).mean()), "bound_above": above}


def _interval(values: Floats, groups: Names, resamples: int, seed: int) -> tuple[float, float]:
    names, members = np.unique(groups, return_inverse=True)
    if len(names) == 1:
        members = np.arange(len(values))
    sums, sizes = np.bincount(members, values), np.bincount(members)
    n = len(sums)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    low, high = np.percentile((drawn @ sums) / (drawn @ sizes), [2.5, 97.5])
    return float(low), float(high)
