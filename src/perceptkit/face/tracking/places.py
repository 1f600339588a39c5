"""Where the followed faces of a video are: in each of its frames, and over which spans of time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats
from ...tracks import interpolate
from .following import Followed

__all__ = ["Place", "Places", "Spans", "spans_of"]

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


def spans_of(followed: Followed, tracks: Collection[int], *, max_gap: float, step: float, end: float) -> Spans:
    """When any of the tracks is seen, of looks `step` seconds apart; gaps of up to `max_gap` seconds are closed.

    A look stands for the `step` after it, up to the `end` of the video.
    """
    looks = np.unique(followed.look[np.isin(followed.track, list(tracks))])
    times = followed.times[looks]
    if not len(times):
        return ()
    pieces = np.split(times, np.flatnonzero(np.diff(times) > max_gap) + 1)
    return tuple((round(float(piece[0]), 6), round(min(float(piece[-1]) + step, end), 6)) for piece in pieces)
