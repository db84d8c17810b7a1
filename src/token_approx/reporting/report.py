"""What a run reports of its comparison: tables, and figures drawn from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from token_approx.estimator.bounds import Bound
from token_approx.fitting import comparison as results
from token_approx.fitting.bounds import DEFAULT_LEVEL, lower_bounds, upper_bounds
from token_approx.fitting.comparison import Comparison
from token_approx.fitting.cross_validation import ComparisonSettings
from token_approx.fitting.left_out import Calibration, bounds_by_kind, kinds_without_bound, with_none_below
from token_approx.fitting.processes import in_processes
from token_approx.labelling.counters.protocol import REQUEST
from token_approx.reporting import diagnostics
from token_approx.reporting.breakdown import breakdown, by_size, category_figure
from token_approx.reporting.coverage import calibration, coverage_figure, coverage_table, levels_of
from token_approx.reporting.diagnostic_figures import diagnostic_figures
from token_approx.reporting.figures import figures, png
from token_approx.reporting.guard import guard_figure, guard_table
from token_approx.reporting.request_errors import request_tables

# A table with a row per record is for reading; beyond this nobody does.
MOST_ROWS = 3000


@dataclass(frozen=True)
class Report:
    """Tables by name (those with rows), figures (PNG) by name while they are drawn, the winner's bounds.

    `kinds_without_bound` are the kinds of requests whose bound did not hold on sources left out, and those
    that no training record is of.
    """

    tables: dict[str, pd.DataFrame]
    drawn: Iterable[tuple[str, bytes]]
    upper: list[Bound]
    lower: list[Bound]
    kinds_without_bound: list[str]

    @cached_property
    def figures(self) -> dict[str, bytes]:
        """Return the figures (PNG) by name; other processes draw them until they are asked for."""
        return dict(self.drawn)

    @property
    def metrics(self) -> dict[str, float]:
        """Return coverage and excess on the test records by level, and the guard's figures at its level."""
        coverage = self.tables["coverage"]
        # The last calibration measured on the test records is the one that is exported.
        own = coverage[coverage["measured_on"] == "test records"].groupby("level", sort=True).last()
        values: dict[str, Any] = {}
        for level in own.index:
            percent = f"{100 * float(level):g}"
            values[f"test/coverage_{percent}"] = own.loc[level, "coverage"]
            values[f"test/excess_{percent}"] = own.loc[level, "excess"]
        guard = self.tables["guard"]
        for name in ("avoided", "wrong"):
            for value in guard.loc[guard["chosen"], f"test_{name}"]:
                values[f"test/guard_{name}"] = value
        return {name: float(value) for name, value in values.items()}


def report(
    compared: Comparison,
    settings: ComparisonSettings,
    levels: Sequence[float] | None,
    calibrated_on: str,
    workers: int = 1,
) -> Report:
    """Return everything to report of a comparison; `workers` processes begin to draw the figures.

    Raises:
        InputError: a level was asked for that the training records do not support.
    """
    asked = levels_of(compared, levels)
    pair = calibration(compared, calibrated_on)
    unbounded: list[str] = []
    if compared.dataset.counts_of == REQUEST:
        kinds, sources = compared.dataset.categories[compared.train], compared.dataset.sources[compared.train]
        upper, lower = bounds_by_kind(Calibration(*pair, kinds), asked)
        if len(set(sources.tolist())) > 1:
            unbounded, below = kinds_without_bound(Calibration(*pair, kinds), sources, DEFAULT_LEVEL)
            lower = with_none_below(lower, below)
    else:
        upper, lower = upper_bounds(*pair, asked), lower_bounds(*pair, asked)
    tokens, estimates = compared.dataset.tokens[compared.test], compared.estimates(compared.test)
    name = compared.winner.candidate.name
    tables = {
        "candidates": results.candidates_table(compared),
        "test_metrics": results.metrics_table(compared),
        "learning_curve": compared.winner.curve,
        "coefficients": results.coefficients_table(compared),
        "unseen_sources": results.unseen_table(compared),
        "passed_over": results.passed_over_table(compared),
        "errors_by_size": by_size(tokens, estimates),
        "coverage": coverage_table(compared, asked, settings),
        "guard": guard_table(pair, (tokens, estimates), settings.seed),
    }
    drawn = figures(compared)
    drawn["coverage"] = coverage_figure(tables["coverage"], name)
    drawn["guard"] = guard_figure(tables["guard"], name)
    diagnosed = diagnostics.tables(compared, settings)
    drawn |= diagnostic_figures(compared, diagnosed)
    tables |= {name: table for name, table in diagnosed.items() if len(table) <= MOST_ROWS}
    labels = compared.dataset.categories[compared.test]
    if labels.any():
        tables["errors_by_category"] = breakdown("category", labels, tokens, estimates)
        drawn["errors_by_category"] = category_figure(tables["errors_by_category"], name)
    if compared.dataset.counts_of == REQUEST:
        tables |= request_tables(compared)
    return Report(
        tables={key: table for key, table in tables.items() if len(table)},
        drawn=zip(drawn, in_processes(png, drawn.values(), workers), strict=True),
        upper=upper,
        lower=lower,
        kinds_without_bound=unbounded,
    )
