"""Footsteps as they happen, in frames that are handed over one by one: `LiveSession`.

with foley.LiveSession(foley.load_people(), foley.load_pose(), style=foley.Style("gravel")) as session:
    for frame in frames:                    # video.Frame, as they come
        seen, steps = session(frame)
        ...
        sound = session.sound(steps)        # (samples, 2), 48 kHz
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from ..arrays import Floats
from ..errors import InputError
from ..video import Frame
from . import defaults
from .causal import CausalDetector
from .following import Find, PoseModel, Seen, check_search
from .footsteps import FootstepDetector, choose_detector
from .pursuit import pursue_people
from .rendering import Style, SyntheticVoice, step_random
from .sound.loudspeaker import Recorder
from .sound.space import distance, far_away, pan
from .types import Foot, Footstep

__all__ = ["LiveSession"]

_LEVEL = 10 ** (-3 / 20)  # a usual step on concrete, 3 m away, then has its peak at -9 dBFS, the softest ground at -20
_LONGEST = 1.6  # seconds on the ground


class LiveSession:
    """The footsteps of everybody in frames that come one by one, and what they sound like. Close it at the end.

    `people` and `pose` are loaded models; `style` is what steps sound like, whose room and loudness are not used: the
    room is the one that listens, and the level is fixed. The other arguments are those of `detect`. Raises InputError
    for unknown names and values that make no sense.
    """

    def __init__(
        self,
        people: Find,
        pose: PoseModel,
        *,
        style: Style | None = None,
        detector: str | FootstepDetector = defaults.DETECTOR,
        sensitivity: str = defaults.SENSITIVITY,
        search_step: float = defaults.SEARCH_STEP,
        min_person: float = defaults.MIN_PERSON,
        max_people: int = defaults.MAX_PEOPLE,
    ) -> None:
        check_search(search_step, max_people)
        self._detector, _ = choose_detector(detector, sensitivity)
        self._sensitivity = sensitivity
        self._sounds = _Sounds(style or Style())
        self._certain: CausalDetector | None = None
        self._size = (0, 0)
        self._last = -math.inf
        self._frames: deque[Frame] = deque()
        self._seen = pursue_people(
            _taken(self._frames),
            people,
            pose,
            search_step=search_step,
            min_person=min_person,
            max_people=max_people,
        )

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the landmarkers."""
        self._seen.close()

    def __call__(self, frame: Frame) -> tuple[Seen, list[Footstep]]:
        """Who is in a frame, and the events that have become certain with it, each of which is given once.

        An event is given up to 0.13 seconds after it, or with the first frame after that. Raises InputError for a time
        that does not increase, for a frame of another size than the first, and for a session that is closed: by
        `close`, or by an error here that was not about the frame.
        """
        size = frame.image.shape[1], frame.image.shape[0]
        if self._certain is None:
            self._size = size
            self._certain = CausalDetector(self._detector, self._sensitivity, size=size)
        if size != self._size:
            raise InputError(f"a frame is {size[0]} x {size[1]}, after others of {self._size[0]} x {self._size[1]}")
        if frame.time <= self._last:
            raise InputError(f"the time of a frame is {frame.time} s, after one at {self._last} s; times must increase")
        self._last = frame.time
        self._frames.append(frame)
        seen = next(self._seen, None)
        if seen is None:
            raise InputError("the session is closed; begin another")
        steps = self._certain(frame.time, seen.poses, seen.motion)
        for step in steps:
            self._sounds.note(step)
        return seen, steps

    def sound_of(self, step: Footstep) -> Floats:
        """The sound of a heel strike, float32 (samples, 2) at 48 kHz; the foot comes down at its first sample."""
        return self._sounds(step)

    def sound(self, steps: Sequence[Footstep]) -> Floats:
        """The sound of the heel strikes among some events, in order of time: float32 (samples, 2) at 48 kHz, below 1.

        They are as far apart as they happened; the first of them comes down at the first sample.
        """
        strikes = [step for step in steps if step.event == "heel_strike"]
        pieces: list[Floats] = [np.zeros((0, 2), np.float32)]
        out = Recorder(pieces.append)
        for step in strikes:
            out.wait(step.time - strikes[0].time)
            out.play(self.sound_of(step))
        out.finish()
        return np.concatenate(pieces)


def _taken(frames: deque[Frame]) -> Iterator[Frame]:
    """The frame that was handed over last, each time that one is asked for."""
    while True:
        yield frames.popleft()


class _Sounds:
    """The sound of each step where it is heard. How long a foot stays on the ground is told by the steps before it."""

    def __init__(self, style: Style) -> None:
        self._voice = style.voice or SyntheticVoice(style.surface, style.shoe, seed=style.seed)
        self._voice.restart()
        self._seed = style.seed
        self._down: dict[tuple[int, Foot], float] = {}
        self._contacts: dict[int, float] = {}

    def note(self, step: Footstep) -> None:
        """An event has happened."""
        foot = step.person, step.foot
        if step.event == "heel_strike":
            self._down[foot] = step.time
            return
        contact = step.time - self._down.pop(foot, math.inf)
        if 0.05 < contact < _LONGEST:
            self._contacts[step.person] = contact

    def __call__(self, step: Footstep) -> Floats:
        """The sound of a heel strike, (samples, 2)."""
        own = self._voice(step, self._contacts.get(step.person), step_random(step, self._seed))
        dry = far_away(own, distance(step.height))
        return np.stack([dry * np.float32(_LEVEL * gain) for gain in pan(step.x)], axis=1)
