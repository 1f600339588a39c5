"""Footsteps while they happen: each once, in time, and none that is not there."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from perceptkit.errors import InputError
from perceptkit.foley import Footstep, Pose, detect_footsteps, to_poses
from perceptkit.foley.camera import Motion
from perceptkit.foley.causal import LOOK_AHEAD, CausalDetector
from shared_data import gait_folder
from walker import Walk

WALK = Walk(length=7.0, start=1.0, stop=6.0)


def clock(rate: float, length: float = WALK.length) -> Any:
    return np.arange(0, length, 1 / rate)


def feed(detector: CausalDetector, times: Any, poses: Iterable[Pose]) -> list[tuple[float, Footstep]]:
    """What comes out, with the time of the frame that it came out with."""
    by_time: dict[float, list[Pose]] = {}
    for pose in poses:
        by_time.setdefault(pose.time, []).append(pose)
    return [(float(time), step) for time in times for step in detector(float(time), by_time.get(float(time), []))]


def strikes(found: Iterable[Footstep]) -> list[tuple[float, str]]:
    return events(found, "heel_strike")


def events(found: Iterable[Footstep], event: str) -> list[tuple[float, str]]:
    return [(step.time, step.foot) for step in found if step.event == event]


def matched(mine: list[tuple[float, str]], true: list[tuple[float, str]], within: float = 0.1) -> int:
    """How many of the true ones are there; each of mine counts once."""
    left = list(mine)
    count = 0
    for time, foot in true:
        near = [each for each in left if each[1] == foot and abs(each[0] - time) <= within]
        if near:
            left.remove(near[0])
            count += 1
    return count


@pytest.mark.parametrize("rate", [15, 25, 30, 60])
def test_a_walk_is_heard_in_time(rate: float) -> None:
    found = feed(CausalDetector(), clock(rate), WALK.poses(clock(rate)))
    steps = [step for _, step in found]
    for mine, true in (
        (strikes(steps), WALK.strikes),
        (events(steps, "toe_off"), WALK.toe_offs),
    ):
        assert matched(mine, true) >= len(true) - 1
        assert len(mine) <= len(true), "each once, and none besides"
    assert [step.time for step in steps] == sorted(step.time for step in steps)
    assert max(time - step.time for time, step in found) <= LOOK_AHEAD + 1 / rate + 1e-6
    assert min(time - step.time for time, step in found) >= 0.029
    assert not any(step.inferred for step in steps)


def test_most_of_a_walk_is_heard_at_once() -> None:
    found = feed(CausalDetector(), clock(30), WALK.poses(clock(30)))
    assert np.median([time - step.time for time, step in found]) < 0.1


def test_a_shorter_look_ahead_is_kept() -> None:
    found = feed(CausalDetector(look_ahead=0.06), clock(60), WALK.poses(clock(60)))
    assert found
    assert max(time - step.time for time, step in found) <= 0.06 + 1 / 60 + 1e-6


def test_they_are_the_steps_that_the_whole_video_shows() -> None:
    poses = WALK.poses(clock(30))
    whole = strikes(detect_footsteps(poses))
    mine = strikes(step for _, step in feed(CausalDetector(), clock(30), poses))
    assert matched(mine, whole, 0.05) >= len(whole) - 1


@pytest.mark.parametrize("noise", [0.5, 2, 4])
def test_who_stands_makes_no_steps(noise: float) -> None:
    still = Walk(length=20, start=100, stop=100)
    assert feed(CausalDetector(), clock(30, 20), still.poses(clock(30, 20), noise=noise)) == []


def test_nobody() -> None:
    assert feed(CausalDetector(), clock(30), []) == []


def test_what_was_said_holds_whatever_comes_then() -> None:
    poses = WALK.poses(clock(30))
    whole = feed(CausalDetector(), clock(30), poses)
    for end in (60, 100, 140):
        until = clock(30)[:end]
        short = feed(CausalDetector(), until, [pose for pose in poses if pose.time <= until[-1]])
        assert short == [each for each in whole if each[0] <= until[-1]]


def test_a_pause_in_the_frames_loses_nothing_before_it() -> None:
    times = clock(30)
    poses = WALK.poses(times)
    whole = feed(CausalDetector(), times, poses)
    kept = times[(times < 3.5) | (times > 4.2)]
    paused = feed(CausalDetector(), kept, [pose for pose in poses if not 3.5 <= pose.time <= 4.2])
    before = [step for _, step in whole if step.time < 3.3]
    assert [step for _, step in paused][: len(before)] == before
    assert len(strikes(step for _, step in paused)) == len(set(strikes(step for _, step in paused)))
    late = [time - step.time for time, step in paused if not 3.3 < step.time < 4.3]
    assert max(late) <= LOOK_AHEAD + 1 / 30 + 1e-6


def test_people_are_told_apart() -> None:
    other = Walk(length=7, start=1.8, stop=6, stride=1.0)
    poses = [*WALK.poses(clock(30)), *other.poses(clock(30), person=2)]
    both = [step for _, step in feed(CausalDetector(), clock(30), poses)]
    alone = [step for _, step in feed(CausalDetector(), clock(30), WALK.poses(clock(30)))]
    assert [step for step in both if step.person == 1] == alone
    assert matched(strikes(step for step in both if step.person == 2), other.strikes) >= len(other.strikes) - 1


def test_where_a_step_is_in_the_picture() -> None:
    found = feed(CausalDetector(size=(1280, 720)), clock(30), WALK.poses(clock(30)))
    xs = [step.x for _, step in found if step.event == "heel_strike"]
    assert xs == sorted(xs)
    assert all(step.height is not None and step.y > 0.7 for _, step in found)


def test_a_camera_that_goes_along_is_told_by_the_background() -> None:
    times = clock(30)
    points = WALK.landmarks(times)
    moved = points[:, 23, 0] - points[0, 23, 0]
    points[..., 0] -= moved[:, None]
    shifts = np.diff(moved, prepend=0.0)
    detector = CausalDetector()
    poses = to_poses(times, points, np.full(points.shape[:2], 0.95, np.float32))
    mine = []
    for pose, shift in zip(poses, shifts, strict=True):
        motion = Motion(np.array([[1, 0, -shift], [0, 1, 0]], np.float32), True, False)
        mine += detector(pose.time, [pose], motion)
    assert matched(strikes(mine), WALK.strikes) >= len(WALK.strikes) - 1


def test_memory_does_not_grow_and_who_is_gone_is_forgotten() -> None:
    detector = CausalDetector()
    walk = Walk(length=40, stop=39)
    poses = walk.poses(clock(10, 40))
    still = Motion(np.eye(2, 3, dtype=np.float32), True, False)
    for pose in poses:
        detector(pose.time, [pose], still)
    assert len(detector._people[1].poses) <= 31
    assert len(detector._motions) <= 31
    assert len(detector._people[1].last) <= 4
    for time in clock(10, 2) + 40:
        detector(float(time), [])
    assert detector._people == {}


@pytest.mark.parametrize("detector", ["learned", "zeni"])
def test_every_detector_can_be_used(detector: str) -> None:
    found = feed(CausalDetector(detector, "high"), clock(30), WALK.poses(clock(30)))
    assert matched(strikes(step for _, step in found), WALK.strikes, 0.15) >= len(WALK.strikes) - 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detector": "magic"}, "unknown footstep detector 'magic'"),
        ({"sensitivity": "most"}, "unknown sensitivity 'most'"),
        ({"look_ahead": 0.0}, "look_ahead is 0.0; it must lie between 0.03 and 1 second"),
    ],
)
def test_values_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CausalDetector(**options)


def test_frames_out_of_order() -> None:
    detector = CausalDetector()
    detector(1.0, [])
    with pytest.raises(InputError, match=r"the time of a frame is 1\.0 s, after one at 1\.0 s"):
        detector(1.0, [])


@pytest.mark.weights
def test_the_steps_of_the_benchmark_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of these people were trained on: this says that nothing broke, not how good it is."""
    monkeypatch.syspath_prepend(gait_folder())
    scorer = importlib.import_module("score")
    short = {"left": "L", "right": "R", "heel_strike": "HS", "toe_off": "TO"}

    def detect(clip: dict[str, Any]) -> list[tuple[str, str, float, float]]:
        times = np.arange(len(clip["lm"])) / clip["fps"]
        found = feed(CausalDetector(), times, to_poses(times, clip["lm"][..., :3], clip["vis"]))
        assert all(time - step.time <= LOOK_AHEAD + 1 / clip["fps"] + 1e-6 for time, step in found)
        return [(short[step.foot], short[step.event], step.time, step.confidence) for _, step in found]

    records = scorer.evaluate(detect, scorer.files("dev")[::48])
    walking = [record for record in records if not record["m"]["negative"]]
    for kind in ("HS", "TO"):
        assert scorer.agg([record["S"][kind, 0.1, True] for record in walking])["F1"] > 0.88
    assert sum(record["npred"] for record in records if record["m"]["negative"]) <= 1
