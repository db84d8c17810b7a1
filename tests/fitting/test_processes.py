"""Work in several processes: in order, begun at once, by one thread each, and what it raises is raised."""

import os
import time
from functools import partial
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from token_approx.fitting.processes import in_processes


def place(number: int) -> tuple[int, int]:
    """Return what was given, and the process that it was given to."""
    time.sleep(0.02)
    return number, os.getpid()


def most_threads(_: int) -> int:
    """Return how many threads a product of matrices may take."""
    return max(int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas")


def inverse(number: int) -> float:
    """Return 1 / number."""
    return 1 / number


def touch(folder: Path, number: int) -> None:
    """Leave a file."""
    (folder / str(number)).touch()


@pytest.mark.parametrize("workers", [1, 3])
def test_results_are_in_order(workers: int) -> None:
    """Whoever does it, results come in the order of the items; with one worker this process does it."""
    found = list(in_processes(place, range(20), workers))
    assert [number for number, _ in found] == list(range(20))
    assert ({process for _, process in found} == {os.getpid()}) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_thread_each(workers: int) -> None:
    """A worker's linear algebra takes one thread."""
    assert list(in_processes(most_threads, range(3), workers)) == [1, 1, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_raised(workers: int) -> None:
    """An error is raised at its item's turn, and not before."""
    results = in_processes(inverse, [1, 2, 0, 4], workers)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_work_goes_on_while_nobody_asks(tmp_path: Path) -> None:
    """All of it is done before the first result is asked for."""
    results = in_processes(partial(touch, tmp_path), range(5), 2)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert list(results) == [None] * 5
