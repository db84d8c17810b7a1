"""`token-approx count`: how many tokens texts have, and whether they fit a limit together."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from token_approx import exit_codes
from token_approx.commands import report, request_count
from token_approx.commands.options import Coefs, Confidence, ExactTokenizer, Files, Json, Model, estimator
from token_approx.commands.texts import STANDARD_INPUT, TextReader, notice, pieces, whole
from token_approx.estimator.bounds import at_level
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.exact import NEVER, ExactCount, checked
from token_approx.estimator.request import family_of, request_total, shipped_request_model
from token_approx.estimator.total import TextEstimate
from token_approx.text.streaming import TextStream

EXAMPLES = """\b
Examples:
  token-approx count prompt.md             one number
  git diff | token-approx count            of the standard input
  token-approx count src docs --json       folders, without the files that git ignores
  token-approx count . --limit 200000 && echo fits
  git diff | token-approx count --limit 1000 --exact installed
  token-approx count --request body.json --model claude-opus-5

\b
Exit codes with --limit (token-approx --help has all):
  0    the total is within the limit
  2    the total exceeds the limit
  3    unsure: the limit is between the bounds of the total, or a text is unlike
       those that the model was fitted on, so that no measured bound holds
  1    something could not be read (and the limit is not exceeded without it)
"""
EXIT_CODES = {"fits": exit_codes.DONE, "exceeds": exit_codes.EXCEEDS, "ask": exit_codes.UNSURE}


def count(
    names: Files = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, metavar="TOKENS", help="Show by the exit code whether the total fits."),
    ] = None,
    as_json: Json = False,
    confidence: Confidence = 0.95,
    model: Model = None,
    coefs: Coefs = None,
    exact: ExactTokenizer = NEVER,
    request: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A request's body in JSON, as it is sent to --model; - for standard input."
        ),
    ] = None,
) -> int:
    """Estimate the tokens of files, folders, standard input, or of a whole request.

    Prints a number for each file, in the order of the files; with a tab and the file's name after it where
    there may be more than one. On a terminal it prints a table with the total, the largest file first.
    Links, binary files and files that git ignores are left out of folders.
    """
    if request is not None:
        return _count_request(request, names, model, coefs, confidence, limit, exact, as_json=as_json)
    if checked(exact) != NEVER and limit is None:
        raise typer.BadParameter("--exact has no use without --limit.")
    chosen = estimator(model, coefs)
    in_full = as_json or sys.stdout.isatty()
    level = confidence if limit is not None or (in_full and chosen.upper) else None
    if level is not None:
        at_level(chosen.upper, level)  # refused before anything is read
    reading, counts = TextReader(), []
    given = names or []
    # Path.is_dir raises for a name that is too long.
    several = len(given) > 1 or any(os.path.isdir(name) for name in given)  # noqa: PTH112
    kept = KeptInput(keep=exact != NEVER)
    read = partial(_count, chosen, kept, level=level, with_domain=in_full or limit is not None)
    for _, found in reading.each(given, read):
        counts.append(found)
        if not in_full:
            typer.echo(f"{found.tokens}\t{found.path}" if several else found.tokens)
    decision = None
    if limit is not None:
        asked = None if exact == NEVER else partial(_count_exactly, chosen, kept, counts, exact)
        decision = report.decide(counts, limit, asked)
    if as_json:
        typer.echo(report.as_json(chosen.model, confidence, counts, limit, decision))
    elif in_full:
        typer.echo(report.table(confidence, counts))
    if limit is None or decision is None:
        return exit_codes.BAD_INPUT if reading.failed else exit_codes.DONE
    notice(report.sentence(counts, limit, decision))
    # What could not be read could only add to what exceeds already.
    return exit_codes.BAD_INPUT if reading.failed and decision != "exceeds" else EXIT_CODES[decision]


def _count_request(
    name: str,
    names: list[str] | None,
    model: str | None,
    coefs: Path | None,
    confidence: float,
    limit: int | None,
    exact: str,
    *,
    as_json: bool,
) -> int:
    if names:
        raise typer.BadParameter("--request and files of texts cannot be given together.")
    body = whole(name)
    if coefs is not None:
        total = request_total(Estimator.load(coefs), body, model or "")
    else:
        total = request_total(shipped_request_model(family_of(body, model or "")), body, model or "")
    decision = None if limit is None else total.decide(limit, confidence, exact)
    if as_json:
        typer.echo(request_count.as_json(total, confidence, limit, decision))
    elif sys.stdout.isatty():
        request_count.show(total, confidence)
    else:
        typer.echo(total.tokens)
    if not as_json and not sys.stdout.isatty():
        for entry in total.not_counted:
            notice(f"not counted: {entry}")
    if decision is None:
        return exit_codes.DONE
    low, high = total.lower_bound(confidence), total.upper_bound(confidence)
    found = decision.reason if decision.step == "exact" else f"{low:,} to {high:,} tokens"
    notice(f"{decision}: the total is {found}, and the limit is {limit:,}.")
    return EXIT_CODES[decision]


@dataclass
class KeptInput:
    """The standard input, which cannot be read twice; it is kept if an exact tokenizer may be asked."""

    keep: bool
    data: bytes = b""

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a text piece by piece; the standard input is kept on the way, and can be read again."""
        if name == STANDARD_INPUT and self.data:
            yield self.data
            return
        found = []
        for piece in pieces(name):
            if self.keep and name == STANDARD_INPUT:
                found.append(piece)
            yield piece
        self.data = self.data or b"".join(found)


def _count_exactly(
    model: Estimator, kept: KeptInput, counts: Sequence[report.FileCount], exact: str
) -> ExactCount:
    # Read again: until then, no text need be kept.
    total, reason = 0.0, ""
    for found in counts:
        counted = model.counter([b"".join(kept.pieces(found.path))])(exact)
        if counted.tokens is None:
            return counted
        total, reason = total + counted.tokens, counted.reason
    return ExactCount(total, reason)


def _count(
    model: Estimator, kept: KeptInput, name: str, *, level: float | None, with_domain: bool
) -> report.FileCount:
    stream = TextStream(model.tables, basic=with_domain or model.weighs_counts)
    for piece in kept.pieces(name):
        stream.add(piece)
    features = stream.features()
    found = model.of_features(features) if with_domain else TextEstimate(model.linear_sum(features))
    total = model.total([found])
    upper = math.inf if level is None else total.upper_bound(level)
    return report.FileCount(
        path=name,
        tokens=total.tokens,
        upper_bound=None if upper == math.inf else int(upper),
        lower_bound=None if level is None else total.lower_bound(level),
        in_domain=not found.outside,
        out_of_domain=found.outside,
        byte_bound=None if found.most == math.inf else int(found.most),
    )
