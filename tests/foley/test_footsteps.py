"""Footsteps in landmarks: walks that are made here, with every strike and toe-off known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perceptkit.errors import InputError
from perceptkit.foley import Footstep, FootstepDetector, Pose, detect_footsteps, to_poses
from perceptkit.foley.footsteps import _leaps, _signals
from perceptkit.foley.reading import _agreed, _one_foot
from perceptkit.foley.rhythm import OFF, STRIKE, Candidate
from walker import Walk

WALK = Walk()


def clock(rate: float, length: float = WALK.length) -> Any:
    return np.arange(0, length, 1 / rate)


def missed(steps: list[Footstep], true: list[tuple[float, str]], event: str, within: float = 0.1) -> list[Any]:
    """Events that are there and were not found, and events that were found and are not there."""
    mine = [(step.time, step.foot) for step in steps if step.event == event]
    left = list(mine)
    lost = []
    for time, foot in true:
        near = [each for each in left if each[1] == foot and abs(each[0] - time) <= within]
        if near:
            left.remove(min(near, key=lambda each: abs(each[0] - time)))
        else:
            lost.append((time, foot))
    return [*lost, *left]


@pytest.mark.parametrize("rate", [10, 15, 24, 25, 30, 60])
def test_a_walk_at_any_rate(rate: float) -> None:
    steps = detect_footsteps(WALK.poses(clock(rate)))
    assert len(missed(steps, WALK.strikes, "heel_strike")) <= (2 if rate < 20 else 1)
    assert all(0 < step.confidence <= 1 for step in steps)


@pytest.mark.parametrize(
    "walk",
    [
        Walk(scale=60, origin=(20, 130)),
        Walk(stride=1.5, speed=0.8),
        Walk(stride=0.95, speed=1.5),
        Walk(scale=700, origin=(300, 1500)),
    ],
    ids=["small", "slow", "fast", "large"],
)
def test_walks_of_any_size_and_pace(walk: Walk) -> None:
    steps = detect_footsteps(walk.poses(clock(30), noise=walk.scale / 300))
    assert len(missed(steps, walk.strikes, "heel_strike")) <= 2


def test_who_walks_the_other_way_makes_the_same_steps() -> None:
    there, back = WALK.landmarks(clock(30)), WALK.landmarks(clock(30))
    back[..., 0] = 1280 - back[..., 0]
    scores = np.full(there.shape[:2], 0.95, np.float32)
    one, other = (detect_footsteps(to_poses(clock(30), points, scores)) for points in (there, back))
    assert [(step.foot, step.event) for step in one] == [(step.foot, step.event) for step in other]
    assert np.allclose([step.time for step in one], [step.time for step in other], atol=0.01)


def test_left_and_right_exchanged_in_the_picture_exchange_the_feet() -> None:
    points = WALK.landmarks(clock(30))
    scores = np.full(points.shape[:2], 0.95, np.float32)
    mirrored = points.copy()
    mirrored[:, 11:] = points[:, 11:].reshape(len(points), 11, 2, 3)[:, :, ::-1].reshape(len(points), 22, 3)
    one = detect_footsteps(to_poses(clock(30), points, scores))
    other = detect_footsteps(to_poses(clock(30), mirrored, scores))
    swap = {"left": "right", "right": "left"}
    assert [(swap[step.foot], step.event) for step in one] == [(step.foot, step.event) for step in other]


def test_legs_that_are_taken_for_each_other_for_a_moment() -> None:
    points = WALK.landmarks(clock(30))
    for start in (50, 90, 120):
        piece = points[start : start + 4, 23:].reshape(4, 5, 2, 3)
        points[start : start + 4, 23:] = piece[:, :, ::-1].reshape(4, 10, 3)
    steps = detect_footsteps(to_poses(clock(30), points, np.full(points.shape[:2], 0.95, np.float32)))
    assert len(missed(steps, WALK.strikes, "heel_strike")) <= 1


def test_a_variable_rate_and_missing_frames() -> None:
    times = clock(30)
    kept = np.random.default_rng(1).random(len(times)) > 0.25
    poses = WALK.poses(times[kept])
    assert len(missed(detect_footsteps(poses), WALK.strikes, "heel_strike")) <= 1


def test_nothing_is_made_up_where_nobody_is_seen() -> None:
    poses = [pose for pose in WALK.poses(clock(30)) if not 2.2 < pose.time < 3.4]
    assert not [step for step in detect_footsteps(poses) if 2.3 < step.time < 3.3]


def test_standing_makes_no_steps() -> None:
    still = Walk(length=20, start=100, stop=100)
    assert detect_footsteps(still.poses(clock(30, 20), noise=2)) == []


def test_feet_that_are_not_seen_make_no_steps() -> None:
    points = WALK.landmarks(clock(30))
    scores = np.full(points.shape[:2], 0.95, np.float32)
    scores[:, 25:] = 0.1
    assert detect_footsteps(to_poses(clock(30), points, scores)) == []


def test_people_are_told_apart() -> None:
    other = Walk(start=2.0, stop=5.5, stride=1.0)
    poses = [*WALK.poses(clock(30)), *other.poses(clock(30), person=2)]
    steps = detect_footsteps(sorted(poses, key=lambda pose: (pose.time, -pose.person)))
    assert [step.time for step in steps] == sorted(step.time for step in steps)
    for person, walk in ((1, WALK), (2, other)):
        assert len(missed([step for step in steps if step.person == person], walk.strikes, "heel_strike")) <= 1


def test_a_camera_that_goes_along_is_told_by_the_background() -> None:
    """The person stays in the middle of the picture, and the background moves."""
    times = clock(30)
    points = WALK.landmarks(times)
    moved = points[:, 23, 0] - points[0, 23, 0]
    points[..., 0] -= moved[:, None]
    background = {
        float(time): np.array([[1, 0, -shift], [0, 1, 0]], np.float32)
        for time, shift in zip(times, np.diff(moved, prepend=0.0), strict=True)
    }
    poses = to_poses(times, points, np.full(points.shape[:2], 0.95, np.float32))
    steps = detect_footsteps(poses, background=background)
    assert len(missed(steps, WALK.strikes, "heel_strike")) <= 1


def test_where_the_foot_is() -> None:
    steps = detect_footsteps(WALK.poses(clock(30)), size=(1280, 720))
    for step in steps:
        (pose,) = (pose for pose in WALK.poses(clock(30)) if abs(pose.time - step.time) <= 1 / 60 + 1e-9)
        heel = pose.keypoints[29 if step.foot == "left" else 30]
        assert abs(step.x * 1280 - min(heel[0], 1280)) < 90
        assert abs(step.y * 720 - heel[1]) < 60


def test_a_step_that_nobody_saw_is_said_to_be_inferred_and_less_sure() -> None:
    left = [Candidate(STRIKE, time, 0.9) for time in (1.0, 2.0, 3.0, 4.0)]
    right = [Candidate(STRIKE, time, 0.9) for time in (1.5, 3.5)]
    detector = FootstepDetector(lambda _: [left, right], calibration=np.full((2, 21), 0.97, np.float32))
    steps = detect_footsteps(WALK.poses(clock(30)), detector=detector)
    assert [(step.foot, step.time, step.confidence) for step in steps if step.inferred] == [("right", 2.5, 0.45)]
    assert {step.confidence for step in steps if not step.inferred} == {0.97}


def test_sensitivity_trades_missed_for_false_events() -> None:
    poses = WALK.poses(clock(15), noise=8)
    counts = [len(detect_footsteps(poses, sensitivity=each)) for each in ("low", "medium", "high")]
    assert counts == sorted(counts)


def test_the_classical_detector_sees_a_walk_from_the_side() -> None:
    steps = detect_footsteps(WALK.poses(clock(30)), detector="zeni")
    assert len(missed(steps, WALK.strikes, "heel_strike", within=0.15)) <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detector": "magic"}, "unknown footstep detector 'magic'; choose one of: learned, zeni"),
        ({"sensitivity": "most"}, "unknown sensitivity 'most'; choose one of: low, medium, high"),
    ],
)
def test_unknown_names(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        detect_footsteps([], **options)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_little_to_say_anything(count: int) -> None:
    poses: list[Pose] = WALK.poses(clock(30))[:count]
    assert detect_footsteps(poses) == []


def test_two_frames_of_a_fast_camera_are_too_little() -> None:
    assert detect_footsteps(WALK.poses(clock(240))[:2]) == []


def test_the_network_and_the_reach_of_the_leg_meet_half_way() -> None:
    found = [Candidate(STRIKE, 1.0, 0.9), Candidate(OFF, 1.02, 0.8), Candidate(STRIKE, 2.0, 0.9)]
    reached = [Candidate(STRIKE, 1.04, 0.5), Candidate(STRIKE, 2.2, 0.5)]
    moved = _agreed(found, reached)
    assert [(each.kind, round(each.time, 3)) for each in moved] == [(STRIKE, 1.02), (OFF, 1.02), (STRIKE, 2.0)]
    assert _agreed(found, []) == found


def test_only_who_comes_from_the_air_lands_on_both_feet() -> None:
    left = [Candidate(STRIKE, 1.0, 0.6), Candidate(OFF, 1.5, 0.8), Candidate(STRIKE, 3.0, 0.9)]
    right = [Candidate(STRIKE, 1.1, 0.7), Candidate(STRIKE, 2.0, 0.9), Candidate(STRIKE, 3.05, 0.5)]
    assert _one_foot(left, right, lambda _: True) == [left[1:], right[:2]]
    assert _one_foot(left, right, lambda _: False) == [left, right]
    assert _one_foot(left, right, lambda time: time < 2) == [left[1:], right]


@pytest.mark.parametrize("rate", [10, 25, 60])
def test_a_body_that_leaps_to_another_place_is_found_out_and_one_that_walks_is_not(rate: float) -> None:
    poses: list[Pose] = WALK.poses(clock(rate))
    seen = _signals(poses, None)
    assert seen is not None
    assert not _leaps(seen).any()
    moved = [
        replace(pose, keypoints=pose.keypoints + np.array([200.0, 0, 0], np.float32)) if 3 < pose.time < 3.5 else pose
        for pose in poses
    ]
    seen = _signals(moved, None)
    assert seen is not None
    times = seen.times[_leaps(seen)]
    assert len(times)
    assert (np.abs(times - 3.25) < 0.7).all()
