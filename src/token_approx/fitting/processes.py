"""The same work on many things, in several processes, while the caller does something else."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Return an iterator over `work` of each item, in their order; processes begin at once.

    With one worker there is no other process, and an item's turn comes when its result is asked for.
    Whatever `work` raises is raised where its result is asked for; what has not begun then is left out.
    """
    if workers == 1:
        return (_alone(work, item) for item in items)
    # On Linux they are copies of this process, which start in no time: to import all that fits and draws
    # takes each of them 8 s of a processor. Elsewhere copies are not safe.
    context = get_context("fork" if sys.platform == "linux" else None)
    executor = ProcessPoolExecutor(workers, context)
    return _results(executor, [executor.submit(_alone, work, item) for item in items])


def _results(executor: ProcessPoolExecutor, begun: list[Future[Result]]) -> Iterator[Result]:
    try:
        for future in begun:
            yield future.result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _alone(work: Callable[[Item], Result], item: Item) -> Result:
    # The matrices are small: with two threads for each, two fits at once take four times as long.
    with threadpool_limits(1, "blas"):
        return work(item)
