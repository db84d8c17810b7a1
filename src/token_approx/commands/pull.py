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
    uri: Annotated[str, typer.Argument(metavar="URI", help="models:/NAME@champion, models:/NAME/VERSION.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write the files.")] = Path(),
) -> int:
    """Write a registered model's files into a folder.

    They are model_coefs.json and the tables it names; prints where they are. Nothing there is replaced before
    all is downloaded and checked. The registry is the one that MLFLOW_TRACKING_URI names.
    """
    from token_approx.lifecycle.pull import pull as pull_files  # noqa: PLC0415 - MLflow takes seconds

    for path in pull_files(uri, out):
        typer.echo(path)
    return exit_codes.DONE
