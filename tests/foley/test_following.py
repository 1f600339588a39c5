"""Finding and following people: who is who, where the landmarker looks, cuts, crowds, and what ends a run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from perceptkit.arrays import Floats, Picture
from perceptkit.errors import InputError
from perceptkit.foley import Pose, detect_footsteps, follow_people
from perceptkit.video import Frame
from walker import Walk

RATE = 25
OPTIONS: dict[str, Any] = {"search_step": 0.2, "min_person": 20, "max_people": 12}


class Follower:
    """A landmarker that says where it was shown somebody: all landmarks are spread over the box."""

    def __init__(self, model: Model, person: int) -> None:
        self.model, self.person, self.times = model, person, [-1.0]

    def __call__(self, time: float, image: Picture, box: Floats | None) -> Pose | None:
        assert time > self.times[-1], "every frame is shown once and in order"
        self.times.append(time)
        if box is None:
            return None
        points = np.zeros((33, 3), np.float32)
        points[:, :2] = np.random.default_rng(0).uniform(box[:2], box[2:], (33, 2))
        return Pose(time, points, np.ones(33, np.float32), person=self.person)

    def close(self) -> None:
        self.model.open.remove(self.person)


class Model:
    """A pose model that counts who is followed."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.opened: list[int] = []

    def follow(self, person: int = 1) -> Follower:
        self.open.add(person)
        self.opened.append(person)
        return Follower(self, person)


class Find:
    """A detector that sees what is painted: white boxes."""

    certain_score = 0.5

    def __init__(self) -> None:
        self.asked = 0
        self.lock = threading.Lock()

    def __call__(self, images: Sequence[Picture]) -> list[tuple[Floats, Floats]]:
        with self.lock:
            self.asked += len(images)
        found = []
        for image in images:
            mask = (image.min(axis=2) > 250).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
            boxes = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:]]
            found.append((np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32)))
        return found


def scene(seed: int = 0) -> Picture:
    small = np.random.default_rng(seed).integers(30, 200, (18, 32, 3), np.uint8)
    return np.asarray(cv2.resize(small, (640, 360), interpolation=cv2.INTER_NEAREST), np.uint8)


def frames(count: int, *people: tuple[float, float, float], cut: int | None = None) -> Iterator[Frame]:
    """People (x, pixels a second, height) walk through a scene; from frame `cut` on it is another."""
    for number in range(count):
        image = scene(0 if cut is None or number < cut else 1)
        for x, speed, height in people:
            left = round(x + speed * number / RATE)
            image[300 - round(height) : 300, max(0, left) : max(0, left + round(height / 3))] = 255
        yield Frame(number, number / RATE, image)


def follow(shown: Iterator[Frame], model: Any = None, **options: Any) -> list[Any]:
    return list(follow_people(shown, Find(), model or Model(), **{**OPTIONS, **options}))


def test_everybody_has_a_number_and_a_box_in_every_frame() -> None:
    model = Model()
    seen = follow(frames(50, (50, 60, 120), (500, -60, 90)), model)
    assert [each.frame.index for each in seen] == list(range(50))
    assert all({pose.person for pose in each.poses} == {1, 2} for each in seen)
    for each in seen:
        centre = next(pose for pose in each.poses if pose.person == 1).keypoints[:, 0].mean()
        assert abs(centre - (50 + 60 * each.frame.time + 20)) < 15, "boxes move between two searches"
    assert model.opened == [1, 2]
    assert not model.open, "every landmarker is closed at the end"


@pytest.mark.parametrize("workers", [1, 2])
def test_people_are_searched_for_now_and_then(workers: int) -> None:
    find = Find()
    list(follow_people(frames(50, (50, 60, 120)), find, Model(), **OPTIONS, workers=workers))
    assert find.asked == 10


def test_after_a_cut_everybody_is_somebody_new() -> None:
    seen = follow(frames(40, (200, 20, 120), cut=17))
    assert [each.motion.cut for each in seen] == [number == 17 for number in range(40)]
    assert {pose.person for each in seen[:17] for pose in each.poses} == {1}
    assert {pose.person for each in seen[17:] for pose in each.poses} == {2}


def test_who_comes_later_is_followed_from_then_on() -> None:
    def shown() -> Iterator[Frame]:
        for number, (alone, both) in enumerate(
            zip(frames(50, (50, 0, 120)), frames(50, (50, 0, 120), (400, 0, 100)), strict=True)
        ):
            yield both if number >= 25 else alone

    seen = follow(shown())
    assert [len(each.poses) for each in seen] == [1] * 25 + [2] * 25


