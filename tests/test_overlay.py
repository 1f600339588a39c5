"""Boxes are where they should be, and labels show names beside the boxes, whole and off the faces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perceptkit.arrays import Picture
from perceptkit.colours import TRACK_COLOURS, Colour
from perceptkit.overlay import DARK, Mark, draw_boxes, draw_labels, line_unit, stroke

Mask = np.ndarray[Any, np.dtype[np.bool_]]
BACKGROUND = (90, 100, 110)
BLUE, ORANGE = TRACK_COLOURS[:2]
BOX = (200.0, 150.0, 300.0, 290.0)


def blank(width: int = 640, height: int = 360) -> Picture:
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def like(picture: Picture, colour: Colour) -> Mask:
    return np.asarray((picture == np.array(colour, np.uint8)).all(axis=2))


def label_of(text: str, box: tuple[float, float, float, float] = BOX) -> Mask:
    canvas = blank()
    draw_labels(canvas, [Mark.of(box, BLUE, label=text)])
    return ~like(canvas, BACKGROUND)


def test_a_box_is_outlined_in_its_colour_and_dark_around_it() -> None:
    canvas = blank()
    draw_boxes(canvas, [Mark.of(BOX, BLUE)])
    middle = canvas[220]
    assert like(middle[None], BLUE)[0, [200, 300]].all()
    assert like(middle[None], DARK)[0, 194:206].any()
    assert like(canvas, BACKGROUND)[170:270, 210:290].all()
    rows, columns = np.nonzero(like(canvas, BLUE))
    assert (rows.min(), rows.max()) == pytest.approx((150, 290), abs=2)
    assert (columns.min(), columns.max()) == pytest.approx((200, 300), abs=2)


def test_without_sides_only_the_corners_are_drawn() -> None:
    canvas = blank()
    draw_boxes(canvas, [Mark.of(BOX, ORANGE, sides=False)])
    assert like(canvas, BACKGROUND)[220].all()
    for x, y in ((200, 150), (300, 150), (200, 290), (300, 290)):
        assert like(canvas, ORANGE)[y, x]


def test_names_are_shown_in_their_own_letters() -> None:
    plain, marked = label_of("Muller"), label_of("Müller")
    assert plain.any()
    assert not np.array_equal(plain, marked)
    canvas = blank()
    draw_labels(canvas, [Mark.of(BOX, BLUE, label="Łukasz")])
    other = blank()
    draw_labels(other, [Mark.of(BOX, BLUE, label="Lukasz")])
    assert not np.array_equal(canvas, other)


def test_letters_that_no_font_has_are_question_marks() -> None:
    pictures = []
    for text in ("山田", "??"):
        canvas = blank()
        draw_labels(canvas, [Mark.of(BOX, BLUE, label=text)])
        pictures.append(canvas)
    np.testing.assert_array_equal(pictures[0], pictures[1])


def test_a_label_is_beside_its_box() -> None:
    rows, columns = np.nonzero(label_of("Anna"))
    assert rows.max() < 150
    assert rows.max() > 140
    assert columns.min() == pytest.approx(200, abs=5)
    assert not label_of("").any()


def test_a_long_name_is_cut() -> None:
    long, longer = (
        label_of("Wolfeschlegelsteinhausenbergerdorff " * 3),
        label_of("Wolfeschlegelsteinhausenbergerdorff " * 30),
    )
    np.testing.assert_array_equal(long, longer)
    assert np.ptp(np.nonzero(long)[1]) < 400


def test_labels_do_not_cover_each_other_or_the_boxes() -> None:
    boxes = [(100.0 + 60 * n, 150.0, 155.0 + 60 * n, 220.0) for n in range(4)]
    canvas = blank()
    draw_labels(canvas, [Mark.of(box, BLUE, label=f"Person {n}") for n, box in enumerate(boxes)])
    drawn = ~like(canvas, BACKGROUND)
    for x1, y1, x2, y2 in boxes:
        assert not drawn[int(y1) : int(y2), int(x1) : int(x2)].any()
    assert drawn.sum() == sum(label_of(f"Person {n}").sum() for n in range(4))


def test_what_lies_outside_of_the_picture_is_left_out() -> None:
    for box in ((-50.0, 10.0, -1.0, 60.0), (10.0, 400.0, 60.0, 460.0), (641.0, 10.0, 700.0, 60.0)):
        canvas = blank()
        draw_boxes(canvas, [Mark.of(box, BLUE)])
        draw_labels(canvas, [Mark.of(box, BLUE, label="Anna")])
        np.testing.assert_array_equal(canvas, blank())


def test_lines_grow_with_the_picture_but_not_beyond_a_small_box() -> None:
    large = Mark.of((0, 0, 500, 500), BLUE)
    assert stroke(5, large, line_unit(blank(1280, 720))) == 5
    assert stroke(5, large, line_unit(blank(2160, 3840))) == 15
    assert stroke(5, Mark.of((0, 0, 28, 40), BLUE), 3.0) == 2


ANYWHERE = st.floats(-1e4, 1e4) | st.floats(-1e12, 1e12) | st.floats(-5, 70)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(ANYWHERE, ANYWHERE, ANYWHERE, ANYWHERE), max_size=3),
    st.text(max_size=60),
    st.booleans(),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
)
@example([(50, 40, 10, 5)], "Müller", True, (1, 1))
@example([(-1e12, -1e12, 1e12, 1e12)], "\ud800\n", False, (64, 64))
def test_any_box_and_any_label_can_be_drawn(
    boxes: list[tuple[float, float, float, float]], label: str, sides: bool, size: tuple[int, int]
) -> None:
    canvas = blank(*size)
    marks = [Mark.of(box, BLUE, label=label, sides=sides) for box in boxes]
    draw_boxes(canvas, marks)
    draw_labels(canvas, marks)
    assert canvas.shape == (size[1], size[0], 3)
