"""Footsteps while they happen: poses in, frame by frame, and each event out once, as soon as it is certain.

    steps = foley.CausalDetector(size=(1280, 720))
    for seen in followed:
        for step in steps(seen.frame.time, seen.poses):
            ...

What finds footsteps in a whole video looks at the last seconds of each person again with every frame. An event that is
as sure as most turn out to be is handed out at once; of the others it is waited, `look_ahead` seconds at the most, for
what comes next to speak for them or against.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..errors import InputError
from . import defaults
from .camera import Motion
from .footsteps import FootstepDetector, choose_detector, detect_footsteps
from .types import Event, Foot, Footstep, Pose

__all__ = ["LOOK_AHEAD", "CausalDetector"]

LOOK_AHEAD = 0.13
"""Seconds from an event to the last moment at which it is handed out."""

_WINDOW = 3.0  # seconds of poses that are looked at: the network sees half a second, the rhythm a few steps
_FORGOTTEN = 1.0  # seconds after which somebody who is not seen is forgotten
_LEAST_WAIT = 0.03  # seconds after an event: before, where it lies is a guess
_SURE = 0.95  # confidence of what is not waited for
_LATE = 0.08  # seconds: what is found so much too late is handed out all the same, at the latest time that may be
_SAME, _OTHER = 0.25, 0.05  # seconds from one event of a foot to the next one of its kind, and of the other kind


@dataclass(slots=True)
class _Person:
    """What is known of somebody: the last poses, what is seen in them, and what was handed out."""

    poses: deque[Pose] = field(default_factory=deque)
    found: list[Footstep] = field(default_factory=list)
    last: dict[tuple[Foot, Event], float] = field(default_factory=dict)


class CausalDetector:
    """Finds the heel strikes and toe-offs of people as they come. Call it with every frame, in order.

    `detector` and `sensitivity` are those of `detect_footsteps`; `size` is the width and height of the picture, without
    which it is not known where in it the steps are. Raises InputError for unknown names and values that make no sense.
    """

    def __init__(
        self,
        detector: str | FootstepDetector = defaults.DETECTOR,
        sensitivity: str = defaults.SENSITIVITY,
        *,
        look_ahead: float = LOOK_AHEAD,
        size: tuple[int, int] | None = None,
    ) -> None:
        if not _LEAST_WAIT <= look_ahead <= 1:
            raise InputError(f"look_ahead is {look_ahead}; it must lie between {_LEAST_WAIT} and 1 second")
        self._detector, _ = choose_detector(detector, sensitivity)
        self._sensitivity, self._look_ahead, self._size = sensitivity, look_ahead, size
        self._people: dict[int, _Person] = {}
        self._motions: deque[tuple[float, Motion]] = deque()
        self._before: float | None = None

    def __call__(self, time: float, poses: Sequence[Pose], motion: Motion | None = None) -> list[Footstep]:
        """The events that have become certain with the frame at `time` seconds; its `poses` are one a person.

        `motion` is how the camera moved since the frame before. An event is handed out once and never changed, those of
        a person in order of time, and no later than with the first frame `look_ahead` seconds after it. None is
        inferred. Raises InputError for a time that does not increase.
        """
        before = time if self._before is None else self._before
        if self._before is not None and time <= before:
            raise InputError(f"the time of a frame is {time} s, after one at {before} s; times must increase")
        self._before = time
        if motion is not None:
            self._motions.append((time, motion))
            while self._motions[0][0] < time - _WINDOW:
                self._motions.popleft()
        for pose in poses:
            person = self._people.setdefault(pose.person, _Person())
            person.poses.append(pose)
            while person.poses[0].time < time - _WINDOW:
                person.poses.popleft()
            person.found = self._look(person)
        self._people = {
            number: each for number, each in self._people.items() if time - each.poses[-1].time <= _FORGOTTEN
        }
        steps = [step for person in self._people.values() for step in self._certain(person, before, time)]
        return sorted(steps, key=lambda step: (step.time, step.person))

    def _look(self, person: _Person) -> list[Footstep]:
        """What is to be seen in the last poses of a person."""
        background = None
        if self._motions and sum(motion.known for _, motion in self._motions) * 2 >= len(self._motions):
            background = {when: motion.matrix for when, motion in self._motions}
        found = detect_footsteps(
            person.poses,
            detector=self._detector,
            sensitivity=self._sensitivity,
            size=self._size,
            background=background,
        )
        return [step for step in found if not step.inferred]

    def _certain(self, person: _Person, before: float, time: float) -> list[Footstep]:
        """The events of a person that are handed out now.

        That is up to the last one that is sure or cannot wait for another frame; what comes before it comes with it.
        """
        oldest = before - self._look_ahead
        waiting = [step for step in person.found if step.time >= oldest - _LATE]
        due = time + (time - before) - self._look_ahead
        count = 0
        for place, step in enumerate(waiting, start=1):
            if step.time <= due or (step.confidence >= _SURE and step.time <= time - _LEAST_WAIT):
                count = place
        certain = []
        for step in waiting[:count]:
            earliest = max(oldest, *person.last.values()) if person.last else oldest
            if self._follows(person, step):
                step = replace(step, time=max(step.time, earliest))
                person.last[step.foot, step.event] = step.time
                certain.append(step)
        return certain

    @staticmethod
    def _follows(person: _Person, step: Footstep) -> bool:
        """Whether a foot can do that so soon after what it did: what was handed out is not handed out again."""
        return all(
            step.time - when >= (_SAME if event == step.event else _OTHER)
            for (foot, event), when in person.last.items()
            if foot == step.foot
        )
