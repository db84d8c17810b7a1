"""The commands put together."""

import os
from typing import Annotated

import typer

from token_approx import __version__, exit_codes
from token_approx.commands import calibrate, compare, count, pull, split, truncate
from token_approx.text import kernel

VERSION = "Print the version, and whether the native kernel or numpy reads the texts."

app = typer.Typer(
    name="token-approx",
    help="Estimate, on this machine, how many tokens a provider will count for texts.",
    epilog="Results go to standard output, notices to standard error.\n\n\b\nExit codes:\n"
    + exit_codes.listing(),
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=count.EXAMPLES)(count.count)
app.command(epilog=truncate.EXAMPLES)(truncate.truncate)
app.command(epilog=split.EXAMPLES)(split.split)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=pull.EXAMPLES)(pull.pull)
app.command(epilog=calibrate.EXAMPLES)(calibrate.calibrate)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(f"{__version__} ({kernel.name()} kernel)")
        raise typer.Exit


def _show_traceback(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        os.environ[exit_codes.TRACEBACK] = "1"


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help=VERSION)
    ] = False,
    __: Annotated[
        bool,
        typer.Option(
            "--traceback",
            callback=_show_traceback,
            is_eager=True,
            help="Show where in the program an error was raised.",
        ),
    ] = False,
) -> None:
    """Take what comes before a command."""
