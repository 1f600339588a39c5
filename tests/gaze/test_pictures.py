"""Bars begin and end at the right pixels, heat lies along the rays and is highest where they cross."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perceptkit.arrays import Floats, Picture
from perceptkit.colours import track_colour
from perceptkit.face import Face
from perceptkit.gaze.directions import direction
from perceptkit.gaze.heatmap import HeatMap
from perceptkit.gaze.lanes import Lane, timeline
from perceptkit.gaze.types import FrameGaze, Gaze, State

Mask = np.ndarray[Any, np.dtype[np.bool_]]
LIGHT, STRONG = (200, 208, 216), (0, 90, 156)
HEADER, FOOTER = 116, 60  # pixels above and below the lanes: title and legend, time axis and note


def like(picture: Picture, colour: tuple[int, int, int]) -> Mask:
    return np.asarray((picture == np.array(colour, np.uint8)).all(axis=2))


def bars(picture: Picture, lane: Lane) -> Picture:
    """The row of pixels through the middle of a lane, found by the square of its track."""
    rows = np.flatnonzero(like(picture, track_colour(lane.track))[:, :70].any(axis=1))
    return np.asarray(picture[round(rows.mean())])


def between(row: Picture, colour: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Runs of pixels of a colour, half open."""
    inside = like(row[None], colour)[0]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def ends(spans: list[tuple[int, int]]) -> tuple[int, int]:
    return spans[0][0], spans[-1][1]


@pytest.mark.parametrize("length", [5.0, 13.16, 100.0, 4000.0, 5 * 3600.0])
@pytest.mark.parametrize("start", [0.0, 42.0])
def test_bars_begin_and_end_where_their_times_are(length: float, start: float) -> None:
    def at(first: float, last: float) -> tuple[float, float]:
        return start + first * length, start + last * length

    whole = Lane(0, (at(0, 1),), ())
    part = Lane(1, (at(0.2, 0.8),), (at(0.3, 0.4), at(0.6, 0.65)))
    picture = timeline([whole, part], start=start, end=start + length, title="a title")
    left, right = ends(between(bars(picture, whole), LIGHT))
    assert right - left > 1100

    def pixels(*shares: float) -> Any:
        return pytest.approx([left + share * (right - left) for share in shares], abs=1.01)

    row = bars(picture, part)
    first, second = between(row, STRONG)
    assert [*first, *second] == pixels(0.3, 0.4, 0.6, 0.65)
    assert list(ends(between(row, LIGHT))) == pixels(0.2, 0.8)


def test_what_lies_outside_of_the_times_is_cut_off() -> None:
    inside = Lane(1, ((2.0, 8.0),), ((2.0, 5.0),))
    beyond = Lane(1, ((-3.0, 1.0), (2.0, 30.0)), ((2.0, 5.0), (9.0, 20.0)))
    whole = timeline([inside], start=2, end=8, title="")
    np.testing.assert_array_equal(timeline([beyond], start=2, end=8, title=""), whole)


def test_a_glance_can_be_seen_on_a_page_of_hours() -> None:
    glance = Lane(1, ((0.0, 18000.0),), ((9000.0, 9000.5),))
    row = bars(timeline([glance], start=0, end=18000, title=""), glance).astype(int)
    marked = np.flatnonzero((row[:, 0] < LIGHT[0] - 20) & (np.arange(len(row)) > 130) & (np.arange(len(row)) < 1350))
    assert 1 <= len(marked) <= 2
    left, right = ends(between(row.astype(np.uint8), LIGHT))
    assert marked.mean() == pytest.approx((left + right) / 2, abs=2)


def test_how_much_is_seen_of_many_short_looks_is_how_much_there_is() -> None:
    rarely, often = (
        Lane(1, ((0.0, 18000.0),), tuple((second, second + look) for second in np.arange(0.0, 18000.0, 5)))
        for look in (1.0, 4.0)
    )
    shades = [
        bars(timeline([lane], start=0, end=18000, title=""), lane)[300:1200, 0].mean() for lane in (rarely, often)
    ]
    assert shades[1] < shades[0] - 30  # darker
    assert shades[0] < LIGHT[0] - 60


def test_without_lanes_it_says_that_there_was_no_face() -> None:
    picture = timeline([], start=0, end=10, title="nobody")
    assert picture.shape[1] == 1600
    words = picture[HEADER:-FOOTER, 600:1000].min(axis=2) < 150
    assert words.sum() > 100
    assert not like(picture[HEADER:], LIGHT).any()
    assert not like(picture[HEADER:], STRONG).any()


def test_of_very_many_tracks_those_visible_longest_are_shown() -> None:
    lanes = [Lane(n, ((0.0, 10.0 + n),), ((1.0, 2.0),)) for n in range(200)]
    picture = timeline(lanes, start=0, end=300, title="many")
    alone = timeline(lanes[140:], start=0, end=300, title="many")
    assert picture.shape == alone.shape
    np.testing.assert_array_equal(picture[:-40], alone[:-40])
    assert (picture[-40:] < 150).sum() > (alone[-40:] < 150).sum()  # "140 more tracks ..."


