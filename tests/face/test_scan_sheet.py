"""The sheet of an enrolment: marks where the turns are, what is missing is empty, faces in order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from perceptkit.arrays import Picture
from perceptkit.face.enrolling.sheet import ScanCard, missing_views, scan_sheet

KEPT, COVERED, SEEN = (0, 90, 156), (204, 224, 240), (150, 158, 166)
LEFT, RIGHT = 48, 1552  # where 90 degrees to image-left and to image-right are
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def card(
    yaw: float, *, colour: int = 90, quality: float = 0.8, source: str = "scan.mp4", time: float | None = 1.5
) -> ScanCard:
    return ScanCard(np.full((160, 160, 3), (colour, 30, 60), np.uint8), yaw, quality, source, time)


def sheet(
    *cards: ScanCard, title: str = "Anna", facts: tuple[str, ...] = ("a fact",), seen: tuple[float, ...] = ()
) -> Picture:
    return scan_sheet(cards, title=title, facts=facts, seen_yaws=np.array(seen, np.float32))


def like(picture: Picture, colour: tuple[int, int, int]) -> Mask:
    return np.asarray((picture == np.array(colour, np.uint8)).all(axis=2))


def axis_of(picture: Picture) -> Picture:
    """The rows of the axis: below the legend, above the first headshot."""
    rows = np.flatnonzero(like(picture, COVERED)[:, :1200].any(axis=1))
    return picture[rows.min() : rows.max() + 1]


def runs(columns: Any) -> list[tuple[int, int]]:
    """Where a row of flags is true: half open."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], columns.astype(int), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def column(yaw: float) -> float:
    return LEFT + (90 - yaw) / 180 * (RIGHT - LEFT)


def test_a_mark_is_where_the_turn_is() -> None:
    yaws = [-80.0, -33.0, 0.0, 12.5, 71.0]
    axis = axis_of(sheet(*map(card, yaws)))
    marks = [(start + end) / 2 for start, end in runs(like(axis, KEPT).any(axis=0))]
    assert marks == pytest.approx([column(yaw) for yaw in sorted(yaws, reverse=True)], abs=1)


def test_light_marks_are_all_faces_that_were_looked_at() -> None:
    seen = (-50.0, -20.0, 35.0, 66.0, math.nan)
    axis = axis_of(sheet(card(5), seen=seen))
    marks = [(start + end) / 2 for start, end in runs(like(axis, SEEN).any(axis=0))]
    assert marks == pytest.approx([column(yaw) for yaw in (66, 35, -20, -50)], abs=1)
    assert not like(axis_of(sheet(card(5))), SEEN).any()


def test_parts_of_15_degrees_are_filled_where_a_face_was_kept() -> None:
    axis = axis_of(sheet(card(20), card(29), card(-5), seen=(60.0,)))
    filled = np.array([run for run in runs(like(axis, COVERED)[4]) if run[1] - run[0] > 20])
    edges = [[column(30), column(15)], [column(0), column(-15)]]
    np.testing.assert_allclose(filled, edges, atol=1.5)


@pytest.mark.parametrize(
    ("yaws", "missing"),
    [
        ((20, 5, -5), "Nothing beyond 30° to image-left, nothing beyond 15° to image-right."),
        ((20, 29), "Nothing beyond 30° to image-left, nothing from 15° image-left to 90° image-right."),
        (
            (-5, -40),
            "Nothing to image-left, nothing from 15° image-right to 30° image-right, "
            "nothing beyond 45° to image-right.",
        ),
        (
            (50, 20, -20),
            "Nothing beyond 60° to image-left, nothing from 45° image-left to 30° image-left, "
            "nothing from 15° image-left to 15° image-right, nothing beyond 30° to image-right.",
        ),
        (tuple(range(-85, 90, 15)), "No view is missing."),
    ],
)
def test_what_is_missing_is_said_in_words(yaws: tuple[float, ...], missing: str) -> None:
    assert missing_views(np.array(yaws, np.float32)) == missing


def test_headshots_stand_in_the_order_of_their_turns() -> None:
    picture = sheet(card(-30, colour=10), card(40, colour=200), card(0, colour=120))
    starts = [np.argwhere(like(picture, (colour, 30, 60)))[0] for colour in (200, 120, 10)]
    assert len({int(row) for row, _ in starts}) == 1
    assert [int(x) for _, x in starts] == [48, 240, 432]
    assert like(picture, (200, 30, 60)).sum() == 160 * 160


def test_the_bar_below_a_headshot_is_its_quality() -> None:
    for quality, wide in ((0.0, 0), (0.25, 40), (1.0, 160), (1.7, 160)):
        picture = sheet(card(0, quality=quality))
        rows = np.flatnonzero(like(picture, (90, 30, 60)).any(axis=1))
        assert like(picture, KEPT)[rows.max() + 6].sum() == wide


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (8, 1), (9, 2), (30, 4), (50, 7)])
def test_the_page_grows_by_rows_of_eight(count: int, rows: int) -> None:
    cards = [card(60 - 2 * n) for n in range(count)]
    picture = sheet(*cards)
    assert picture.dtype == np.uint8
    assert picture.shape == (sheet(card(0)).shape[0] + (rows - 1) * 256, 1600, 3)
    assert like(picture, (90, 30, 60)).sum() == count * 160 * 160


def test_the_same_scan_makes_the_same_sheet() -> None:
    cards = [card(10), card(-12, time=None, source="a.jpg")]
    np.testing.assert_array_equal(sheet(*cards, seen=(1, 2)), sheet(*cards[::-1], seen=(2, 1)))


def test_the_file_is_named_where_there_are_several() -> None:
    alone = sheet(card(10, source="a/one.mp4"), card(-10, source="a/one.mp4"))
    np.testing.assert_array_equal(alone, sheet(card(10, source="two.mp4"), card(-10, source="two.mp4")))
    assert not np.array_equal(alone, sheet(card(10, source="one.mp4"), card(-10, source="two.mp4")))


@pytest.mark.parametrize("title", ["Łukasz Müller", "山田 太郎 😀", "a very long name " * 30, "", "\x00\u202e\n"])
def test_any_title_fits(title: str) -> None:
    picture = sheet(card(0, source=title + ".jpg", time=None), title=title, facts=(title, "x" * 5000))
    assert (picture[:, :40] == 255).all()
    assert (picture[:, -40:] == 255).all()


def test_turns_and_headshots_of_any_size_are_drawn() -> None:
    small = ScanCard(np.full((40, 40, 3), (90, 30, 60), np.uint8), 130.0, 0.5, "a.jpg", None)
    picture = sheet(small, card(-500, colour=200), seen=(1e9, -1e9))
    assert like(picture, (90, 30, 60)).sum() == 160 * 160
    marks = runs(like(axis_of(picture), KEPT).any(axis=0))
    assert len(marks) == 2


def test_no_faces_at_all_make_a_page() -> None:
    assert scan_sheet([], title="Anna", facts=[], seen_yaws=np.empty(0, np.float32)).shape[1] == 1600
