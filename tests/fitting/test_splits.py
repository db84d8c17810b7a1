"""Splits are disjoint, complete, seeded and keep their promises about sources."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from token_approx.errors import InputError
from token_approx.fitting.dataset import read_dataset
from token_approx.fitting.splits import by_source, original_split, random_split

MakeRecords = Callable[..., Path]


def test_random_is_stratified_and_complete(make_records: MakeRecords) -> None:
    """Every record is on one side, each source has its share in the test, and the seed decides."""
    dataset = read_dataset("d", str(make_records(50, ("a", "a", "a", "a", "b"))))
    train, test = random_split(dataset, 0.2, 1)
    assert sorted([*train, *test]) == list(range(50))
    assert (dataset.sources[test] == "b").sum() == 2
    assert np.array_equal(test, random_split(dataset, 0.2, 1)[1])
    assert not np.array_equal(test, random_split(dataset, 0.2, 2)[1])


def test_random_with_a_source_per_record(make_records: MakeRecords) -> None:
    """Sources too small to stratify by do not stop the split."""
    dataset = read_dataset("d", str(make_records(20, tuple(f"s{i}" for i in range(20)))))
    assert len(random_split(dataset, 0.2, 1)[1]) == 4


def test_by_source_holds_sources_out(make_records: MakeRecords) -> None:
    """The named sources are the test; names that leave nothing, or are unknown, are refused by name."""
    dataset = read_dataset("d", str(make_records(30, ("a", "b", "c"))))
    train, test = by_source(dataset, ["b"])
    assert set(dataset.sources[test]) == {"b"}
    assert set(dataset.sources[train]) == {"a", "c"}
    for sources in ([], ["q"], ["a", "b", "c"]):
        with pytest.raises(InputError, match=r"split\.sources|every source"):
            by_source(dataset, sources)


def test_too_few_records(make_records: MakeRecords) -> None:
    """Nine records are no dataset."""
    with pytest.raises(InputError, match="9 records, which is fewer than 10"):
        original_split(read_dataset("d", str(make_records(9))), 0.2, 42)