def test_lanes_are_in_the_order_they_are_given_in() -> None:
    lanes = [Lane(track, ((0.0, length),), ()) for track, length in ((4, 3.0), (0, 9.0), (2, 1.0), (1, 5.0))]
    squares = timeline(lanes, start=0, end=10, title="")[:, :58]
    tops = [int(np.flatnonzero(like(squares, track_colour(lane.track)).any(axis=1))[0]) for lane in lanes]
    assert tops == sorted(tops)


@pytest.mark.parametrize(
    ("length", "ticks"),
    [(0.05, 6), (0.9, 10), (5.0, 11), (13.16, 7), (59.0, 12), (61.0, 7), (3600.0, 13), (18000.0, 11), (2e6, 12)],
)
def test_the_time_axis_has_a_sensible_number_of_ticks(length: float, ticks: int) -> None:
    picture = timeline([Lane(1, ((0.0, length),), ())], start=0, end=length, title="")
    rules = np.flatnonzero(picture[HEADER + 2].max(axis=1) < 255)
    starts = rules[np.diff(rules, prepend=-9) > 1]
    assert len(starts) == ticks
    np.testing.assert_allclose(np.diff(starts), np.diff(starts).mean(), atol=1.01)


@pytest.mark.parametrize("title", ["", "Vorlesung über Bäume 木 " * 40, "two\nlines\tand\x00more", "🎥" * 300])
def test_a_title_of_any_kind_stays_on_its_line(title: str) -> None:
    picture = timeline([Lane(1, ((0.0, 5.0),), ())], start=0, end=5, title=title)
    plain = timeline([Lane(1, ((0.0, 5.0),), ())], start=0, end=5, title="plain")
    np.testing.assert_array_equal(picture[70:], plain[70:])
    assert (picture[:, 1560:] == 255).all()
    assert (picture[:20] == 255).all()


def test_a_video_of_one_frame_has_a_page_too() -> None:
    assert timeline([Lane(1, ((0.0, 0.0),), ())], start=0, end=0, title="still").shape[1] == 1600


# --- the heat map


def towards(x: float, y: float) -> tuple[float, float]:
    """Yaw and pitch of a gaze across the picture, to the right and down by so much."""
    length = math.hypot(x, y)
    pitch = math.degrees(math.asin(-y / length))
    return math.copysign(90, -x), pitch


def seen(x: float, y: float, yaw: float, pitch: float, *, side: float = 60, state: State = "ok") -> FrameGaze:
    """One face, by its centre."""
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    gaze = Gaze(yaw, pitch, None, None, direction(yaw, pitch), state)
    return FrameGaze(0, 0.0, (Face(box, 0.9, np.zeros((5, 2), np.float32), 1),), ((0, 0, 1, 1),), (gaze,), (gaze,))


def map_of(*frames: FrameGaze, width: int = 960, height: int = 540, seconds: float = 1.0) -> HeatMap:
    heat = HeatMap(width, height)
    for frame in frames:
        heat.add(frame, seconds, camera=[False])
    return heat


def brightness(heat: HeatMap, width: int = 960, height: int = 540) -> Floats:
    """The map over black: the brighter, the hotter."""
    picture = heat.picture(np.zeros((height, width, 3), np.uint8))
    assert picture.shape[1] == width
    return np.asarray(picture[:height].astype(np.float32) @ (0.299, 0.587, 0.114), np.float32)


@pytest.mark.parametrize("way", [(1, 0), (-1, 0), (0, 1), (0, -1), (3, 2), (-2, 1), (-1, -1)])
def test_the_heat_of_a_gaze_is_the_same_along_its_ray_and_nothing_elsewhere(way: tuple[float, float]) -> None:
    bright = brightness(map_of(seen(480, 270, *towards(*way))))
    along = np.array(way) / np.hypot(*way)
    for distance in (70, 120, 200):
        x, y = np.array([480, 270]) + along * distance
        assert bright[round(y), round(x)] > 0.85 * bright.max()
        x, y = np.array([480, 270]) - along * distance
        assert bright[round(y), round(x)] == 0
        for turn in (10, -10):  # degrees from its middle: less than a tenth is left
            c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
            x, y = np.array([480, 270]) + distance * np.array(
                [c * along[0] - s * along[1], s * along[0] + c * along[1]]
            )
            assert bright[round(y), round(x)] < (0.1 if distance == 200 else 0.5) * bright.max()
    assert not bright[252:288, 462:498].any()  # the middle of the face
    assert (bright > 0.5 * bright.max()).sum() < 0.1 * bright.size


