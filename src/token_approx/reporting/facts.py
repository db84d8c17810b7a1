"""What the model card and the report say of a winner: known gaps as sentences, errors as small tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from token_approx.fitting.bounds import DEFAULT_LEVEL, fewest_records, true_level, widened
from token_approx.fitting.comparison import Comparison

WORST_SHOWN = 8
# From here on, a number is read by its thousands, and its decimals say nothing.
THOUSAND = 1000


@dataclass(frozen=True)
class Table:
    """A table: what it shows, how to read it, its headers and rows, and how many columns are no numbers."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1


def known_gaps(
    compared: Comparison, tables: Mapping[str, pd.DataFrame], coefs: Mapping[str, Any]
) -> list[str]:
    """Return where the winner is not to be trusted, one plain sentence each, with the numbers."""
    return list(_gaps(compared, tables, coefs))


def error_tables(tables: Mapping[str, pd.DataFrame]) -> list[Table]:
    """Return the errors on the test records by category and by size, and the coverage of the bounds."""
    shown = [_sizes(tables["errors_by_size"]), _coverage(tables["coverage"])]
    return [_categories(tables["errors_by_category"]), *shown] if "errors_by_category" in tables else shown


def _gaps(
    compared: Comparison, tables: Mapping[str, pd.DataFrame], coefs: Mapping[str, Any]
) -> Iterator[str]:
    winner = compared.winner
    folds, unseen = winner.cv, winner.unseen_source
    if unseen:
        yield (
            f"on sources left out of the fit it is {unseen['mape']:.2f} % off ({unseen['mae']:.1f} tokens),"
            f" in folds {folds['mape']:.2f} % ({folds['mae']:.1f} tokens)"
        )
    else:
        yield "all records are of one source: the error on another is not known"
    yield from (f"it {flag}" for flag in compared.flags[winner.candidate.name])
    if "errors_by_category" in tables:
        worst = tables["errors_by_category"].iloc[0]
        texts = f"{worst['documents']:.0f} texts"
        yield f"worst category: {worst.iloc[0]}, {worst['mape']:.1f} % off on {texts}"
    n = len(compared.train)
    if widened(n, DEFAULT_LEVEL):
        yield (
            f"its {100 * DEFAULT_LEVEL:g} % bound is the largest error of {n} training records, widened as"
            f" was measured on other texts: that error by itself would hold for {100 * true_level(n):.0f} %,"
            f" and {fewest_records(DEFAULT_LEVEL)} records would need no widening"
        )
    below = tables["coverage"].query("coverage < 100 * level").nsmallest(1, "coverage")
    for row in below.to_dict("records"):
        yield (
            f"the {100 * row['level']:g} % bound held for {row['coverage']:.1f} % ({row['measured_on']},"
            f" calibrated on {row['calibrated_on']})"
        )
    seen = (f"{name} {_number(low)} to {_number(high)}" for name, (low, high) in coefs["domain"].items())
    yield f"in_domain is false beyond what was seen, which is {', '.join(seen)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.4g}"


def _categories(categories: pd.DataFrame) -> Table:
    known = categories.dropna(subset=["mape"])
    return Table(
        title="The worst categories",
        note=f"The worst of {len(known)}, on test records of 20 tokens or more.",
        columns=("category", "texts", "MAPE", "bias", "p95"),
        rows=tuple(
            (
                str(row["category"]),
                f"{row['documents']:.0f}",
                f"{row['mape']:.2f} %",
                f"{row['bias_percent']:+.2f} %",
                f"{row['p95_percent']:.2f} %",
            )
            for row in known.head(WORST_SHOWN).to_dict("records")
        ),
    )


def _sizes(sizes: pd.DataFrame) -> Table:
    return Table(
        title="Errors by size",
        note="Test records by counted tokens; MAE and bias are in tokens, the rest is in percent of them.",
        columns=("tokens", "records", "MAE", "bias", "MAPE", "p95"),
        rows=tuple(
            (
                str(row["tokens"]),
                f"{row['records']}",
                f"{row['mae']:.2f}",
                f"{row['bias']:+.2f}",
                f"{row['mape']:.2f} %",
                f"{row['p95_percent']:.2f} %",
            )
            for row in sizes.to_dict("records")
        ),
    )


def _coverage(coverage: pd.DataFrame) -> Table:
    levels = sorted(set(coverage["level"]))
    rows = []
    for (calibrated, measured), group in coverage.groupby(["calibrated_on", "measured_on"], sort=False):
        held = {row["level"]: f"{row['coverage']:.1f} %" for row in group.to_dict("records")}
        rows.append(
            (
                str(calibrated),
                str(measured),
                str(group["records"].iloc[0]),
                *(held.get(level, "-") for level in levels),
                f"{group['excess'].iloc[-1]:+.1f} %",
            )
        )
    return Table(
        title="Bounds",
        note="How many records are at or below their upper bound, none of which took part in the fit or the"
        f" calibration, and by how much the {100 * levels[-1]:g} % bound is larger than the truth.",
        columns=(
            *("calibrated on", "measured on", "records"),
            *(f"{100 * level:g} % bound" for level in levels),
            "excess",
        ),
        rows=tuple(rows),
        labels=2,
    )
