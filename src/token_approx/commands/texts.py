"""Texts named on the command line: files, folders and standard input, in pieces or as a whole."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import typer

from token_approx.errors import InputError
from token_approx.files import UTF_16

STANDARD_INPUT = "-"
# Bytes at a time: all the memory that a text of any size takes.
PIECE = 1024 * 1024
# A NUL among these first bytes tells a binary file.
PROBE = 8 * 1024

Read = TypeVar("Read")


class BinaryFileError(InputError):
    """A file is not a text."""


def notice(message: str) -> None:
    """Print a line to standard error."""
    typer.echo(message, err=True)


def pieces(name: str) -> Iterator[bytes]:
    """Yield a text piece by piece, from the file of that name or from standard input.

    Raises:
        InputError: it cannot be read, or is binary (BinaryFileError).
    """
    try:
        if name == STANDARD_INPUT:
            yield from _pieces(name, _standard_input())
        else:
            with Path(name).open("rb") as stream:
                yield from _pieces(name, stream)
    except OSError as error:
        raise InputError(_unreadable(name, error)) from error


def whole(name: str) -> bytes:
    """Return a text from the file of that name or from standard input.

    Raises:
        InputError: as `pieces`.
    """
    return b"".join(pieces(name))


@dataclass
class TextReader:
    """TextReader one text after the other, whatever happens to some.

    `failed` tells whether one could not be read, `passed_over` how many binary files there were in folders.
    """

    failed: bool = False
    passed_over: int = 0

    def each(self, names: Sequence[str], read: Callable[[str], Read]) -> Iterator[tuple[str, Read]]:
        """Yield each text's name and what `read` makes of it; without names that of standard input.

        Of a folder it is the files below it that are not ignored. What cannot be read is named on standard
        error, and the rest goes on.
        """
        for name, is_named in self._files(names or [STANDARD_INPUT]):
            try:
                found = read(name)
            except InputError as error:
                if isinstance(error, BinaryFileError) and not is_named:
                    self.passed_over += 1
                else:
                    self.failed = True
                    notice(str(error))
            else:
                yield name, found
        if self.passed_over:
            notice(f"Binary files that were left out: {self.passed_over}")

    def _files(self, names: Sequence[str]) -> Iterator[tuple[str, bool]]:
        for name in names:
            if name != STANDARD_INPUT and os.path.isdir(name):  # noqa: PTH112 - Path's raises for a long name
                from token_approx.commands.ignored import walk  # noqa: PLC0415 - pathspec, for folders alone

                yield from ((path, False) for path in walk(name, self._cannot))
            else:
                yield name, True

    def _cannot(self, error: OSError) -> None:
        self.failed = True
        notice(_unreadable(str(error.filename), error))


def _pieces(name: str, stream: BinaryIO) -> Iterator[bytes]:
    piece = stream.read(PIECE)
    if b"\0" in piece[:PROBE]:
        if piece.startswith(UTF_16):
            raise BinaryFileError(f"{name} is UTF-16. Convert the file to UTF-8.")
        raise BinaryFileError(f"{name} is a binary file. Give a text.")
    while piece:
        yield piece
        piece = stream.read(PIECE)


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise InputError("The standard input is closed. Give a file.")
    return sys.stdin.buffer


def _unreadable(name: str, error: OSError) -> str:
    return f"{name} cannot be read ({error.strerror or error})"
