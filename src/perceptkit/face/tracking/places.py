"""Where the followed faces of a video are: in each of its frames, and over which spans of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Floats, Integers
from ...tracks import interpolate
from .following import Doubles, Followed

__all__ = ["Place", "Places", "Spans", "looks_of", "spans_of"]

Spans = tuple[tuple[float, float], ...]
"""Spans of time in seconds, in order, not overlapping."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A face in a frame: its track, its box (4,) x1 y1 x2 y2 in pixels, and its detection's score 0..1."""

    track: int
    box: Floats
    score: float


class Places:
    """The faces in the frames of a video, asked for in the order of the frames.

    Between two frames that were looked at, a face that is in both is where the straight line between them says.
    """

    def __init__(self, followed: Followed) -> None:
        self._times = followed.times
        self._begins = np.searchsorted(followed.look, np.arange(len(followed.times) + 1))
        self._followed = followed
        self._look = 0

    def at(self, time: float) -> list[Place]:
        """The faces at a time that is not before the last one asked for."""
        while self._look + 1 < len(self._times) and self._times[self._look + 1] <= time:
            self._look += 1
        if not len(self._times) or time < self._times[0]:
            return []
        before = self._in_look(self._look)
        if self._times[self._look] == time or self._look + 1 == len(self._times):
            return before
        start, end = self._times[self._look], self._times[self._look + 1]
        later = {place.track: place for place in self._in_look(self._look + 1)}
        share = float((time - start) / (end - start))
        return [
            Place(place.track, interpolate(place.box, other.box, share), min(place.score, other.score))
            for place in before
            if (other := later.get(place.track)) is not None
        ]

    def _in_look(self, look: int) -> list[Place]:
        rows = slice(self._begins[look], self._begins[look + 1])
        columns = zip(self._followed.track[rows], self._followed.boxes[rows], self._followed.scores[rows], strict=True)
        return [Place(int(track), box, float(score)) for track, box, score in columns]


def spans_of(times: Doubles, looks: Integers, *, max_gap: float, end: float) -> Spans:
    """When something is seen, in the `looks` (N,) rising places of `times` (L,) in seconds; gaps of up to `max_gap`
    seconds are closed. A look stands for the time to the next one, the last for the time to the `end` of the video."""
    if not len(looks):
        return ()
    begins, ends = times[looks], np.append(times[1:], max(end, times[-1]))[looks]
    cuts = np.flatnonzero(begins[1:] - ends[:-1] > max_gap)
    first, last = np.append(begins[:1], begins[cuts + 1]), np.append(ends[cuts], ends[-1:])
    return tuple((round(float(start), 6), round(float(stop), 6)) for start, stop in zip(first, last, strict=True))


def looks_of(followed: Followed) -> list[Integers]:
    """The looks in which each track is seen, from track 1 on."""
    order = np.argsort(followed.track, kind="stable")
    return np.split(followed.look[order], np.flatnonzero(np.diff(followed.track[order])) + 1) if len(order) else []
