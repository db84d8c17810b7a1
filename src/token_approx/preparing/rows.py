"""Rows of logs and tables: JSON Lines, plain or gzip, and Parquet, told by their content."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from token_approx.errors import InputError
from token_approx.files import UTF_16

JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
PARQUET_MAGIC = b"PAR1"
GZIP = ".gz"
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Fields that a row of a log has, and a line of another file that happens to be JSON has not.
TEXTS = ("text", "messages")
# A log may begin with blank lines and null rows.
PROBED_LINES = 8
# Why a row is left out.
TORN = "torn last line"
NOT_JSON = "not JSON"
NULL = "null row"
NOT_AN_OBJECT = "not an object"

# A row's number from 1 (its line in JSON Lines), its fields, and why it cannot be used, "" if it can.
Row = tuple[int, Mapping[str, Any], str]


class FileError(InputError):
    """A file that cannot be used as a text or a table; `reason` is the kind of it, in a word or three."""

    def __init__(self, message: str, reason: str) -> None:
        """Keep the reason."""
        super().__init__(message)
        self.reason = reason


def holds_rows(path: Path, text_column: str) -> bool:
    """Return whether a file is a table or a log: by its name, or else by what its first row holds.

    So a log that was rotated or is named otherwise (`usage.jsonl.1.gz`, `usage.log`) is read as what it is.

    Raises:
        FileError: it cannot be read.
    """
    if _is_parquet(path) or any(suffix in JSON_LINES for suffix in path.suffixes):
        return True
    fields = {*TEXTS, text_column}
    with opened(path) as stream:
        for line in islice(stream, PROBED_LINES):
            row, problem = _parsed(line.removeprefix(BYTE_ORDER_MARK)) if line.strip() else ({}, NULL)
            if problem in ("", NOT_JSON):
                return not problem and not fields.isdisjoint(row)
    return False


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines (also gzip) or Parquet file, with what is wrong with each, if anything.

    Raises:
        FileError: the file cannot be read.
    """
    if _is_parquet(path):
        yield from ((number, row, "") for number, row in _parquet_rows(path))
        return
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1 and line.startswith(UTF_16):
                raise FileError(f"{path} is UTF-16. Convert the file to UTF-8.", "UTF-16")
            if not line.strip():
                continue
            fields, problem = _parsed(line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line)
            if problem == NOT_JSON and not line.endswith(b"\n"):
                problem = TORN  # a live log is read while its last line is being written
            yield number, fields, problem


def message_text(row: Mapping[str, Any]) -> str | None:
    r"""Return the text of a usage log's `messages`: all their text, in order; None if there is none.

    >>> message_text({"messages": [{"content": "a"}, {"content": [{"type": "text", "text": "b"}]}]})
    'a\nb'
    """
    messages = row.get("messages")
    parts: list[str] = []
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            parts.append(content)
        elif isinstance(content, list):
            texts = (block.get("text") for block in content if isinstance(block, dict))
            parts += [text for text in texts if isinstance(text, str)]
    return "\n".join(parts) or None


def refuse_row(path: Path, number: int, problem: str) -> InputError:
    """Return the error for a row that cannot be used where every row must be usable."""
    return InputError(
        f"{path}:{number}: this row cannot be used ({problem}). Correct it, or leave such rows out with"
        " strict=false."
    )


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading; gzip, which is told by its first bytes, is unpacked on the way.

    Raises:
        FileError: it cannot be read, then or in the block.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            if not packed and path.suffix == GZIP:
                raise gzip.BadGzipFile("it does not begin as one")  # noqa: TRY301
            yield gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(
            f"{path} is not a whole gzip file ({error}). Copy it again.",
            f"broken gzip ({type(error).__name__})",
        ) from error
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror or error}).", "unreadable") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise FileError(f"{str(path)!r} cannot be read ({error}).", "unreadable") from error


def _is_parquet(path: Path) -> bool:
    if path.suffix == PARQUET:
        return True
    with opened(path) as stream:
        return stream.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _parsed(line: bytes) -> tuple[dict[str, Any], str]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return {}, NOT_JSON
    if fields is None:
        return {}, NULL
    return (fields, "") if isinstance(fields, dict) else ({}, NOT_AN_OBJECT)


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa  # noqa: PLC0415 - only who reads Parquet needs it
    from pyarrow import parquet  # noqa: PLC0415

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError) as error:
        raise FileError(f"{path} is not a readable Parquet file. Write it again.", "unreadable") from error
