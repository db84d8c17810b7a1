"""Running a command: whatever goes wrong becomes one line on standard error, and an exit code."""

import os
import sys
from pathlib import Path

import typer

from token_approx import exit_codes
from token_approx.commands.app import app
from token_approx.errors import UsageError


def run() -> int:
    """Run the command that the process's arguments name, and return its exit code."""
    _prepare()
    try:
        code = typer.main.get_command(app).main(
            sys.argv[1:] or ["--help"], prog_name="token-approx", standalone_mode=False
        )
        sys.stdout.flush()
    except typer.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", None) or "token-approx"
        return exit_codes.end(UsageError(f"{error.format_message()} (see {command} --help)"))
    except (SystemExit, BrokenPipeError):
        # Typer exits where the reader of a pipe is gone: then nobody reads a message.
        _discard_output()
        return exit_codes.BAD_INPUT
    except OSError as error:
        _discard_output()
        return exit_codes.end(error)
    except Exception as error:  # noqa: BLE001 - of a fault too, a user sees one line
        return exit_codes.end(error)
    return int(code or exit_codes.DONE)


def _prepare() -> None:
    # Without these, MLflow tells of its own doings where a model is loaded by its URI.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for the life of the process
        else:  # a file's name may be of any bytes
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    # What is buffered still would be written at the end of the process, and fail again.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.__stdout__.fileno() if sys.__stdout__ else null)
