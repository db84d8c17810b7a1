"""Rows in Parquet -> the same rows with their answers, piece by piece and in constant memory.

Spark's workers import this module: it needs pyarrow and the estimator, and neither MLflow nor pandas.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from token_approx.errors import InputError
from token_approx.scoring.answers import Scorer
from token_approx.scoring.parquet_input import BUFFER_BYTES, Input, Piece

PART = "part-{:05d}.parquet"
# Rows scored at a time, fewer of long values: about as many as fit these bytes.
MOST_ROWS, MOST_BYTES = 8192, 8 * 2**20
# Of an output's row group, as it is in memory.
ROW_GROUP_BYTES = 32 * 2**20
COMPRESSION = "snappy"


def score_in_turn(
    rows: Input, scorer: Scorer, folder: Path, on_rows: Callable[[int], None] = lambda _: None
) -> None:
    """Write all rows with their answers into part files in `folder`, in their order, in this process.

    `on_rows` is called with the number of rows as they are done.

    Raises:
        InputError: a file is damaged.
    """
    folder.mkdir()
    for number in range(len(rows.pieces)):
        score_piece(rows, number, scorer, folder, on_rows)


def score_piece(
    rows: Input, number: int, scorer: Scorer, folder: Path, on_rows: Callable[[int], None] = lambda _: None
) -> None:
    """Write one piece's rows with their answers as the part file of its number, whole.

    Memory does not grow with the number of rows.

    Raises:
        InputError: the file is damaged.
    """
    part = folder / PART.format(number)
    # Of its own name: Spark may start a piece again while it is under way.
    begun = part.with_name(f".{part.name}.{uuid.uuid4().hex}")
    # Without Arrow's own schema, a reader finds the plain types of Parquet.
    with pq.ParquetWriter(
        begun,
        pa.schema([*rows.schema, *rows.results]),
        compression=COMPRESSION,
        store_schema=False,
        use_dictionary=[name for name in rows.schema.names if name != rows.column],
    ) as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in _batches(rows, rows.pieces[number]):
            waiting.append(scored(batch, rows, scorer))
            if sum(kept.nbytes for kept in waiting) >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
            on_rows(len(batch))
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    begun.rename(part)


def scored(batch: pa.RecordBatch, rows: Input, scorer: Scorer) -> pa.RecordBatch:
    """Return the batch, in the schema of the input, with the answer to each row."""
    columns = [column.cast(field.type) for column, field in zip(batch.columns, rows.schema, strict=True)]
    found = scorer.answers(columns[rows.place])
    return pa.RecordBatch.from_arrays([*columns, *found], schema=pa.schema([*rows.schema, *rows.results]))


def _batches(rows: Input, piece: Piece) -> Iterator[pa.RecordBatch]:
    count = max(1, min(MOST_ROWS, int(MOST_BYTES / max(rows.row_bytes, 1))))
    try:
        with pq.ParquetFile(piece.file, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            for batch in file.iter_batches(count, row_groups=list(piece.row_groups), use_threads=False):
                batch.column(rows.place).validate(full=True)  # 0.05 us for 500 bytes
                yield batch
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{piece.file} is damaged ({reason}). Give another file.") from error
