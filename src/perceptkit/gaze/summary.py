"""Attention over a whole video: who was there, who looked at the camera, at whom and at what, and for how long.

A frame counts for the seconds until the next frame, but for `max_step` seconds at most: where the file has a gap,
nobody is counted as visible or looking. The last frame counts as long as the one before it, or to the end of the video
where that is known.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from .attention import Region, at_camera, looks_at, mutual, regions_met
from .defaults import CAMERA_ANGLE
from .types import FrameGaze

__all__ = ["Attention", "Span"]

Span = tuple[float, float]
"""A time span (start, end) in seconds, half open."""

_TOUCHING = 1e-6  # seconds; spans nearer than this are one


class Attention:
    """Adds up the gazes of a video frame by frame: `add` each one in time order, then ask for the `summary`.

    `angle` in degrees says what goes to the camera, `regions` what else can be looked at (their names differ),
    `max_step` how many seconds a frame can count for; about three times the usual distance of two frames tells a slow
    moment from a gap. Only spans of time are remembered, not frames. Raises InputError for settings out of range.
    """

    def __init__(self, *, angle: float = CAMERA_ANGLE, regions: Sequence[Region] = (), max_step: float) -> None:
        if not 0 < angle <= 180:
            raise InputError(f"the camera angle is {angle}; it must be larger than 0 and at most 180 degrees")
        if not max_step > 0:
            raise InputError(f"max_step is {max_step}; it must be larger than 0 seconds")
        self._angle = angle
        self._regions = tuple(regions)
        self._max_step = max_step
        self._start = 0.0
        self._last: FrameGaze | None = None
        self._step = 0.0
        self._frames = 0
        self._faces = 0
        self._peak = 0
        self._peak_time: float | None = None
        self._tracks: dict[int, _Track] = {}
        self._mutual: dict[tuple[int, int], list[Span]] = {}

    def add(self, seen: FrameGaze) -> None:
        """Count one more frame. Raises InputError for a frame before the last one."""
        if self._last is None:
            self._start = seen.time
        elif seen.time < self._last.time:
            raise InputError(f"frames must come in time order; {seen.time:g} s came after {self._last.time:g} s")
        else:
            self._count(self._last, min(seen.time, self._last.time + self._max_step))
            self._step = min(seen.time - self._last.time, self._max_step)
        self._last = seen

    def summary(self, end: float | None = None) -> dict[str, Any]:
        """What was seen so far, as plain data for JSON; `end` is the time at which the video ends, in seconds.

        Asking changes nothing: more frames can follow. Seconds, degrees, and times on the clock of the frames:

        * angle: what counted as looking at the camera
        * duration: from the first frame to the end of the last, or to `end`; gaps included
        * frames, faces: how many; faces without a track count here and nowhere else
        * unique_tracks; ever: how many of them looked at the camera at least once
        * rate: frames_at_camera / frames_visible over all tracks, 0..1
        * peak: {people, time}, the most people who looked at the camera at once, and when they first did (None: never)
        * tracks: for each track, in the order of their ids, track, first_seen, last_seen (times of frames),
          frames_visible, frames_ok (with a reliable gaze), frames_at_camera ("hits"), seconds_visible,
          seconds_at_camera (dwell), longest_dwell, rate = frames_at_camera / frames_visible, ever,
          looks_at {track id as text, as JSON wants it: seconds}, regions {name: seconds, every region}
        * mutual: [{tracks: [a, b], seconds, episodes}], who looked at each other, and how many times they began to
        """
        whole = self._closed(end)
        visible = sum(track.frames_visible for track in whole._tracks.values())
        hits = sum(track.frames_at_camera for track in whole._tracks.values())
        return {
            "angle": whole._angle,
            "duration": whole._duration(end),
            "frames": whole._frames,
            "faces": whole._faces,
            "unique_tracks": len(whole._tracks),
            "ever": sum(track.frames_at_camera > 0 for track in whole._tracks.values()),
            "rate": hits / visible if visible else 0.0,
            "peak": {"people": whole._peak, "time": whole._peak_time},
            "tracks": [track.row(number) for number, track in sorted(whole._tracks.items())],
            "mutual": [
                {"tracks": list(pair), "seconds": _seconds(spans), "episodes": len(spans)}
                for pair, spans in sorted(whole._mutual.items())
            ],
        }

    def spans(self, end: float | None = None) -> list[tuple[int, tuple[Span, ...], tuple[Span, ...]]]:
        """For each track, in the order of their ids: (track, when it was visible, when it looked at the camera).

        Spans are half open, in time order and do not touch. `end` as for the summary.
        """
        tracks = sorted(self._closed(end)._tracks.items())
        return [(number, _lasting(track.visible), _lasting(track.camera)) for number, track in tracks]

    def _count(self, seen: FrameGaze, until: float) -> None:
        """Count a frame that lasts until then."""
        tracks = [face.track for face in seen.faces]
        looks = looks_at(seen, angle=self._angle)
        met = regions_met(seen, self._regions, angle=self._angle)
        self._frames += 1
        self._faces += len(tracks)
        watching = 0
        for number, gaze, look, names in zip(tracks, seen.gazes, looks, met, strict=True):
            if number is None:
                continue
            track = self._tracks.get(number)
            if track is None:
                regions = {region.name: 0.0 for region in self._regions}
                track = self._tracks[number] = _Track(seen.time, seen.time, regions)
            camera = at_camera(gaze, angle=self._angle)
            watching += camera
            track.frames_ok += gaze.state == "ok"
            track.count(seen.time, until, camera=camera)
            if look is not None:
                track.looks[look] = track.looks.get(look, 0.0) + until - seen.time
            for name in names:
                track.regions[name] += until - seen.time
        for pair in mutual(looks, tracks):
            _extend(self._mutual.setdefault(pair, []), seen.time, until)
        if watching > self._peak:
            self._peak, self._peak_time = watching, seen.time

    def _closed(self, end: float | None) -> Attention:
        """A copy in which the last frame is counted too."""
        whole = copy.deepcopy(self)
        if self._last is not None:
            whole._count(self._last, self._last_end(self._last, end))
        return whole

    def _last_end(self, last: FrameGaze, end: float | None) -> float:
        step = self._step if end is None else min(max(end - last.time, 0.0), self._max_step)
        return last.time + step

    def _duration(self, end: float | None) -> float:
        if self._last is None:
            return 0.0
        known = self._last_end(self._last, end)
        return max(known, end if end is not None else known) - self._start


@dataclass(slots=True)
class _Track:
    """What is known of one track so far; times and spans in seconds."""

    first_seen: float
    last_seen: float
    regions: dict[str, float]
    frames_visible: int = 0
    frames_ok: int = 0
    frames_at_camera: int = 0
    visible: list[Span] = field(default_factory=list)
    camera: list[Span] = field(default_factory=list)
    looks: dict[int, float] = field(default_factory=dict)

    def count(self, time: float, until: float, *, camera: bool) -> None:
        self.last_seen = time
        self.frames_visible += 1
        _extend(self.visible, time, until)
        if camera:
            self.frames_at_camera += 1
            _extend(self.camera, time, until)

    def row(self, number: int) -> dict[str, Any]:
        return {
            "track": number,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "frames_visible": self.frames_visible,
            "frames_ok": self.frames_ok,
            "frames_at_camera": self.frames_at_camera,
            "seconds_visible": _seconds(self.visible),
            "seconds_at_camera": _seconds(self.camera),
            "longest_dwell": max((end - start for start, end in self.camera), default=0.0),
            "rate": self.frames_at_camera / self.frames_visible,
            "ever": self.frames_at_camera > 0,
            "looks_at": {str(other): seconds for other, seconds in sorted(self.looks.items())},
            "regions": self.regions,
        }


def _extend(spans: list[Span], start: float, end: float) -> None:
    """Add a span after the others, or lengthen the last one that it touches."""
    if spans and start - spans[-1][1] < _TOUCHING:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))


def _lasting(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Without what took no time: the one frame of a photo."""
    return tuple(span for span in spans if span[1] > span[0])


def _seconds(spans: Sequence[Span]) -> float:
    return sum(end - start for start, end in spans)
