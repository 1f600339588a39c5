"""The bodies of all people in frames that come just now: as `following`, with every frame given back at once.

People are searched for in the background while their bodies are followed: what a search finds is known one search step
later, and by then each box has gone along with the body in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Floats
from ..models import cpu_count
from ..threads import spread
from ..tracks import Tracker
from ..video import Frame
from . import defaults
from .camera import CameraMotion, Shots
from .following import Find, Landmarker, PoseModel, Seen, check_search, distinct, find_largest
from .types import Pose

__all__ = ["pursue_people"]

_GAP = 0.5  # seconds for which somebody is followed who is not found
_REMEMBERED = 64  # frames for which it is known where a body was
_HIPS = slice(23, 25)

_Found = tuple[Frame, Floats, Floats]  # a frame that was searched, the boxes and the scores


def pursue_people(
    frames: Iterable[Frame],
    find: Find,
    pose: PoseModel,
    *,
    search_step: float,
    min_person: float,
    max_people: int,
    workers: int | None = None,
) -> Generator[Seen, None, None]:
    """The poses of everybody before a camera, frame by frame. Arguments and errors are those of `follow_people`.

    The first frame waits for its search. Of somebody new the first pose comes one to two search steps later; a frame
    waits for a search only where that takes longer than `search_step`.
    """
    check_search(search_step, max_people)
    wanted: deque[Frame] = deque()
    shots, camera = Shots(), CameraMotion()
    search = partial(_search, find=find, min_person=min_person, max_people=max_people)
    with closing(spread(search, _wanted(wanted), workers=1, ahead=0)) as searched, ExitStack() as opened:
        people = _People(pose, float(getattr(find, "certain_score", defaults.CERTAIN_PERSON)))
        opened.callback(people.close)
        due = -np.inf
        for frame in frames:
            cut = shots(frame.image)
            if cut:
                people.cut(frame.time)
            if cut or frame.time >= due - 1e-6:
                due = frame.time + search_step
                wanted.append(frame)
                people.update(next(searched))
            boxes = people.boxes()
            shown = np.array([box for box in boxes.values() if box is not None], np.float32).reshape(-1, 4)
            work: list[Callable[[], Any]] = [partial(camera, frame.image, shown, cut=cut)]
            work += [partial(people.see, person, frame, box) for person, box in boxes.items()]
            motion, *poses = spread(_call, work, workers=workers or cpu_count())
            yield Seen(frame, distinct([each for each in poses if each is not None]), motion)


def _wanted(frames: deque[Frame]) -> Iterator[Frame | None]:
    """The frames that wait for a search, None while none does."""
    while True:
        yield frames.popleft() if frames else None


def _search(frame: Frame | None, *, find: Find, min_person: float, max_people: int) -> _Found | None:
    if frame is None:
        return None
    return frame, *find_largest(find, frame.image, min_person, max_people)


def _call(task: Callable[[], Any]) -> Any:
    return task()


class _Body:
    """Somebody who is followed: the box of the last search that found him, and where his hips were in which frame."""

    def __init__(self, landmarker: Landmarker) -> None:
        self.landmarker = landmarker
        self.found_at = -np.inf
        self.box: Floats | None = None
        self.hips: deque[tuple[float, Floats]] = deque(maxlen=_REMEMBERED)

    def found(self, time: float, box: Floats) -> None:
        """The body is in a box at a time. Since then the box has gone as far as the hips."""
        self.found_at, self.box = time, box
        then = next((hips for when, hips in self.hips if when >= time), None)
        if then is not None and (np.abs(then - (box[:2] + box[2:]) / 2) <= (box[2:] - box[:2]) / 2).all():
            self.box = box + np.tile(self.hips[-1][1] - then, 2)

    def saw(self, pose: Pose) -> None:
        """The body is here now, and the box with it."""
        hips = np.asarray(pose.keypoints[_HIPS, :2].mean(axis=0), np.float32)
        if self.box is not None and self.hips:
            self.box = self.box + np.tile(hips - self.hips[-1][1], 2)
        self.hips.append((pose.time, hips))


class _People:
    """Everybody who is followed, by number."""

    def __init__(self, pose: PoseModel, min_score: float) -> None:
        self._pose, self._min_score = pose, min_score
        self._tracker = Tracker(min_score=min_score, max_gap=_GAP)
        self._bodies: dict[int, _Body] = {}
        self._count = self._first = 0  # people so far, and before this shot
        self._shot = -np.inf

    def cut(self, time: float) -> None:
        """Another shot begins: everybody is somebody new, and what was searched before counts no more."""
        self.close()
        self._tracker = Tracker(min_score=self._min_score, max_gap=_GAP)
        self._first, self._shot = self._count, time

    def update(self, found: _Found | None) -> None:
        """A search has ended; None: it was none."""
        if found is None or found[0].time < self._shot:
            return
        frame, boxes, scores = found
        for track, box in zip(self._tracker.update(frame.time, boxes, scores), boxes, strict=True):
            if track is not None:
                person = self._first + track
                self._count = max(self._count, person)
                if person not in self._bodies:
                    self._bodies[person] = _Body(self._pose.follow(person))
                self._bodies[person].found(frame.time, box)
        for person, body in list(self._bodies.items()):
            if frame.time - body.found_at > _GAP:
                self._bodies.pop(person).landmarker.close()
            elif body.found_at < frame.time:
                body.box = None  # not found any more: the landmarker looks where the last pose was

    def boxes(self) -> dict[int, Floats | None]:
        """Where everybody should be now; None for those who were not found any more."""
        return {person: body.box for person, body in self._bodies.items()}

    def see(self, person: int, frame: Frame, box: Floats | None) -> Pose | None:
        """The pose of a person."""
        body = self._bodies[person]
        pose = body.landmarker(frame.time, frame.image, box)
        if pose is not None:
            body.saw(pose)
        return pose

    def close(self) -> None:
        """Let go of all landmarkers."""
        while self._bodies:
            self._bodies.popitem()[1].landmarker.close()
