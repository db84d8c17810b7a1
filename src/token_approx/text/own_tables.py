"""N-gram tables of one's own: files that stand beside the shipped ones, by the names of their files.

The environment variable TOKEN_APPROX_TABLES lists files and folders of them, as PATH lists folders; a stage's
`tables=` and a path in `features=ngram_<path>` add to it while the stage runs.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from .ngrams import SUFFIXES, shipped_tables
from .table_file import TableError, refuse

VARIABLE = "TOKEN_APPROX_TABLES"
# As a feature's name in records, and a coefficient's in model_coefs.json.
NAME = re.compile(r"[A-Za-z0-9_]+")
# What stands in a feature set's name after `ngram_`, where it is a path.
PATH = re.compile(r"(?<=ngram_)(?:[^,+]*[/\\][^,+]*|[^,+/\\]+\.(?:json|packed))")


def own_tables(shipped: Iterable[str] = ()) -> dict[str, Path]:
    """Return the files of one's own tables by name; `shipped` are names that they must not have.

    Raises:
        TableError: a path leads to no table, or two tables have one name, or a name is none of a feature.
    """
    found: dict[str, Path] = {}
    for entry in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        for path in _files(Path(entry).expanduser()):
            if not NAME.fullmatch(path.stem):
                raise TableError(
                    f"{path}: an n-gram table's name may hold letters, digits and _, as the features of it"
                    " are named after it. Rename the file."
                )
            if path.stem in shipped or found.get(path.stem, path).resolve() != path.resolve():
                other = "a shipped table" if path.stem in shipped else found[path.stem]
                raise TableError(f"{path} has the name of {other}. Rename the file.")
            found[path.stem] = path
    return found


def known_tables() -> dict[str, Path]:
    """Return the files of the shipped tables and of one's own (see `own_tables`), by name."""
    shipped = _shipped()
    return shipped | own_tables(shipped)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Path]:
    return shipped_tables()


def known_file(name: str) -> Path:
    """Return the file of a table by its name; raises TableError, with the names there are, for another."""
    known = known_tables()
    if name not in known:
        remedy = "The path of a file holds a separator or ends in .json."
        refuse("table", name, f"The shipped tables are {', '.join(known) or 'none'}. {remedy}")
    return known[name]


@contextmanager
def with_tables(paths: Iterable[str | Path]) -> Iterator[None]:
    """Add tables of one's own, by their paths, for the time of a block, here and in processes begun in it.

    Raises:
        TableError: as `own_tables`.
    """
    before = os.environ.get(VARIABLE)
    added = [str(Path(path).expanduser().absolute()) for path in paths]
    os.environ[VARIABLE] = os.pathsep.join([*filter(None, [before]), *added])
    try:
        own_tables()
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def tables_in(features: str | Iterable[str]) -> tuple[str | list[str], list[str]]:
    """Return names of feature sets with the names of tables in the place of paths, and those paths.

    >>> tables_in("basic,ngram_tables/mine.json")
    ('basic,ngram_mine', ['tables/mine.json'])
    """
    if not isinstance(features, str):
        several = [tables_in(name) for name in features]
        return [str(name) for name, _ in several], [path for _, paths in several for path in paths]
    paths = PATH.findall(features)
    return PATH.sub(lambda found: Path(found[0]).stem, features), paths


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [each for each in sorted(path.iterdir()) if each.suffix in SUFFIXES and _is_table(each)]
    if not path.is_file():
        raise TableError(f"{path}: there is no n-gram table. Correct the path, or the variable {VARIABLE}.")
    return [path]


def _is_table(path: Path) -> bool:
    # A model's folder holds other JSON files beside its tables.
    return path.suffix != ".json" or _has_weights(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _has_weights(path: Path, _changed: int) -> bool:
    # Asked for each text that is measured; a table's file has a megabyte.
    return b'"weights_sha256"' in path.read_bytes()
