"""What each candidate has of its own: its tables, and the figure of those that people look at."""

from collections.abc import Iterator
from functools import partial

import pandas as pd

from token_approx.fitting.comparison import Comparison, terms
from token_approx.fitting.processes import in_processes
from token_approx.fitting.search import Trial
from token_approx.reporting.figures import candidate_figure, png


def candidate_tables(trial: Trial) -> dict[str, pd.DataFrame]:
    """Return a candidate's tables by name, those with rows; none where it was not evaluated."""
    if trial.evaluation is None:
        return {}
    tables = {
        "learning_curve": trial.evaluation.curve,
        "coefficients": terms(trial.evaluation),
        "unseen_sources": trial.evaluation.unseen,
    }
    return {name: table for name, table in tables.items() if len(table)}


def candidate_figures(compared: Comparison, workers: int, most: int) -> Iterator[bytes | None]:
    """Return each trial's figure of the test records (PNG), None but for the `most` first of the ranking.

    They take 0.2 s each, so `workers` processes draw them while their caller does something else.
    """
    first = {evaluation.candidate.name for evaluation in compared.ranked[:most]}
    shown = [trial if trial.candidate.name in first else None for trial in compared.trials]
    drawn = in_processes(partial(_figure, compared), filter(None, shown), workers)
    return (None if trial is None else next(drawn) for trial in shown)


def _figure(compared: Comparison, trial: Trial) -> bytes | None:
    if trial.evaluation is None:
        return None
    tokens, sources = compared.dataset.tokens[compared.test], compared.dataset.sources[compared.test]
    estimates = trial.evaluation.fit.predict(compared.dataset.matrix(trial.candidate.features, compared.test))
    return png(candidate_figure(tokens, estimates, sources, trial.candidate.name), dpi=100)
