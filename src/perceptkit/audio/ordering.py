"""Numbered chunks in their order: late ones, double ones, and those that never came."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .log import Direction

__all__ = ["Chunk", "Lost", "Order"]

_CHUNKS, _SECONDS = 8, 0.25  # what waits for a missing chunk before it is given up
_FAR = 60.0  # seconds: a number that is farther off is an error, or the sender has begun to count anew


@dataclass(frozen=True, slots=True)
class Chunk:
    """Samples as bytes, and the direction they come from, if it was told."""

    data: bytes
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Bytes that never came; 0 where nobody knows how many."""

    size: int


class Order:
    """Gives out numbered chunks in order. `rate` is in bytes a second.

    A chunk that is missing is waited for until 8 later ones are there, or one has waited 250 ms; then `Lost` stands for
    it, of the size of the chunk before. What comes after that is late, and dropped. The numbers go up by one, and begin
    anywhere. Where the sender begins to count anew, two numbers in a row that are far from what is due are believed.
    """

    def __init__(self, rate: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.duplicates = self.late = self.missing = 0
        self._rate, self._clock = rate, clock
        self._due: int | None = None
        self._size = 0  # of the last chunk
        self._moved = 0.0  # when a chunk was given out
        self._given: dict[int, int] = {}  # checksums of the newest chunks that were given out, by number
        self._waiting: dict[int, tuple[float, Chunk]] = {}
        self._stray: tuple[int, Chunk] | None = None

    def put(self, chunk: Chunk, number: int | None) -> Iterable[Chunk | Lost]:
        """What can be given out now. A chunk without a number follows what is there."""
        if number is None:
            return (*self.flush(), chunk) if self.waits else (chunk,)
        return self._put(chunk, number)

    def _put(self, chunk: Chunk, number: int) -> Iterator[Chunk | Lost]:
        if self._is_far(number, len(chunk.data)) or self._is_another(number, chunk):
            yield from self._begin_anew(number, chunk)
        elif number in self._waiting:
            self.duplicates += 1
        elif self._due is not None and number < self._due:
            if number in self._given:
                self.duplicates += 1
            else:
                self.late += 1
                self._given[number] = zlib.crc32(chunk.data)
        else:
            self._waiting[number] = self._clock(), chunk
            yield from self._ready()

    @property
    def waits(self) -> bool:
        """Whether a chunk waits for others."""
        return bool(self._waiting) or self._stray is not None

    def flush(self) -> Iterator[Chunk | Lost]:
        """All that waits; nothing more is waited for."""
        while self._waiting:
            yield from self._skip_to(min(self._waiting))
            yield from self._in_a_row()
        if self._stray is not None:
            self.late += 1
            self._stray = None

    def overdue(self) -> Iterator[Chunk | Lost]:
        """What has waited long enough; to be asked a few times a second, for when nothing comes any more."""
        if self._waiting:
            yield from self._ready()

    def _ready(self) -> Iterator[Chunk | Lost]:
        if self._due is None and 0 in self._waiting:
            self._due = 0  # nothing can come before it
        yield from self._in_a_row()
        while self._waiting and self._is_overdue():
            yield from self._skip_to(min(self._waiting))
            yield from self._in_a_row()

    def _in_a_row(self) -> Iterator[Chunk]:
        while self._due is not None and self._due in self._waiting:
            _, chunk = self._waiting.pop(self._due)
            self._due += 1
            self._note(self._due - 1, chunk)
            yield chunk

    def _note(self, number: int, chunk: Chunk) -> None:
        self._size, self._moved = len(chunk.data), self._clock()
        self._given[number] = zlib.crc32(chunk.data)
        if len(self._given) > 1000:
            del self._given[next(iter(self._given))]

    def _is_another(self, number: int, chunk: Chunk) -> bool:
        """Whether a number was given out, with other samples: the sender has begun to count anew."""
        if number == self._due:
            return False
        if self._stray is not None and number == self._stray[0] + 1:
            return True
        return number in self._given and self._given[number] != zlib.crc32(chunk.data)

    def _is_overdue(self) -> bool:
        # One far ahead of others that come in order is a wrong number, and nothing to hurry to.
        longest = self._clock() - max(self._moved, min(since for since, _ in self._waiting.values()))
        return len(self._waiting) >= _CHUNKS or longest >= _SECONDS

    def _skip_to(self, number: int) -> Iterator[Lost]:
        """Give up what is missing before a number."""
        if self._is_far(number, len(self._waiting[number][1].data)):  # it came before the first that could be right
            del self._waiting[number]
            self.late += 1
            return
        if self._due is not None and number > self._due:
            lost = number - self._due
            self.missing += lost
            yield Lost(lost * (self._size or len(self._waiting[number][1].data)))
        self._due = number

    def _is_far(self, number: int, size: int) -> bool:
        if self._due is None:
            return False
        chunks = _FAR * self._rate / max(self._size or size, 1)
        return abs(number - self._due) > max(chunks, 100)

    def _begin_anew(self, number: int, chunk: Chunk) -> Iterator[Chunk | Lost]:
        stray = self._stray
        if stray is None or number != stray[0] + 1:
            self.late += stray is not None
            self._stray = number, chunk
            return
        self._stray = None
        yield from self.flush()
        yield Lost(0)
        self._given.clear()
        self._due = number + 1
        self._note(number - 1, stray[1])
        self._note(number, chunk)
        yield stray[1]
        yield chunk
