"""Splits of a dataset into training and test records."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from token_approx.errors import InputError
from token_approx.fitting.dataset import Dataset, Indices

# Below this, neither a cross-validation nor a test error means anything.
FEWEST_RECORDS = 10
# Sources that an error message names.
MOST_LISTED = 20


def original_split(dataset: Dataset, test_size: float, seed: int) -> tuple[Indices, Indices]:
    """Return the published experiment's split: random over all records in file order, not stratified."""
    _check_size(dataset)
    train, test = train_test_split(np.arange(len(dataset)), test_size=test_size, random_state=seed)
    return train, test


def random_split(dataset: Dataset, test_size: float, seed: int) -> tuple[Indices, Indices]:
    """Return a seeded random split stratified by source; sources with one record share a stratum."""
    _check_size(dataset)
    sizes = Counter(dataset.sources.tolist())
    strata = np.array([source if sizes[source] > 1 else "" for source in dataset.sources])
    smallest = min(Counter(strata.tolist()).values())
    n_test = int(np.ceil(test_size * len(dataset)))
    # Each stratum needs two records and a place on both sides, else no stratified split exists.
    possible = smallest > 1 and len(set(strata)) <= min(n_test, len(dataset) - n_test)
    train, test = train_test_split(
        np.arange(len(dataset)), test_size=test_size, random_state=seed, stratify=strata if possible else None
    )
    return np.sort(train), np.sort(test)


def by_source(dataset: Dataset, sources: Sequence[str]) -> tuple[Indices, Indices]:
    """Return the split in which the records of the named sources are the test.

    Raises:
        InputError: no source or an unknown one is named, or nothing remains to fit on.
    """
    _check_size(dataset)
    known = sorted(set(dataset.sources.tolist()))
    if not sources or set(sources) - set(known):
        raise InputError(
            f"split=by_source: split.sources is {_listed(sources)}. Name test sources out of"
            f" {_listed(known)}."
        )
    in_test = np.isin(dataset.sources, list(sources))
    if in_test.sum() == len(dataset):
        raise InputError("split=by_source: every source is in the test. Leave one out of split.sources.")
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def _listed(sources: Sequence[str]) -> str:
    more = f" and {len(sources) - MOST_LISTED} more" if len(sources) > MOST_LISTED else ""
    return (", ".join(sources[:MOST_LISTED]) or "empty") + more


def by_group(dataset: Dataset, test_size: float, seed: int) -> tuple[Indices, Indices]:
    """Return a seeded random split in which no source is on both sides."""
    _check_size(dataset)
    if len(set(dataset.sources.tolist())) < 2:  # noqa: PLR2004 - one side each
        raise InputError("split=by_group: all records are of one source. Choose split=random.")
    shuffled = GroupShuffleSplit(n_splits=1, test_size=test_size, random_state=seed)
    train, test = next(shuffled.split(dataset.tokens, groups=dataset.sources))
    return train, test


def _check_size(dataset: Dataset) -> None:
    if len(dataset) < FEWEST_RECORDS:
        raise InputError(
            f"{dataset.path}: the dataset {dataset.name!r} has {len(dataset)} records, which is fewer than"
            f" {FEWEST_RECORDS}. Label more samples."
        )
