"""Texts in Parquet -> the same rows with their estimates, in one process and in constant memory."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel

from token_approx.errors import InputError
from token_approx.lifecycle.loading import URI, pinned
from token_approx.lifecycle.pull import unavailable
from token_approx.scoring.parquet_input import RESULTS, Piece, Texts
from token_approx.scoring.parquet_output import BUFFER_BYTES, PART

# Rows scored at a time, fewer of long texts: about as many as fit these bytes.
MOST_ROWS, MOST_BYTES = 8192, 8 * 2**20
# Of an output's row group, as it is in memory.
ROW_GROUP_BYTES = 32 * 2**20
COMPRESSION = "snappy"


@dataclass(frozen=True)
class ScoringModel:
    """A registered model of texts: its name with the version, its files, and the model itself."""

    name: str
    path: Path
    model: PyFuncModel


@contextmanager
def downloaded(uri: str, confidence: float) -> Iterator[ScoringModel]:
    """Yield the model of a URI, which is on this machine as long as the block lasts.

    Raises:
        InputError: there is no such model, it is not a model of texts, or it has no bound of that level.
        StoreError: the registry cannot be reached.
    """
    fixed = pinned(uri)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = mlflow.artifacts.download_artifacts(fixed, dst_path=folder) if URI.match(fixed) else fixed
            model = mlflow.pyfunc.load_model(path)
        except (MlflowException, OSError) as error:
            raise unavailable(uri, "loaded", error) from error
        outputs = model.metadata.get_output_schema()
        if outputs is None or outputs.input_names() != RESULTS.names:
            raise InputError(f"{uri} is not a model of texts. Give a model that token-approx registered.")
        try:
            model.predict(pd.DataFrame({"text": [""]}), params={"confidence": confidence})
        except MlflowException as error:
            raise InputError(f"{uri}: {str(error).splitlines()[0]}") from error
        yield ScoringModel(fixed.removeprefix("models:/"), Path(path), model)


def score_with_arrow(
    texts: Texts,
    model: PyFuncModel,
    confidence: float,
    folder: Path,
    on_rows: Callable[[int], None] = lambda _: None,
) -> None:
    """Write all rows with the model's answers into part files in `folder`, in their order, piece by piece.

    `on_rows` is called with the number of rows as they are done.

    Raises:
        InputError: a file is damaged.
    """
    folder.mkdir()
    for number in range(len(texts.pieces)):
        score_piece(texts, number, model, confidence, folder, on_rows)


def score_piece(
    texts: Texts,
    number: int,
    model: PyFuncModel,
    confidence: float,
    folder: Path,
    on_rows: Callable[[int], None] = lambda _: None,
) -> None:
    """Write one piece's rows with the model's answers as the part file of its number, whole.

    Memory does not grow with the number of rows.

    Raises:
        InputError: the file is damaged.
    """
    part = folder / PART.format(number)
    # Of its own name: Spark may start a piece again while it is under way.
    begun = part.with_name(f".{part.name}.{uuid.uuid4().hex}")
    # Without Arrow's own schema, a reader finds the plain types of Parquet, as in what Spark writes.
    with pq.ParquetWriter(
        begun,
        pa.schema([*texts.schema, *RESULTS]),
        compression=COMPRESSION,
        store_schema=False,
        use_dictionary=[name for name in texts.schema.names if name != texts.column],
    ) as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in _batches(texts, texts.pieces[number]):
            waiting.append(scored(batch, texts, model, confidence))
            if sum(kept.nbytes for kept in waiting) >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
            on_rows(len(batch))
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    begun.rename(part)


def scored(batch: pa.RecordBatch, texts: Texts, model: PyFuncModel, confidence: float) -> pa.RecordBatch:
    """Return the batch, in the schema of the texts, with the model's answers about each of them."""
    columns = [column.cast(field.type) for column, field in zip(batch.columns, texts.schema, strict=True)]
    frame = pd.DataFrame({"text": columns[texts.place].to_pandas()})
    answers = model.predict(frame, params={"confidence": confidence})
    found = [pa.array(answers[field.name], field.type, from_pandas=True) for field in RESULTS]
    return pa.RecordBatch.from_arrays([*columns, *found], schema=pa.schema([*texts.schema, *RESULTS]))


def _batches(texts: Texts, piece: Piece) -> Iterator[pa.RecordBatch]:
    rows = max(1, min(MOST_ROWS, int(MOST_BYTES / max(texts.row_bytes, 1))))
    try:
        with pq.ParquetFile(piece.file, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            for batch in file.iter_batches(rows, row_groups=list(piece.row_groups), use_threads=False):
                batch.column(texts.place).validate(full=True)  # 0.05 us for 500 bytes
                yield batch
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{piece.file} is damaged ({reason}). Give another file.") from error
