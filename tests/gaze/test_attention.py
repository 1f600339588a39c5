"""Who looks at the camera, at whom and at what: scenes whose answers are known, and the sums over a video."""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptkit.arrays import Floats
from perceptkit.errors import InputError
from perceptkit.face import Face
from perceptkit.gaze.attention import (
    Region,
    at_camera,
    looks_at,
    mutual,
    parse_region,
    regions_met,
)
from perceptkit.gaze.defaults import CAMERA_ANGLE
from perceptkit.gaze.directions import direction
from perceptkit.gaze.summary import Attention
from perceptkit.gaze.types import FrameGaze, Gaze, State

# Degrees: to where an arrow in the image points. Yaw > 0 is image-left, pitch > 0 is up.
LEFT, RIGHT, UP, DOWN, CAMERA = (70, 0), (-70, 0), (0, 70), (0, -70), (0, 0)
Seen = tuple[Face, Gaze]


def looking(yaw: float, pitch: float = 0, *, state: State = "ok") -> Gaze:
    return Gaze(float(yaw), float(pitch), None, None, direction(yaw, pitch), state)


def person(
    track: int | None,
    at: tuple[float, float],
    towards: tuple[float, float],
    *,
    side: float = 100,
    state: State = "ok",
) -> Seen:
    """A face with a square box around the point `at`, looking with a yaw and a pitch."""
    x, y = at
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Face(box, 0.9, np.zeros((5, 2), np.float32), track), looking(*towards, state=state)


def frame(*people: Seen, time: float = 0, index: int = 0) -> FrameGaze:
    faces, gazes = tuple(face for face, _ in people), tuple(gaze for _, gaze in people)
    return FrameGaze(index, time, faces, ((0, 0, 1, 1),) * len(people), gazes, gazes)


def mirrored(seen: FrameGaze, width: float = 1000) -> FrameGaze:
    """The frame as a mirror shows it."""
    faces = tuple(
        replace(face, box=np.array([width, 0, width, 0], np.float32) + face.box[[2, 1, 0, 3]] * (-1, 1, -1, 1))
        for face in seen.faces
    )
    gazes = tuple(looking(-gaze.yaw, gaze.pitch, state=gaze.state) for gaze in seen.gazes)
    return FrameGaze(seen.index, seen.time, faces, seen.crops, gazes, gazes)


# --- the camera


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (11.9, 0), (-11.9, 0), (0, 11.9), (0, -11.9), (8, 8)])
def test_a_gaze_within_twelve_degrees_goes_to_the_camera(yaw: float, pitch: float) -> None:
    assert at_camera(looking(yaw, pitch))
    assert not at_camera(looking(yaw, pitch, state="unknown"))
    assert not at_camera(looking(yaw, pitch, state="eyes-closed"))


@pytest.mark.parametrize(("yaw", "pitch"), [(12.1, 0), (-12.1, 0), (0, 12.1), (0, -12.1), (9, 9), (180, 0)])
def test_a_gaze_further_off_does_not(yaw: float, pitch: float) -> None:
    assert not at_camera(looking(yaw, pitch))


def test_the_angle_to_the_camera_can_be_chosen() -> None:
    assert at_camera(looking(20), angle=21)
    assert not at_camera(looking(20), angle=20 - 1e-3)


# --- other people


def test_two_people_look_at_each_other_and_a_third_looks_away() -> None:
    seen = frame(person(1, (200, 300), RIGHT), person(2, (600, 300), LEFT), person(3, (900, 300), RIGHT))
    looks = looks_at(seen)
    assert looks == [2, 1, None]
    assert mutual(looks, [1, 2, 3]) == [(1, 2)]


@pytest.mark.parametrize(("towards", "whom"), [(LEFT, 1), (RIGHT, 2), (UP, 3), (DOWN, 4)])
def test_each_direction_meets_the_person_who_is_there(towards: tuple[float, float], whom: int) -> None:
    around = [person(1, (100, 500), CAMERA), person(2, (900, 500), CAMERA)]
    around += [person(3, (500, 100), CAMERA), person(4, (500, 900), CAMERA)]
    assert looks_at(frame(person(5, (500, 500), towards), *around)) == [whom, None, None, None, None]


