"""`token-approx pull`: the files of a shipped or registered model, for any program to read."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from token_approx import exit_codes

EXAMPLES = """\b
Examples:
  token-approx pull claude-opus-5 --out model
  token-approx pull models:/token-approx-claude-3-7-sonnet-latest@champion --out model
  MLFLOW_TRACKING_URI=http://127.0.0.1:5000 token-approx pull models:/token-approx-o200k_base/3
"""


def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_URI",
            help="A model's name, such as claude-opus-5; or models:/NAME@champion or models:/NAME/VERSION.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder to write the files into.")] = Path(),
) -> int:
    """Write the files of a shipped or registered model into a folder.

    The files are model_coefs.json and the tables that it names. The command prints their paths. No file is
    replaced before all are there and checked. MLFLOW_TRACKING_URI names the registry of registered models.
    """
    write: Callable[[str, Path], list[Path]]
    if model.startswith(("models:/", "runs:/")):
        from token_approx.lifecycle.pull import pull as write  # noqa: PLC0415 - MLflow takes seconds
    else:
        from token_approx.estimator.shipped import write_shipped as write  # noqa: PLC0415

    for path in write(model, out):
        typer.echo(path)
    return exit_codes.DONE
