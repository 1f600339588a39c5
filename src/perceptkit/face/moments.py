"""The best moments of a track: good ones that are apart in time, chosen as they come and in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

__all__ = ["APART", "Moments"]

APART = 0.5
"""Seconds that should lie between two moments of a track: what is nearer shows the same pose in the same light."""

_INSTANT = 1e-6  # seconds: the rounding of a difference

T = TypeVar("T")


class Moments(Generic[T]):
    """The best moments so far of one track, at most twice `count` of them.

    The best of every half second is kept before any second one of it, so that a face that gets better all the time
    does not push out what came before. `offered` counts the moments, `last` is the time of the last one.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[_Moment] = []
        self.offered = 0
        self.last = -math.inf

    def offer(self, time: float, quality: float, make: Callable[[], T]) -> None:
        """A moment with its quality 0..1; what it holds is made only if it is kept."""
        self.offered, self.last = self.offered + 1, time
        new = _Moment(time, quality)
        kept = _ranked([*self._kept, new])[: 2 * self._count]
        self._kept = [replace(new, content=make()) if moment is new else moment for moment in kept]

    def best(self) -> list[T]:
        """What the best moments hold, at most `count`, in order of time.

        They are at least `APART` seconds from each other, unless there are too few such.
        """
        ranked = _ranked(self._kept)
        chosen: list[_Moment] = []
        for moment in ranked:
            if all(abs(moment.time - other.time) >= APART - _INSTANT for other in chosen):
                chosen.append(moment)
        chosen += [moment for moment in ranked if moment not in chosen]
        return [moment.content for moment in sorted(chosen[: self._count], key=lambda moment: moment.time)]


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    time: float
    quality: float
    content: Any = None


def _ranked(moments: Sequence[_Moment]) -> list[_Moment]:
    """The best of every half second, best first, then the others in the same order; of equals the earlier one."""
    ordered = sorted(moments, key=lambda moment: (-moment.quality, moment.time))
    winners: dict[int, _Moment] = {}
    for moment in ordered:
        winners.setdefault(math.floor(moment.time / APART), moment)
    return sorted(ordered, key=lambda moment: winners[math.floor(moment.time / APART)] is not moment)