def test_nobody_is_met_backwards() -> None:
    assert looks_at(frame(person(1, (200, 300), LEFT), person(2, (600, 300), RIGHT))) == [None, None]


def test_the_first_person_on_the_way_is_the_one() -> None:
    row = [person(track, (100 + 200 * track, 300), CAMERA) for track in (3, 1, 2)]
    assert looks_at(frame(*row, person(9, (100, 300), RIGHT))) == [None, None, None, 1]
    assert looks_at(frame(*row, person(9, (900, 300), LEFT))) == [None, None, None, 3]


# From (0, 0), a box 100 to 120 px to the right and 10 to 30 px down: its upper right and lower left corners limit it.
CORNERS = math.degrees(math.atan2(10, 120)), math.degrees(math.atan2(30, 100))


@pytest.mark.parametrize(
    ("down", "hits"),
    [(CORNERS[0] - 0.1, False), (CORNERS[0] + 0.1, True), (CORNERS[1] - 0.1, True), (CORNERS[1] + 0.1, False)],
)
def test_a_ray_just_meets_or_misses_a_box(down: float, hits: bool) -> None:
    target = person(2, (110, 20), CAMERA, side=20)
    assert looks_at(frame(person(1, (0, 0), (-90, -down), side=10), target))[0] == (2 if hits else None)


def test_yaw_and_pitch_together_point_where_the_vector_does() -> None:
    # (-sin 30 cos 30, -sin 30) = (-0.433, -0.5): up and to the left, steeper than 45 degrees.
    start = person(1, (500, 500), (30, 30))
    on_the_way = person(2, (500 - 0.433 * 600, 500 - 0.5 * 600), CAMERA, side=10)
    on_the_diagonal = person(3, (500 - 280, 500 - 280), CAMERA, side=10)
    assert looks_at(frame(start, on_the_way, on_the_diagonal))[0] == 2


@pytest.mark.parametrize(("yaw", "whom"), [(91, 1), (150, 1), (-91, 2), (-150, 2)])
def test_a_gaze_beyond_ninety_degrees_keeps_its_side(yaw: float, whom: int) -> None:
    seen = frame(person(1, (100, 500), CAMERA), person(2, (900, 500), CAMERA), person(3, (500, 500), (yaw, 0)))
    assert looks_at(seen)[2] == whom


def test_a_look_at_the_camera_is_no_look_at_a_person() -> None:
    beside = person(2, (600, 300), LEFT)
    assert looks_at(frame(person(1, (200, 300), (-11, 0)), beside)) == [None, 1]
    assert looks_at(frame(person(1, (200, 300), (-13, 0)), beside)) == [2, 1]
    assert looks_at(frame(person(1, (200, 300), (-13, 0)), beside), angle=14) == [None, 1]


@pytest.mark.parametrize("state", ["unknown", "eyes-closed"])
def test_an_unreliable_gaze_looks_at_nobody(state: State) -> None:
    assert looks_at(frame(person(1, (200, 300), RIGHT, state=state), person(2, (600, 300), LEFT))) == [None, 1]


def test_a_look_at_somebody_without_a_track_has_no_id() -> None:
    row = [person(None, (300, 300), CAMERA), person(2, (500, 300), CAMERA)]
    assert looks_at(frame(person(1, (100, 300), RIGHT), *row)) == [None, None, None]
    assert looks_at(frame(person(None, (100, 300), RIGHT), person(None, (300, 300), LEFT))) == [None, None]


def test_a_box_around_the_own_face_is_not_looked_at() -> None:
    large = person(2, (500, 500), CAMERA, side=600)
    for towards in (LEFT, RIGHT, UP, DOWN):
        assert looks_at(frame(person(1, (450, 480), towards), large)) == [None, None]


def test_looking_straight_away_from_the_camera_meets_nobody() -> None:
    seen = frame(person(1, (200, 300), (180, 0)), person(2, (600, 300), (-180, 0)), person(3, (200, 600), (0, 90)))
    assert looks_at(seen) == [None, None, 1]


