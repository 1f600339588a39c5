"""The arrow ends where the formula says, each state has its own look, and labels leave the faces alone."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perceptkit.arrays import Floats, Picture
from perceptkit.colours import TRACK_COLOURS, Colour, track_colour
from perceptkit.face import Face
from perceptkit.gaze.directions import direction
from perceptkit.gaze.drawing import CAMERA_COLOUR, UNKNOWN_COLOUR, draw
from perceptkit.gaze.types import FrameGaze, Gaze, State

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Box = tuple[float, float, float, float]
BACKGROUND = (90, 100, 110)
BOX = (540.0, 230.0, 740.0, 490.0)
CENTRE, SIDE = (640, 360), 200
DIRECTIONS = [(90.0, 0.0), (-90.0, 0.0), (0.0, 90.0), (0.0, -90.0), (40.0, 20.0), (-30.0, -50.0), (150.0, 30.0)]


def frame(width: int = 1280, height: int = 720, colour: Colour = BACKGROUND) -> Picture:
    return np.full((height, width, 3), colour, np.uint8)


def seen(
    *boxes: Box, yaw: float = 40, pitch: float = 20, state: State = "ok", tracks: tuple[int | None, ...] = ()
) -> FrameGaze:
    """A frame with faces that all look the same way; tracks are 0, 1, ... unless they are given."""
    tracks = tracks or tuple(range(len(boxes)))
    gaze = Gaze(yaw, pitch, None, None, direction(yaw, pitch), state)
    faces = tuple(
        Face(np.array(box, np.float32), 0.9, np.zeros((5, 2), np.float32), track)
        for box, track in zip(boxes, tracks, strict=True)
    )
    return FrameGaze(0, 0.0, faces, ((0, 0, 1, 1),) * len(boxes), (gaze,) * len(boxes), (gaze,) * len(boxes))


def like(picture: Picture, colour: Colour) -> Mask:
    """The pixels of exactly that colour."""
    return np.asarray((picture == np.array(colour, np.uint8)).all(axis=2))


def label_of(image: Picture, box: Box) -> Mask:
    """The pixels of the label of one face: what differs from the same face without an id."""
    named = draw(image, seen(box, tracks=(len(TRACK_COLOURS),)), camera=[False])
    nameless = draw(image, seen(box, tracks=(None,)), camera=[False])
    return np.asarray((named != nameless).any(axis=2))


def tip(yaw: float, pitch: float, length: float) -> Floats:
    """Where an arrow from CENTRE ends that is so much longer or shorter than a side."""
    y, p = math.radians(yaw), math.radians(pitch)
    arrow = np.array([-math.sin(y) * math.cos(p), -math.sin(p)]) * SIDE
    return np.asarray(CENTRE + arrow * (1 + length / np.linalg.norm(arrow)), np.float32)


@pytest.mark.parametrize(("yaw", "pitch"), DIRECTIONS)
def test_the_arrow_goes_from_the_centre_of_the_box_to_where_the_formula_says(yaw: float, pitch: float) -> None:
    drawn = draw(frame(), seen(BOX, yaw=yaw, pitch=pitch, tracks=(None,)), camera=[False])
    colour = like(drawn, TRACK_COLOURS[0])
    x, y = tip(yaw, pitch, -4).round().astype(int)
    assert colour[y, x]
    assert colour[CENTRE[1], CENTRE[0]]
    x, y = tip(yaw, pitch, 6).round().astype(int)
    assert like(drawn, BACKGROUND)[y - 1 : y + 2, x - 1 : x + 2].all()


def test_a_positive_yaw_is_image_left_and_a_positive_pitch_is_up() -> None:
    drawn = draw(frame(), seen(BOX, yaw=30, pitch=20, tracks=(None,)), camera=[False])
    rows, columns = np.nonzero(like(drawn, TRACK_COLOURS[0])[250:470, 560:720])
    assert columns.mean() + 560 < CENTRE[0] - 20
    assert rows.mean() + 250 < CENTRE[1] - 20


def test_the_frame_itself_is_left_alone() -> None:
    image = np.random.default_rng(1).integers(0, 256, (360, 640, 3)).astype(np.uint8)
    before = image.copy()
    image.flags.writeable = False
    drawn = draw(image, seen((100, 100, 200, 220)), camera=[True])
    np.testing.assert_array_equal(image, before)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (drawn != image).any()
    np.testing.assert_array_equal(draw(image, seen(), camera=[]), image)


def test_the_box_is_outlined_with_heavier_corners() -> None:
    drawn = draw(frame(), seen(BOX, tracks=(None,)), camera=[False])
    colour = like(drawn, TRACK_COLOURS[0])
    left, top, right, bottom = (int(value) for value in BOX)
    corner, side = colour[top + 20, left - 8 : left + 9].sum(), colour[CENTRE[1] + 60, left - 8 : left + 9].sum()
    assert corner > side >= 1
    assert colour[top, right - 20]
    assert colour[bottom, left + 20]


def test_looking_at_the_camera_is_a_ring_around_a_dot_in_its_own_colour() -> None:
    drawn = draw(frame(), seen(BOX, yaw=11, pitch=0), camera=[True])
    yellow = like(drawn, CAMERA_COLOUR)
    assert yellow[CENTRE[1], CENTRE[0]]
    for turn in np.arange(0, 2 * np.pi, 0.3):
        out = [CENTRE + share * SIDE * np.array([np.cos(turn), np.sin(turn)]) for share in (0.1, 0.2, 0.3)]
        inside, ring, outside = (yellow[round(y), round(x)] for x, y in out)
        assert (inside, ring, outside) == (False, True, False)
    assert not any(like(drawn, colour).any() for colour in TRACK_COLOURS)


def test_an_unknown_direction_is_grey_without_an_arrow_or_sides() -> None:
    drawn = draw(frame(), seen(BOX, state="unknown"), camera=[True])
    left, top, right, bottom = (int(value) for value in BOX)
    assert like(drawn, BACKGROUND)[top + 10 : bottom - 10, left + 50 : right - 50].all()
    assert like(drawn, BACKGROUND)[CENTRE[1], left - 5 : left + 6].all()
    assert like(drawn, UNKNOWN_COLOUR)[top, left + 20]
    assert not any(like(drawn, colour).any() for colour in (*TRACK_COLOURS, CAMERA_COLOUR))


def test_closed_eyes_are_two_lids_without_an_arrow() -> None:
    drawn = draw(frame(), seen(BOX, state="eyes-closed"), camera=[False])
    inside = like(drawn, TRACK_COLOURS[0])[250:470, 560:720]
    assert cv2.connectedComponents(inside.astype(np.uint8))[0] - 1 == 2
    assert (inside == inside[:, ::-1]).mean() > 0.99  # one at each side of the centre


def test_a_track_keeps_its_colour_and_shares_it_with_as_few_as_possible() -> None:
    rounds = [track_colour(track) for track in range(3 * len(TRACK_COLOURS))]
    assert rounds == list(TRACK_COLOURS) * 3
    assert len({*TRACK_COLOURS, CAMERA_COLOUR, UNKNOWN_COLOUR}) == len(TRACK_COLOURS) + 2


@pytest.mark.parametrize("track", range(len(TRACK_COLOURS)))
@pytest.mark.parametrize("background", [(0, 0, 0), (254, 254, 254), (128, 128, 128)])
def test_every_stroke_has_a_dark_outline_and_so_reads_on_any_background(track: int, background: Colour) -> None:
    drawn = draw(frame(colour=background), seen(BOX, tracks=(track,)), camera=[False])
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    beside = cv2.dilate(like(drawn, track_colour(track)).astype(np.uint8), cross) > 0
    assert not (beside & like(drawn, background)).any()
    for away in (1, -1):  # and the sides of the arrow, half way along it
        halfway, across = (tip(40, 20, 0) + CENTRE) / 2, away * (tip(40, 20, 0) - CENTRE)[::-1] * (1, -1) / SIDE
        places = (halfway + steps * across for steps in range(14))
        assert min(int(drawn[round(y), round(x)].max()) for x, y in places) < 40


def test_what_is_drawn_grows_with_the_picture() -> None:
    heights = []
    for scale in (1, 3):
        box = (540.0 * scale, 230.0 * scale, 740.0 * scale, 490.0 * scale)
        rows, _ = np.nonzero(label_of(frame(1280 * scale, 720 * scale), box))
        heights.append(np.ptp(rows) + 1)
    assert heights[1] == pytest.approx(3 * heights[0], abs=4)
    assert heights[0] == pytest.approx(26, abs=3)


def test_faces_without_a_track_and_with_nothing_to_say_have_no_label() -> None:
    drawn = draw(frame(), seen(BOX, tracks=(None,)), camera=[False])
    assert like(drawn, BACKGROUND)[:220].all()
    assert not like(draw(frame(), seen(BOX, tracks=(None,)), camera=[True]), BACKGROUND)[:220].all()  # "camera"


@settings(deadline=None)
@given(st.floats(-80, 600), st.floats(-80, 330), st.floats(20, 200))
@example(0, 0, 100)
@example(540, 230, 99.5)
def test_labels_are_inside_the_picture_and_not_on_the_face(x: float, y: float, side: float) -> None:
    box = (x, y, x + side, y + 1.3 * side)
    label = label_of(frame(640, 360), box)
    if x + side > 1 and y + 1.3 * side > 1:
        assert label.any()
    rows, _ = np.nonzero(label)
    assert len(rows) == 0 or np.ptp(rows) + 1 >= 14  # not cut by the border
    left, top, right, bottom = (max(0, round(value)) for value in box)
    assert not label[top:bottom, left:right].any()


def test_labels_do_not_cover_other_faces_or_each_other() -> None:
    above, below = (300.0, 40.0, 400.0, 170.0), (300.0, 172.0, 400.0, 302.0)
    beside = (402.0, 172.0, 502.0, 302.0)
    for hidden in (above, below, beside):
        others = [box for box in (above, below, beside) if box != hidden]
        alone = draw(frame(640, 360), seen(hidden, tracks=(None,), yaw=0, pitch=0), camera=[False])
        everyone = draw(
            frame(640, 360), seen(*others, hidden, tracks=(6, 12, None), yaw=0, pitch=0), camera=[False] * 3
        )
        left, top, right, bottom = (int(value) for value in hidden)
        inner = (slice(top + 8, bottom - 8), slice(left + 8, right - 8))
        np.testing.assert_array_equal(everyone[inner], alone[inner])


def test_labels_of_small_faces_side_by_side_are_all_whole() -> None:
    boxes = [(300.0 + 22 * n, 160.0, 318.0 + 22 * n, 184.0) for n in range(3)]
    together = draw(frame(640, 360), seen(*boxes, state="eyes-closed"), camera=[False] * 3)
    for track, box in enumerate(boxes):
        alone = draw(frame(640, 360), seen(box, state="eyes-closed", tracks=(track,)), camera=[False])
        rows, columns = np.nonzero(like(alone, track_colour(track))[:155])  # above the face: its label
        label = alone[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert label.shape[1] > 60
        assert cv2.matchTemplate(together, label, cv2.TM_SQDIFF).min() < 1000  # rounding; another label is 1e6


def test_a_face_that_fills_the_picture_has_its_label_inside() -> None:
    label = label_of(frame(640, 360), (-50, -50, 700, 400))
    assert label.sum() > 100


def test_a_face_outside_of_the_picture_is_not_drawn() -> None:
    for box in ((-300.0, 10.0, -20.0, 90.0), (10.0, 800.0, 90.0, 900.0), (1300.0, 10.0, 1400.0, 90.0)):
        np.testing.assert_array_equal(draw(frame(), seen(box), camera=[False]), frame())


def test_as_many_answers_as_faces_are_wanted() -> None:
    with pytest.raises(ValueError, match="zip"):
        draw(frame(), seen(BOX), camera=[])


ANYWHERE = st.floats(-1e4, 1e4) | st.floats(-1e12, 1e12) | st.floats(-5, 70)


@settings(deadline=None)
@given(
    st.tuples(ANYWHERE, ANYWHERE, ANYWHERE, ANYWHERE),
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.sampled_from(["ok", "unknown", "eyes-closed"]),
    st.booleans(),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
)
@example((10, 10, 10, 10), 30, 0, "ok", False, (64, 64))
@example((50, 40, 10, 5), 30, 0, "ok", False, (64, 64))
@example((-1e12, -1e12, 1e12, 1e12), 30, 40, "ok", True, (64, 64))
def test_any_box_can_be_drawn(
    box: Box, yaw: float, pitch: float, state: State, camera: bool, size: tuple[int, int]
) -> None:
    image = frame(*size)
    drawn = draw(image, seen(box, yaw=yaw, pitch=pitch, state=state), camera=[camera])
    assert drawn.shape == image.shape
    np.testing.assert_array_equal(image, frame(*size))
