"""Frames in, the bodies of all people in them out: find, follow, landmark, and how the camera moves.

People are searched for now and then; in between, a box is on the straight line between what was found. Each person has
a landmarker of their own, which sees every frame in order; those of several people run side by side. After a cut
everybody is somebody new.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..arrays import Floats, Picture
from ..errors import InputError
from ..models import cpu_count
from ..threads import spread
from ..tracks import Tracker, interpolate
from ..video import Frame
from . import defaults
from .camera import CameraMotion, Motion, Shots
from .types import Pose

__all__ = [
    "Find",
    "Landmarker",
    "PoseModel",
    "Seen",
    "check_search",
    "distinct",
    "find_largest",
    "follow_people",
]

_GAP = 0.5  # seconds for which somebody is followed who is not found
_LONGEST = 30  # frames in a span, however many a second there are

Find = Callable[[Sequence[Picture]], list[tuple[Floats, Floats]]]
"""Boxes (N, 4) and scores (N,) of the people in each image."""


class Landmarker(Protocol):
    """Follows one person: shown every frame in order, with the person's box, it says where the body is."""

    def __call__(self, time: float, image: Picture, box: Floats | None) -> Pose | None:
        """The pose at `time` seconds. Without a box the person was not found; None: no body is seen."""

    def close(self) -> None:
        """Let go of the model."""


class PoseModel(Protocol):
    """What `load_pose` gives: a landmarker for each person."""

    def follow(self, person: int = 1) -> Landmarker:
        """A landmarker for a person of that number."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame, the poses of the people in it, and how the background moved since the frame before."""

    frame: Frame
    poses: list[Pose]
    motion: Motion


def follow_people(
    frames: Iterable[Frame],
    find: Find,
    pose: PoseModel,
    *,
    search_step: float,
    min_person: float,
    max_people: int,
    workers: int | None = None,
) -> Generator[Seen, None, None]:
    """The poses of everybody in a video.

    `find` is asked for people every `search_step` seconds; those less high than `min_person` pixels are left out, and
    in a crowd all but the `max_people` highest. People are numbered 1, 2, 3, ... as they appear. `workers` threads run
    the networks, by default one a CPU. Raises what `find` and `pose` raise, InputError for values that make no sense.
    """
    check_search(search_step, max_people)
    search = partial(_search, find=find, min_person=min_person, max_people=max_people)
    with closing(spread(search, _spans(frames, search_step), workers=1)) as searched:
        followed = _follow(searched, float(getattr(find, "certain_score", defaults.CERTAIN_PERSON)))
        with closing(_landmark(followed, pose, workers or cpu_count())) as seen:
            yield from seen


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """Frames whose first one is searched for people: `boxes` and `scores` are what was found. `cut`: a shot begins."""

    frames: list[Frame]
    cut: bool
    boxes: Floats
    scores: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """Frames, and for each person a box in each of them; None where the person was not found any more."""

    frames: list[Frame]
    cut: bool
    boxes: dict[int, list[Floats | None]]


def _spans(frames: Iterable[Frame], step: float) -> Iterator[tuple[list[Frame], bool]]:
    """The frames in spans of `step` seconds, or less at a cut, and whether that is where they begin."""
    shots = Shots()
    span: list[Frame] = []
    cut = False
    for frame in frames:
        begins = shots(frame.image)
        if span and (begins or len(span) == _LONGEST or frame.time >= span[0].time + step - 1e-6):
            yield span, cut
            span, cut = [], begins
        span.append(frame)
    if span:
        yield span, cut


def _search(span: tuple[list[Frame], bool], *, find: Find, min_person: float, max_people: int) -> _Span:
    frames, cut = span
    return _Span(frames, cut, *find_largest(find, frames[0].image, min_person, max_people))


def check_search(search_step: float, max_people: int) -> None:
    """InputError for values with which nobody can be searched for."""
    if not 0 <= search_step <= 2:
        raise InputError(f"search_step is {search_step}; it must lie between 0 and 2 seconds")
    if max_people < 1:
        raise InputError(f"max_people is {max_people}; it must be at least 1")


def find_largest(find: Find, image: Picture, min_person: float, max_people: int) -> tuple[Floats, Floats]:
    """Boxes (N, 4) and scores (N,) of the people in a picture who are high enough, of a crowd the highest."""
    boxes, scores = find([image])[0]
    heights = boxes[:, 3] - boxes[:, 1]
    large = np.flatnonzero(heights >= min_person)
    kept = large[np.argsort(-heights[large], kind="stable")[:max_people]]
    return boxes[kept], scores[kept]