def test_a_frame_without_faces_has_no_answers() -> None:
    assert looks_at(frame()) == []
    assert regions_met(frame(), [Region("door", (0, 0, 1, 1))]) == []
    assert mutual([], []) == []


def test_pairs_are_ordered_and_named_once() -> None:
    assert mutual([3, None, 1, 8, 5], [1, 2, 3, 5, 8]) == [(1, 3), (5, 8)]
    assert mutual([2, 3, 1], [1, 2, 3]) == [], "a round of three is no pair"
    assert mutual([2, 1], [1, None]) == [], "a face without a track is nobody's other"


# --- regions


@pytest.mark.parametrize(
    ("towards", "names"), [(LEFT, ["shelf"]), (RIGHT, ["door", "wall"]), (UP, []), (DOWN, ["floor"])]
)
def test_all_regions_on_the_way_are_met(towards: tuple[float, float], names: list[str]) -> None:
    regions = [
        Region("door", (800, 400, 900, 600)),
        Region("shelf", (0, 400, 100, 600)),
        Region("wall", (950, 0, 960, 999)),
        Region("floor", (0, 900, 1000, 1000)),
    ]
    seen = frame(person(1, (500, 500), towards))
    assert regions_met(seen, regions) == [names]
    assert regions_met(seen, []) == [[]]


def test_a_region_around_the_own_face_is_not_met_but_others_meet_it() -> None:
    room = Region("room", (300, 300, 700, 700))
    inside, outside = person(1, (500, 500), RIGHT), person(None, (100, 500), RIGHT)
    assert regions_met(frame(inside, outside), [room]) == [[], ["room"]]


def test_who_looks_at_the_camera_or_is_unreliable_meets_no_region() -> None:
    everywhere = [Region("left", (0, 0, 400, 1000)), Region("right", (600, 0, 1000, 1000))]
    unsure = person(2, (500, 500), RIGHT, state="unknown")
    near = person(3, (500, 500), (-15, 0))
    seen = frame(person(1, (500, 500), CAMERA), unsure, near)
    assert regions_met(seen, everywhere) == [[], [], ["right"]]
    assert regions_met(seen, everywhere, angle=16) == [[], [], []]


coordinates = st.integers(0, 1000)
people = st.builds(
    lambda track, x, y, side, yaw, pitch: person(track, (x, y), (yaw, pitch), side=side),
    st.none() | st.integers(1, 9),
    coordinates,
    coordinates,
    st.integers(1, 150).map(lambda half: 2.0 * half),
    st.integers(-180, 180),
    st.integers(-90, 90),
)


@settings(deadline=None)
@given(st.lists(people, max_size=6), st.lists(st.tuples(*[coordinates] * 4), max_size=4))
def test_a_mirrored_scene_has_the_same_answers(seen: list[Seen], corners: list[tuple[int, ...]]) -> None:
    here = frame(*seen)
    assert looks_at(mirrored(here)) == looks_at(here)
    regions, there = [], []
    for number, (x, y, width, height) in enumerate(corners):
        regions.append(Region(str(number), (x, y, x + width + 1, y + height + 1)))
        there.append(Region(str(number), (1000 - x - width - 1, y, 1000 - x, y + height + 1)))
    assert regions_met(mirrored(here), there) == regions_met(here, regions)


def edges_crossed(start: Any, way: Any, box: Floats) -> list[float] | None:
    """How far along a ray the four edges of a box cross it; None where it is too near a corner to say."""
    x1, y1, x2, y2 = box.tolist()
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]) - start
    sides = way[0] * corners[:, 1] - way[1] * corners[:, 0]  # to which side of the ray each corner lies
    if np.abs(sides).min() < 1e-2:
        return None
    crossed = []
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 0)):
        if sides[one] * sides[other] < 0:
            point = corners[one] + (corners[other] - corners[one]) * sides[one] / (sides[one] - sides[other])
            crossed.append(float(point @ way / (way @ way)))
    return crossed


