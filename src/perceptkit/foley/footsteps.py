"""From poses to footsteps: `detect_footsteps`, and the detectors a user may name.

    steps = foley.detect_footsteps(poses)
    steps = foley.detect_footsteps(poses, detector="zeni", sensitivity="high")

To add a detector: a function from signals to the candidates of each foot, and its row in `FOOTSTEP_DETECTORS`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ..arrays import Floats
from ..errors import InputError
from .defaults import DETECTOR, SENSITIVITY
from .network import Network, load_network
from .reading import learned_candidates
from .rhythm import OFF, STRIKE, Candidate, believable, filled, likely_sequence, one_after_the_other
from .signals import HIPS_SCALE, HIPS_X, RATE, VISIBILITY, Doubles, Signals, signals
from .types import Event, Foot, Footstep, Pose
from .zeni import zeni_candidates

__all__ = [
    "FOOTSTEP_DETECTORS",
    "SENSITIVITIES",
    "FootstepDetector",
    "choose_detector",
    "detect_footsteps",
    "learned",
    "to_poses",
    "zeni",
]

SENSITIVITIES: Mapping[str, tuple[float, float]] = {"low": (0.55, 4.0), "medium": (0.3, 2.5), "high": (0.15, 1.0)}
"""The probability from which on an event speaks for itself, and what it costs to begin to move (see `believable`)."""

_FEET: tuple[Foot, Foot] = ("left", "right")
_EVENTS: dict[int, Event] = {STRIKE: "heel_strike", OFF: "toe_off"}
_LEGS = slice(23, 33)  # landmarks without which a pose says nothing
_VISIBLE = 0.3  # mean score of knee, ankle, heel and toe: below, nothing is said of a foot
_LOOK = 1.0  # seconds over which that mean is taken


@dataclass(frozen=True, slots=True, eq=False)
class FootstepDetector:
    """How footsteps are found in the signals of a person: `find` gives the candidates of the left and the right foot.

    `calibration` (2, K) says for strikes and toe-offs of the probabilities 0, 1 / (K - 1), ..., 1 how often they are
    right; None leaves them as they are.
    """

    find: Callable[[Signals], list[list[Candidate]]]
    calibration: Floats | None = None

    def confidence(self, each: Candidate) -> float:
        """How sure an event is. The calibration knows of those that were seen only."""
        if self.calibration is None or each.inferred:
            return each.probability
        shares = self.calibration[each.kind]
        return float(np.interp(each.probability, np.linspace(0, 1, len(shares)), shares))


def detect_footsteps(
    poses: Iterable[Pose],
    *,
    detector: str | FootstepDetector = DETECTOR,
    sensitivity: str = SENSITIVITY,
    size: tuple[int, int] | None = None,
    background: Mapping[float, Floats] | None = None,
) -> list[Footstep]:
    """The footsteps of the people in `poses`, in order of time.

    `sensitivity` is low (few false events), medium or high (few missed ones). `size` is the width and height of the
    picture; without it `x` and `y` of the footsteps are unknown and stay at their defaults. `background` is how the
    camera moved: by the time of a frame, the matrix (2, 3) that takes a background point of the frame before there.
    Raises InputError for unknown names.
    """
    detector, point = choose_detector(detector, sensitivity)
    people: dict[int, list[Pose]] = defaultdict(list)
    for pose in poses:
        people[pose.person].append(pose)
    found: list[Footstep] = []
    for person, theirs in people.items():
        theirs.sort(key=lambda pose: pose.time)
        seen = _signals(theirs, background)
        if seen is not None:
            sequences = _sequences(seen, detector, *point)
            found.extend(_step(seen, foot, each, detector, person, size) for foot, each in sequences)
    return sorted(found, key=lambda step: (step.time, step.person))


def choose_detector(detector: str | FootstepDetector, sensitivity: str) -> tuple[FootstepDetector, tuple[float, float]]:
    """A detector and where it works, by their names; InputError for unknown ones."""
    if sensitivity not in SENSITIVITIES:
        raise InputError(f"unknown sensitivity {sensitivity!r}; choose one of: {', '.join(SENSITIVITIES)}")
    if isinstance(detector, str):
        if detector not in FOOTSTEP_DETECTORS:
            raise InputError(f"unknown footstep detector {detector!r}; choose one of: {', '.join(FOOTSTEP_DETECTORS)}")
        detector = FOOTSTEP_DETECTORS[detector]()
    return detector, SENSITIVITIES[sensitivity]


def to_poses(times: Sequence[float], keypoints: Floats, scores: Floats, *, person: int = 1) -> list[Pose]:
    """Poses from arrays: `times` (T,) in seconds, `keypoints` (T, 33, 3) in pixels, `scores` (T, 33).

    What has no legs (NaN) is left out.
    """
    return [
        Pose(float(time), points, seen, person=person)
        for time, points, seen in zip(times, keypoints, scores, strict=True)
        if np.isfinite(points[_LEGS]).all()
    ]


def _signals(poses: list[Pose], background: Mapping[float, Floats] | None) -> Signals | None:
    times = np.array([pose.time for pose in poses])
    points = np.stack([pose.keypoints for pose in poses])
    visible = np.stack([pose.scores for pose in poses])
    return signals(times, points, visible, None if background is None else _drift(times, points, background))


def _drift(times: Doubles, points: Floats, background: Mapping[float, Floats]) -> Floats:
    """How far the background behind the hips moved in the picture since the first pose, (T, 2) in pixels."""
    clock = sorted(background)
    hips = points[:, 23:25, :2].mean(axis=1)
    drift = np.zeros((len(times), 2), np.float32)
    place = int(np.searchsorted(clock, times[0], side="right"))
    for index in range(1, len(times)):
        point = start = hips[index - 1]
        while place < len(clock) and clock[place] <= times[index]:
            matrix = background[clock[place]]
            point = matrix[:, :2] @ point + matrix[:, 2]
            place += 1
        drift[index] = drift[index - 1] + point - start
    return drift


def _sequences(seen: Signals, detector: FootstepDetector, least: float, cost: float) -> list[tuple[int, Candidate]]:
    """The events of both feet, those left out that nobody could see."""
    sequences = []
    window = min(round(_LOOK * RATE), len(seen.times))
    there = seen.valid & ~_leaps(seen)
    for foot, found in enumerate(detector.find(seen)):
        score = uniform_filter1d(seen.values[foot, :, VISIBILITY], window, mode="nearest")
        visible = there & (score >= _VISIBLE)
        sequences.append(likely_sequence([each for each in found if visible[seen.place(each.time)]], least))
    left, right = filled(*believable(*one_after_the_other(*sequences), cost))
    return [*((0, each) for each in left), *((1, each) for each in right)]


_LEAP = 30.0  # leg lengths a second, each second: about 2.5 g to the side, more than a body can
_AROUND = 0.25  # seconds around a leap in which nothing is believed


def _leaps(seen: Signals) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where the landmarks leap to another body, or to where none is, (N,)."""
    reach = round(0.05 * RATE)
    way = np.pad(seen.values[0, :, HIPS_X] * HIPS_SCALE, reach, mode="edge")
    change = np.abs(way[2 * reach :] - way[: -2 * reach]) * RATE / (2 * reach)
    leaps: np.ndarray[Any, np.dtype[np.bool_]] = maximum_filter1d(change > _LEAP, 2 * round(_AROUND * RATE) + 1)
    return leaps


