"""`token-approx count`: how many tokens texts have, and whether they fit a limit together."""

import sys
from functools import partial
from typing import Annotated

import typer

from token_approx import exit_codes
from token_approx.commands import report
from token_approx.commands.options import Coefs, Confidence, Files, Json, Model, estimator
from token_approx.commands.texts import Reading, notice, pieces
from token_approx.estimator.bounds import at_level
from token_approx.estimator.domain import out_of_domain
from token_approx.estimator.estimator import Estimator
from token_approx.text.streaming import TextStream

EXAMPLES = """\b
Examples:
  token-approx count prompt.md             one number
  git diff | token-approx count            of standard input
  token-approx count src docs --json       folders, without what .gitignore leaves out
  token-approx count . --limit 200000 && echo fits

\b
Exit codes with --limit (token-approx --help has all):
  0    the total is within the limit
  2    the total exceeds the limit
  3    unsure: the limit is between the bounds of the total
  1    something could not be read (and the limit is not exceeded without it)
"""
EXIT_CODES = {"fits": exit_codes.DONE, "exceeds": exit_codes.EXCEEDS, "ask": exit_codes.UNSURE}


def count(
    names: Files = None,
    limit: Annotated[
        int | None, typer.Option(min=0, metavar="TOKENS", help="Tell by the exit code if the total fits.")
    ] = None,
    as_json: Json = False,
    confidence: Confidence = 0.95,
    model: Model = None,
    coefs: Coefs = None,
) -> int:
    """Estimate the tokens of files, folders or standard input.

    Prints a number for each file, in their order; on a terminal a table with the total, the largest first.
    In folders, links, binary files and what .gitignore files leave out are passed over.
    """
    chosen = estimator(model, coefs)
    in_full = as_json or sys.stdout.isatty()
    level = confidence if limit is not None or (in_full and chosen.upper) else None
    if level is not None:
        at_level(chosen.upper, level)  # told before anything is read
    reading, counts = Reading(), []
    for _, found in reading.each(names or [], partial(_count, chosen, level=level, with_domain=in_full)):
        counts.append(found)
        if not in_full:
            typer.echo(found.tokens)
    if as_json:
        typer.echo(report.as_json(chosen.model, confidence, counts, limit))
    elif in_full:
        typer.echo(report.table(confidence, counts))
    if limit is None:
        return exit_codes.BAD_INPUT if reading.failed else exit_codes.DONE
    total = report.total(counts)
    decision = total.decide(limit)
    notice(f"{decision}: {total.lower_bound:,} to {total.upper_bound:,} tokens, the limit is {limit:,}")
    # What could not be read could only add to what exceeds already.
    return exit_codes.BAD_INPUT if reading.failed and decision != "exceeds" else EXIT_CODES[decision]


def _count(model: Estimator, name: str, *, level: float | None, with_domain: bool) -> report.Count:
    stream = TextStream(model.tables, basic=with_domain or model.weighs_counts)
    for piece in pieces(name):
        stream.add(piece)
    features = stream.features()
    total = model.total([model.linear_sum(features)])
    return report.Count(
        path=name,
        tokens=total.tokens,
        upper_bound=None if level is None else total.upper_bound(level),
        lower_bound=None if level is None else total.lower_bound(level),
        in_domain=not (with_domain and out_of_domain(model.domain, features)),
    )
