"""Documents out of files, folders, JSON Lines, Parquet, gzip and downloads."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from token_approx.errors import InputError
from token_approx.files import UTF_16
from token_approx.preparing.download import download
from token_approx.preparing.rows import (
    GZIP,
    FileError,
    holds_rows,
    message_text,
    opened,
    read_rows,
    refuse_row,
)

NO_TEXT = "no text"
HALF_A_PAIR = "half a surrogate pair"
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
    folders to be left out of a folder; `cache` keeps downloads; `gutenberg` is the address of a Project
    Gutenberg text with `{number}` in it. With `strict` a row of a table or log that cannot be used is an
    error; otherwise it is left out and counted.
    """

    text_column: str
    exclude: tuple[str, ...]
    cache: Path
    gutenberg: str
    strict: bool = False


def read_documents(source: str, reading: ReadingSettings, skipped: Counter[str]) -> Iterator[Document]:
    """Yield the documents of a file, a folder, a URL or a Project Gutenberg number, in a stable order.

    What is left out of a folder, a table or a log is counted in `skipped` by its reason.

    Raises:
        InputError: there is no such source, or a file that was named is not a text or lacks its column.
    """
    path = Path(source)
    if source.startswith(("http://", "https://")):
        yield from _read_file(download(source, reading.cache), reading, skipped)
    elif os.path.isdir(path):  # noqa: PTH112 - Path's raises where a name is too long
        yield from _read_folder(path, reading, skipped)
    elif os.path.isfile(path):  # noqa: PTH113
        yield from _read_file(path, reading, skipped)
    elif source.isdecimal():
        name = f"gutenberg-{source}"
        url = reading.gutenberg.format(number=source)
        yield from _read_file(download(url, reading.cache, f"{name}.txt"), reading, skipped, name)
    else:
        raise InputError(
            f"source={source} is not a file, a folder, a URL or the number of a Project Gutenberg book."
            " Give one of these."
        )


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
                    below = f"{_readable(path.name)}/{document.source}"
                    yield Document(below, document.category, document.text)
        elif not path.is_file():
            skipped["not a regular file"] += 1
        else:
            try:
                yield from _read_file(path, reading, skipped, path.name)
            except FileError as error:
                skipped[error.reason] += 1


def _read_file(
    path: Path, reading: ReadingSettings, skipped: Counter[str], source: str | None = None
) -> Iterator[Document]:
    plain = Path(path.stem) if path.suffix == GZIP else path
    if holds_rows(path, reading.text_column):
        if plain.suffix.removeprefix(".").isdecimal():  # a log that was rotated
            plain = Path(plain.stem)
        yield from _read_rows(path, reading, skipped, _readable(source or plain.stem), _category(plain))
    else:
        yield Document(_readable(source or plain.stem), _category(plain), _decode(path))


def _read_rows(
    path: Path, reading: ReadingSettings, skipped: Counter[str], source: str, category: str
) -> Iterator[Document]:
    used, left_out = 0, Counter[str]()
    for number, row, wrong in read_rows(path):
        text = row.get(reading.text_column)
        text = message_text(row) if text is None else text
        problem = wrong or ("" if isinstance(text, str) else NO_TEXT)
        if isinstance(text, str) and _readable(text) != text:  # which no provider accepts
            problem = HALF_A_PAIR
        if problem and reading.strict:
            raise refuse_row(path, number, problem)
        if problem:
            left_out[problem] += 1
            continue
        used += 1
        yield Document(
            _readable(str(row.get("source") or source)),
            _readable(str(row.get("category") or category)),
            str(text),
        )
    if left_out and not used:
        reasons = ", ".join(f"{number} {problem}" for problem, number in left_out.items())
        raise FileError(
            f"{path}: none of its rows can be used ({reasons}). Write one JSON object per line, and name the"
            f" field of the text with text_column= (now {reading.text_column}).",
            "no text column" if NO_TEXT in left_out else next(iter(left_out)),
        )
    skipped.update(left_out)


def _category(path: Path) -> str:
    return _readable(path.suffix.removeprefix(".").lower()) or "text"


def _readable(name: str) -> str:
    # Bytes of a file's name that are not UTF-8, and half surrogate pairs of JSON, cannot be written.
    return name.encode("utf-8", "backslashreplace").decode()


def _decode(path: Path) -> str:
    with opened(path) as stream:
        data = stream.read()
    if data.startswith(UTF_16):
        raise FileError(f"{path} is UTF-16. Convert the file to UTF-8.", "UTF-16")
    if b"\0" in data[:BINARY_PROBE]:
        raise FileError(f"{path} is a binary file. Give a text.", "binary")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: byte {error.start} is not UTF-8. Convert the file.", "not UTF-8") from error
