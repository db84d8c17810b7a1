"""`token-approx truncate`: the beginning of a text that fits a limit."""

import sys
from typing import Annotated

import typer

from token_approx import exit_codes
from token_approx.commands.options import Coefs, Confidence, File, Model, estimator
from token_approx.commands.texts import STANDARD_INPUT, notice, whole
from token_approx.estimator import cutting

EXAMPLES = """\b
Examples:
  token-approx truncate --limit 1000 notes.md > head.md
  git log -p | token-approx truncate --limit 8000 --model claude-opus-5
"""


def truncate(
    limit: Annotated[
        int, typer.Option(min=0, metavar="TOKENS", help="The largest upper bound that the result may have.")
    ],
    file: File = STANDARD_INPUT,
    confidence: Confidence = 0.95,
    model: Model = None,
    coefs: Coefs = None,
) -> int:
    """Print as much of a text's beginning as fits a limit.

    The result ends at the end of a line or else before a space, where one is in its last twentieth. It never
    ends inside a character. Its bytes are those of the text.
    """
    chosen = estimator(model, coefs)
    text = whole(file)
    kept = cutting.truncate(chosen, text, limit, confidence)
    sys.stdout.buffer.write(kept)
    unsure = cutting.unsure(chosen, [kept], limit, confidence)
    if len(kept) < len(text):
        most = "." if unsure else f": at most {chosen.upper_bound(kept, confidence):,} tokens."
        notice(f"{len(kept):,} of {len(text):,} bytes were kept{most}")
    if unsure:
        notice(unsure)
    return exit_codes.DONE
