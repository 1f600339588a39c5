"""The one place that starts threads: work spread over them, and reading ahead, in order and in bounded memory.

Whatever ends the consumer (an error, Ctrl-C, a `close`), no thread is left running.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

__all__ = ["Behind", "prefetch", "spread"]

T = TypeVar("T")
R = TypeVar("R")


def spread(function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int = 2) -> Generator[R, None, None]:
    """`map(function, items)` in `workers` threads: in order, and never more than `workers + ahead` results ahead.

    An error in `function` or in `items` comes out where its result would have. When the consumer stops early, items
    not begun are dropped and those under way are waited for.
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


def prefetch(items: Iterable[T], *, ahead: int = 4) -> Generator[T, None, None]:
    """The same items, read in a thread of their own, at most `ahead` of them before they are asked for.

    An error in `items` comes out in its place. When the consumer stops early, `items` is closed in its thread if it
    is a generator.
    """
    handed: queue.SimpleQueue[tuple[bool, T | BaseException | None]] = queue.SimpleQueue()
    wanted: queue.SimpleQueue[None] = queue.SimpleQueue()  # no Semaphore: a Ctrl-C could leave it locked
    for _ in range(ahead):
        wanted.put(None)
    stop = threading.Event()
    reader = threading.Thread(target=_read, args=(items, handed, wanted, stop), name="perceptkit-reader", daemon=True)
    reader.start()
    try:
        while True:
            wanted.put(None)
            more, item = handed.get()
            if more:
                yield item  # type: ignore[misc] # a pair with True holds an item
            elif isinstance(item, BaseException):
                raise item
            else:
                return
    finally:
        item = None  # an error that holds this frame would keep both alive
        stop.set()
        wanted.put(None)
        reader.join()


class Behind(Generic[T]):
    """Work that is done behind the caller: in the order given, in a thread of its own, in bounded memory.

    `work` is called with the items that have come, as soon as they have the size `enough` together, and every so many
    seconds, with none if there are none. Those that wait are together no larger than `most`, unless there is only one.
    The first error of `work` ends it: it is raised to whoever gives more items, or closes. One thread may give at a
    time. Ctrl-C may come at any moment; then too, all that was given is done when it is closed.
    """

    # No Condition: a Ctrl-C within its `__enter__` leaves it locked for ever. Queues in C cannot be torn so.

    def __init__(self, work: Callable[[list[T]], None], *, enough: int, most: int, every: float) -> None:
        self._work, self._enough, self._most, self._every = work, enough, most, every
        self._items: deque[tuple[T, int]] = deque()
        self._given = self._done = 0  # sizes; each is written by one thread only
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes the thread
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes who waits for room
        self._rung = self._waiting = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="perceptkit-writer", daemon=True)
        self._thread.start()

    def give(self, item: T, size: int, *, wait: bool = True) -> bool:
        """Hand over an item; False when there is no room and the caller does not `wait` for it."""
        while self._is_full(size):
            if not wait:
                return False
            self._ring()
            self._waiting = True
            if self._is_full(size):
                self._room.get()
        if self._error is not None:
            raise self._error
        self._items.append((item, size))
        self._given += size
        if self._given - self._done >= self._enough:  # to wake it for each costs more than the work
            self._ring()
        return True

    def close(self) -> None:
        """Wait until all is done."""
        self._closed = True
        self._bell.put(None)
        if threading.current_thread() is not self._thread:  # as when the work itself drops who owns this
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _is_full(self, size: int) -> bool:
        waiting = self._given - self._done
        return self._error is None and waiting > 0 and waiting + size > self._most

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    def _run(self) -> None:
        try:
            closed = False
            while not closed or self._items:
                closed = self._closed
                if not closed:
                    with suppress(queue.Empty):
                        self._bell.get(timeout=self._every)
                self._rung = False
                items = [self._items.popleft() for _ in range(len(self._items))]
                self._work([item for item, _ in items])
                self._done += sum(size for _, size in items)
                self._make_room()
        except BaseException as error:  # noqa: BLE001 - it is raised on the other side
            self._error = error
            self._items.clear()
            self._make_room()

    def _make_room(self) -> None:
        if self._waiting:
            self._waiting = False
            self._room.put(None)


def _submit(pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]) -> Iterator[Future[R]]:
    try:
        for item in items:
            yield pool.submit(function, item)
    except Exception as error:  # noqa: BLE001 - it is raised in its place, after the results before it
        failed: Future[R] = Future()
        failed.set_exception(error)
        yield failed


def _read(
    items: Iterable[T],
    handed: queue.SimpleQueue[tuple[bool, T | BaseException | None]],
    wanted: queue.SimpleQueue[None],
    stop: threading.Event,
) -> None:
    """Hand over one item for each that is wanted, then the end: (False, None), or the error that ended them."""
    try:
        iterator = iter(items)
        while not _stopped(wanted, stop):
            handed.put((True, next(iterator)))
        if isinstance(iterator, Generator):
            iterator.close()
    except StopIteration:
        handed.put((False, None))
    except BaseException as error:  # noqa: BLE001 - it is raised on the other side
        handed.put((False, error))


def _stopped(wanted: queue.SimpleQueue[None], stop: threading.Event) -> bool:
    """Whether nobody wants more, when that is known: one more is wanted, or none ever."""
    wanted.get()
    return stop.is_set()
