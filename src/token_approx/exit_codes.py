"""How every command and stage ends: one exit code per meaning, and one line for whatever went wrong."""

import os
import sys
import traceback

from token_approx.errors import (
    DriftError,
    InputError,
    MissingExtraError,
    StoreError,
    TokenApproxError,
    UnfinishedError,
    UsageError,
)
from token_approx.files import FULL, FULL_REMEDY

DONE = 0
BAD_INPUT = 1
EXCEEDS = 2
UNSURE = 3
MISSING_EXTRA = 4
STORE = 5
UNFINISHED = 6
DRIFT = 7
# 64 and 70 are EX_USAGE and EX_SOFTWARE of BSD's sysexits.h. Wrong usage is 2 elsewhere; here 2 is taken.
USAGE = 64
UNEXPECTED = 70
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

MEANINGS = {
    DONE: "done",
    BAD_INPUT: "bad input: something could not be read, used or written",
    EXCEEDS: "a text exceeds the limit",
    UNSURE: "unsure whether a text fits the limit",
    MISSING_EXTRA: "a library of an optional extra is not installed",
    STORE: "MLflow's server or a database could not be reached or used",
    UNFINISHED: "samples are missing: run the same command again",
    DRIFT: "a model's error is over the limit, or its bound holds too rarely",
    USAGE: "wrong usage",
    UNEXPECTED: "an unexpected error, which is a fault of token-approx",
    INTERRUPTED: "interrupted",
}
# The most specific class first.
CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UsageError, USAGE),
    (InputError, BAD_INPUT),
    (MissingExtraError, MISSING_EXTRA),
    (StoreError, STORE),
    (UnfinishedError, UNFINISHED),
    (DriftError, DRIFT),
    (OSError, BAD_INPUT),  # a file that vanished, a disk that is full
    (KeyboardInterrupt, INTERRUPTED),
)
# Set to 1, it shows where an error was raised, for commands and stages alike.
TRACEBACK = "TOKEN_APPROX_TRACEBACK"


def listing() -> str:
    """Return the codes and their meanings, a line each, as --help shows them."""
    return "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())


def exit_code(error: BaseException) -> int:
    """Return the exit code that an error means."""
    return next((code for kind, code in CODES if isinstance(error, kind)), UNEXPECTED)


def explained(error: BaseException) -> str:
    """Return an error as one line, without its line end; where it was raised comes before it if asked for.

    It is asked for by the environment variable `TOKEN_APPROX_TRACEBACK`.
    """
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    line = "error: " + " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in FULL:
        line += f". {FULL_REMEDY}"
    if os.environ.get(TRACEBACK, "") not in ("", "0"):
        return "".join(traceback.format_exception(error)) + line
    if isinstance(error, TokenApproxError | OSError):
        return line
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"error: an unexpected {what}. Set {TRACEBACK}=1 and run again to see where it was raised."


def end(error: BaseException) -> int:
    """Print an error on standard error, and return its exit code."""
    if sys.stderr is not None:
        sys.stderr.write(explained(error) + "\n")
        sys.stderr.flush()
    return exit_code(error)
