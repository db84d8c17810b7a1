"""Parquet out: part files beside the output until all are whole, then one rename; and what they add up to."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from token_approx.errors import InputError
from token_approx.files import unwritable
from token_approx.scoring.parquet_input import BUFFER_BYTES, REQUEST, RESULTS, TEXT

OURS = re.compile(r"part-\d{5,}\.parquet")
MOST_GROUPS = 10_000
BEGINNING = re.compile(r"[^'\"(.:]*")
_TOKENS = ("input_tokens", "upper_bound", "out_of_domain")
# What is added up, by what the scored column holds.
SUMS = {
    TEXT: ("rows", "texts", *_TOKENS),
    REQUEST: ("rows", "requests", *_TOKENS, "partly_counted", "not_read"),
}


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
        for left in staging.glob(".*"):  # by a worker of Spark that was stopped
            left.unlink()
        if output.exists():
            output.rename(replaced)
        staging.rename(output)
    except OSError as error:
        raise unwritable(output, error) from error
    finally:
        for left in (staging, replaced):
            shutil.rmtree(left, ignore_errors=True)


def totals(folder: Path, group_by: str = "", holds: str = TEXT) -> pd.DataFrame:
    """Return what the part files of a folder add up to: one row, or one per value of `group_by` by tokens.

    `texts` (or `requests`) are the rows that have an estimate, `out_of_domain` how many of them are;
    `input_tokens` and `upper_bound` are sums over them. Of requests, `partly_counted` have something that is
    not counted, and `not_read` have no estimate.

    Raises:
        InputError: there are more than 10,000 values.
    """
    names = [*RESULTS[holds].names, *filter(None, [group_by])]
    total: pa.Table | None = None
    for batch in _written(folder, names):
        part = _summed(_counted(batch, group_by, holds))
        total = part if total is None else _summed(pa.concat_tables([total, part]))
        if len(total) > MOST_GROUPS:
            raise InputError(
                f"group_by={group_by} has more than {MOST_GROUPS} values. Give a column with fewer."
            )
    sums = list(SUMS[holds])
    if total is None or not len(total):
        return pd.DataFrame(
            {"group": pd.Series(dtype=object), **dict.fromkeys(sums, pd.Series(dtype="int64"))}
        )
    found: pd.DataFrame = total.to_pandas()
    return found.sort_values("input_tokens", ascending=False, kind="stable", ignore_index=True)[
        ["group", *sums]
    ]


def reasons(folder: Path) -> pd.DataFrame:
    """Return why requests in the part files have no estimate: `reason` and `rows`, the most frequent first.

    A reason goes as far as its first quotation mark, bracket or full stop: what follows may be the user's.
    """
    counts: Counter[str] = Counter()
    for batch in _written(folder, ["input_tokens", "not_counted"]):
        unread = batch.filter(pc.is_null(batch.column("input_tokens"))).column("not_counted").drop_null()
        counts.update(BEGINNING.match(reason)[0].strip() for reason in unread.flatten().to_pylist())  # type: ignore[index]
    return pd.DataFrame(counts.most_common(), columns=["reason", "rows"])


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


def _written(folder: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    for path in sorted(folder.glob("part-*.parquet")):
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            yield from file.iter_batches(columns=names)


def _counted(batch: pa.RecordBatch, group_by: str, holds: str) -> pa.Table:
    known = batch.column("input_tokens").is_valid()
    group = batch.column(group_by).cast(pa.string()) if group_by else pa.array([""] * len(batch))
    columns = {
        "group": group,
        "rows": pa.array([1] * len(batch), pa.int64()),
        f"{holds}s": known.cast(pa.int64()),
        "input_tokens": batch.column("input_tokens"),
        "upper_bound": batch.column("upper_bound"),
        "out_of_domain": pc.invert(batch.column("in_domain")).cast(pa.int64()),
    }
    if holds == REQUEST:
        said = pc.fill_null(
            pc.greater(pc.list_value_length(batch.column("not_counted")), 0), fill_value=False
        )
        columns["partly_counted"] = pc.and_(said, known).cast(pa.int64())
        columns["not_read"] = pc.and_(said, pc.invert(known)).cast(pa.int64())
    return pa.table(columns)


def _summed(table: pa.Table) -> pa.Table:
    names = [name for name in table.column_names if name != "group"]
    found = table.group_by("group").aggregate([(name, "sum") for name in names])
    found = found.rename_columns([name.removesuffix("_sum") for name in found.column_names])
    # The sum of nulls alone is null.
    filled = [found[name].fill_null(0) if name in names else found[name] for name in found.column_names]
    return pa.table(filled, names=found.column_names)