@settings(deadline=None)
@given(st.lists(people, min_size=2, max_size=6))
def test_whom_a_ray_meets_agrees_with_crossing_the_edges_of_boxes(seen: list[Seen]) -> None:
    for (face, gaze), look in zip(seen, looks_at(frame(*seen)), strict=True):
        yaw, pitch = math.radians(gaze.yaw), math.radians(gaze.pitch)
        way = np.array([-math.sin(yaw) * math.cos(pitch), -math.sin(pitch)])
        crossed = [edges_crossed((face.box[:2] + face.box[2:]) / 2, way, other.box) for other, _ in seen]
        if None in crossed:
            continue
        # Entered from outside: both edges that are crossed lie ahead, and the ray does not start on one.
        far = [min(each) if each and min(each) > 1e-6 else math.inf for each in crossed if each is not None]
        if at_camera(gaze) or min(far) == math.inf:
            assert look is None
        else:
            assert look in {other.track for (other, _), at in zip(seen, far, strict=True) if at < min(far) + 1e-3}


# --- regions as text


def test_a_region_is_read_from_text() -> None:
    assert parse_region("door:10,20.5,300,400") == Region("door", (10, 20.5, 300, 400))
    assert parse_region(" shop: left : -5, 0, 5, 1e3 ") == Region("shop: left", (-5, 0, 5, 1000))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10,20,30,40", "written name:x1,y1,x2,y2 in pixels, not '10,20,30,40'"),
        ("door:10,20,30", "written name:x1,y1,x2,y2 in pixels, not 'door:10,20,30'"),
        ("door:10,20,30,40,50", "not 'door:10,20,30,40,50'"),
        ("door:", "not 'door:'"),
        ("", "not ''"),
        ("door:a,20,30,40", r"not 'door:a,20,30,40' \(could not convert string to float: 'a'\)"),
        ("door:,20,30,40", "not 'door:,20,30,40'"),
        ("door:nan,20,30,40", "region 'door': nan,20,30,40 are not four finite numbers"),
        ("door:0,0,inf,40", "region 'door': 0,0,inf,40 are not four finite numbers"),
        ("door:30,20,30,40", "region 'door': x2 is 30, it must be larger than x1, 30"),
        ("door:10,40,30,20", "region 'door': y2 is 20, it must be larger than y1, 40"),
        (":10,20,30,40", "the region 10,20,30,40 has no name; write name:x1,y1,x2,y2"),
        ("  :10,20,30,40", "has no name"),
    ],
)
def test_a_region_that_is_none_is_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_region(text)


# --- the sums over a video

STEP = 0.5  # the longest that a frame counts


def added(*frames: FrameGaze, **options: Any) -> Attention:
    attention = Attention(**{"max_step": STEP, **options})
    for seen in frames:
        attention.add(seen)
    return attention


def at(time: float, *people: Seen) -> FrameGaze:
    return frame(*people, time=time)


def here(track: int | None, towards: tuple[float, float] = CAMERA, *, state: State = "ok") -> Seen:
    """Somebody in a row of people, in the order of their tracks from image-left to image-right."""
    return person(track, (200 * (track or 0), 300), towards, state=state)


def test_frames_of_different_length_count_as_long_as_they_last() -> None:
    attention = added(
        at(0.0, here(1)), at(0.1, here(1)), at(0.3, here(1, LEFT)), at(0.7, here(1)), at(0.8, here(1, state="unknown"))
    )
    (track,) = attention.summary()["tracks"]
    assert track == {
        "track": 1,
        "first_seen": 0.0,
        "last_seen": 0.8,
        "frames_visible": 5,
        "frames_ok": 4,
        "frames_at_camera": 3,
        "seconds_visible": pytest.approx(0.9),
        "seconds_at_camera": pytest.approx(0.4),
        "longest_dwell": pytest.approx(0.3),
        "rate": pytest.approx(3 / 5),
        "ever": True,
        "looks_at": {},
        "regions": {},
    }
    ((number, visible, camera),) = attention.spans()
    assert number == 1
    np.testing.assert_allclose(visible, [(0.0, 0.9)])
    assert camera == ((0.0, 0.3), (0.7, 0.8))


