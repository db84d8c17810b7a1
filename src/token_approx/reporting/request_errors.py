"""Where estimates of whole requests are good and where not: by part, by repository, and the worst ten.

Of records of repositories that were left out of the fit, where there are several; else of the test records.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.dataset import Floats
from token_approx.reporting.facts import Table
from token_approx.requests.features import PARTS
from token_approx.requests.named import part_of

WORST = 10
# Features of one of the worst requests that are shown, those with most of its estimate first.
MOST_FEATURES = 6


def request_tables(compared: Comparison) -> dict[str, pd.DataFrame]:
    """Return `errors_by_part`, `errors_by_repository` and `worst_requests`; no table holds any text.

    Errors are in percent of the counted tokens. A part's row is of the requests that have tokens in it, with
    the mean share that they have there by the estimate.
    """
    left_out = compared.winner.out_of_fold.get("unseen_source")
    rows = compared.test if left_out is None else compared.train
    estimates = compared.estimates(compared.test) if left_out is None else left_out
    dataset, names = compared.dataset, compared.winner.candidate.features
    values = dataset.matrix(names, rows) * compared.winner.fit.coefficients
    frame = pd.DataFrame(
        {
            "id": np.array(dataset.ids)[rows],
            "repository": dataset.sources[rows],
            "kind": dataset.categories[rows],
            "tokens": dataset.tokens[rows],
            "estimate": estimates,
        }
    )
    frame["error"] = 100 * (frame["estimate"] / frame["tokens"] - 1)
    by_repository = [
        {"repository": name, **_errors(group)} for name, group in frame.groupby("repository", sort=True)
    ]
    worst = frame.loc[frame["error"].abs().nlargest(WORST).index]
    known = dataset.matrix(names, rows)
    shown = [_features(names, known[place], values[place]) for place in worst.index]
    return {
        "errors_by_part": _by_part(frame, names, values),
        "errors_by_repository": pd.DataFrame(by_repository),
        "worst_requests": worst.assign(features=shown).reset_index(drop=True),
    }


def shown_tables(tables: Mapping[str, pd.DataFrame]) -> list[Table]:
    """Return the tables as a page shows them; none where the records are not of requests."""
    if "errors_by_part" not in tables:
        return []
    note = "Of requests of repositories left out of the fit, where there are several; in percent."
    return [
        *(
            Table(
                title=f"Errors by {label}",
                note=note,
                columns=tuple(tables[f"errors_by_{label}"].columns),
                rows=tuple(
                    tuple(map(_cell, row)) for row in tables[f"errors_by_{label}"].itertuples(index=False)
                ),
            )
            for label in ("part", "repository")
        ),
        Table(
            title="The ten worst requests",
            note="By their features, the largest parts of the estimate first; no record holds a text.",
            columns=("id", "repository", "kind", "tokens", "estimate", "error", "features"),
            rows=tuple(tuple(map(_cell, row)) for row in tables["worst_requests"].itertuples(index=False)),
            labels=3,
        ),
    ]


def _by_part(frame: pd.DataFrame, names: tuple[str, ...], values: Floats) -> pd.DataFrame:
    parts = np.array([part_of(name) for name in names])
    rows = []
    for part in PARTS:
        tokens = values[:, parts == part].sum(axis=1)
        has = tokens > 0
        if has.any():
            share = 100 * float((tokens[has] / np.maximum(values[has].sum(axis=1), 1)).mean())
            rows.append({"part": part, **_errors(frame[has]), "share": share})
    return pd.DataFrame(rows)


def _errors(group: pd.DataFrame) -> dict[str, float]:
    return {
        "requests": len(group),
        "mape": group["error"].abs().mean(),
        "bias": group["error"].mean(),
        "p95": float(group["error"].abs().quantile(0.95)),
    }


def _features(names: tuple[str, ...], known: Floats, values: Floats) -> str:
    order = np.argsort(-np.abs(values), kind="stable")[:MOST_FEATURES]
    return ", ".join(f"{names[place]} {known[place]:.4g}" for place in order if known[place])


def _cell(value: object) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
