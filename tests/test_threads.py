"""Work in threads: in order, in bounded memory, errors in their place, and no thread left whatever ends it."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Generator, Iterator
from contextlib import closing

import pytest

from perceptkit.threads import Behind, prefetch, spread


def left_running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("perceptkit")]


@pytest.mark.parametrize(("workers", "ahead"), [(1, 0), (1, 2), (3, 0), (4, 2)])
def test_results_come_in_order_and_never_too_many_are_begun(workers: int, ahead: int) -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for number in range(40):
            begun.append(number)
            yield number

    def square(number: int) -> int:
        time.sleep(0.003 if number % 4 == 0 else 0)  # the later ones are done first
        return number * number

    results = []
    for taken, result in enumerate(spread(square, items(), workers=workers, ahead=ahead), 1):
        results.append(result)
        assert len(begun) <= taken + workers + ahead
    assert results == [number * number for number in range(40)]
    assert left_running() == []


def test_work_is_done_at_the_same_time_and_in_other_threads() -> None:
    together = threading.Barrier(3, timeout=10)

    def meet(number: int) -> str:
        together.wait()
        return threading.current_thread().name

    names = list(spread(meet, range(3), workers=3))
    assert len(set(names)) == 3
    assert threading.current_thread().name not in names


def test_nothing_is_begun_before_the_first_result_is_asked_for() -> None:
    begun: list[int] = []
    results = spread(begun.append, range(3), workers=1)
    assert begun == []
    assert list(results) == [None] * 3
    assert list(spread(begun.append, [], workers=2)) == []


class Stop(BaseException):
    """What is no Exception, as an interrupt is not."""


@pytest.mark.parametrize("error", [ValueError("fifth"), Stop("fifth")], ids=["error", "interrupt"])
def test_error_in_the_function_comes_out_in_its_place(error: BaseException) -> None:
    def fail(number: int) -> int:
        if number == 4:
            raise error
        return number

    results = spread(fail, range(40), workers=3)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(type(error), match="fifth"):
        next(results)
    assert left_running() == []
    assert list(results) == []


@pytest.mark.parametrize("at", [0, 1, 4, 9])
def test_error_in_the_items_comes_out_after_the_results_before_it(at: int) -> None:
    def items() -> Iterator[int]:
        yield from range(at)
        raise ValueError("no more")

    results = spread(lambda number: number * 10, items(), workers=2, ahead=1)
    assert [next(results) for _ in range(at)] == [number * 10 for number in range(at)]
    with pytest.raises(ValueError, match="no more"):
        next(results)
    assert left_running() == []


def test_interrupt_in_the_items_comes_out_at_once() -> None:
    def items() -> Iterator[int]:
        yield from range(2)
        raise Stop

    with pytest.raises(Stop):
        next(spread(abs, items(), workers=2, ahead=1))
    assert left_running() == []


@pytest.mark.parametrize("leave", ["close", "error"])
def test_consumer_that_stops_early_waits_for_what_is_under_way_and_drops_the_rest(leave: str) -> None:
    begun: list[int] = []
    finished: list[int] = []
    two_under_way, release = threading.Semaphore(0), threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number > 0:
            two_under_way.release()
            assert release.wait(10)
        finished.append(number)
        return number

    def consume() -> None:
        results = spread(work, range(40), workers=2, ahead=3)
        assert next(results) == 0
        assert two_under_way.acquire(timeout=10)
        assert two_under_way.acquire(timeout=10)
        threading.Timer(0.05, release.set).start()
        if leave == "close":
            results.close()
            return
        raise ValueError("the consumer fails")

    if leave == "close":
        consume()
    else:
        with pytest.raises(ValueError, match="the consumer fails") as raised:
            consume()
        del raised  # it holds the frame, and that the results
    assert left_running() == []
    assert sorted(finished) == sorted(begun) == [0, 1, 2]


# prefetch


class Numbers:
    """The numbers from 0 to 39, which note how many were read, and where they were closed."""

    def __init__(self, error: BaseException | None = None, at: int = 40) -> None:
        self.read = 0
        self.closed_in: str | None = None
        self._error, self._at = error, at

    def __iter__(self) -> Generator[int, None, None]:
        try:
            for number in range(40):
                if number == self._at and self._error is not None:
                    raise self._error
                self.read += 1
                yield number
        finally:
            self.closed_in = threading.current_thread().name


@pytest.mark.parametrize("ahead", [0, 1, 2, 7, 100])
def test_items_are_read_ahead_in_order_and_in_bounds(ahead: int) -> None:
    numbers = Numbers()
    taken = []
    for number in prefetch(numbers, ahead=ahead):
        taken.append(number)
        assert numbers.read <= len(taken) + ahead
    assert taken == list(range(40))
    assert left_running() == []


@pytest.mark.parametrize("ahead", [1, 4])
def test_as_many_as_allowed_are_read_while_the_consumer_is_busy(ahead: int) -> None:
    full = threading.Event()

    def items() -> Iterator[int]:
        for number in range(40):
            if number == 2 + ahead - 1:
                full.set()
            yield number

    with closing(prefetch(items(), ahead=ahead)) as numbers:
        assert [next(numbers), next(numbers)] == [0, 1]
        assert full.wait(10)
    assert left_running() == []


def test_nothing_is_read_before_the_first_item_is_asked_for() -> None:
    numbers = Numbers()
    prefetch(numbers).close()
    assert numbers.read == 0
    assert list(prefetch([])) == []


@pytest.mark.parametrize("at", [0, 1, 5, 39])
@pytest.mark.parametrize("error", [ValueError("no more"), Stop("no more"), KeyboardInterrupt("no more")], ids=repr)
def test_error_in_the_items_comes_out_in_its_place(error: BaseException, at: int) -> None:
    ahead = prefetch(Numbers(error, at))
    assert [next(ahead) for _ in range(at)] == list(range(at))
    with pytest.raises(type(error), match="no more"):
        next(ahead)
    assert left_running() == []
    assert list(ahead) == []


def test_what_cannot_be_iterated_is_an_error_and_no_hang() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        next(prefetch(3))  # type: ignore[arg-type]
    assert left_running() == []


@pytest.mark.parametrize("taken", [1, 3])
@pytest.mark.parametrize("leave", ["close", "error", "interrupt"])
def test_items_are_closed_in_their_thread_when_the_consumer_stops_early(leave: str, taken: int) -> None:
    numbers = Numbers()

    def consume() -> None:
        with closing(prefetch(numbers)) as ahead:
            for _ in range(taken):
                next(ahead)
            if leave == "error":
                raise ValueError("the consumer fails")
            if leave == "interrupt":
                raise KeyboardInterrupt("the consumer fails")

    if leave == "close":
        consume()
    else:
        with pytest.raises((ValueError, KeyboardInterrupt), match="the consumer fails"):
            consume()
    assert left_running() == []
    assert numbers.closed_in == "perceptkit-reader"
    assert numbers.read <= taken + 4


def test_loop_that_fails_leaves_no_thread() -> None:
    numbers = Numbers()

    def consume() -> None:
        for number in prefetch(numbers):
            if number == 2:
                raise ValueError("the consumer fails")

    with pytest.raises(ValueError, match="the consumer fails"):
        consume()
    assert left_running() == []
    assert numbers.closed_in == "perceptkit-reader"


def test_error_that_came_out_keeps_nothing_alive() -> None:
    numbers = Numbers()
    gone = weakref.ref(numbers)

    def fail(held: Numbers) -> Iterator[int]:
        yield held.read
        raise ValueError("no more")

    gc.disable()
    try:
        with pytest.raises(ValueError, match="no more"):
            list(prefetch(fail(numbers)))
        del numbers
        assert gone() is None
    finally:
        gc.enable()


def test_work_behind_is_done_in_order_and_all_of_it() -> None:
    done: list[int] = []
    behind = Behind(done.extend, enough=10, most=100, every=60)
    for number in range(1000):
        assert behind.give(number, 1)
    behind.close()
    assert done == list(range(1000))
    assert left_running() == []


def test_little_work_behind_waits_for_more_but_not_for_ever() -> None:
    came, looked = threading.Event(), threading.Event()

    def work(items: list[int]) -> None:
        (came if items == [1] else looked).set()

    behind = Behind(work, enough=1000, most=10_000, every=0.01)
    behind.give(1, 1)
    assert came.wait(10)
    assert looked.wait(10)  # whether something has to be done without any, too
    behind.close()


def test_what_waits_behind_is_bounded_and_the_caller_may_refuse_to_wait() -> None:
    allowed, working = threading.Event(), threading.Event()
    done: list[int] = []

    def work(items: list[int]) -> None:
        working.set()
        assert allowed.wait(10)
        done.extend(items)

    behind = Behind(work, enough=1, most=100, every=60)
    assert behind.give(1, 500)  # larger than all that may wait, but nothing else does
    assert working.wait(10)
    assert not behind.give(2, 1, wait=False)
    later = threading.Thread(target=behind.give, args=(3, 1))
    later.start()
    allowed.set()
    later.join(10)
    assert not later.is_alive()
    behind.close()
    assert done == [1, 3]


def test_an_error_behind_comes_out_at_whoever_gives_or_closes() -> None:
    def work(items: list[int]) -> None:
        raise OSError("the disk is gone")

    behind = Behind(work, enough=1, most=1, every=60)
    behind.give(1, 1)
    with pytest.raises(OSError, match="the disk is gone"):
        behind.give(1, 1)  # waits until there is room, which there never is
    with pytest.raises(OSError, match="the disk is gone"):
        behind.close()
    assert left_running() == []
