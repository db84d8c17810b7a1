"""`token-approx truncate`: the beginning of a text that fits a limit."""

import sys
from typing import Annotated

import typer

from token_approx import exit_codes
from token_approx.commands.options import Coefs, Confidence, File, Model, estimator
from token_approx.commands.texts import STANDARD_INPUT, notice, whole

EXAMPLES = """\b
Examples:
  token-approx truncate --limit 1000 notes.md > head.md
  git log -p | token-approx truncate --limit 8000 --model claude_2
"""


def truncate(
    limit: Annotated[int, typer.Option(min=0, metavar="TOKENS", help="What the upper bound may be.")],
    file: File = STANDARD_INPUT,
    confidence: Confidence = 0.95,
    model: Model = None,
    coefs: Coefs = None,
) -> int:
    """Print what fits a limit of a text's beginning.

    It ends with a line, or else before a space, if there is one in the last twentieth; never inside of a
    character. What is printed are the text's own bytes.
    """
    chosen = estimator(model, coefs)
    text = whole(file)
    kept = chosen.truncate(text, limit, confidence)
    sys.stdout.buffer.write(kept)
    if len(kept) < len(text):
        most = chosen.upper_bound(kept, confidence)
        notice(f"kept {len(kept):,} of {len(text):,} bytes: at most {most:,} tokens")
    return exit_codes.DONE
