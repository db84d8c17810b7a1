"""Estimates beside what was counted, by model, week and kind: which drifted, when, and by how much."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binomtest

from token_approx.fitting.bounds import DEFAULT_LEVEL, FEWEST_WIDENED
from token_approx.fitting.metrics import SHORT, mean_intervals
from token_approx.reporting.evaluation import FEWEST_RESAMPLES, MOST_DRAWN
from token_approx.reporting.figures import COLOURS, literal

# The columns of the rows that are described: one per record, request or step.
MODEL, WEEK, KIND, TOKENS, ESTIMATE, UPPER = (
    "model", "week", "kind", "input_tokens", "estimate", "upper_bound",
)  # fmt: skip
# In the place of a week: all of them.
ALL = "all"
# Of fewer records the interval of a mean says little: such a week is shown, and nothing is concluded from it.
FEWEST = FEWEST_WIDENED
# What is limited: its column, that column's interval, and its name in words.
LIMITED = {"max_mape": ("mape", "MAPE"), "max_bias_percent": ("bias_percent", "bias")}


@dataclass(frozen=True)
class Finding:
    """Why a model no longer holds: `model` by name, `reason` in words that follow the name."""

    model: str
    reason: str


def by_model_and_week(rows: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Return the errors of each model over all its rows, and of each of its weeks where they are known.

    `rows` (n,) have the columns `model`, `week` (ISO, "" if unknown), `kind`, and in tokens `input_tokens`,
    `estimate` and `upper_bound` (95 %; NaN where no bound is promised). `mape`, `bias_percent` (estimate
    minus truth) and `p95_percent` are in percent of the truth, over rows of 20 tokens or more (over all where
    there is none); `_low` and `_high` are 95 % intervals over resampled rows. `coverage` is the percentage
    of the `bounded` rows whose bound holds, with its Clopper-Pearson 95 % interval.

    Source: Clopper, C. J., Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated in the
    case of the binomial. Biometrika 26(4).
    """
    found = []
    for model, own in rows.groupby(MODEL, sort=True):
        found.append({MODEL: model, WEEK: ALL} | _errors(own, resamples, seed))
        if (own[WEEK] != "").any():
            found += [
                {MODEL: model, WEEK: week} | _errors(part, resamples, seed)
                for week, part in own.groupby(WEEK, sort=True)
            ]
    return pd.DataFrame(found)


