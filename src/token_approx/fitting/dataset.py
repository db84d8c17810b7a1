"""A dataset: records as arrays, ready to split and fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from token_approx.errors import InputError
from token_approx.labelling.counters.protocol import TEXT
from token_approx.labelling.records import Record, read_records

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Dataset:
    """Labelled records of one reference model.

    `features` has one row per record and one column per feature; `tokens` (n,) are the counted tokens;
    `sources` (n,) say what each record came from, `scope` what its label counts (None: the records do not
    say). `held_out` are records of sources that take no part in
    fitting or choosing and only show the error on an unseen source.
    """

    name: str
    reference_model: str
    path: Path
    ids: tuple[str, ...]
    features: pd.DataFrame
    tokens: Floats
    sources: Names
    held_out: "Dataset | None" = None
    scope: str | None = None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.tokens)

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
        InputError: the file is no valid records file, a name is not in it, or it mixes reference models.
    """
    path = Path(records)
    if not records:
        raise InputError("dataset=custom needs a records file: give records=<path> (-P records=<path>)")
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


def _scope(record: Record) -> str | None:
    # Without its framing, a message counts as its text alone does.
    return TEXT if record.framing_tokens is not None else record.scope


def _check_names(path: Path, field: str, wanted: Sequence[str], found: set[str]) -> None:
    unknown = sorted(set(wanted) - found)
    if unknown:
        raise InputError(
            f"{path}: no record has {field} {unknown[0]!r}: valid are {', '.join(sorted(found))}"
        )


def _as_arrays(name: str, path: Path, records: list[Record], held_out: Dataset | None = None) -> Dataset:
    models = sorted({record.model for record in records})
    if len(models) != 1:
        raise InputError(
            f"{path}: {len(records)} records of {len(models)} reference models selected"
            f" ({', '.join(models) or 'none'}): keep the records of exactly one model in a file"
        )
    scopes = {_scope(record) for record in records}
    if len(scopes) != 1:
        raise InputError(
            f"{path}: its records count different things ({', '.join(sorted(map(str, scopes)))}):"
            " keep those of one scope and framing in a file"
        )
    # A feature counts as held when every record has it.
    shared = [n for n in records[0].features if all(n in record.features for record in records)]
    if not shared:
        raise InputError(f"{path}: no feature is in every record: label the samples again with one version")
    return Dataset(
        name=name,
        reference_model=models[0],
        path=path,
        ids=tuple(record.id for record in records),
        features=pd.DataFrame([record.features for record in records])[shared].astype(np.float64),
        tokens=np.array([record.input_tokens for record in records], dtype=np.float64),
        sources=np.array([record.source for record in records]),
        held_out=held_out,
        scope=scopes.pop(),
    )


Split = Callable[[Dataset], tuple[Indices, Indices]]
