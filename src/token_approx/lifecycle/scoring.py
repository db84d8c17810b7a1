"""Texts in Parquet -> the same rows with their estimates, in one process and in constant memory."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel

from token_approx.errors import InputError
from token_approx.lifecycle.loading import URI, pinned
from token_approx.lifecycle.scoring_input import RESULTS, Texts
from token_approx.lifecycle.scoring_output import BUFFER_BYTES, PART

# Rows scored at a time, fewer of long texts: about as many as fit these bytes.
MOST_ROWS, MOST_BYTES = 8192, 8 * 2**20
# Of the columns as they are in memory.
ROW_GROUP_BYTES, PART_BYTES = 32 * 2**20, 256 * 2**20
COMPRESSION = "snappy"


@dataclass(frozen=True)
class TextModel:
    """A registered model of texts: its name with the version, its files, and the model itself."""

    name: str
    path: Path
    model: PyFuncModel


@contextmanager
def downloaded(uri: str, confidence: float) -> Iterator[TextModel]:
    """Yield the model of a URI, which is on this machine as long as the block lasts.

    Raises:
        InputError: it cannot be had, is no model of texts, or has no bound of that level.
    """
    fixed = pinned(uri)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = mlflow.artifacts.download_artifacts(fixed, dst_path=folder) if URI.match(fixed) else fixed
            model = mlflow.pyfunc.load_model(path)
        except (MlflowException, OSError) as error:
            reason = next(filter(None, str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"{uri}: cannot be loaded ({reason}): give models:/<name>@champion or"
                " models:/<name>/<version>, and the server by MLFLOW_TRACKING_URI"
            ) from error
        outputs = model.metadata.get_output_schema()
        if outputs is None or outputs.input_names() != RESULTS.names:
            raise InputError(f"{uri}: is no model of texts: give a model that token-approx registered")
        try:
            model.predict(pd.DataFrame({"text": [""]}), params={"confidence": confidence})
        except MlflowException as error:
            raise InputError(f"{uri}: {str(error).splitlines()[0]}") from error
        yield TextModel(fixed.removeprefix("models:/"), Path(path), model)


def score_with_arrow(
    texts: Texts,
    model: PyFuncModel,
    confidence: float,
    folder: Path,
    on_rows: Callable[[int], None] = lambda _: None,
) -> None:
    """Write all rows with the model's answers into part files in `folder`, in their order.

    Memory does not grow with the number of rows. `on_rows` is called with the number of rows as they are
    done.

    Raises:
        InputError: a file is damaged.
    """
    folder.mkdir()
    with _Parts(folder, pa.schema([*texts.schema, *RESULTS])) as parts:
        for batch in _batches(texts):
            parts.write(scored(batch, texts, model, confidence))
            on_rows(len(batch))


def _batches(texts: Texts) -> Iterator[pa.RecordBatch]:
    rows = max(1, min(MOST_ROWS, int(MOST_BYTES / max(texts.row_bytes, 1))))
    place = texts.schema.names.index(texts.column)
    for path in texts.files:
        try:
            with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
                for batch in file.iter_batches(rows, use_threads=False):
                    batch.column(place).validate(full=True)  # 0.05 us for 500 bytes
                    yield batch
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"{path}: is damaged ({str(error).splitlines()[0]}): give another file"
            ) from error


def scored(batch: pa.RecordBatch, texts: Texts, model: PyFuncModel, confidence: float) -> pa.RecordBatch:
    """Return the batch, in the schema of the texts, with the model's answers about each of them."""
    columns = [column.cast(field.type) for column, field in zip(batch.columns, texts.schema, strict=True)]
    frame = pd.DataFrame({"text": columns[texts.schema.names.index(texts.column)].to_pandas()})
    answers = model.predict(frame, params={"confidence": confidence})
    found = [pa.array(answers[field.name], field.type, from_pandas=True) for field in RESULTS]
    return pa.RecordBatch.from_arrays([*columns, *found], schema=pa.schema([*texts.schema, *RESULTS]))


class _Parts:
    """Part files in a folder, each begun when the one before has its size; at least one is written."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder, self._schema = folder, schema
        self._number, self._size = 0, 0
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_size = 0
        self._writer = self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        if self._size >= PART_BYTES:
            self._flush()
            self._writer.close()
            self._number, self._size = self._number + 1, 0
            self._writer = self._begin()
        self._waiting.append(batch)
        self._waiting_size += batch.nbytes
        self._size += batch.nbytes
        if self._waiting_size >= ROW_GROUP_BYTES:
            self._flush()

    def _begin(self) -> pq.ParquetWriter:
        # Without Arrow's own schema, a reader finds the plain types of Parquet, as those that Spark writes.
        return pq.ParquetWriter(
            self._folder / PART.format(self._number),
            self._schema,
            compression=COMPRESSION,
            store_schema=False,
        )

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
        self._waiting, self._waiting_size = [], 0
