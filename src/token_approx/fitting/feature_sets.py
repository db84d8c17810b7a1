"""Feature sets: which features a candidate is fitted on, as functions of what the records hold."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, combinations

from token_approx.errors import InputError

# A leaf of conf/features, given the features that the records hold.
FeatureSets = Callable[[Sequence[str]], list[tuple[str, ...]]]
# Longer names of a subset are still told apart by a person, so a subset is named by its features.
SUBSET_NAMES: dict[tuple[str, ...], str] = {("bytes", "runes", "words", "lines"): "basic"}


def exactly(held: Sequence[str], names: Sequence[str], *, required: bool = True) -> list[tuple[str, ...]]:
    """Return one feature set, the named features; none if a record lacks one that is not `required`.

    Raises:
        InputError: a record lacks a required one.
    """
    missing = [name for name in names if name not in held]
    if missing and not required:
        return []
    if missing:
        raise InputError(f"feature {missing[0]!r} is not in every record: valid are {', '.join(held)}")
    return [tuple(names)]


def every_subset(held: Sequence[str], names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every non-empty subset of the named features, the smallest first."""
    full = exactly(held, names)[0]
    return list(chain.from_iterable(combinations(full, size) for size in range(1, len(full) + 1)))


def everything(held: Sequence[str]) -> list[tuple[str, ...]]:
    """Return one feature set, every feature that the records hold."""
    return [tuple(held)]


def expand(leaves: Mapping[str, FeatureSets], held: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the distinct feature sets of some leaves, by name.

    A leaf that gives one set lends it its own name; a set among many is named by its features.
    """
    named: dict[str, tuple[str, ...]] = {}
    for leaf, make in leaves.items():
        sets = make(held)
        for features in sets:
            if features not in named.values():
                named[leaf if len(sets) == 1 else subset_name(features)] = features
    return named


def subset_name(features: Iterable[str]) -> str:
    """Return the name of a subset of the features: its members joined, or the set's own name."""
    return SUBSET_NAMES.get(tuple(features), "_".join(features))


def matching(held: Sequence[str], patterns: Sequence[str]) -> list[tuple[str, ...]]:
    """Return one feature set, the features that the records hold whose whole name matches a pattern."""
    found = tuple(name for name in held if any(re.fullmatch(pattern, name) for pattern in patterns))
    return [found] if found else []