@pytest.mark.parametrize(("x", "y"), [(480, 200), (600, 300), (300, 260)])
def test_it_is_hottest_where_two_rays_cross(x: float, y: float) -> None:
    rays = [seen(*face, *towards(x - face[0], y - face[1])) for face in ((150.0, 60.0), (800.0, 80.0))]
    bright = brightness(map_of(*rays))
    hottest = np.unravel_index(bright.argmax(), bright.shape)
    assert (hottest[1], hottest[0]) == pytest.approx((x, y), abs=12)


def test_every_gaze_weighs_its_seconds() -> None:
    one, other = seen(200, 100, *towards(1, 0)), seen(200, 400, *towards(1, 0))
    long, short = HeatMap(960, 540), HeatMap(960, 540)
    long.add(one, 2.0, camera=[False])
    for _ in range(4):
        short.add(one, 0.5, camera=[False])
    background = np.full((540, 960, 3), 100, np.uint8)
    np.testing.assert_array_equal(long.picture(background), short.picture(background))
    equal = brightness(map_of(one, other))
    assert equal[100, 600] == pytest.approx(equal[400, 600], abs=2)
    oblique = brightness(map_of(one, seen(200, 400, -25, 0)))  # a shorter arrow, but a gaze as well
    assert oblique[100, 600] == pytest.approx(oblique[400, 600], abs=2)
    long.add(other, 1.0, camera=[False])
    bright = brightness(long)
    assert 0 < bright[400, 600] < 0.8 * bright[100, 600]


def test_gazes_at_the_camera_and_unreliable_ones_do_not_count() -> None:
    heat = HeatMap(960, 540)
    heat.add(seen(480, 270, 5, 0), 1.0, camera=[True])
    heat.add(seen(480, 270, 50, 0, state="unknown"), 1.0, camera=[False])
    heat.add(seen(480, 270, 50, 0, state="eyes-closed"), 1.0, camera=[False])
    heat.add(seen(480, 270, 180, 0), 1.0, camera=[False])  # straight away: nowhere in the picture
    background = np.random.default_rng(5).integers(0, 256, (540, 960, 3)).astype(np.uint8)
    np.testing.assert_array_equal(heat.picture(background), HeatMap(960, 540).picture(background))


def test_where_there_is_no_heat_the_darkened_frame_shows() -> None:
    background = np.random.default_rng(5).integers(0, 256, (540, 960, 3)).astype(np.uint8)
    before = background.copy()
    nothing, something = HeatMap(960, 540).picture(background), map_of(seen(480, 270, 90, 0)).picture(background)
    np.testing.assert_array_equal(background, before)
    np.testing.assert_array_equal(something[:540, 500:], nothing[:540, 500:])
    assert (something[:540, :440] != nothing[:540, :440]).any()
    assert nothing[:540].mean() < 0.5 * background.mean()
    grey = np.ptp(nothing[:540].astype(int), axis=2).mean() / np.ptp(background.astype(int), axis=2).mean()
    assert grey < 0.3


@pytest.mark.parametrize(("width", "height"), [(40, 30), (360, 640), (1280, 720), (2560, 1440)])
def test_every_size_of_picture_gets_its_explanation_below(width: int, height: int) -> None:
    heat = map_of(seen(width / 2, height / 2, 60, 10, side=width / 8), width=width, height=height)
    picture = heat.picture(np.zeros((height, width, 3), np.uint8))
    assert picture.shape[1] == width
    assert picture.shape[0] > height
    if width >= 360:
        assert picture.shape[0] < 1.3 * height
        assert (picture[height:, : width // 2] > 150).sum() > 100  # words
        assert (np.ptp(picture[height:, width // 2 :].astype(int), axis=2) > 150).sum() > 100  # the scale


def test_another_size_of_background_shows_the_same_map() -> None:
    heat = map_of(seen(480, 270, *towards(1, 1)))
    small, large = brightness(heat, 480, 270), brightness(heat, 1920, 1080)
    assert np.abs(small[::9, ::9] - large[2::36, 2::36]).max() < 40


ANYWHERE = st.floats(-1e4, 1e4) | st.floats(-20, 120)


@settings(deadline=None)
@given(ANYWHERE, ANYWHERE, st.floats(0, 500), st.floats(-180, 180), st.floats(-90, 90), st.floats(0, 1e5))
@example(50, 50, 0, 90, 0, 1)
@example(50, 50, 20, 0, 0, 1)
def test_faces_anywhere_make_a_picture(
    x: float, y: float, side: float, yaw: float, pitch: float, seconds: float
) -> None:
    picture = map_of(seen(x, y, yaw, pitch, side=side), width=96, height=54, seconds=seconds).picture(
        np.zeros((54, 96, 3), np.uint8)
    )
    assert picture.shape[1:] == (96, 3)
    assert picture.dtype == np.uint8
