"""`token-approx count --request`: the tokens of a whole request by part, and whether it fits a limit."""

import json
from typing import Any

import typer

from token_approx.commands.report import of_decision
from token_approx.commands.tables import as_text
from token_approx.estimator.decision import Decision
from token_approx.estimator.request import RequestTotal

# Entries of what is not counted that a terminal shows; JSON has them all.
MOST_SHOWN = 10


def as_json(total: RequestTotal, confidence: float, limit: int | None, decision: Decision | None) -> str:
    """Return the total, its parts and bounds as a JSON object."""
    content: dict[str, Any] = {
        "model": total.model,
        "tokens": total.tokens,
        "confidence": confidence,
        "upper_bound": total.upper_bound(confidence),
        "lower_bound": total.lower_bound(confidence),
        "parts": dict(total.parts),
        "not_counted": list(total.not_counted),
    }
    if decision is not None:
        content |= {"limit": limit, **of_decision(decision)}
    return json.dumps(content, indent=1, ensure_ascii=False)


def show(total: RequestTotal, confidence: float) -> None:
    """Print a table of the parts that have tokens, of their sum and its bound, and of what is not counted."""
    rows = [[part, f"{tokens:,}"] for part, tokens in total.parts.items() if tokens]
    rows.append([f"total, at most {total.upper_bound(confidence):,} ({confidence:.3g})", f"{total.tokens:,}"])
    typer.echo(as_text([("part", "left"), ("tokens", "right")], rows))
    for entry in total.not_counted[:MOST_SHOWN]:
        typer.echo(f"not counted: {entry}")
    if (more := len(total.not_counted) - MOST_SHOWN) > 0:
        typer.echo(f"and {more} more are not counted")
