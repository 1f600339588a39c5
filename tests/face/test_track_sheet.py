"""On the sheet of tracks, bars and faces are where their times are, and no face covers another."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest

from perceptkit.arrays import Picture
from perceptkit.colours import TRACK_COLOURS, Colour
from perceptkit.face.tracking.sheet import TrackRow, track_sheet
from perceptkit.images import encode_jpeg

BLUE, ORANGE, GREEN = (0, 114, 178), (213, 94, 0), (0, 158, 115)
PITCH, BAR, FACES, SIDE = 96, 6, 30, 60  # pixels from row to row, to the middle of its bar, to a line through its faces


def head(shade: int) -> Picture:
    """The pixels of a headshot, the redder the higher its shade 0..255, as no bar and no letter is."""
    return np.broadcast_to(np.array([shade, 0, 255], np.uint8), (160, 160, 3))


@functools.cache
def headshot(shade: int) -> bytes:
    return encode_jpeg(np.ascontiguousarray(head(shade)))


def row(
    *spans: tuple[float, float],
    label: str = "1",
    note: str = "",
    colour: Colour = BLUE,
    faces: Sequence[tuple[float, int]] = (),
) -> TrackRow:
    return TrackRow(label, note, colour, spans, tuple((time, headshot(shade)) for time, shade in faces))


def squares(picture: Picture) -> list[int]:
    """The tops of the rows, by the squares at the left."""
    coloured = np.ptp(picture[:, 53].astype(int), axis=1) > 40
    return [int(edge) - 1 for edge in np.flatnonzero(np.diff(coloured.astype(int), prepend=0) == 1)]


def runs(line: Picture, colour: Colour) -> list[tuple[int, int]]:
    """Runs of pixels of a colour, half open; lines one pixel wide are no interruption."""
    inside = np.flatnonzero(np.abs(line[70:].astype(int) - np.array(colour)).max(axis=1) < 12) + 70
    if not len(inside):
        return []
    parts = np.split(inside, np.flatnonzero(np.diff(inside) > 4) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def axis_of(picture: Picture, top: int) -> tuple[int, int]:
    """Where the time axis begins and ends, by a blue bar that covers all of it."""
    (whole,) = runs(picture[top + BAR], BLUE)
    return whole


def faces_of(picture: Picture, top: int) -> list[tuple[float, float]]:
    """Middles and shades of the faces of a row; each must be whole, so none can lie over another."""
    line = picture[top + FACES].astype(int)
    inside = np.flatnonzero((line[:, 1] < 12) & (line[:, 2] > 230))
    if not len(inside):
        return []
    parts = np.split(inside, np.flatnonzero((np.diff(inside) > 1) | (np.abs(np.diff(line[inside, 0])) > 3)) + 1)
    assert {len(part) for part in parts} <= {SIDE - 1, SIDE}
    return [(float(part.mean()) + 0.5, float(line[part, 0].mean())) for part in parts]


@pytest.mark.parametrize(("start", "length"), [(0.0, 10.0), (42.0, 13.16), (0.0, 7200.0)])
def test_bars_are_at_their_times_in_their_colours(start: float, length: float) -> None:
    def at(first: float, last: float) -> tuple[float, float]:
        return start + first * length, start + last * length

    rows = [row(at(0, 1)), row(at(0.2, 0.5), at(0.75, 1), colour=ORANGE), row(at(0.9, 0.95), colour=GREEN)]
    picture = track_sheet(rows, start=start, end=start + length, title="a title")
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (1600, 3)
    tops = squares(picture)
    assert np.diff(tops).tolist() == [PITCH, PITCH]
    left, right = axis_of(picture, tops[0])
    assert right - left > 1200
    for top, colour, shares in ((tops[1], ORANGE, [0.2, 0.5, 0.75, 1]), (tops[2], GREEN, [0.9, 0.95])):
        found = np.ravel(runs(picture[top + BAR], colour))
        assert found == pytest.approx([left + share * (right - left) for share in shares], abs=1.01)
        assert tuple(picture[top + BAR, 53]) == colour  # the square at the left


def test_faces_with_room_are_at_their_times() -> None:
    times = [0.0, 2.5, 5.0, 10.0]
    sheet = track_sheet([row((0, 10), faces=[(t, round(20 * t)) for t in times])], start=0, end=10, title="")
    (top,) = squares(sheet)
    left, right = axis_of(sheet, top)
    middles, shades = zip(*faces_of(sheet, top), strict=True)
    assert middles == pytest.approx([left + t / 10 * (right - left) for t in times], abs=1)
    assert shades == pytest.approx([20 * t for t in times], abs=4)


@pytest.mark.parametrize(
    ("times", "many"),
    [
        ([3.0], 1),
        ([5.0, 5.1], 2),
        ([0.0, 0.01, 0.02, 0.03], 4),
        ([9.97, 9.98, 9.99, 10.0], 4),
        ([0.0, 0.2, 4.0, 4.1, 4.2, 4.25, 10.0], 7),
    ],
)
def test_faces_close_in_time_are_beside_each_other_in_order(times: list[float], many: int) -> None:
    shades = [20 + 30 * n for n in range(len(times))]
    faces = list(zip(times, shades, strict=True))
    picture = track_sheet([row((0, 10)), row((0, 10), faces=faces)], start=0, end=10, title="")
    above, top = squares(picture)
    found = faces_of(picture, top)
    middles = np.array([middle for middle, _ in found])
    assert len(found) == many
    assert [shade for _, shade in found] == pytest.approx(shades, abs=4)
    assert (np.diff(middles) > SIDE).all()
    left, right = axis_of(picture, above)
    assert left - 1 <= middles[0]
    assert middles[-1] <= right + 1
    exact = [left + time / 10 * (right - left) for time in times]
    assert np.abs(middles - exact).max() < 3.2 * SIDE  # the fourth of those all at one end


def test_two_faces_at_one_time_move_aside_by_the_same() -> None:
    picture = track_sheet([row((0, 10), faces=[(5, 40), (5, 200)])], start=0, end=10, title="")
    (top,) = squares(picture)
    left, right = axis_of(picture, top)
    (first, _), (second, _) = faces_of(picture, top)
    assert first + second == pytest.approx(left + right, abs=2)
    assert SIDE < second - first < SIDE + 6


def test_of_a_track_with_hundreds_of_faces_a_dozen_over_all_its_time_are_shown() -> None:
    faces = [(n / 2, n * 255 // 299) for n in range(300)]
    picture = track_sheet([row((0, 150), faces=faces)], start=0, end=150, title="")
    (top,) = squares(picture)
    shades = np.array([shade for _, shade in faces_of(picture, top)])
    assert 11 <= len(shades) <= 12
    assert shades[[0, -1]] == pytest.approx([0, 255], abs=4)
    assert np.diff(shades) == pytest.approx(255 / (len(shades) - 1), abs=8)


def test_a_glimpse_in_a_long_video_is_shown_by_four_faces() -> None:
    faces = [(100.0 + n, n * 8) for n in range(31)]
    picture = track_sheet([row((0, 3600)), row((100, 131), faces=faces)], start=0, end=3600, title="")
    found = faces_of(picture, squares(picture)[1])
    assert [shade for _, shade in found] == pytest.approx([0, 80, 160, 240], abs=9)


def test_both_sides_of_a_gap_are_shown() -> None:
    faces = [(n, 0) for n in range(90)] + [(1000 + n, 200) for n in range(3)]
    picture = track_sheet([row((0, 90), (1000, 1003), faces=faces)], start=0, end=1010, title="")
    shades = [round(shade, -1) for _, shade in faces_of(picture, squares(picture)[0])]
    assert shades == sorted(shades)
    assert set(shades) == {0, 200}


def test_without_rows_it_says_that_there_was_no_face() -> None:
    picture = track_sheet([], start=0, end=10, title="nobody")
    assert (picture[114:210, 600:1000].max(axis=2) < 150).sum() > 100  # words
    assert not squares(picture)


def test_of_many_rows_the_longest_are_shown_in_their_order() -> None:
    rows = [row((0.0, 1 + n % 50), label=str(n), colour=TRACK_COLOURS[n % 6]) for n in range(1000)]
    longest = [n for n in range(1000) if n % 50 >= 48]
    picture = track_sheet(rows, start=0, end=60, title="many")
    same = track_sheet([rows[n] for n in longest], start=0, end=60, title="many", facts=["."])
    tops = squares(picture)
    assert len(tops) == 40
    assert [tuple(picture[top + BAR, 53]) for top in tops] == [TRACK_COLOURS[n % 6] for n in longest]
    np.testing.assert_array_equal(picture[95:], same[95:])
    assert (picture[70:95] < 150).sum() > 500 + (same[70:95] < 150).sum()  # "960 more tracks ..."


@pytest.mark.parametrize("label", ["4 Anna-Katharina Müller-Lüdenscheidt " * 9, "5 木村 🎥\n\x00\t", "Ж" * 400, ""])
def test_labels_of_any_kind_stay_in_their_column(label: str) -> None:
    rows = [row((0, 10), label=label, note=label, faces=[(0, 100)])]
    picture = track_sheet(rows, start=0, end=10, title=label, facts=[label])
    (top,) = squares(picture)
    left, right = axis_of(picture, top)
    assert right - left > 1100
    between = picture[top + 20 : top + PITCH, left - 50 : left - 32]  # letters end before the first face does begin
    assert (between == 255).all()
    assert (picture[:, 1560:].min(axis=(0, 2)) == 255).all()


def test_facts_are_below_the_title_a_line_each() -> None:
    rows = [row((0, 10))]
    plain, told = (track_sheet(rows, start=0, end=10, title="t", facts=facts) for facts in ((), ("one", "two")))
    assert squares(told)[0] == squares(plain)[0] + 44
    np.testing.assert_array_equal(told[:68], plain[:68])
    np.testing.assert_array_equal(told[68 + 44 :], plain[68:])
    assert (told[68 : 68 + 44, :200].min(axis=2) < 150).any()


def test_a_video_without_length_has_a_sheet_too() -> None:
    picture = track_sheet([row((0, 0), faces=[(0, 100)]), row((0, 0.04))], start=0, end=0, title="still")
    top, _ = squares(picture)
    assert len(faces_of(picture, top)) == 1
