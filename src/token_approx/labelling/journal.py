"""The records file while it grows: locked, appended line by line, safe against a kill at any moment."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from token_approx.errors import InputError
from token_approx.files import unwritable


class Journal:
    """An append-only file of lines that one process at a time may write.

    `data` is what it held when it was opened, without a torn last line: what a killed run had begun to
    write is cut off, unless only its line end is missing.
    """

    def __init__(self, path: Path) -> None:
        """Open, lock and repair the file, which is made if there is none.

        Raises:
            InputError: the file cannot be written, or another process is writing it.
        """
        self.path = path
        self._file = _locked(path)
        self.data = self._repaired()

    def append(self, line: str) -> None:
        """Write a line, with its line end, through to the disk.

        Raises:
            InputError: it cannot be written. What was begun is cut off when the file is opened again.
        """
        try:
            # Past Python's buffer, which would write again as it is closed.
            written = 0
            data = line.encode()
            while written < len(data):
                written += os.write(self._file.fileno(), data[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, which releases the lock; one that stayed empty is removed."""
        if self.path.exists() and self.path.stat().st_size == 0:
            self.path.unlink()
        self._file.close()

    def _repaired(self) -> bytes:
        self._file.seek(0)
        data = self._file.read()
        whole, line_end, torn = data.rpartition(b"\n")
        if torn:
            if _is_whole(torn):
                self.append("\n")
                return data + b"\n"
            self._file.truncate(len(whole) + len(line_end))
            os.fsync(self._file.fileno())
        return whole + line_end


def _locked(path: Path) -> IO[bytes]:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise InputError(
                f"{path}: another run is writing this file. Wait for it, or give another out=."
            ) from error
        # A run that has just finished may have renamed a new file over the one opened here.
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
        file.close()


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
