"""Feature sets: which features a candidate is fitted on, named by their parts: `basic_ngram_claude_3`.

A feature is named by itself, `basic` is the four counts, `all` is whatever the records hold; parts are joined
by `_` or `+`. `ngram_*` stands for each n-gram table in turn that the records hold a cost under; `subsets`
are all of the four counts, as the original experiment searched them; `default` is what the dataset or DEFAULT
lists, as far as the records hold it.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, combinations

from token_approx.errors import InputError
from token_approx.text.features import NGRAM

# The feature sets that a name stands for, given the features that the records hold.
FeatureSets = Callable[[Sequence[str]], list[tuple[str, ...]]]
COUNTS = ("bytes", "runes", "words", "lines")
# Counts, each n-gram table alone, and all together. A table with the counts is left to the command line: on
# none of the reference datasets are they worth the margin, and ten tables would double the ranking.
DEFAULT = ("bytes", "bytes_words", "basic", "ngram_*", "all")
TABLES = f"{NGRAM}*"
# Of whole requests: their texts and messages, what holds for all models and formats, and all that is held.
OF_REQUESTS = {
    "requests_texts": r"text_(?!.*_(of|in)_).*|requests|systems|(user|assistant)_messages",
    "requests_shared": r"(?!bytes$)(?!.*_(of|in)_).*",
    "requests_models": r"(?!bytes$).*",
}


def named(names: str | Sequence[str], default: str | Sequence[str] = DEFAULT) -> dict[str, FeatureSets]:
    """Return the feature sets of some names, given one by one or with commas between them.

    `default` are those that the name `default` stands for, as far as the records hold them.
    """
    found: dict[str, FeatureSets] = {}
    for name in _listed(names):
        if name == "default":
            found |= {each: partial(_held_sets, name=each) for each in _listed(default)}
        else:
            found[name] = partial(_sets, name=name)
    return found


def exactly(held: Sequence[str], names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return one feature set, the named features.

    Raises:
        InputError: a record lacks one of them.
    """
    for name in names:
        if name not in held:
            raise InputError(
                f"The feature {name!r} is not in every record. Valid features: {', '.join(held)}."
            )
    return [tuple(names)]


def every_subset(held: Sequence[str], names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every non-empty subset of the named features, the smallest first."""
    full = exactly(held, names)[0]
    return list(chain.from_iterable(combinations(full, size) for size in range(1, len(full) + 1)))


def expand(wanted: Mapping[str, FeatureSets], held: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the distinct feature sets of some names, by a name each.

    Where a name gives one set, that is the set's; a set among many is named by its features.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, make in wanted.items():
        sets = make(held)
        one = len(sets) == 1 and not name.endswith(TABLES)
        for features in sets:
            if features not in found.values():
                found[name if one else _name(features, held)] = features
    return found


def _name(features: tuple[str, ...], held: Sequence[str]) -> str:
    if features == tuple(held) != COUNTS and len(held) > 1:
        return "all"
    if features[: len(COUNTS)] == COUNTS:
        features = ("basic", *features[len(COUNTS) :])
    return "_".join(features)


def _listed(names: str | Sequence[str]) -> list[str]:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _held_sets(held: Sequence[str], name: str) -> list[tuple[str, ...]]:
    return [features for features in _meant(name, held) if set(features) <= set(held)]


def _sets(held: Sequence[str], name: str) -> list[tuple[str, ...]]:
    meant = _meant(name, held)
    if not meant:
        raise InputError(f"features={name}: the records hold no n-gram feature. They hold {', '.join(held)}.")
    return [exactly(held, features)[0] for features in meant]


def _meant(name: str, held: Sequence[str]) -> list[tuple[str, ...]]:
    if name == "all":
        return [tuple(held)]
    if name in OF_REQUESTS:
        return [tuple(each for each in held if re.fullmatch(OF_REQUESTS[name], each))]
    if name == "subsets":
        return every_subset(COUNTS, COUNTS)
    if name.endswith(TABLES):
        tables = (each for each in held if each.startswith(NGRAM))
        return [_features(name.removesuffix(TABLES) + table, held) for table in tables]
    return [_features(name, held)]


def _features(name: str, held: Sequence[str]) -> tuple[str, ...]:
    parts = (_parts(part, held) for part in name.split("+"))
    return tuple(dict.fromkeys(chain.from_iterable(parts)))


def _parts(name: str, held: Sequence[str]) -> tuple[str, ...]:
    if name == "basic":
        return COUNTS
    if name in (*COUNTS, *held) or name.startswith(NGRAM):
        return (name,)
    for first in ("basic", *COUNTS, *held):
        if name.startswith(f"{first}_"):
            return (*_parts(first, held), *_parts(name.removeprefix(f"{first}_"), held))
    valid = ["default", "all", "subsets", "basic", *dict.fromkeys([*COUNTS, *held])]
    near = difflib.get_close_matches(name, valid, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise InputError(
        f"unknown features={name}{hint}. Valid values: {', '.join(valid)}, and several of them joined by"
        " _, such as bytes_words."
    )
