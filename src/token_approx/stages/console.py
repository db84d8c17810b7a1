"""What a person sees in the terminal: progress while it works, a short table at the end."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import mlflow
import pandas as pd
from pandas.api.types import is_numeric_dtype
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from token_approx.estimator.coefs_file import COEFS
from token_approx.fitting.comparison import Comparison
from token_approx.lifecycle.promotion import PromotionDecision
from token_approx.reporting.ranking import COLUMNS, Place, barred, beaten_by, ranking
from token_approx.reporting.report_page import REPORT

SHOWN = 10
MOST_BARRED = 5


class Advance(Protocol):
    """Moves a progress bar on by so many steps of a total."""

    def __call__(self, total: int, by: int = 1) -> None:
        """Take the steps."""


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """Show a progress bar on standard error; call the yielded function with the total at each step."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda total, by=1: bar.update(task, total=total, advance=by)


def summary(
    compared: Comparison,
    coefs: Mapping[str, Any],
    output: Path,
    leaderboard: str,
    seconds: Mapping[str, float],
    decision: PromotionDecision | None,
) -> None:
    """Print the ranking, the winner with its test error, and where everything is."""
    console = Console(highlight=False)
    title = f"{compared.dataset.name}: {len(compared.ranked)} candidates, MAE in tokens, the winner first"
    console.print(_places(title, ranking(compared, SHOWN)))
    not_eligible = barred(compared, MOST_BARRED)
    if not_eligible:
        console.print(_barred(not_eligible))
    winner, test = compared.winner, compared.winner.test
    low, high = compared.test_intervals["mae"]
    lines = {
        "winner": f"[bold]{winner.candidate.name}[/bold] ({winner.candidate.title})",
        "test": (
            f"MAE {test['mae']:.1f} tokens (95 % interval {low:.1f} to {high:.1f}), "
            f"MAPE {test['mape']:.2f} %, p95 {test['p95_abs_error']:.1f}, bias {test['bias']:+.1f}, "
            f"on {len(compared.test)} records"
        ),
    }
    if winner.unseen_source:
        unseen = winner.unseen_source
        lines["unseen"] = f"MAE {unseen['mae']:.1f} tokens, MAPE {unseen['mape']:.2f} %, on sources left out"
    gain = compared.selection.gain
    if gain:
        lines["gain"] = "{:.1f} tokens of MAE over least squares on bytes ({:.1f} to {:.1f})".format(*gain)
    if compared.selection.note:
        lines["note"] = compared.selection.note
    if beaten_by(compared):
        lines["passed"] = beaten_by(compared)
    if not compared.sane:
        lines["flags"] = f"the winner {'; '.join(compared.barring(winner))}"
    provenance = coefs["provenance"]
    if provenance["registered_version"]:
        lines["model"] = f"models:/{provenance['registered_model']}/{provenance['registered_version']}"
    if decision:
        lines["role"] = f"{decision.role}: {decision.reason}"
    # Where `mlflow run <path>` or `<URI>` works is not where its caller stands.
    folder = output.resolve()
    lines["report"] = str(folder / REPORT)
    if compared.refused:
        lines["model"] = "none was exported: no candidate makes sense on short texts, see `flags` above"
    else:
        lines["files"] = f"{folder / COEFS}, tables/ and figures/ beside it; all are artifacts of the run too"
    lines["time"] = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    lines |= runs(leaderboard)
    print_lines(lines)


def print_lines(lines: Mapping[str, str]) -> None:
    """Print lines with their labels."""
    console = Console(highlight=False)
    for label, line in lines.items():
        console.print(f"{label:<9} {line}", soft_wrap=True)


def runs(page: str) -> dict[str, str]:
    """Return the lines that open the runs: the command or server, and the address of a page there."""
    uri = mlflow.get_tracking_uri()
    if uri.startswith(("http://", "https://")):
        return {"runs": uri, "": f"{uri.rstrip('/')}/{page}"}
    command = f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
    return {"runs": command, "": f"http://127.0.0.1:5000/{page}"}


def place(path: Path) -> Path:
    """Return a path as it is to be printed: absolute where `mlflow run` may have changed the folder."""
    return path.resolve() if "MLFLOW_RUN_ID" in os.environ else path


def notice(message: str) -> None:
    """Print a line to standard error."""
    Console(stderr=True, highlight=False).print(message, soft_wrap=True)


def table(title: str, frame: pd.DataFrame) -> None:
    """Print a table; numbers with two decimals."""
    shown = Table(title=title, title_justify="left")
    for column in frame.columns:
        shown.add_column(str(column), justify="right" if is_numeric_dtype(frame[column]) else "left")
    for row in frame.itertuples(index=False):
        shown.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row))
    Console(highlight=False).print(shown)


def _places(title: str, places: Sequence[Place]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("", justify="right")
    table.add_column("candidate", overflow="fold")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for each in places:
        name = f"{escape(each.name)}\n[dim]{escape(each.title)}[/dim]"
        style = "bold green" if each.winner else None
        table.add_row(str(each.place), name, *each.errors, style=style)
    return table


def _barred(places: Sequence[Place]) -> Table:
    table = Table(title="not eligible, as they make no sense on short texts", title_justify="left")
    table.add_column("", justify="right")
    table.add_column("candidate", overflow="fold")
    table.add_column(COLUMNS[1], justify="right")
    table.add_column("why: it ...")
    for each in places:
        table.add_row(str(each.place), escape(each.name), each.errors[1], escape(each.reason))
    return table
