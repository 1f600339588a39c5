"""A video in, the footsteps of everybody in it out: `detect`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from ..arrays import Floats
from ..video import Limits, VideoInfo, open_source, prefetch
from ..video.defaults import FOLDER_RATE
from . import defaults
from .following import Find, PoseModel, Seen, follow_people
from .footsteps import FootstepDetector, choose_detector, detect_footsteps
from .gait import statistics
from .people import load_people
from .pose import load_pose
from .results import Detection
from .types import Footstep, Pose

__all__ = ["Progress", "detect", "detect_in"]

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
        with closing(prefetch(frames)) as ahead:
            seen = follow_people(
                ahead, people, pose, search_step=search_step, min_person=min_person, max_people=max_people
            )
            with closing(seen):
                found = detect_in(
                    _counted(seen, frames.info, progress),
                    frames.info,
                    source=source,
                    detector=detector,
                    sensitivity=sensitivity,
                )
        warnings = (*frames.warnings, *found.warnings)
    return Detection(found.source, found.info, found.times, found.steps, found.poses, found.statistics, warnings)


def detect_in(
    seen: Iterable[Seen], info: VideoInfo, *, source: Path, detector: str | FootstepDetector, sensitivity: str
) -> Detection:
    """The footsteps of people who have been followed."""
    times: list[float] = []
    poses: list[Pose] = []
    background: dict[float, Floats] = {}
    for each in seen:
        times.append(each.frame.time)
        poses += [Pose(one.time, one.keypoints, one.scores, None, one.person) for one in each.poses]
        background[each.frame.time] = each.motion.matrix
    steps = detect_footsteps(
        poses,
        detector=detector,
        sensitivity=sensitivity,
        size=(info.width, info.height),
        background=background,
    )
    visible: dict[int, tuple[float, float]] = {}
    for one in poses:
        visible[one.person] = visible.get(one.person, (one.time, 0.0))[0], one.time
    return Detection(
        source,
        info,
        np.array(times),
        tuple(steps),
        tuple(poses),
        statistics(steps, visible),
        tuple(_why_nothing(source, poses, steps)),
    )


def _counted(seen: Iterable[Seen], info: VideoInfo, progress: Progress | None) -> Iterable[Seen]:
    for done, each in enumerate(seen, start=1):
        yield each
        if progress:
            progress(done, info.expected_frames)


def _why_nothing(source: Path, poses: Sequence[Pose], steps: Sequence[Footstep]) -> Iterable[str]:
    """What to say when there are no footsteps."""
    if steps:
        return
    if not poses:
        yield f"{source}: nobody was found in the picture, so there are no footsteps"
    elif not any(pose.scores[_FEET].mean() >= _SEEN for pose in poses):
        yield f"{source}: no feet are to be seen, so there are no footsteps"
    else:
        yield f"{source}: nobody takes a step"