def _follow(spans: Iterable[_Span], min_score: float) -> Iterator[_Followed]:
    """Give people their numbers, and the frames between two searched ones their boxes."""
    tracker = Tracker(min_score=min_score, max_gap=_GAP)
    count = first = 0  # people so far, and before this shot
    before: tuple[_Span, dict[int, Floats]] | None = None
    found_at: dict[int, float] = {}
    for span in spans:
        if span.cut:
            if before is not None:
                yield _between(*before, None, found_at)
            tracker, first, before = Tracker(min_score=min_score, max_gap=_GAP), count, None
            found_at = {}
        tracks = tracker.update(span.frames[0].time, span.boxes, span.scores)
        boxes = {first + track: box for track, box in zip(tracks, span.boxes, strict=True) if track is not None}
        count = max(count, *boxes, 0)
        if before is not None:
            yield _between(*before, (span.frames[0].time, boxes), found_at)
        time = span.frames[0].time
        found_at = {person: at for person, at in found_at.items() if time - at <= _GAP} | dict.fromkeys(boxes, time)
        before = span, boxes
    if before is not None:
        yield _between(*before, None, found_at)


def _between(
    span: _Span, boxes: dict[int, Floats], after: tuple[float, dict[int, Floats]] | None, found_at: dict[int, float]
) -> _Followed:
    """The boxes of a span's frames: `boxes` in the first, those of `after` (time, boxes) in the one that follows it."""
    times = [frame.time for frame in span.frames]
    until, later = after if after is not None else (times[-1], {})
    people: dict[int, list[Floats | None]] = {}
    for person in found_at:
        here = boxes.get(person)
        if here is None:
            people[person] = [None] * len(times)
        elif after is None:  # the last ones of a shot: nobody goes far in so short a time
            people[person] = [here] * len(times)
        elif (there := later.get(person)) is None:
            people[person] = [here, *[None] * (len(times) - 1)]
        else:
            shares = [(time - times[0]) / (until - times[0]) for time in times]
            people[person] = [np.asarray(interpolate(here, there, share), np.float32) for share in shares]
    return _Followed(span.frames, span.cut, people)


def _landmark(followed: Iterable[_Followed], pose: PoseModel, workers: int) -> Generator[Seen, None, None]:
    """Run the landmarkers of all people, and the camera's motion, over one span after the other."""
    camera = CameraMotion()
    with ExitStack() as opened:
        followers: dict[int, Landmarker] = {}
        opened.callback(_close, followers)
        for span in followed:
            for person in [person for person in followers if person not in span.boxes]:
                followers.pop(person).close()
            for person in span.boxes:
                if person not in followers:
                    followers[person] = pose.follow(person)
            running = [partial(_run, followers[person], span.frames, boxes) for person, boxes in span.boxes.items()]
            work: list[Callable[[], list[Any]]] = [partial(_move, camera, span), *running]
            motions, *poses = spread(_call, work, workers=workers)
            for index, frame in enumerate(span.frames):
                there = [each[index] for each in poses]
                yield Seen(frame, distinct([pose for pose in there if pose is not None]), motions[index])


def _close(followers: dict[int, Landmarker]) -> None:
    for follower in followers.values():
        follower.close()


def _call(task: Callable[[], list[Any]]) -> list[Any]:
    return task()


def _run(follower: Landmarker, frames: list[Frame], boxes: list[Floats | None]) -> list[Pose | None]:
    return [follower(frame.time, frame.image, box) for frame, box in zip(frames, boxes, strict=True)]


def _move(camera: CameraMotion, span: _Followed) -> list[Motion]:
    motions = []
    for index, frame in enumerate(span.frames):
        there = [boxes[index] for boxes in span.boxes.values()]
        boxes = np.array([box for box in there if box is not None], np.float32).reshape(-1, 4)
        motions.append(camera(frame.image, boxes, cut=span.cut and index == 0))
    return motions


_SAME = 0.08  # of a body's height: two poses nearer than this on the whole are of one person


def distinct(poses: Iterable[Pose]) -> list[Pose]:
    """The poses without those of a body that is another person's, which happens where people hide each other."""
    kept: list[Pose] = []
    for pose in poses:
        height = float(np.ptp(pose.keypoints[:, 1]))
        if all(
            float(np.linalg.norm(pose.keypoints[:, :2] - other.keypoints[:, :2], axis=1).mean()) > _SAME * height
            for other in kept
        ):
            kept.append(pose)
    return kept
