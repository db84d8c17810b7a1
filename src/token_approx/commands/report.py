"""What `token-approx count` found: in JSON, and as a table for a terminal."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from token_approx.commands.tables import as_text
from token_approx.estimator.decision import Decision, Known, Step, decided
from token_approx.estimator.exact import ExactCount


@dataclass(frozen=True)
class FileCount:
    """The tokens of one text, or of several together; the bounds are None where there are none.

    `byte_bound` are the most tokens that its bytes can have. `out_of_domain` says why a text is unlike those
    that the model was fitted on, "" if it is not.
    """

    path: str
    tokens: int
    upper_bound: int | None
    lower_bound: int | None
    in_domain: bool
    out_of_domain: str = ""
    byte_bound: int | None = None


def decide(counts: Sequence[FileCount], limit: int, exact: Callable[[], ExactCount] | None) -> Decision:
    """Return whether counts fit a limit of tokens together; `exact` counts them exactly, if it is asked."""
    found = total(counts)
    low, high = found.lower_bound or 0, _or_infinite(found.upper_bound)
    steps: list[tuple[Step, Callable[[], Known]]] = [
        ("bytes", lambda: Known(0, _or_infinite(found.byte_bound), "by the number of bytes")),
        ("bound", lambda: Known(low, high, _bounds(found))),
    ]
    if exact is not None:
        steps.append(("exact", lambda: _exactly(exact())))
    return decided(limit, steps)


def _exactly(counted: ExactCount) -> Known:
    if counted.tokens is None:
        return Known(0, math.inf, counted.reason)
    return Known(counted.tokens, counted.tokens, f"{counted.tokens:,.0f} tokens, {counted.reason}")


def _or_infinite(tokens: int | None) -> float:
    return math.inf if tokens is None else tokens


def total(counts: Sequence[FileCount]) -> FileCount:
    """Return the sum of counts."""
    return FileCount(
        path="total",
        tokens=sum(found.tokens for found in counts),
        byte_bound=_sum([found.byte_bound for found in counts]),
        upper_bound=_sum([found.upper_bound for found in counts]),
        lower_bound=_sum([found.lower_bound for found in counts]),
        in_domain=all(found.in_domain for found in counts),
        out_of_domain=next(
            (f"{found.path}: {found.out_of_domain}" for found in counts if not found.in_domain), ""
        ),
    )


def sentence(counts: Sequence[FileCount], limit: int, decision: Decision) -> str:
    """Return the decision about a limit, and what it rests on, on one line."""
    together = total(counts)
    if decision.step == "exact":
        return f"{decision}: the total is {decision.reason}, and the limit is {limit:,}."
    reason = "" if together.in_domain else f" (unlike what the model was fitted on: {together.out_of_domain})"
    return f"{decision}: the total is {_bounds(together)}, and the limit is {limit:,}{reason}."


def as_json(
    model: str, confidence: float, counts: Sequence[FileCount], limit: int | None, decision: Decision | None
) -> str:
    """Return a JSON object of the total and the files, the largest first."""
    together = asdict(total(counts))
    del together["path"]
    content = {"model": model, "confidence": confidence, "total": together}
    if decision is not None:
        content |= {"limit": limit, **of_decision(decision)}
    return json.dumps(content | {"files": [asdict(found) for found in _by_size(counts)]}, indent=1)


def of_decision(decision: Decision) -> dict[str, str]:
    """Return what JSON says of a decision: the answer, the step that decided, and why."""
    return {"decision": str(decision), "step": decision.step, "reason": decision.reason}


def _bounds(found: FileCount) -> str:
    low = found.lower_bound or 0
    if found.upper_bound is None:
        return f"at least {low:,} tokens"
    return f"{low:,} to {found.upper_bound:,} tokens"


def table(confidence: float, counts: Sequence[FileCount]) -> str:
    """Return a table of the files, the largest first, and of their total."""
    rows = _by_size(counts)
    if len(rows) != 1:
        rows.append(total(counts))
    columns = [("tokens", "right"), (f"at most ({confidence:.3g})", "right"), ("", "left"), ("path", "left")]
    cells = [
        [
            f"{row.tokens:,}",
            "" if row.upper_bound is None else f"{row.upper_bound:,}",
            "" if row.in_domain else "*",
            row.path,
        ]
        for row in rows
    ]
    printed = as_text(columns, cells)
    if total(counts).in_domain:
        return printed
    return (
        f"{printed}\n* This is unlike the texts that the model was fitted on: {total(counts).out_of_domain}"
    )


def _by_size(counts: Sequence[FileCount]) -> list[FileCount]:
    return sorted(counts, key=lambda found: (-found.tokens, found.path))


def _sum(bounds: Sequence[int | None]) -> int | None:
    known = [bound for bound in bounds if bound is not None]
    return sum(known) if len(known) == len(bounds) else None
