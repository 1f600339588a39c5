"""Work on many photos at once, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")
R = TypeVar("R")


def prefetch(function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int = 2) -> Iterator[R]:
    """`map(function, items)` in `workers` threads: in order, and never more than `workers + ahead` results ahead.

    An error in `function` or in `items` comes out where its result would have. When the consumer stops early, items
    not begun are dropped and those under way are waited for: no thread is left running.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="perceptkit")
    begun = _submit(pool, function, items)
    try:
        waiting = deque(islice(begun, workers + ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(islice(begun, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]) -> Iterator[Future[R]]:
    try:
        for item in items:
            yield pool.submit(function, item)
    except Exception as error:  # noqa: BLE001 - it is raised in its place, after the results before it
        failed: Future[R] = Future()
        failed.set_exception(error)
        yield failed
