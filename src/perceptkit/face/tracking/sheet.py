"""Who was where when: the picture of the tracks of a video, with faces from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ...arrays import Picture
from ...colours import Colour
from ...images import decode
from ...output import count
from ...pages import FADED, FINER, INK, RULE, Axis, bar, duration, fill, fitting, text_width, total, write
from .places import Spans

__all__ = ["TrackRow", "track_sheet"]

_WIDE, _MARGIN = 1600, 48
_PITCH, _BAR, _FACES = 96, 12, 24  # of a row: how high it is, its bar, and how far below its top the faces begin
_SIDE, _STEP = 60, 63  # of a face, and from one to the next
_MOST_ROWS, _MOST_FACES = 40, 12
_LEAST_FACES = 4  # of a track too short on the page to have room for as many below its bar
_WIDEST_LABEL = 260

_Doubles = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class TrackRow:
    """A track on the sheet: `spans` are when it is seen, in seconds, in order and not overlapping.

    `faces` are times and headshots (square JPEGs), in order of time. There may be hundreds: some are chosen.
    """

    label: str
    note: str
    colour: Colour
    spans: Spans
    faces: tuple[tuple[float, bytes], ...]


def track_sheet(
    rows: Sequence[TrackRow], *, start: float, end: float, title: str, facts: Sequence[str] = ()
) -> Picture:
    """Who was where when, from `start` to `end` in seconds: a bar and faces for each track, RGB uint8 (H, 1600, 3).

    A track that changes its person is seen by its faces, each of which a line leads to from its time on the bar. The
    rows are in the order given; of many tracks the ones seen longest are shown.
    """
    end = max(end, start + 0.01)
    longest = sorted(range(len(rows)), key=lambda n: -total(rows[n].spans, start, end))
    shown = [rows[n] for n in sorted(longest[:_MOST_ROWS])]
    lines = [*facts]
    if len(rows) > len(shown):
        more = count(len(rows) - len(shown), "more track", "more tracks")
        lines.append(f"{more}, seen for no longer than any of these, not shown.")
    labels = [_lines(row, start, end) for row in shown]
    widest = max((text_width(text, size) for label in labels for text, size, _ in label), default=0.0)
    left = _MARGIN + 20 + round(widest) + 28 + _SIDE // 2
    axis = Axis(left, _WIDE - _MARGIN - _SIDE // 2, start, end)
    top = 114 + 22 * len(lines)
    bottom = top + _PITCH * max(len(shown), 1)

    page = Image.new("RGB", (_WIDE * FINER, (bottom + 72) * FINER), "white")
    write(page, _MARGIN, 54, fitting(title, 24, _WIDE - 2 * _MARGIN), 24)
    for n, line in enumerate(lines):
        write(page, _MARGIN, 82 + 22 * n, fitting(line, 15, _WIDE - 2 * _MARGIN), 15, FADED)
    for x, text in axis.ticks():
        fill(page, (x - 0.5, top - 12, x + 0.5, bottom), RULE)
        write(page, x, top - 20, text, 15, FADED, "ms")
        write(page, x, bottom + 18, text, 15, FADED, "ms")
    for n, (row, label) in enumerate(zip(shown, labels, strict=True)):
        _draw_row(page, axis, row, label, top + _PITCH * n)
    if shown:
        note = "A bar is when a track was seen. Lines lead from the times on it to the faces seen then."
        write(page, _MARGIN, bottom + 52, note, 14, FADED)
    else:
        middle = (axis.left + axis.right) / 2
        fill(page, (middle - 110, top - 12, middle + 110, bottom), (255, 255, 255))
        write(page, middle, top + _PITCH / 2 + 7, "No face was found.", 20, FADED, "ms")
    return np.asarray(page.reduce(FINER))


def _lines(row: TrackRow, start: float, end: float) -> list[tuple[str, int, Colour]]:
    """What is written at the left of a row, with its size and colour."""
    seen = f"seen {duration(total(row.spans, start, end))}"
    texts = ((row.label, 17, INK), (row.note, 14, FADED), (seen, 14, FADED))
    return [(fitting(text, size, _WIDEST_LABEL), size, colour) for text, size, colour in texts if text]


def _draw_row(page: Image.Image, axis: Axis, row: TrackRow, label: list[tuple[str, int, Colour]], top: float) -> None:
    fill(page, (_MARGIN, top + 1, _MARGIN + 10, top + 11), row.colour)
    for n, (text, size, colour) in enumerate(label):
        write(page, _MARGIN + 20, top + 12 + 21 * n, text, size, colour)
    fill(page, (axis.left, top + _BAR / 2 - 0.5, axis.right, top + _BAR / 2 + 0.5), RULE)
    bar(page, axis, row.spans, top + _BAR / 2, _BAR, row.colour)
    times = np.array([time for time, _ in row.faces], np.float64)
    exact = np.interp(times, [axis.start, axis.end], [axis.left, axis.right])
    chosen = _spread(exact)
    draw = ImageDraw.Draw(page)
    for face, x in zip(chosen, _apart(exact[chosen], axis.left, axis.right), strict=True):
        line = [(exact[face], top), (exact[face], top + _BAR), (x, top + _FACES)]
        draw.line([(round(a * FINER), round(b * FINER)) for a, b in line], fill=FADED, width=FINER)
        headshot = Image.fromarray(decode(row.faces[face][1])).resize((_SIDE * FINER, _SIDE * FINER))
        page.paste(headshot, (round((x - _SIDE / 2) * FINER), round((top + _FACES) * FINER)))


def _spread(places: _Doubles) -> list[int]:
    """Which of some places in order to show: the first, the last, and others as far from each other as can be."""
    if len(places) < 2:
        return list(range(len(places)))
    wide = places[-1] - places[0]
    most = min(_MOST_FACES, max(_LEAST_FACES, int(wide / _STEP) + 1))
    if len(places) <= most:
        return list(range(len(places)))
    near, far = 0.0, float(wide)
    for _ in range(30):
        distance = (near + far) / 2
        near, far = (distance, far) if len(_walk(places, distance, most)) == most else (near, distance)
    return [*_walk(places, near, most)[:-1], len(places) - 1]


def _walk(places: _Doubles, distance: float, most: int) -> list[int]:
    """The first place, then each time the next one at a distance, up to `most` of them."""
    walked = [0]
    while len(walked) < most:
        following = max(int(np.searchsorted(places, places[walked[-1]] + distance)), walked[-1] + 1)
        if following == len(places):
            break
        walked.append(following)
    return walked


def _apart(places: _Doubles, left: float, right: float) -> list[float]:
    """Places in order, moved as little as can be until none is nearer than a face to the next.

    With the width of the faces before it taken off each place, they must not fall: those that do are put on their mean.
    That is the least squares solution (pool adjacent violators, Barlow et al., Statistical Inference under Order
    Restrictions, 1972).
    """
    pools: list[tuple[float, int]] = []
    for n, place in enumerate(places):
        pools.append((float(place) - n * _STEP, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean, many), (other, more) = pools.pop(), pools.pop()
            pools.append(((mean * many + other * more) / (many + more), many + more))
    means = [mean for mean, many in pools for _ in range(many)]
    last = max(left, right - (len(places) - 1) * _STEP)
    return [min(max(mean, left), last) + n * _STEP for n, mean in enumerate(means)]