def _step(
    seen: Signals, foot: int, each: Candidate, detector: FootstepDetector, person: int, size: tuple[int, int] | None
) -> Footstep:
    x, y = _where(seen, foot, each.time, size)
    return Footstep(
        time=max(each.time, 0.0),
        foot=_FEET[foot],
        event=_EVENTS[each.kind],
        confidence=round(detector.confidence(each), 3),
        strength=_strength(seen, foot, each.time),
        person=person,
        x=x,
        y=y,
        inferred=each.inferred,
        height=_height(seen, each.time, size),
    )


def _where(seen: Signals, foot: int, time: float, size: tuple[int, int] | None) -> tuple[float, float]:
    if size is None:
        return 0.5, 1.0
    x, y = seen.feet[foot, seen.place(time)] / size
    return min(max(float(x), 0.0), 1.0), min(max(float(y), 0.0), 1.0)


_LEG = 0.49  # of a body's height: thigh and shank together (Drillis & Contini 1966)


def _height(seen: Signals, time: float, size: tuple[int, int] | None) -> float | None:
    return None if size is None else round(float(seen.legs[seen.place(time)]) / _LEG / size[1], 4)


_SWING = 0.35  # seconds before a strike in which the foot swings
_WALKING = 4.0  # leg lengths a second: how fast the foot of somebody who walks swings, against the body


def _strength(seen: Signals, foot: int, time: float) -> float:
    """How hard a foot comes down, by how fast it swung: 0.5 in a walk, towards 1 in a run."""
    end = seen.place(time)
    start = seen.place(time - _SWING)
    speeds = seen.values[foot, start : end + 1, 10:12] * 4
    fastest = math.sqrt((speeds * speeds).sum(axis=1).max(initial=0.0))
    return round(min(max(0.5 * fastest / _WALKING, 0.1), 1.0), 3)


def learned(network: Network | None = None) -> FootstepDetector:
    """The detector over the network that comes with the package, or over another one of its kind."""
    network = network or load_network()
    return FootstepDetector(partial(learned_candidates, network), network.calibration)


def zeni() -> FootstepDetector:
    """The farthest reach of the feet, for walks seen from the side; its confidence is not calibrated."""
    return FootstepDetector(zeni_candidates)


FOOTSTEP_DETECTORS: dict[str, Callable[[], FootstepDetector]] = {"learned": learned, "zeni": zeni}
"""Every footstep detector a user can name."""
