"""Parquet out: part files beside the output until all are whole, then one rename; and what they add up to."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from token_approx.errors import InputError
from token_approx.files import unwritable

PART = "part-{:05d}.parquet"
OURS = re.compile(r"part-\d{5,}\.parquet")
MOST_GROUPS = 10_000
# Read from the file at a time and column, so that a row group of any size streams through.
BUFFER_BYTES = 2**20
SUMS = ("rows", "texts", "input_tokens", "upper_bound", "out_of_domain")


@contextmanager
def staged(output: Path, source: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a folder to write part files into; if the block ends well, it becomes `output`.

    Whatever else happens, `output` is what it was before. `source` is what is read meanwhile.

    Raises:
        InputError: `output` exists and is not to be overwritten or holds more than part files, overlaps with
            `source`, or cannot be written.
    """
    check_output(output, source, overwrite=overwrite)
    staging = output.with_name(f".{output.name}.{os.getpid()}.part")
    replaced = output.with_name(f".{output.name}.{os.getpid()}.replaced")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        yield staging
        _name_parts(staging)
        if output.exists():
            output.rename(replaced)
        staging.rename(output)
    except OSError as error:
        raise unwritable(output, error) from error
    finally:
        for left in (staging, replaced):
            shutil.rmtree(left, ignore_errors=True)


def totals(folder: Path, group_by: str = "") -> pd.DataFrame:
    """Return what the part files of a folder add up to: one row, or one per value of `group_by` by tokens.

    `texts` are the rows with a text, `out_of_domain` how many of them are; `input_tokens` and `upper_bound`
    are sums over them.

    Raises:
        InputError: there are more than 10,000 values.
    """
    names = ["input_tokens", "upper_bound", "in_domain", *filter(None, [group_by])]
    total: pa.Table | None = None
    for path in sorted(folder.glob("part-*.parquet")):
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            for batch in file.iter_batches(columns=names):
                part = _summed(_counted(batch, group_by))
                total = part if total is None else _summed(pa.concat_tables([total, part]))
                if len(total) > MOST_GROUPS:
                    raise InputError(
                        f"group_by={group_by} has more than {MOST_GROUPS} values. Give a column with fewer."
                    )
    if total is None or not len(total):
        return pd.DataFrame(
            {"group": pd.Series(dtype=object), **dict.fromkeys(SUMS, pd.Series(dtype="int64"))}
        )
    found: pd.DataFrame = total.to_pandas()
    return found.sort_values("input_tokens", ascending=False, kind="stable", ignore_index=True)[
        ["group", *SUMS]
    ]


def check_output(output: Path, source: Path, *, overwrite: bool) -> None:
    """Check that `output` can become the output: what `staged` raises, but for failures to write."""
    inside, outside = output.resolve(), source.resolve()
    if inside == outside or outside in inside.parents or inside in outside.parents:
        raise InputError(f"{output} overlaps with the input {source}. Give an output beside it.")
    if not output.exists():
        return
    if not overwrite:
        raise InputError(f"{output} exists already. Give another output, or overwrite=true.")
    if not output.is_dir() or any(not OURS.fullmatch(path.name) for path in output.iterdir()):
        raise InputError(
            f"{output} holds more than part files, and overwrite=true would delete them. Give another output."
        )


def _name_parts(folder: Path) -> None:
    # Spark adds checksums and a mark that it was done, and names of its own.
    parts = sorted(folder.glob("part-*.parquet"))
    for path in folder.iterdir():
        if path not in parts:
            path.unlink()
    for number, path in enumerate(parts):
        path.rename(folder / PART.format(number))


def _counted(batch: pa.RecordBatch, group_by: str) -> pa.Table:
    known = batch.column("input_tokens").is_valid()
    group = batch.column(group_by).cast(pa.string()) if group_by else pa.array([""] * len(batch))
    return pa.table(
        {
            "group": group,
            "rows": pa.array([1] * len(batch), pa.int64()),
            "texts": known.cast(pa.int64()),
            "input_tokens": batch.column("input_tokens"),
            "upper_bound": batch.column("upper_bound"),
            "out_of_domain": pc.invert(batch.column("in_domain")).cast(pa.int64()),
        }
    )


def _summed(table: pa.Table) -> pa.Table:
    found = table.group_by("group").aggregate([(name, "sum") for name in SUMS])
    found = found.rename_columns([name.removesuffix("_sum") for name in found.column_names])
    # The sum of nulls alone is null.
    filled = [found[name].fill_null(0) if name in SUMS else found[name] for name in found.column_names]
    return pa.table(filled, names=found.column_names)
