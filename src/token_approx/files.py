"""Files are written whole: a reader sees the old one or the new one, never a part."""

import codecs
import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# Relative: a registered version carries a copy of this module under a name of its own.
from .errors import InputError

# How a file in UTF-16 begins, which is a text of another encoding and no binary file.
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A disk, a quota or a limit of a file's size.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_REMEDY = "Make room on the disk, and run the same command again."


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by a synced temporary one in the same folder, renamed into place; folders are made.

    Raises:
        InputError: it cannot be written; then what was there is as it was.
    """
    write_together({path: data})


def write_streamed(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file as `write_whole` does, from parts that need not be in memory together.

    Raises:
        InputError: it cannot be written; then what was there is as it was.
    """
    part, failed = _part(path), None

    def read() -> Iterator[bytes]:
        # What making the parts raises is no matter of this file.
        nonlocal failed
        try:
            yield from parts
        except OSError as error:
            failed = error
            raise

    try:
        _write(path, part, read())
        part.replace(path)
    except OSError as error:
        if error is failed:
            raise
        raise unwritable(path, error) from error
    finally:
        if part.parent.is_dir():
            part.unlink(missing_ok=True)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files whole, none of them before all are on the disk; they are renamed in their order.

    Raises:
        InputError: one cannot be written; then all that was there is as it was.
    """
    # Not `tempfile`: this module is on the estimator's import path, and that import alone takes milliseconds.
    parts = {path: _part(path) for path in contents}
    try:
        for path, part in parts.items():
            try:
                _write(path, part, [contents[path]])
            except OSError as error:
                raise unwritable(path, error) from error
        for path, part in parts.items():
            try:
                part.replace(path)
            except OSError as error:
                raise unwritable(path, error) from error
    finally:
        for part in parts.values():
            if part.parent.is_dir():
                part.unlink(missing_ok=True)


def check_writable(paths: Iterable[Path]) -> None:
    """Check that files can be written, before there is anything to lose; their folders are made.

    Raises:
        InputError: one cannot be.
    """
    for path in paths:
        part = _part(path)
        try:
            _write(path, part, [])
            part.unlink()
        except OSError as error:
            raise unwritable(path, error) from error


def unwritable(place: Path | str, error: OSError) -> InputError:
    """Return the error for a file or folder that cannot be written, with what to do."""
    remedy = FULL_REMEDY if error.errno in FULL else "Remove what is in the way, or give another path."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "Give a path where you may write."
    return InputError(f"{place} cannot be written ({error.strerror or error}). {remedy}")


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _write(path: Path, part: Path, data: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():  # found out before any other file is renamed
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with part.open("xb") as stream:
        stream.writelines(data)
        stream.flush()
        os.fsync(stream.fileno())