def test_a_gap_in_the_file_is_not_counted_as_visible() -> None:
    attention = added(at(0.0, here(1)), at(0.1, here(1)), at(10.0, here(1)), at(10.1, here(1)))
    summary = attention.summary()
    assert attention.spans() == [(1, *[((0.0, pytest.approx(0.6)), (10.0, pytest.approx(10.2)))] * 2)]
    (track,) = summary["tracks"]
    assert track["seconds_visible"] == track["seconds_at_camera"] == pytest.approx(0.8)
    assert track["longest_dwell"] == pytest.approx(0.6)
    assert summary["duration"] == pytest.approx(10.2), "of the video, with its gaps"


def test_who_leaves_and_comes_back_was_not_there_in_between() -> None:
    attention = added(at(0.0, here(1)), at(0.1), at(0.2), at(0.3, here(1)), at(0.4))
    assert attention.spans() == [(1, *[((0.0, 0.1), (0.3, 0.4))] * 2)]
    (track,) = attention.summary()["tracks"]
    assert track["seconds_visible"] == pytest.approx(0.2)
    assert (track["first_seen"], track["last_seen"], track["frames_visible"]) == (0.0, 0.3, 2)


@pytest.mark.parametrize(
    ("end", "last", "duration"),
    [(None, 0.2, 0.6), (0.65, 0.25, 0.65), (3.0, 0.5, 3.0), (0.4, 0.0, 0.4), (0.1, 0.0, 0.4)],
)
def test_the_last_frame_lasts_as_the_one_before_or_to_the_end(end: float | None, last: float, duration: float) -> None:
    attention = added(at(0.0), at(0.2), at(0.4, here(1)))
    summary = attention.summary(end)
    assert summary["tracks"][0]["seconds_visible"] == pytest.approx(last)
    assert summary["duration"] == pytest.approx(duration)
    assert attention.spans(end) == [(1, *[((0.4, pytest.approx(0.4 + last)),) if last else ()] * 2)]


def test_the_last_frame_after_a_gap_counts_no_longer_than_any_frame_can() -> None:
    assert added(at(0.0), at(60.0, here(1))).summary()["tracks"][0]["seconds_visible"] == STEP


def test_a_clock_that_does_not_begin_at_zero() -> None:
    summary = added(at(7.0, here(1)), at(7.25, here(1))).summary(7.5)
    assert summary["duration"] == 0.5
    assert summary["peak"] == {"people": 1, "time": 7.0}
    assert summary["tracks"][0]["first_seen"] == 7.0


def test_a_single_frame_counts_but_takes_no_time() -> None:
    attention = added(at(2.0, here(1, RIGHT), here(2, LEFT), here(3)))
    summary = attention.summary()
    assert (summary["duration"], summary["frames"], summary["faces"], summary["ever"]) == (0.0, 1, 3, 1)
    assert summary["mutual"] == [{"tracks": [1, 2], "seconds": 0.0, "episodes": 1}]
    assert [track["frames_at_camera"] for track in summary["tracks"]] == [0, 0, 1]
    assert attention.spans() == [(1, (), ()), (2, (), ()), (3, (), ())]
    assert attention.spans(2.3) == [(1, ((2.0, 2.3),), ()), (2, ((2.0, 2.3),), ()), (3, ((2.0, 2.3),), ((2.0, 2.3),))]


def test_nothing_seen_is_zero_everywhere() -> None:
    nothing: dict[str, Any] = {"duration": 0.0, "frames": 0, "faces": 0, "unique_tracks": 0, "ever": 0, "rate": 0.0}
    nothing |= {"angle": CAMERA_ANGLE, "peak": {"people": 0, "time": None}, "tracks": [], "mutual": []}
    assert added().summary() == nothing
    assert added().spans() == []
    assert added(at(1.0), at(1.2)).summary() == nothing | {"frames": 2, "duration": pytest.approx(0.4)}


