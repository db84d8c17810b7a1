"""Documents out of files, folders, JSON Lines, Parquet, gzip and downloads."""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from token_approx.errors import InputError
from token_approx.preparing.download import download

JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
# Git and grep look for a NUL in about as much to tell a binary file.
BINARY_PROBE = 8192


@dataclass(frozen=True)
class Document:
    """A text, its source (groups a split) and its category (groups a report)."""

    source: str
    category: str
    text: str


@dataclass(frozen=True)
class ReadingSettings:
    """How documents are read.

    `text_column` names the text in JSON Lines and Parquet; `exclude` are patterns of the names of files and
    folders to be left out of a folder; `cache` keeps downloads; `gutenberg` is the
    address of a Project Gutenberg text with `{number}` in it.
    """

    text_column: str
    exclude: tuple[str, ...]
    cache: Path
    gutenberg: str


def read_documents(source: str, reading: ReadingSettings, skipped: Counter[str]) -> Iterator[Document]:
    """Yield the documents of a file, a folder, a URL or a Project Gutenberg number, in a stable order.

    What is left out of a folder is counted in `skipped` by its reason.

    Raises:
        InputError: there is no such source, or a file that was named is no text or lacks its column.
    """
    path = Path(source)
    if source.startswith(("http://", "https://")):
        yield from _read_file(download(source, reading.cache), reading)
    elif path.is_dir():
        yield from _read_folder(path, reading, skipped)
    elif path.is_file():
        yield from _read_file(path, reading)
    elif source.isdecimal():
        name = f"gutenberg-{source}"
        url = reading.gutenberg.format(number=source)
        yield from _read_file(download(url, reading.cache, f"{name}.txt"), reading, name)
    else:
        raise InputError(
            f"source={source}: is no file, folder, URL or Project Gutenberg number: give source=<path or URL>"
        )


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


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line or row number from 1, fields) of a JSON Lines (also gzip) or Parquet file.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    if path.suffix == PARQUET:
        yield from _parquet_rows(path)
        return
    for number, line in enumerate(_bytes(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path}:{number}: is no JSON ({type(error).__name__}): write one object per line"
            ) from error
        if not isinstance(fields, dict):
            raise InputError(f"{path}:{number}: is no object: write one JSON object per line")
        yield number, fields


def _read_folder(folder: Path, reading: ReadingSettings, skipped: Counter[str]) -> Iterator[Document]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith("."):
            skipped["hidden"] += 1
        elif any(fnmatch(path.name, pattern) for pattern in reading.exclude):
            skipped["excluded"] += 1
        elif path.is_dir():
            if path.is_symlink():  # it may lead back here
                skipped["link to a folder"] += 1
            else:
                for document in _read_folder(path, reading, skipped):
                    below = f"{path.name}/{document.source}"
                    yield Document(below, document.category, document.text)
        elif not path.is_file():
            skipped["no regular file"] += 1
        else:
            try:
                yield from _read_file(path, reading, path.name)
            except InputError as error:
                skipped[str(error.__cause__ or "unreadable")] += 1


def _read_file(path: Path, reading: ReadingSettings, source: str | None = None) -> Iterator[Document]:
    plain = Path(path.stem) if path.suffix == ".gz" else path
    source = source or plain.stem
    if plain.suffix in (*JSON_LINES, PARQUET):
        for number, row in read_rows(path):
            text = row.get(reading.text_column)
            text = message_text(row) if text is None else text
            if not isinstance(text, str):
                raise InputError(
                    f"{path}:{number}: field {reading.text_column!r} is no text: name it with text_column="
                ) from ValueError("no text column")
            if _is_text(text):
                yield Document(
                    str(row.get("source") or source), str(row.get("category") or _category(plain)), text
                )
    else:
        yield Document(source, _category(plain), _decode(_bytes(path), path))


def _category(path: Path) -> str:
    return path.suffix.removeprefix(".").lower() or "text"


def _decode(data: bytes, path: Path) -> str:
    if b"\0" in data[:BINARY_PROBE]:
        raise InputError(f"{path}: is a binary file: give a text") from ValueError("binary")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8: convert the file") from ValueError(
            "not UTF-8"
        )


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no provider accepts
        return False
    return True


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: is no whole gzip file: copy it again") from ValueError(
            f"broken gzip ({type(error).__name__})"
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from ValueError("unreadable")


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
        raise InputError(f"{path}: is no readable Parquet file: write it again") from error
