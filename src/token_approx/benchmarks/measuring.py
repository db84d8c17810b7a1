"""Features of texts whose tokens are counted already: the published samples, and corpora of documents."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from token_approx.errors import InputError
from token_approx.files import write_whole
from token_approx.labelling.records import Record, read_records, write_records
from token_approx.preparing.splitting import clean, gutenberg
from token_approx.text.features import BASIC, FEATURES, features_of

# Runes: where the published samples were cut.
PUBLISHED_SIZES = (32_000, 36_000)
# The published Oliver Twist samples 1 and 10 were cut before its edition was corrected.
MOST_BYTES_APART = 5
REBUILT = "n-gram features of a rebuilt sample that differs by at most 5 bytes; basic counts as published"
DESCRIPTION = ("category", "family", "group")
# Documents scored at a time: bounds the memory whatever the file's size.
BATCH = 512


def measure_published(records: str, books: str) -> str:
    """Write all features of the published samples into their records, from the books they were cut from.

    `books` is a folder with one `<source>.txt` per book. A rebuilt sample is used if its basic counts are
    the published ones, or if they are at most five bytes apart, which the record then notes; a record whose
    book is not there stays as it is. Returns a line that says how many were measured.

    Raises:
        InputError: no book is there, or a rebuilt sample is further off.
    """
    path = Path(records)
    known = read_records(path)
    measured: dict[str, Record] = {}
    for source in sorted({record.source for record in known}):
        book = Path(books, f"{source}.txt")
        if not book.is_file():
            continue
        mine = [record for record in known if record.source == source]
        with book.open(encoding="utf-8", newline="") as file:
            samples = list(gutenberg(clean(file.read()), *PUBLISHED_SIZES))[: len(mine)]
        for record, features in zip(mine, features_of(samples), strict=True):
            measured[record.id] = _measured(record, features, book)
    if not measured:
        raise InputError(f"{books} holds no book of {path}. Name the folder that has <source>.txt in it.")
    write_records(path, [measured.get(record.id, record) for record in known])
    noted = sum(record.note is not None for record in measured.values())
    return f"{path}: {len(measured)} of {len(known)} records measured, {noted} of them from a rebuilt sample"


def _measured(record: Record, features: dict[str, float], book: Path) -> Record:
    apart = {name: abs(features[name] - record.features[name]) for name in BASIC}
    if max(apart.values()) > MOST_BYTES_APART:
        raise InputError(
            f"{book}: record {record.id} and the sample rebuilt for it differ ({apart}). Use the edition that"
            " the samples were cut from."
        )
    note = REBUILT if any(apart.values()) else None
    kept = {name: record.features[name] for name in BASIC}
    return record.model_copy(update={"features": features | kept, "note": note})


def measure_corpora(
    documents: Sequence[str], split: str, counted: Sequence[str], counts: Sequence[str], out: str
) -> str:
    """Write one row per document of a split of some corpora: description, features, counts, and no text.

    Each Parquet file needs the columns id, category, family, group, split and text, and those of counts that
    `counted` names; its stem becomes the column `corpus`. `counts` are Parquet files with the columns id and
    corpus, and more counts of the same documents. Returns a line that says how many rows were written.

    Raises:
        InputError: a file cannot be read, lacks a column, or has no document of the split.
    """
    if not documents:
        raise InputError("measure needs documents. Give documents=[<path>,…].")
    frame = pd.concat([_measure_corpus(Path(path), split, counted) for path in documents], ignore_index=True)
    for path in counts:
        frame = _with_counts(frame, Path(path))
    write_parquet(frame, Path(out))
    return f"{out}: {len(frame)} rows of {len(documents)} corpora, split {split}"


def read_documents(path: Path, split: str, columns: Sequence[str]) -> pa.Table:
    """Return some columns, and `split`, of a Parquet corpus's documents of one split.

    Raises:
        InputError: the file cannot be read, lacks a column, or has no document of the split.
    """
    try:
        table = pq.read_table(path, columns=[*columns, "split"], filters=[("split", "=", split)])
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path} cannot be read ({str(error).splitlines()[0]}). Give a Parquet corpus."
        ) from error
    if table.num_rows == 0:
        raise InputError(f"{path} has no document of split {split!r}. Name another split.")
    return table


def read_parquet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return some columns of a Parquet file.

    Raises:
        InputError: the file cannot be read or lacks a column.
    """
    try:
        frame: pd.DataFrame = pq.read_table(path, columns=list(columns)).to_pandas()
    except (OSError, pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} cannot be read ({reason}). Give a Parquet file with the columns {', '.join(columns)}."
        ) from error
    return frame


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a table whole, without its index."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    write_whole(path, sink.getvalue().to_pybytes())


def _with_counts(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    try:
        more = pd.read_parquet(path)
        joined = frame.merge(more, on=["corpus", "id"], how="left", validate="1:1")
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: the counts cannot be read or joined by corpus and id ({reason}). Give a file with both."
        ) from error
    names = [name for name in more if name not in ("corpus", "id")]
    missing = joined[names].isna().any(axis=1)
    if missing.any():
        first = joined[missing].iloc[0]
        raise InputError(
            f"{path}: {missing.sum()} documents have no count, the first is {first['id']!r} of"
            f" {first['corpus']}. Count every document of the split."
        )
    return joined.astype(dict.fromkeys(names, "int64"))


def _measure_corpus(path: Path, split: str, counted: Sequence[str]) -> pd.DataFrame:
    table = read_documents(path, split, ["id", *DESCRIPTION, "text", *counted])
    rows = [
        row
        for batch in table.select(["text"]).to_batches(BATCH)
        for row in features_of(batch["text"].to_pylist())
    ]
    described = table.drop_columns(["text", "split"]).to_pandas()
    measured = pd.DataFrame(rows, columns=list(FEATURES)).astype(dict.fromkeys(BASIC, "int64"))
    described.insert(0, "corpus", path.stem)
    frame: pd.DataFrame = pd.concat(
        [described[["corpus", "id", *DESCRIPTION]], measured, described[list(counted)]], axis=1
    )
    return frame
