"""The video with what was found drawn into it: `annotate`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from ..arrays import Picture
from ..files import make_folder
from ..video import Frame, Limits, Writer, check_target, open_source, prefetch
from .drawing import FADING, Tally, draw
from .results import Detection
from .smpte import timecode
from .types import Footstep, Pose

__all__ = ["Overlay", "annotate"]

_CADENCE_STEPS = 6  # the last ones, of which the cadence is taken
_CADENCE_PAUSE = 2.0  # seconds after which it is not shown any more


def annotate(
    detection: Detection,
    target: str | Path,
    *,
    sound: str | Path | None = None,
    limits: Limits | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Write the video of a detection with skeletons, foot contacts and counters, its sound and timestamps kept; the
    path. The file `sound` takes the place of its own sound.

    Raises InputError where the source would be written over, MediaError for a source that cannot be read any more,
    DeviceError when the disk is full.
    """
    target = check_target(target, detection.source)
    make_folder(target.parent)
    overlay = Overlay(detection.info.rate)
    for step in detection.steps:
        overlay.add(step)
    poses: dict[float, list[Pose]] = defaultdict(list)
    for pose in detection.poses:
        poses[pose.time].append(pose)
    with open_source(detection.source, limits=limits) as frames:
        if sound is None and frames.info.has_sound:
            sound = detection.source
        with Writer(target, frames.info, sound=sound) as writer, closing(prefetch(frames)) as ahead:
            for done, frame in enumerate(ahead, start=1):
                writer.write(Frame(frame.index, frame.time, overlay.on(frame, poses.get(frame.time, []))))
                if progress:
                    progress(done, frames.info.expected_frames)
    return target


class Overlay:
    """What is drawn on each frame, by the steps that were added so far."""

    def __init__(self, rate: Fraction) -> None:
        self._rate = rate
        self._steps: list[Footstep] = []
        self._strikes: dict[int, list[float]] = defaultdict(list)
        self._left: dict[int, list[int]] = defaultdict(lambda: [0])  # of so many strikes, those of the left foot

    def add(self, step: Footstep) -> None:
        """A step, which is drawn from its time on. Those of a person come in order."""
        insort(self._steps, step, key=lambda each: each.time)
        if step.event == "heel_strike":
            self._strikes[step.person].append(step.time)
            left = self._left[step.person]
            left.append(left[-1] + (step.foot == "left"))

    def on(self, frame: Frame, poses: Sequence[Pose]) -> Picture:
        """The frame with all of it."""
        first = bisect_left(self._steps, frame.time - FADING, key=lambda step: step.time)
        last = bisect_right(self._steps, frame.time, key=lambda step: step.time)
        recent = [(step, frame.time - step.time) for step in self._steps[first:last]]
        tallies = {pose.person: self._tally(pose.person, frame.time) for pose in poses}
        return draw(frame.image, poses, recent, tallies, timecode(frame.time, self._rate))

    def _tally(self, person: int, time: float) -> Tally:
        count = bisect_right(self._strikes[person], time)
        left = self._left[person][count]
        last = self._strikes[person][max(0, count - _CADENCE_STEPS) : count]
        cadence = None
        if len(last) > 2 and time - last[-1] < _CADENCE_PAUSE:
            cadence = 60 * (len(last) - 1) / (last[-1] - last[0])
        return Tally(left, count - left, cadence)
