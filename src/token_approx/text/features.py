"""Every feature that the package computes of a text, by name."""

from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from .counts import count, encode
from .ngrams import NgramTable, shipped_tables
from .own_tables import known_file, known_tables

BASIC = ("bytes", "runes", "words", "lines")
NGRAM = "ngram_"
TABLES = tuple(shipped_tables())
FEATURES = (*BASIC, *(NGRAM + table for table in TABLES))


def known_table(name: str) -> NgramTable:
    """Return a shipped n-gram table, or one of one's own, by its name, loaded once per process."""
    path = known_file(name)
    return _loaded(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2 * len(TABLES))
def _loaded(path: Path, _changed: int) -> NgramTable:
    return NgramTable.load(path)


def known_features() -> tuple[str, ...]:
    """Return the names of all features: the basic counts, and the costs under each table that is known."""
    return (*BASIC, *(NGRAM + table for table in known_tables()))


def features(text: str | bytes) -> dict[str, float]:
    """Return all features of one text: its basic counts and its cost in tokens under each known table."""
    return features_of([text])[0]


def features_of(texts: Iterable[str | bytes]) -> list[dict[str, float]]:
    """Return all features of each text; the tables score the texts together."""
    data = [encode(text) if isinstance(text, str) else text for text in texts]
    rows = [{name: float(value) for name, value in asdict(count(text)).items()} for text in data]
    for name, path in known_tables().items():
        table = _loaded(path, path.stat().st_mtime_ns)
        for row, units in zip(rows, table.score_many(data).tolist(), strict=True):
            row[NGRAM + name] = units * table.unit
    return rows