def test_who_leaves_is_not_followed_any_more() -> None:
    def shown() -> Iterator[Frame]:
        for number, (alone, both) in enumerate(
            zip(frames(75, (50, 0, 120)), frames(75, (50, 0, 120), (400, 0, 100)), strict=True)
        ):
            yield alone if number >= 25 else both

    model = Model()
    seen = follow(shown(), model)
    assert {pose.person for pose in seen[-1].poses} == {1}
    assert not model.open


def test_small_people_and_crowds_are_left_out() -> None:
    people = [(20 + 60 * number, 0, 60 + 10 * number) for number in range(8)]
    assert {len(each.poses) for each in follow(frames(12, *people), min_person=95)} == {4}
    assert {len(each.poses) for each in follow(frames(12, *people), max_people=3)} == {3}


def test_two_poses_of_one_body_are_one() -> None:
    class Drawn(Follower):
        def __call__(self, time: float, image: Picture, box: Floats | None) -> Pose | None:
            return super().__call__(time, image, np.array([100, 100, 160, 260], np.float32))

    class Attracted(Model):
        def follow(self, person: int = 1) -> Follower:
            super().follow(person)
            return Drawn(self, person)

    seen = follow(frames(12, (50, 0, 120), (400, 0, 100)), Attracted())
    assert {len(each.poses) for each in seen} == {1}


def test_nobody() -> None:
    assert [each.poses for each in follow(frames(12))] == [[]] * 12
    assert follow(frames(0)) == []


def test_an_error_in_the_frames_comes_out_and_everything_is_closed() -> None:
    def broken() -> Iterator[Frame]:
        yield from frames(30, (50, 0, 120))
        raise OSError("the disk is gone")

    model = Model()
    with pytest.raises(OSError, match="the disk is gone"):
        follow(broken(), model)
    assert not model.open


def test_stopping_early_closes_everything() -> None:
    model = Model()
    following = follow_people(frames(100, (50, 0, 120)), Find(), model, **OPTIONS)
    next(following)
    following.close()
    assert not model.open
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("perceptkit")]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"search_step": -1}, "search_step is -1"), ({"search_step": 9}, "0 and 2"), ({"max_people": 0}, "max_people")],
)
def test_values_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        follow(frames(3), **options)


# ---- Two people who cross, with every step known


class Truth:
    """A pose model that sees the body whose middle is nearest to that of the box, shaken by a pixel."""

    def __init__(self, *walks: Walk) -> None:
        self.walks = walks
        self.random = np.random.default_rng(0)

    def follow(self, person: int = 1) -> Truth.Landmarker:
        return Truth.Landmarker(self, person)

    class Landmarker:
        def __init__(self, model: Truth, person: int) -> None:
            self.model, self.person = model, person
            self.last: Floats | None = None

        def __call__(self, time: float, image: Picture, box: Floats | None) -> Pose | None:
            wanted = self.last if box is None else (box[:2] + box[2:]) / 2
            if wanted is None:
                return None
            bodies = [walk.landmarks([time])[0] for walk in self.model.walks]
            points = min(bodies, key=lambda body: float(np.linalg.norm(_middle(body) - wanted)))
            points[:, :2] += self.model.random.normal(0, 1, (33, 2))
            self.last = _middle(points)
            return Pose(time, points, np.full(33, 0.95, np.float32), person=self.person)

        def close(self) -> None:
            pass


def _middle(points: Floats) -> Floats:
    return np.asarray((points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2, np.float32)


class Facing(Walk):
    """A walk in the other direction."""

    def landmarks(self, times: Any) -> Any:
        points = super().landmarks(times)
        points[..., 0] = 1280 - points[..., 0]
        return points


def test_two_people_who_cross_keep_their_steps() -> None:
    walks = (Walk(length=7, stop=6, speed=0.7, stride=1.2), Facing(length=7, start=1.3, stop=6, speed=0.75, stride=1.0))

    def shown() -> Iterator[Frame]:
        for number in range(7 * RATE):
            image = np.asarray(cv2.resize(scene(), (1280, 720)), np.uint8)
            for walk in walks:
                points = walk.landmarks([number / RATE])[0]
                (x1, y1), (x2, y2) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
                image[int(y1) : int(y2), max(0, int(x1)) : int(x2)] = 255
            yield Frame(number, number / RATE, image)

    seen = list(follow_people(shown(), Find(), Truth(*walks), **OPTIONS))
    steps = [
        step for step in detect_footsteps([pose for each in seen for pose in each.poses]) if step.event == "heel_strike"
    ]
    true = [(time, foot) for walk in walks for time, foot in walk.strikes]
    # While one hides the other a step or two may be lost; none may be made up.
    found = sum(any(step.foot == foot and abs(step.time - time) < 0.1 for step in steps) for time, foot in true)
    assert len(true) == 17
    assert found >= len(true) - 3
    assert len(steps) <= found + 1
