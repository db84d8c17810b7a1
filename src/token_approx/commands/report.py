"""What `token-approx count` found: in JSON, and as a table for a terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from token_approx.estimator.total import Decision


@dataclass(frozen=True)
class FileCount:
    """The tokens of one text, or of several together; the bounds are None where there are none.

    `out_of_domain` says why a text is unlike those that the model was fitted on, "" if it is not.
    """

    path: str
    tokens: int
    upper_bound: int | None
    lower_bound: int | None
    in_domain: bool
    out_of_domain: str = ""

    def decide(self, limit: int) -> Decision:
        """Return whether it fits a limit of tokens; without bounds nobody knows."""
        if self.upper_bound is not None and self.upper_bound <= limit:
            return "fits"
        return "exceeds" if self.lower_bound is not None and self.lower_bound > limit else "ask"


def total(counts: Sequence[FileCount]) -> FileCount:
    """Return the sum of counts."""
    return FileCount(
        path="total",
        tokens=sum(found.tokens for found in counts),
        upper_bound=_sum([found.upper_bound for found in counts]),
        lower_bound=_sum([found.lower_bound for found in counts]),
        in_domain=all(found.in_domain for found in counts),
        out_of_domain=next(
            (f"{found.path}: {found.out_of_domain}" for found in counts if not found.in_domain), ""
        ),
    )


def sentence(counts: Sequence[FileCount], limit: int) -> str:
    """Return the decision about a limit, and what it rests on, on one line."""
    together = total(counts)
    decision = together.decide(limit)
    if together.upper_bound is None:
        bounds = f"at least {together.lower_bound or 0:,} tokens"
    else:
        bounds = f"{together.lower_bound or 0:,} to {together.upper_bound:,} tokens"
    reason = "" if together.in_domain else f" (unlike what the model was fitted on: {together.out_of_domain})"
    return f"{decision}: the total is {bounds}, and the limit is {limit:,}{reason}."


def as_json(model: str, confidence: float, counts: Sequence[FileCount], limit: int | None) -> str:
    """Return a JSON object of the total and the files, the largest first."""
    together = asdict(total(counts))
    del together["path"]
    content = {"model": model, "confidence": confidence, "total": together}
    if limit is not None:
        content |= {"limit": limit, "decision": total(counts).decide(limit)}
    return json.dumps(content | {"files": [asdict(found) for found in _by_size(counts)]}, indent=1)


def table(confidence: float, counts: Sequence[FileCount]) -> str:
    """Return a table of the files, the largest first, and of their total."""
    rows = _by_size(counts)
    if len(rows) != 1:
        rows.append(total(counts))
    most = f"at most ({confidence:.3g})"
    lines = [f"{'tokens':>12}  {most:>16}   path"]
    for row in rows:
        upper = "" if row.upper_bound is None else f"{row.upper_bound:,}"
        lines.append(f"{row.tokens:>12,}  {upper:>16} {' ' if row.in_domain else '*'} {row.path}")
    if not total(counts).in_domain:
        lines.append(
            f"* This is unlike the texts that the model was fitted on: {total(counts).out_of_domain}"
        )
    return "\n".join(lines)


def _by_size(counts: Sequence[FileCount]) -> list[FileCount]:
    return sorted(counts, key=lambda found: (-found.tokens, found.path))


def _sum(bounds: Sequence[int | None]) -> int | None:
    known = [bound for bound in bounds if bound is not None]
    return sum(known) if len(known) == len(bounds) else None