def test_the_peak_is_the_most_at_once_and_the_first_time() -> None:
    summary = added(
        at(0.0, here(1)),
        at(0.1, here(1), here(2), here(3, LEFT)),
        at(0.2, here(2), here(3)),
        at(0.3, here(None), here(None), here(None)),
    ).summary()
    assert summary["peak"] == {"people": 2, "time": 0.1}
    assert summary["ever"] == 3
    assert summary["unique_tracks"] == 3
    assert summary["rate"] == pytest.approx(5 / 6)


def test_faces_without_a_track_count_as_faces_only() -> None:
    alone = added(at(0.0, here(1)), at(0.1, here(1))).summary()
    crowd = added(at(0.0, here(1), here(None)), at(0.1, here(None), here(None, LEFT), here(1))).summary()
    assert crowd == alone | {"faces": 5}


def test_looks_at_people_and_mutual_looks_in_episodes() -> None:
    def moment(time: float, one: tuple[float, float], two: tuple[float, float]) -> FrameGaze:
        return at(time, here(1, one), here(2, two), here(3, LEFT))

    attention = added(
        moment(0.0, RIGHT, LEFT),
        moment(0.1, RIGHT, LEFT),
        moment(0.2, RIGHT, RIGHT),
        moment(0.3, UP, LEFT),
        moment(0.5, RIGHT, LEFT),
        moment(0.6, RIGHT, CAMERA),
    )
    summary = attention.summary(0.7)
    assert [track["looks_at"] for track in summary["tracks"]] == [
        {"2": pytest.approx(0.5)},
        {"1": pytest.approx(0.5), "3": pytest.approx(0.1)},
        {"2": pytest.approx(0.7)},
    ]
    assert summary["mutual"] == [
        {"tracks": [1, 2], "seconds": pytest.approx(0.3), "episodes": 2},
        {"tracks": [2, 3], "seconds": pytest.approx(0.1), "episodes": 1},
    ]


def test_regions_have_their_seconds_in_every_track() -> None:
    regions = [Region("door", (900, 0, 1000, 1000)), Region("sky", (0, 0, 1000, 100))]
    summary = added(
        at(0.0, here(1, RIGHT), here(2, UP)),
        at(0.2, here(1, UP), here(2, UP)),
        at(0.3, here(1), here(2, RIGHT)),
        regions=regions,
    ).summary(0.4)
    assert [track["regions"] for track in summary["tracks"]] == [
        {"door": pytest.approx(0.2), "sky": pytest.approx(0.1)},
        {"door": pytest.approx(0.1), "sky": pytest.approx(0.3)},
    ]


def test_the_angle_is_used_for_everything_and_named() -> None:
    frames = [at(0.1 * index, here(1, (-20, 0)), here(2, LEFT)) for index in range(3)]
    regions = [Region("exit", (900, 0, 1000, 1000))]
    near, far = (added(*frames, regions=regions, angle=angle).summary() for angle in (CAMERA_ANGLE, 25))
    assert (near["angle"], far["angle"]) == (12.0, 25)
    assert (near["ever"], far["ever"]) == (0, 1)
    assert near["tracks"][0]["looks_at"] == {"2": pytest.approx(0.3)}
    assert near["tracks"][0]["regions"] == {"exit": pytest.approx(0.3)}
    assert far["tracks"][0]["looks_at"] == {}
    assert far["tracks"][0]["regions"] == {"exit": 0.0}
    assert far["mutual"] == []


def test_asking_in_between_changes_nothing() -> None:
    frames = [at(0.1 * index, here(1, RIGHT), here(2, LEFT if index % 3 else CAMERA)) for index in range(10)]
    asked, silent = added(), added(*frames)
    for seen in frames:
        asked.add(seen)
        asked.summary(99)
        asked.spans()
    assert asked.summary(1.0) == silent.summary(1.0) == silent.summary(1.0)
    assert asked.spans(1.0) == silent.spans(1.0)


def test_the_summary_survives_json() -> None:
    summary = added(
        at(0.0, here(2, RIGHT), here(3, LEFT)), at(0.1, here(2)), regions=[Region("a", (0, 0, 9, 9))]
    ).summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_a_mirrored_video_has_the_same_summary() -> None:
    random = np.random.default_rng(4)
    frames = []
    for index in range(60):
        people = [
            person(track, tuple(random.integers(0, 1000, 2)), (random.normal(0, 50), random.normal(0, 30)))
            for track in random.permutation(6)[:4].tolist()
        ]
        frames.append(at(0.04 * index, *people))
    ours = added(*frames).summary()
    assert added(*map(mirrored, frames)).summary() == ours
    assert ours["mutual"]


