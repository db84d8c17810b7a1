"""Labelled documents: text, token count, group and category, from Parquet or JSON Lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from token_approx.errors import InputError
from token_approx.pretraining.pieces import Floats

OPTIONAL = {"family": "", "split": ""}


@dataclass(frozen=True)
class Importance:
    """How often a document counts: by its family, and by `others` for languages outside of `main_languages`.

    The language is what follows the family in a category (`narr_fr`), for the families in `by_language`.
    """

    families: Mapping[str, float] = field(default_factory=dict)
    by_language: Sequence[str] = ()
    main_languages: Sequence[str] = ()
    others: float = 1.0

    def of(self, documents: pd.DataFrame) -> Floats:
        """Return the weight of each document, shape (documents,)."""
        family = documents["family"]
        weights = family.map(lambda name: self.families.get(name, 1.0)).to_numpy(np.float64)
        language = documents["category"].str.split("_", n=1).str[1].astype(object).fillna("")
        minor = family.isin(list(self.by_language)) & ~language.isin(list(self.main_languages))
        return np.where(minor, self.others * weights, weights)


def read_documents(
    paths: Sequence[str], tokens: str, counts: str = "", *, counted: bool = True
) -> pd.DataFrame:
    """Return labelled documents as a frame: corpus, text, tokens, group, category, family, split.

    `tokens` names the column of counts, in the documents' files or in the file `counts` (columns id, corpus
    and `tokens`; a document's corpus is the stem of its file's name). A file `counts` without corpus, such as
    the records of some samples, counts documents by their id alone, and those that it lacks are left out.
    With `counted` false documents may lack a count: their tokens are NaN. Documents without text are left
    out: they teach nothing. A file without `group` has the groups that its `source` says, or a group per
    document; one without `category` is a category of its own.

    Raises:
        InputError: a file cannot be read, or lacks a column or a count.
    """
    if not paths:
        raise InputError("pretrain needs documents. Give documents=[<path>,…].")
    table = _load(Path(counts), ("id", tokens)) if counts else None
    return pd.concat([_read(Path(path), tokens, table, counted) for path in paths], ignore_index=True)


def _load(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_json(path, lines=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}). Give Parquet or JSON Lines.") from error
    for column in columns:
        if column not in frame:
            raise InputError(f"{path} has no column {column!r}. It has {', '.join(map(str, frame.columns))}.")
    return frame


def _read(path: Path, tokens: str, table: pd.DataFrame | None, counted: bool) -> pd.DataFrame:  # noqa: FBT001
    frame = _load(path, ("text",))
    partial = False
    if tokens not in frame:
        own = None if table is None else _counts_of(table, path.stem)
        partial = own is not None and "corpus" not in own
        if own is not None:
            by_id = own.drop_duplicates("id").set_index("id")[tokens]
            frame = _load(path, ("text", "id"))
            frame[tokens] = frame["id"].map(by_id)
        elif not counted:
            frame[tokens] = np.nan
    frame = frame if tokens in frame else _load(path, ("text", tokens))
    if partial and counted:
        frame = frame[frame[tokens].notna()].reset_index(drop=True)
        if frame.empty:
            raise InputError(f"{path}: the counts are of none of its documents. Give counts= of these.")
    counts = pd.to_numeric(frame[tokens], errors="coerce")
    may_lack = not counted and (partial or bool(frame[tokens].isna().all()))
    bad = np.flatnonzero(~(counts >= 0) & ~(frame[tokens].isna() & may_lack))
    if bad.size:
        found = frame[tokens].iloc[bad[0]]
        raise InputError(
            f"{path}: in row {bad[0]}, {tokens} is {found}, not a number of tokens. Count that text again."
        )
    return _completed(frame, path, counts)


def _counts_of(table: pd.DataFrame, corpus: str) -> pd.DataFrame | None:
    # The counts of a corpus, None where there are none; a table without corpora counts all by their ids.
    if "corpus" not in table:
        return table
    own = table[table["corpus"] == corpus]
    return None if own.empty else own


def _completed(frame: pd.DataFrame, path: Path, counts: pd.Series) -> pd.DataFrame:
    defaults = {
        "group": frame.get("source", [f"{path.stem}-{row}" for row in range(len(frame))]),
        "category": path.stem,
    } | OPTIONAL
    frame = frame.assign(tokens=counts.astype(np.float64), corpus=path.stem)
    frame = frame.assign(**{name: value for name, value in defaults.items() if name not in frame})
    kept = ["corpus", "text", "tokens", "group", "category", *OPTIONAL]
    return frame.loc[frame["text"].str.len() > 0, kept]


def held_out(documents: pd.DataFrame, share: float, seed: int) -> pd.Series:
    """Say which documents are held out: the split `test` where there is one, else a share of the groups."""
    if (documents["split"] == "test").any():
        return documents["split"] == "test"
    groups = np.sort(documents["group"].unique())
    drawn = np.random.default_rng(seed).permutation(groups)[: max(1, round(share * len(groups)))]
    return documents["group"].isin(drawn)
