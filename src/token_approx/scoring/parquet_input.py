"""Parquet in: a file or a folder of texts or requests, checked before any of them is scored."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from token_approx.errors import InputError

TEXT, REQUEST = "text", "request"
_NUMBERS = [("input_tokens", pa.int64()), ("upper_bound", pa.int64()), ("in_domain", pa.bool_())]
# What scoring adds to the input's columns, by what the scored column holds; null where its value is.
RESULTS = {
    TEXT: pa.schema(_NUMBERS),
    REQUEST: pa.schema([*_NUMBERS, ("not_counted", pa.list_(pa.string()))]),
}

# Of a piece's columns, before compression: what a task takes at a time.
PIECE_BYTES = 64 * 2**20
# Read from a file at a time and column, so that a row group of any size streams through.
BUFFER_BYTES = 2**20


@dataclass(frozen=True)
class Piece:
    """Some row groups of a file, which follow each other: at most 64 MiB, or one."""

    file: Path
    row_groups: tuple[int, ...]


@dataclass(frozen=True)
class Input:
    """Parquet files of one schema, in pieces; `column` holds texts, or requests as JSON: `holds` says which.

    The schema is as Parquet has it: nullable, without dictionaries and the like of the program that wrote it.
    `rows` are all rows, `row_bytes` is about what one takes in memory.
    """

    files: tuple[Path, ...]
    pieces: tuple[Piece, ...]
    schema: pa.Schema
    column: str
    holds: str
    rows: int
    row_bytes: float

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.rows

    @property
    def bytes(self) -> float:
        """Return about what all rows take in memory."""
        return self.rows * self.row_bytes

    @property
    def place(self) -> int:
        """Return which of the columns is scored."""
        return int(self.schema.get_field_index(self.column))

    @property
    def results(self) -> pa.Schema:
        """Return what scoring adds to the columns."""
        return RESULTS[self.holds]


def open_input(path: Path, column: str, group_by: str = "", holds: str = TEXT) -> Input:
    """Look at a Parquet file, or at all *.parquet files in and below a folder.

    `column` holds texts ("text"), or each provider's requests as JSON ("request").

    Raises:
        InputError: there is none, one cannot be read or has other columns than the first, a column is
            missing, is not of text, or is one that scoring adds.
    """
    files = _files(path)
    first: pa.Schema | None = None
    pieces: list[Piece] = []
    rows = size = 0
    for file in files:
        metadata, schema = _footer(file)
        first = first or schema
        if schema != first:
            raise InputError(f"{file} has other columns than {files[0].name}. Score folders of one schema.")
        sizes = [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
        pieces += _pieces(file, sizes)
        rows += metadata.num_rows
        size += sum(sizes)
    _check_columns(path, first, column, group_by, holds)
    pieces = pieces or [Piece(files[0], ())]
    return Input(files, tuple(pieces), first, column, holds, rows, size / max(rows, 1))


def _pieces(file: Path, sizes: Sequence[int]) -> Iterator[Piece]:
    start = filled = 0
    for group, size in enumerate(sizes):
        if filled and filled + size > PIECE_BYTES:
            yield Piece(file, tuple(range(start, group)))
            start, filled = group, 0
        filled += size
    if start < len(sizes):
        yield Piece(file, tuple(range(start, len(sizes))))


def _plain(kind: pa.DataType) -> pa.DataType:
    # What is stored, where pyarrow restores the type that a column had before it was written.
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.timestamp(kind.unit, "UTC")
    stored = {
        pa.large_string(): pa.string(),
        pa.string_view(): pa.string(),
        pa.large_binary(): pa.binary(),
        pa.binary_view(): pa.binary(),
        pa.date64(): pa.date32(),
        **{pa.duration(unit): pa.int64() for unit in ("s", "ms", "us", "ns")},
    }
    return stored.get(kind, kind)


def _files(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise InputError(f"{path} is not a file or folder. Give input=<Parquet file, or folder of them>.")
    found = sorted(
        file
        for file in path.rglob("*.parquet")
        if not any(part[0] in "._" for part in file.relative_to(path).parts)
    )
    if not found:
        raise InputError(f"{path} holds no *.parquet file. Give input=<Parquet file, or folder of them>.")
    for file in found:
        if any("=" in part for part in file.relative_to(path).parts[:-1]):
            raise InputError(
                f"{file.parent} is a partition, whose column is not in its files. Score one partition at a"
                " time."
            )
    return tuple(found)


def _footer(file: Path) -> tuple[pq.FileMetaData, pa.Schema]:
    try:
        with pq.ParquetFile(file) as opened:
            fields = [pa.field(field.name, _plain(field.type)) for field in opened.schema_arrow]
            return opened.metadata, pa.schema(fields)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} is not a readable Parquet file ({reason}). Give another input.") from error


def _check_columns(path: Path, schema: pa.Schema, column: str, group_by: str, holds: str) -> None:
    for parameter, name in (("column", column), ("group_by", group_by)):
        if name and name not in schema.names:
            near = difflib.get_close_matches(name, schema.names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InputError(
                f"{path} has no column {name!r}{hint}. Give {parameter}=<one of {_listed(schema.names)}>."
            )
    kind = schema.field(column).type
    if not pa.types.is_string(kind):
        raise InputError(
            f"{path}: the column {column!r} is {kind}, not text. Give column=<a column of strings>."
        )
    for name in schema.names:
        if schema.names.count(name) > 1:
            raise InputError(f"{path} has two columns {name!r}. Rename one.")
    taken = [name for name in RESULTS[holds].names if name in schema.names]
    if taken:
        raise InputError(f"{path} has a column {taken[0]!r} already. Rename it, or score its source.")
    if group_by == column:
        raise InputError(f"group_by={group_by} would put the {holds}s into the run. Give another column.")
    if group_by and not _is_label(schema.field(group_by).type):
        found = schema.field(group_by).type
        raise InputError(f"group_by={group_by} is {found}. Give a column of strings, whole numbers or dates.")


def _is_label(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date)
    return any(test(kind) for test in tests)


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return shown + (f", and {len(names) - most} more" if len(names) > most else "")
