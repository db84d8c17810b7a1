"""The guard: does a text fit a limit, for sure, or must the provider be asked?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from token_approx.fitting.bounds import evaluate_bounds, fewest_records, lower_bounds, upper_bounds
from token_approx.fitting.dataset import Floats

# Confidence levels of the curve; those that the calibration records do not support are left out.
CURVE = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
LIMITS_PER_TEXT = 20
MOST_WRONG = 0.01


def guard_table(
    calibration: tuple[Floats, Floats],
    test: tuple[Floats, Floats],
    seed: int,
    levels: Sequence[float] = CURVE,
) -> pd.DataFrame:
    """Return, for each confidence level, the share of calls avoided and of wrong decisions, in percent.

    Both pairs are (counted tokens, estimates); bounds come from the calibration pair. Every text meets limits
    drawn log-uniformly between half and twice its size. A decision is wrong if `fits` is said of a text that
    is larger than the limit, or `exceeds` of one that is not. The level `chosen` avoids most calls of those
    with at most 1 % wrong decisions on the calibration records.
    """
    rows = []
    for level in levels:
        if fewest_records(level) > len(calibration[0]):
            continue
        upper, lower = upper_bounds(*calibration, [level]), lower_bounds(*calibration, [level])
        row = {"confidence": level}
        for name, (tokens, estimates) in (("calibration", calibration), ("test", test)):
            limits = _limits(tokens, seed)
            fits = np.ceil(evaluate_bounds(upper, estimates))[:, None] <= limits
            exceeds = np.floor(evaluate_bounds(lower, estimates))[:, None] > limits
            wrong = (fits & (tokens[:, None] > limits)) | (exceeds & (tokens[:, None] <= limits))
            row |= {f"{name}_avoided": 100 * (fits | exceeds).mean(), f"{name}_wrong": 100 * wrong.mean()}
        rows.append(row)
    table = pd.DataFrame(rows)
    allowed = table[table["calibration_wrong"] <= 100 * MOST_WRONG]
    best = allowed["calibration_avoided"].idxmax() if len(allowed) else None
    return table.assign(chosen=table.index == best)


def guard_figure(table: pd.DataFrame, name: str) -> Figure:
    """Return calls avoided and wrong decisions on the test records against the confidence level."""
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(table["confidence"], table["test_avoided"], "o-", color="#0072B2", label="calls avoided")
    axes.set(xlabel="confidence level of the bounds", ylabel="calls avoided (% of decisions)")
    other = axes.twinx()
    other.plot(table["confidence"], table["test_wrong"], "s--", color="#D55E00", label="wrong decisions")
    other.set_ylabel("wrong decisions (%)")
    other.set_ylim(bottom=0)
    for chosen in table.loc[table["chosen"], "confidence"]:
        axes.axvline(chosen, color="grey", linewidth=1, label="chosen on calibration records")
    handles = [*axes.get_legend_handles_labels()[0], *other.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    axes.set_title(f"Guard: limits between half and twice a text's size\n{name}")
    return figure


def _limits(tokens: Floats, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    factors = np.exp2(random.uniform(-1, 1, (len(tokens), LIMITS_PER_TEXT)))
    return np.floor(tokens[:, None] * factors)
