"""A video in, the footsteps of everybody in it out: `detect`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..arrays import Floats
from ..video import Limits, open_source, prefetch
from ..video.defaults import FOLDER_RATE
from . import defaults
from .camera import Motion
from .following import Find, PoseModel, follow_people
from .footsteps import FootstepDetector, choose_detector, detect_footsteps
from .gait import statistics
from .people import load_people
from .pose import load_pose
from .results import Detection
from .types import Pose

__all__ = ["Progress", "detect"]

_FEET, _SEEN = slice(27, 33), 0.3  # the landmarks of the feet, and the mean score of those that are seen

Progress = Callable[[int, int | None], None]
"""Called with the frames done and their number, None when it is not known."""


def detect(
    source: str | Path,
    *,
    people: str | Path | Find | None = None,
    pose: str | Path | PoseModel | None = None,
    preset: str | None = None,
    device: str = "auto",
    detector: str | FootstepDetector = defaults.DETECTOR,
    sensitivity: str = defaults.SENSITIVITY,
    search_step: float = defaults.SEARCH_STEP,
    min_person: float = defaults.MIN_PERSON,
    max_people: int = defaults.MAX_PEOPLE,
    rate: float = FOLDER_RATE,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Detection:
    """Find the footsteps of everybody in a video.

    `source` is a video or a folder of photos (`rate` of them a second). `people` and `pose` are row names, paths of
    files, or loaded models; without them `preset` chooses. `detector` is how footsteps are found in the landmarks,
    `sensitivity` low (few false ones), medium or high (few missed ones). People are searched for every `search_step`
    seconds; those less high than `min_person` pixels are left out, and in a crowd all but the `max_people` highest.

    Where nobody walks, or no feet are in the picture, the result is empty and `warnings` says why. Raises MediaError
    for a source that cannot be read, InputError for values that make no sense, ModelError or DeviceError when the
    models fail.
    """
    source = Path(source).expanduser()
    detector, _ = choose_detector(detector, sensitivity)  # before the work, not after it
    with open_source(source, rate=rate, limits=limits) as frames:
        if people is None or isinstance(people, (str, Path)):
            people = load_people(people, preset=preset, device=device, threads=1)
        if pose is None or isinstance(pose, (str, Path)):
            pose = load_pose(pose, preset=preset)
        times: list[float] = []
        poses: list[Pose] = []
        motions: list[Motion] = []
        with (
            closing(prefetch(frames)) as ahead,
            closing(
                follow_people(
                    ahead, people, pose, search_step=search_step, min_person=min_person, max_people=max_people
                )
            ) as followed,
        ):
            for seen in followed:
                times.append(seen.frame.time)
                motions.append(seen.motion)
                # Metres take as much memory as all the rest, and nothing here looks at them.
                poses += [replace(each, world=None) for each in seen.poses]
                if progress:
                    progress(len(times), frames.info.expected_frames)
        info, warnings = frames.info, list(frames.warnings)
    steps = detect_footsteps(
        poses,
        detector=detector,
        sensitivity=sensitivity,
        size=(info.width, info.height),
        background=_background(times, motions),
    )
    if not steps:
        warnings.append(f"{source}: {_why_nothing(poses)}")
    by_person: dict[int, list[Pose]] = defaultdict(list)
    for each in poses:
        by_person[each.person].append(each)
    numbers = statistics(
        steps,
        {person: (theirs[0].time, theirs[-1].time) for person, theirs in by_person.items()},
        without_feet=[person for person, theirs in by_person.items() if not _has_feet(theirs)],
    )
    return Detection(source, info, np.array(times), tuple(steps), tuple(poses), numbers, tuple(warnings))


def _background(times: Sequence[float], motions: Sequence[Motion]) -> dict[float, Floats] | None:
    """How the background moved, by the time of the frame; None when most of the time nobody could tell."""
    if sum(motion.known for motion in motions) * 2 < len(motions):
        return None
    return {time: motion.matrix for time, motion in zip(times, motions, strict=True)}


def _has_feet(poses: Sequence[Pose]) -> bool:
    """Whether somebody's feet are to be seen, on the whole."""
    return float(np.mean([pose.scores[_FEET] for pose in poses])) >= _SEEN


def _why_nothing(poses: Sequence[Pose]) -> str:
    """What to say when there are no footsteps."""
    if not poses:
        return "nobody was found in the picture, so there are no footsteps"
    if not any(pose.scores[_FEET].mean() >= _SEEN for pose in poses):
        return "no feet are to be seen, so there are no footsteps"
    return "nobody takes a step"
