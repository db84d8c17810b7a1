"""What a person sees in the terminal: progress while it works, a short table at the end."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import mlflow
import pandas as pd
from pandas.api.types import is_numeric_dtype
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from token_approx.fitting.comparison import Comparison
from token_approx.lifecycle.promotion import PromotionDecision
from token_approx.reporting.ranking import COLUMNS, passed_over, ranking
from token_approx.reporting.report_page import REPORT

SHOWN = 10


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
    """Print the ranking, the champion with its test error, and where everything is."""
    console = Console(highlight=False)
    console.print(_ranking(compared))
    champion, test = compared.champion, compared.champion.test
    low, high = compared.test_intervals["mae"]
    lines = {
        "champion": f"[bold]{champion.candidate.name}[/bold]",
        "test": (
            f"MAE {test['mae']:.1f} tokens (95 % interval {low:.1f} to {high:.1f}), "
            f"MAPE {test['mape']:.2f} %, p95 {test['p95_abs_error']:.1f}, bias {test['bias']:+.1f}, "
            f"on {len(compared.test)} records"
        ),
    }
    if champion.unseen_source:
        unseen = champion.unseen_source
        lines["unseen"] = f"MAE {unseen['mae']:.1f} tokens, MAPE {unseen['mape']:.2f} %, on sources left out"
    gain = compared.selection.gain
    if gain:
        lines["gain"] = "{:.1f} tokens of MAE over least squares on bytes ({:.1f} to {:.1f})".format(*gain)
    if compared.selection.note:
        lines["note"] = compared.selection.note
    over = passed_over(compared)
    if over:
        lines["passed"] = over
    if not compared.sane:
        lines["flags"] = "; ".join(compared.flags[champion.candidate.name])
    provenance = coefs["provenance"]
    if provenance["registered_version"]:
        lines["model"] = f"models:/{provenance['registered_model']}/{provenance['registered_version']}"
    if decision:
        lines["role"] = f"{decision.role}: {decision.reason}"
    lines["report"] = str(output / REPORT)
    lines["files"] = f"{output / 'model_coefs.json'}, {output / 'tables'}, {output / 'figures'}"
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


def _ranking(compared: Comparison) -> Table:
    table = Table(
        title=f"{compared.dataset.name}: {len(compared.ranked)} candidates, MAE in tokens",
        title_justify="left",
    )
    table.add_column("", justify="right")
    table.add_column("candidate")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    table.add_column("")
    for each in ranking(compared, SHOWN):
        style = "bold green" if each.champion else None
        table.add_row(str(each.place), each.name, *each.errors, each.mark, style=style)
    return table
