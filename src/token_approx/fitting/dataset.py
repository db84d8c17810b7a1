"""A dataset: records as arrays, ready to split and fit."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from token_approx.errors import InputError
from token_approx.labelling.counters.protocol import REQUEST, TEXT
from token_approx.labelling.records import Record, read_records
from token_approx.requests.named import in_group, parts_of_name
from token_approx.text.features import FEATURES

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Dataset:
    """Labelled records of one reference model.

    `features` has one row per record and one column per feature; `tokens` (n,) are the counted tokens;
    `sources` (n,) say what each record came from and `categories` (n,) what kind of text it is, "" where
    that is unknown. `held_out` are records of sources that take no part in fitting or choosing and only show
    the error on an unseen source. `counts_of` says what the labels count (None: the records do not say),
    `table` which n-gram table gives the costs of requests' texts.
    """

    name: str
    reference_model: str
    path: Path
    ids: tuple[str, ...]
    features: pd.DataFrame
    tokens: Floats
    sources: Names
    categories: Names
    held_out: "Dataset | None" = None
    counts_of: str | None = None
    table: str | None = None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.tokens)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the records' ids and counted tokens: the same records, the same digest."""
        rows = (f"{name}\t{count:.0f}\n" for name, count in zip(self.ids, self.tokens, strict=True))
        return hashlib.sha256("".join(sorted(rows)).encode()).hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the features that every record holds."""
        return tuple(map(str, self.features.columns))

    def matrix(self, names: Sequence[str], rows: Indices | slice = slice(None)) -> Floats:
        """Return the design matrix (rows, len(names)) of some features."""
        return self.features[list(names)].to_numpy(dtype=np.float64)[rows]


def read_dataset(
    name: str,
    records: str,
    sources: Sequence[str] = (),
    langs: Sequence[str] = (),
    held_out_sources: Sequence[str] = (),
) -> Dataset:
    """Read a records file into a dataset; `sources` and `langs` keep those alone, empty keeps all.

    Raises:
        InputError: the file is not a valid records file, a name is not in it, or it mixes reference models.
    """
    path = Path(records)
    if not records:
        raise InputError("dataset=custom needs a records file. Give records=<path> (-P records=<path>).")
    everything = read_records(path)
    _check_names(path, "source", [*sources, *held_out_sources], {record.source for record in everything})
    _check_names(path, "lang", langs, {record.lang for record in everything if record.lang})
    kept = [record for record in everything if not langs or record.lang in langs]
    fitted = [
        record
        for record in kept
        if (not sources or record.source in sources) and record.source not in held_out_sources
    ]
    held_out = [record for record in kept if record.source in held_out_sources]
    return _as_arrays(name, path, fitted, _as_arrays(name, path, held_out) if held_out else None)


def read_corpus(name: str, path: str, tokens: str) -> Dataset:
    """Read a table of measured documents: features, and counts under several tokenizers.

    `tokens` names the column of counts, and with it the reference model; the dataset is called after both. A
    document's source is its corpus and group, its category
    `<corpus> <category>`.

    Raises:
        InputError: the file cannot be read or lacks a column.
    """
    frame = _read_table(path, "Measure the corpora again.")
    missing = [column for column in ("corpus", "id", "category", "group", tokens) if column not in frame]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}. Measure the corpora again.")
    return Dataset(
        name=f"{name}-{tokens}",
        reference_model=tokens,
        path=Path(path),
        ids=tuple(frame["id"]),
        features=frame[[column for column in frame if column in FEATURES]].astype(np.float64),
        tokens=frame[tokens].to_numpy(np.float64),
        sources=(frame["corpus"] + " " + frame["group"]).to_numpy(str),
        categories=(frame["corpus"] + " " + frame["category"]).to_numpy(str),
        counts_of=TEXT,
    )


def _read_table(path: str, remedy: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}). {remedy}") from error


def read_requests(
    name: str, path: str, families: Sequence[str], features: Sequence[str], providers: Sequence[str] = ()
) -> Dataset:
    """Read records of whole requests: those of some families of models, and of some providers if given.

    `features` are names as `token_approx.requests.named` has them. A request's source is its repository, its
    category its kind. Requests with something that cannot be counted are left out.

    Raises:
        InputError: the file cannot be read, lacks a column, or has no such request.
    """
    frame = _read_table(path, "Record the requests again.")
    missing = [column for column in ("family", "not_counted", "kind", "repository") if column not in frame]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}. Record the requests again.")
    chosen = frame["family"].isin(list(families)) & (frame["not_counted"] == 0)
    if providers:
        chosen &= frame["provider"].isin(list(providers))
    frame = frame[chosen].reset_index(drop=True)
    if frame.empty:
        raise InputError(f"{path} has no complete request of {', '.join(families)}. Record some.")
    return Dataset(
        name=name,
        reference_model=name,
        path=Path(path),
        ids=tuple(frame["id"]),
        features=_named(frame, ["bytes", *features], path),
        tokens=frame["input_tokens"].to_numpy(np.float64),
        sources=frame["repository"].to_numpy(str),
        categories=frame["kind"].to_numpy(str),
        counts_of=REQUEST,
        table=families[0],
    )


def _named(frame: pd.DataFrame, names: Sequence[str], path: str) -> pd.DataFrame:
    columns = {}
    for name in names:
        try:
            plain, group, wire_format = parts_of_name(name)
            values = frame[plain].to_numpy(np.float64)
            if group is not None:
                values = values * [in_group(group, model) for model in frame["model"]]
        except KeyError as error:
            raise InputError(
                f"{path} has no column for the feature {name!r}. Leave it out of dataset.features."
            ) from error
        columns[name] = (
            values if wire_format is None else values * (frame["format"] == wire_format).to_numpy()
        )
    return pd.DataFrame(columns)


def _counts_of(record: Record) -> str | None:
    # Without its framing, a message counts as its text alone does.
    return TEXT if record.framing_tokens is not None else record.counts_of


def _check_names(path: Path, field: str, wanted: Sequence[str], found: set[str]) -> None:
    unknown = sorted(set(wanted) - found)
    if unknown:
        raise InputError(
            f"{path}: no record has the {field} {unknown[0]!r}. Valid values: {', '.join(sorted(found))}."
        )


def _as_arrays(name: str, path: Path, records: list[Record], held_out: Dataset | None = None) -> Dataset:
    models = sorted({record.model for record in records})
    if len(models) != 1:
        raise InputError(
            f"{path}: the {len(records)} selected records are of {len(models)} reference models"
            f" ({', '.join(models) or 'none'}). Keep the records of exactly one model in a file."
        )
    different = {_counts_of(record) for record in records}
    if len(different) != 1:
        raise InputError(
            f"{path}: its records count different things ({', '.join(sorted(map(str, different)))})."
            " Keep records of one `counts_of` and framing in a file."
        )
    # A feature counts as held when every record has it.
    shared = [n for n in records[0].features if all(n in record.features for record in records)]
    if not shared:
        raise InputError(f"{path}: no feature is in every record. Label the samples again with one version.")
    return Dataset(
        name=name,
        reference_model=models[0],
        path=path,
        ids=tuple(record.id for record in records),
        features=pd.DataFrame([record.features for record in records])[shared].astype(np.float64),
        tokens=np.array([record.input_tokens for record in records], dtype=np.float64),
        sources=np.array([record.source for record in records]),
        categories=np.array([record.category or "" for record in records]),
        held_out=held_out,
        counts_of=different.pop(),
    )


Split = Callable[[Dataset], tuple[Indices, Indices]]
