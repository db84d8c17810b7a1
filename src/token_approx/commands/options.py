"""Arguments and options that several commands share, and the estimator that they choose."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from token_approx.commands.texts import notice
from token_approx.estimator.estimator import Estimator

DEFAULT = "o200k_base"

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE", help="Files and folders. Without any, or with -, the standard input is read."
    ),
]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="A file. Without one, or with -, the standard input is read.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Confidence = Annotated[
    float,
    typer.Option(
        metavar="LEVEL", min=0, max=1, help="How sure a bound must be: the share of texts that are within it."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_URI",
        help=f"A model's name, such as claude-opus-5 or gemini-2.5-flash ({DEFAULT} if none is given); or"
        " one of MLflow's registry: models:/NAME@champion, models:/NAME/VERSION, runs:/ID/NAME.",
    ),
]
ExactTokenizer = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help="Where the bounds cannot decide on --limit: `installed` asks an exact tokenizer that is"
        " installed for the model, a path that tokenizer.json; `never` asks none.",
    ),
]
Coefs = Annotated[
    Path | None, typer.Option(metavar="PATH", help="A model_coefs.json, or the folder it is in.")
]


def estimator(model: str | None, coefs: Path | None) -> Estimator:
    """Return the estimator that the options name.

    Raises:
        typer.BadParameter: both are given.
        InputError: it cannot be loaded.
    """
    if coefs is not None and model is not None:
        raise typer.BadParameter("--coefs and --model cannot be given together.")
    if coefs is not None:
        return Estimator.load(coefs)
    name = model or DEFAULT
    if name.startswith(("models:/", "runs:/")):
        return Estimator.load(name)
    with warnings.catch_warnings(action="ignore"):  # the notice below says it in one line
        chosen = Estimator.for_model(name)
    if chosen.notice:
        notice(chosen.notice)
    return chosen
