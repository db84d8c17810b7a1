"""`token-approx pull`: a registered model's files, for any program to read."""

from pathlib import Path
from typing import Annotated

import typer

from token_approx import exit_codes

EXAMPLES = """\b
Examples:
  token-approx pull models:/token-approx-claude_2@champion --out model
  MLFLOW_TRACKING_URI=http://127.0.0.1:5000 token-approx pull models:/token-approx-claude_2/3
"""


def pull(
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="The model: models:/NAME@champion or models:/NAME/VERSION.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder to write the files into.")] = Path(),
) -> int:
    """Write a registered model's files into a folder.

    The files are model_coefs.json and the tables that it names. The command prints their paths. No file is
    replaced before all are downloaded and checked. MLFLOW_TRACKING_URI names the registry.
    """
    from token_approx.lifecycle.pull import pull as pull_files  # noqa: PLC0415 - MLflow takes seconds

    for path in pull_files(uri, out):
        typer.echo(path)
    return exit_codes.DONE
