"""`token-approx calibrate`: a model of one's own from usage, by the stage of the MLflow project."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

EXAMPLES = """\b
Examples:
  token-approx calibrate transcripts ~/.claude/projects --model claude-opus-5
  token-approx calibrate traces my-application --model grok-4 --out my-model
  token-approx calibrate log requests.jsonl --model glm-5 --set held_out=0.3

It needs the MLflow project: pip install 'token-approx[train]'
"""
Source = Literal["transcripts", "traces", "log"]
# The reader of the configuration, and the setting that says what it reads.
READERS = {
    "transcripts": ("transcripts", "path"),
    "traces": ("mlflow_traces", "experiments"),
    "log": ("log", "path"),
}
STAGE = "token_approx.stages.calibrate"


def calibrate(
    source: Annotated[
        Source,
        typer.Argument(
            help="What holds the counts: sessions of coding agents, traces in MLflow, or a log of requests."
        ),
    ],
    where: Annotated[
        str,
        typer.Argument(
            metavar="PATH_OR_EXPERIMENTS",
            help="The file or folder; of traces the experiments' ids or names, with commas between them.",
        ),
    ],
    model: Annotated[str, typer.Option(help="Whose usage. It may be left out if it is of one model.")] = "",
    name: Annotated[str, typer.Option(help="The name of the table; the model's if it is left out.")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where results go: results/<name> if left out.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of conf/calibrate.yaml. May be repeated."),
    ] = None,
) -> int:
    """Learn a model from counts of what was already sent.

    Fits an n-gram table and the tokens of what frames texts to the usage, tests both on sessions that are
    held out, and registers the model in MLflow. No text leaves the machine, and none is kept.
    """
    reader, key = READERS[source]
    given = [f"reader={reader}", f"{key}={where}"]
    given += [f"{option}={value}" for option, value in (("model", model), ("name", name)) if value]
    given += [] if out is None else [f"output={out}"]
    # Another process: the stage says itself which library it needs, and what is imported here is little.
    command = [sys.executable, "-m", STAGE, *given, *(settings or [])]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - no shell reads it