def by_kind(rows: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Return the errors of each model's kinds, as `by_model_and_week` has them, the worst first."""
    found = [
        {MODEL: model, KIND: kind} | _errors(part, resamples, seed)
        for (model, kind), part in rows.groupby([MODEL, KIND], sort=True)
    ]
    table = pd.DataFrame(found)
    return table.sort_values([MODEL, "mape"], ascending=[True, False], kind="stable", ignore_index=True)


def jumps(weeks: pd.DataFrame) -> list[str]:
    """Return each jump of a model's bias from one week to the next that has rows, in words.

    It is one where the 95 % intervals of the two, of 8 rows or more each, have nothing in common.
    """
    found = []
    known = weeks[~weeks[WEEK].isin([ALL, ""]) & (weeks["records"] >= FEWEST)]
    for model, own in known.groupby(MODEL, sort=True):
        listed = own.to_dict("records")
        for before, after in pairwise(listed):
            apart = after["bias_low"] > before["bias_high"] or after["bias_high"] < before["bias_low"]
            if apart:
                found.append(
                    f"{model}: from {before[WEEK]} to {after[WEEK]} the bias went from"
                    f" {before['bias_percent']:+.1f} % to {after['bias_percent']:+.1f} %"
                )
    return found


def findings(weeks: pd.DataFrame, kinds: pd.DataFrame, limits: Mapping[str, float]) -> list[Finding]:
    """Return why models no longer hold, given both tables and the limits `max_mape`, `max_bias_percent`.

    An error is over its limit if that of all of a model's rows is, or the whole interval of one of its weeks
    of 8 rows or more. A bound does not hold if the upper end of its coverage's interval is below its level.
    """
    found = []
    for model, own in weeks.groupby(MODEL, sort=True):
        mine, whole = kinds[kinds[MODEL] == model], own[own[WEEK] == ALL].iloc[0]
        for limit, most in limits.items():
            column, name = LIMITED[limit]
            over = own[_beyond(own, column, most)]
            if over.empty:
                continue
            worst = over.iloc[0]
            if worst[WEEK] == ALL:
                reason = f"{name} is {worst[column]:.2f} %{_worst(own, mine, column)}, over {limit}={most:g}"
            else:
                worst = over.iloc[int(over[column].abs().to_numpy().argmax())]
                reason = (
                    f"{name} is {worst[column]:.2f} % in {worst[WEEK]}, over {limit}={most:g}"
                    f" ({whole[column]:.2f} % over all weeks)" + _worst(own.iloc[:0], mine, column)
                )
            found.append(Finding(str(model), reason))
        if whole["coverage_high"] < 100 * DEFAULT_LEVEL:
            reason = (
                f"the {100 * DEFAULT_LEVEL:g} % bound holds for {whole['coverage']:.1f} % of"
                f" {whole['bounded']} (at most {whole['coverage_high']:.1f} % by its interval)"
            )
            found.append(Finding(str(model), reason + _worst(own, mine, "coverage")))
    return found


def bias_figure(weeks: pd.DataFrame) -> Figure:
    """Return each model's bias by week, with its 95 % interval."""
    known = weeks[~weeks[WEEK].isin([ALL, ""])]
    names = sorted(set(known[WEEK]))
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for place, (model, own) in enumerate(known.groupby(MODEL, sort=True)):
        bias = own["bias_percent"].to_numpy()
        around = np.abs(own[["bias_low", "bias_high"]].to_numpy().T - bias)
        at = [names.index(week) for week in own[WEEK]]
        colour = COLOURS[place % len(COLOURS)]
        axes.errorbar(at, bias, yerr=around, fmt="o-", capsize=4, color=colour, label=literal(model))
    axes.axhline(0, color="grey", linewidth=1)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("bias, % of the counted tokens")
    axes.set_title("Estimates minus counts, by week (95 % interval)")
    axes.legend()
    return figure


def metrics(weeks: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield the errors of each model, over all of its rows, as metrics `<model>/<name>`."""
    for row in weeks[weeks[WEEK] == ALL].to_dict("records"):
        for name in ("records", "mape", "bias_percent", "p95_percent", "coverage"):
            if not np.isnan(row[name]):
                yield f"{row[MODEL]}/{name}", float(row[name])


def _errors(rows: pd.DataFrame, resamples: int, seed: int) -> dict[str, Any]:
    tokens = rows[TOKENS].to_numpy(np.float64)
    long = tokens >= SHORT
    counted = long if long.any() else np.ones_like(long)
    deviation = 100 * (rows[ESTIMATE].to_numpy(np.float64) - tokens)[counted] / np.maximum(tokens[counted], 1)
    both = np.stack([np.abs(deviation), deviation])
    drawn = min(resamples, max(FEWEST_RESAMPLES, MOST_DRAWN // len(rows)))
    low, high = mean_intervals(both, drawn, seed)
    bounded = rows[UPPER].notna()
    number, held = int(bounded.sum()), int((rows[TOKENS] <= rows[UPPER])[bounded].sum())
    interval = (np.nan, np.nan)
    if number:
        interval = tuple(binomtest(held, number).proportion_ci(0.95, "exact"))
    return {
        "records": len(rows),
        "mape": float(both[0].mean()),
        "mape_low": float(low[0]),
        "mape_high": float(high[0]),
        "bias_percent": float(deviation.mean()),
        "bias_low": float(low[1]),
        "bias_high": float(high[1]),
        "p95_percent": float(np.percentile(both[0], 95)),
        "bounded": number,
        "coverage": 100 * held / number if number else np.nan,
        "coverage_low": 100 * interval[0],
        "coverage_high": 100 * interval[1],
    }


def _beyond(own: pd.DataFrame, column: str, most: float) -> Sequence[bool]:
    low, high = ("mape_low", "mape_high") if column == "mape" else ("bias_low", "bias_high")
    whole = (own[WEEK] == ALL) & (own[column].abs() > most)
    surely = (own["records"] >= FEWEST) & ((own[low] > most) | (own[high] < -most))
    return list(whole | surely)


def _worst(weeks: pd.DataFrame, kinds: pd.DataFrame, column: str) -> str:
    # The week and the kind that are worst by a column, in words.
    places = []
    named = weeks[~weeks[WEEK].isin([ALL, ""])]
    for table, label, word in ((named, WEEK, "in "), (kinds[kinds[KIND] != ""], KIND, "for ")):
        known = table.dropna(subset=[column])
        if len(known) > (label == KIND):  # a single kind is no news
            by = known[column].abs() * (-1 if column == "coverage" else 1)
            worst = known.iloc[int(by.to_numpy().argmax())]
            places.append(f"{word}{worst[label]} ({worst[column]:.1f} %)")
    return f", worst {' and '.join(places)}" if places else ""
