"""`token-approx split`: pieces of a text, each of which fits a limit."""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from token_approx import exit_codes
from token_approx.commands.options import Coefs, Confidence, File, Model, estimator
from token_approx.commands.texts import STANDARD_INPUT, notice, whole
from token_approx.errors import InputError
from token_approx.estimator import cutting
from token_approx.estimator.estimator import Estimator
from token_approx.files import write_whole

EXAMPLES = """\b
Examples:
  token-approx split --size 1000 book.txt                    one JSON object per line
  token-approx split --size 1000 --overlap 100 --out pieces book.txt
  token-approx split --size 1000 --null book.txt | xargs -0 -n 1 ./summarize
"""


def split(
    size: Annotated[
        int, typer.Option(min=1, metavar="TOKENS", help="The largest upper bound that a piece may have.")
    ],
    file: File = STANDARD_INPUT,
    overlap: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="TOKENS",
            help="About how much of a piece the next one repeats, at most half of --size.",
        ),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write the pieces to files in this folder, and print their names."
        ),
    ] = None,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="Print the pieces themselves, with a NUL after each.")
    ] = False,
    confidence: Confidence = 0.95,
    model: Model = None,
    coefs: Coefs = None,
) -> int:
    """Cut a text into pieces that fit a limit each.

    A piece ends at the end of a line or else before a space, where one is in its last twentieth. It never
    ends inside a character. Prints JSON Lines with `text`, `tokens` and `upper_bound`. Bytes that are not
    UTF-8 are written as lone surrogates (Python's surrogateescape).
    """
    if null and out is not None:
        raise typer.BadParameter("--null and --out cannot be given together.")
    chosen = estimator(model, coefs)
    pieces = cutting.split(chosen, whole(file), size, overlap, confidence)
    if out is not None:
        for path, piece in zip(_paths(out, file, len(pieces)), pieces, strict=True):
            write_whole(path, piece)
            typer.echo(path)
    elif null:
        sys.stdout.buffer.writelines(piece + b"\0" for piece in pieces)
    else:
        for piece in pieces:
            typer.echo(_line(chosen, piece, confidence))
    notice(f"The text was cut into {len(pieces):,} pieces.")
    if unsure := cutting.unsure(chosen, pieces, size, confidence):
        notice(unsure)
    return exit_codes.DONE


def _line(model: Estimator, piece: bytes, confidence: float) -> str:
    upper = model.upper_bound(piece, confidence)
    return json.dumps(
        {
            "tokens": model.estimate(piece),
            "upper_bound": None if upper == math.inf else upper,
            "text": piece.decode("utf-8", "surrogateescape"),
        }
    )


def _paths(folder: Path, file: str, count: int) -> Iterator[Path]:
    name = Path("standard_input" if file == STANDARD_INPUT else file)
    digits = max(3, len(str(count)))
    paths = [folder / f"{name.stem}.{number:0{digits}}{name.suffix}" for number in range(1, count + 1)]
    for path in paths:
        if path.exists():
            raise InputError(f"{path} exists already. Give another --out, or remove it.")
    return iter(paths)
