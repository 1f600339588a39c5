"""Directions as the marks of a WAV: few enough for every program, where the direction changes."""

from __future__ import annotations

from .angles import AZIMUTH, CONVENTIONS, Convention, convert
from .log import Direction

__all__ = ["Marks"]

_MOST = 1000
_CHANGE = 5.0  # degrees from the mark before
_SELDOM = 10.0  # seconds from it

_Mark = tuple[int, Direction]


class Marks:
    """Chooses the marks of directions while they come: on a change of 5 degrees, and every 10 s; at most 1000.

    Where there would be more, twice the change and twice the time are asked for, also of those chosen before.
    """

    def __init__(self, rate: int, convention: Convention) -> None:
        self._rate, self._convention, self._to_degrees = rate, convention, 360 / convention.turn
        self._scale = 1.0
        self._apart = 0  # samples from one mark to the next, at least
        self._kept: list[_Mark] = []

    def add(self, sample: int, direction: Direction) -> None:
        """A direction that holds from a sample on."""
        mark = sample, direction
        if self._kept and sample <= self._kept[-1][0]:
            self._kept.pop()  # what is said last holds
        if not self._kept or self._differs(self._kept[-1], mark):
            self._kept.append(mark)
        while len(self._kept) > _MOST:
            self._scale = min(2 * self._scale, 8)  # beyond, a change cannot be told from a turn
            self._apart = max(2 * self._apart, (self._kept[-1][0] - self._kept[0][0]) // _MOST, 1)
            self._thin()

    def texts(self) -> list[tuple[int, str]]:
        """The marks: sample, and text as in "45.5 deg" or "45.5 deg, up 10 deg", in `AZIMUTH`; "compass 90 deg" for
        angles that count from north."""
        return [(sample, self._text(direction)) for sample, direction in self._kept]

    def _differs(self, last: _Mark, mark: _Mark) -> bool:
        if mark[0] - last[0] < self._apart:
            return False
        if mark[0] - last[0] >= _SELDOM * self._scale * self._rate:
            return True
        turned = (mark[1].azimuth - last[1].azimuth) * self._to_degrees
        changes = [(turned + 180) % 360 - 180]
        if mark[1].elevation is not None and last[1].elevation is not None:
            changes.append((mark[1].elevation - last[1].elevation) * self._to_degrees)
        return any(abs(change) >= _CHANGE * self._scale for change in changes)

    def _thin(self) -> None:
        before, self._kept = self._kept, []
        for mark in before:
            if not self._kept or self._differs(self._kept[-1], mark):
                self._kept.append(mark)

    def _text(self, direction: Direction) -> str:
        is_compass = self._convention.zero == "north"
        target = CONVENTIONS["compass"] if is_compass else AZIMUTH
        azimuth = round(float(convert(direction.azimuth, self._convention, target)), 2)
        text = f"{'compass ' if is_compass else ''}{azimuth + 0.0:.4g} deg"
        if direction.elevation is not None:
            text += f", up {direction.elevation * self._to_degrees:.3g} deg"
        return text
