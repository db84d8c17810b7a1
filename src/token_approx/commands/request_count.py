"""`token-approx count --request`: the tokens of a whole request by part, and whether it fits a limit."""

import json
from typing import Any

from token_approx.commands.report import of_decision
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
    # Here, since the command's other ways start sooner without it.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(show_edge=False, pad_edge=False)
    table.add_column("part")
    table.add_column("tokens", justify="right")
    for part, tokens in total.parts.items():
        if tokens:
            table.add_row(part, f"{tokens:,}")
    table.add_section()
    table.add_row("total", f"{total.tokens:,}")
    table.add_row(f"at most ({confidence:.3g})", f"{total.upper_bound(confidence):,}")
    console = Console(highlight=False)
    console.print(table)
    for entry in total.not_counted[:MOST_SHOWN]:
        console.print(f"not counted: {entry}", markup=False)
    if (more := len(total.not_counted) - MOST_SHOWN) > 0:
        console.print(f"and {more} more are not counted")