def test_a_long_steady_video_needs_no_more_memory() -> None:
    attention = added()
    sizes = []
    for index in range(3000):
        attention.add(at(0.04 * index, here(1), here(2, LEFT)))
        if index in (10, 2999):
            sizes.append(len(pickle.dumps(attention)))
    assert sizes[1] < sizes[0] + 100


def test_frames_out_of_order_are_refused() -> None:
    with pytest.raises(InputError, match=re.escape("frames must come in time order; 1 s came after 1.5 s")):
        added(at(1.5), at(1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"angle": 0}, "the camera angle is 0; it must be larger than 0 and at most 180 degrees"),
        ({"angle": 181}, "the camera angle is 181"),
        ({"angle": math.nan}, "the camera angle is nan"),
        ({"max_step": 0}, "max_step is 0; it must be larger than 0 seconds"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        added(**options)


steps = st.sampled_from([0.0, 0.001, 0.02, 0.04, 0.04, 0.04, 0.1, 0.5, 0.7, 30.0])
whom = st.dictionaries(st.integers(1, 4), st.sampled_from([CAMERA, LEFT, RIGHT, (20, 5)]), max_size=4)


@settings(deadline=None)
@given(st.lists(st.tuples(steps, whom), min_size=1, max_size=25), st.none() | st.floats(0, 5))
def test_sums_agree_with_spans_and_with_counting_frame_by_frame(
    video: Sequence[tuple[float, dict[int, tuple[float, float]]]], tail: float | None
) -> None:
    times = np.cumsum([step for step, _ in video]).tolist()
    frames = [at(time, *(here(*item) for item in who.items())) for time, (_, who) in zip(times, video, strict=True)]
    end = None if tail is None else times[-1] + tail
    attention = added(*frames)
    summary, spans = attention.summary(end), attention.spans(end)

    lasting = [min(later - earlier, STEP) for earlier, later in pairwise(times)]
    lasting.append(min(tail, STEP) if tail is not None else (lasting or [0.0])[-1])
    assert [row["track"] for row in summary["tracks"]] == [number for number, *_ in spans]
    for row, (number, visible, camera) in zip(summary["tracks"], spans, strict=True):
        present = [(who, seconds) for (_, who), seconds in zip(video, lasting, strict=True) if number in who]
        dwell = [seconds for who, seconds in present if who[number] == CAMERA]
        assert row["seconds_visible"] == pytest.approx(sum(seconds for _, seconds in present), abs=1e-4)
        assert row["seconds_at_camera"] == pytest.approx(sum(dwell), abs=1e-4)
        assert (row["frames_visible"], row["frames_at_camera"]) == (len(present), len(dwell))
        assert sum(end - start for start, end in visible) == pytest.approx(row["seconds_visible"])
        assert sum(end - start for start, end in camera) == pytest.approx(row["seconds_at_camera"])
        assert row["longest_dwell"] == max((end - start for start, end in camera), default=0)
        assert row["seconds_at_camera"] <= row["seconds_visible"] + 1e-6
        assert row["seconds_visible"] <= summary["duration"] + 1e-6
        assert 0 <= row["rate"] <= 1
        assert row["ever"] == (row["frames_at_camera"] > 0)
        for each in (visible, camera):
            assert all(start < end for start, end in each)
            assert all(before[1] < after[0] for before, after in pairwise(each))
        assert all(any(a <= start and end <= b for a, b in visible) for start, end in camera)
        assert sum(row["looks_at"].values()) <= row["seconds_visible"] - row["seconds_at_camera"] + 1e-4
    assert 0 <= summary["rate"] <= 1
    assert 0 <= summary["ever"] <= summary["unique_tracks"]
    assert summary["peak"]["people"] == max(sum(way == CAMERA for way in who.values()) for _, who in video)
