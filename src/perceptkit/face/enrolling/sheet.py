"""What an enrolment knows somebody by: the picture of the faces that were kept, and of the views that are missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

import numpy as np
from PIL import Image

from ...arrays import Floats, Picture
from ...pages import FADED, FINER, INK, RULE, duration, fill, fitting, text_width, wrapped, write

__all__ = ["ScanCard", "missing_views", "scan_sheet"]

_WIDE, _MARGIN = 1600, 48
_LEFT, _RIGHT = _MARGIN, _WIDE - _MARGIN  # the ends of the axis
_PART, _END = 15, 90  # degrees: a part of the axis, and its ends
_HIGH = 64  # of the axis
_ROW, _SIDE, _CAPTION = 8, 160, 96  # headshots in a row, their width and height, and the room below
_KEPT, _COVERED, _SEEN = (0, 90, 156), (204, 224, 240), (150, 158, 166)
_MOST_LINES = 3  # of facts


@dataclass(frozen=True, slots=True, eq=False)
class ScanCard:
    """A face that was kept: its headshot (RGB), head yaw in degrees (above 0 to image-left) and quality 0..1.

    `time` is in seconds of the video `source`, None for a photo.
    """

    image: Picture
    yaw: float
    quality: float
    source: str
    time: float | None


def scan_sheet(cards: Sequence[ScanCard], *, title: str, facts: Sequence[str], seen_yaws: Floats) -> Picture:
    """The faces kept of a scan, and how far the head was turned in them: RGB uint8 (H, 1600, 3).

    Above is an axis of the turns of the head, from image-left to image-right as the pictures show them. It is filled
    where a face was kept; a strong mark is a face that was kept, a light one each of `seen_yaws` (N,), the turns of all
    faces that were looked at. Below are the headshots in the same order, each over a bar of its quality.
    """
    cards = sorted(cards, key=lambda card: -card.yaw)
    yaws = np.array([card.yaw for card in cards], np.float32)
    about = wrapped(", ".join(facts), 15, _WIDE - 2 * _MARGIN)[:_MOST_LINES]
    axis = 86 + 22 * len(about) + 40
    first = axis + _HIGH + 92
    rows = math.ceil(len(cards) / _ROW)

    page = Image.new("RGB", (_WIDE * FINER, (first + rows * (_SIDE + _CAPTION) + 8) * FINER), "white")
    write(page, _MARGIN, 54, fitting(title, 24, _WIDE - 2 * _MARGIN), 24)
    for n, line in enumerate(about):
        write(page, _MARGIN, 86 + 22 * n, fitting(line, 15, _WIDE - 2 * _MARGIN), 15, FADED)
    _draw_legend(page, axis - 20, missing_views(yaws))
    _draw_axis(page, axis, yaws, seen_yaws)
    alone = len({card.source for card in cards}) == 1
    for n, card in enumerate(cards):
        row, column = divmod(n, _ROW)
        x = _MARGIN + column * (_WIDE - 2 * _MARGIN - _SIDE) / (_ROW - 1)
        _draw_card(page, card, round(x), first + row * (_SIDE + _CAPTION), alone=alone)
    return np.asarray(page.reduce(FINER))


def missing_views(yaws: Floats) -> str:
    """In words, which turns of the head no face shows: "Nothing beyond 30° to image-left, ...".

    `yaws` (N,) are in degrees, above 0 to image-left; turns are counted in parts of 15 degrees.
    """
    edges = [n for n, (one, other) in enumerate(pairwise([True, *_covered(yaws), True])) if one != other]
    gaps = [(_PART * low - _END, _PART * high - _END) for low, high in zip(edges[::2], edges[1::2], strict=True)]
    return f"{', '.join(_gap(*gap) for gap in gaps[::-1])}.".capitalize() if gaps else "No view is missing."


def _place(yaw: float) -> float:
    """Where a turn is on the axis, in pixels."""
    return _LEFT + (_END - yaw) / (2 * _END) * (_RIGHT - _LEFT)


def _covered(yaws: Floats) -> list[bool]:
    """Which parts of the axis have a face, from image-right to image-left."""
    counts, _ = np.histogram(yaws.clip(-_END, _END), np.arange(-_END, _END + 1, _PART))
    return [count > 0 for count in counts.tolist()]


def _gap(low: int, high: int) -> str:
    if low >= 0 and high == _END:
        return f"nothing beyond {low}° to image-left" if low else "nothing to image-left"
    if high <= 0 and low == -_END:
        return f"nothing beyond {-high}° to image-right" if high else "nothing to image-right"
    return f"nothing from {_turn(high)} to {_turn(low)}"


def _turn(yaw: float) -> str:
    degrees = round(abs(yaw))
    return f"{degrees}° {'image-left' if yaw > 0 else 'image-right'}" if degrees else "0°"


def _draw_legend(page: Image.Image, y: float, missing: str) -> None:
    """What is missing, and at the right what the marks of the axis below are."""
    x: float = _RIGHT
    for name, colour, wide, high in (
        ("looked at", _SEEN, 1, 12),
        ("kept", _KEPT, 3, 18),
        ("covered", _COVERED, 28, 18),
    ):
        x -= text_width(name, 15)
        write(page, x, y, name, 15, FADED)
        x -= wide + 8
        fill(page, (x, y - 5 - high / 2, x + wide, y - 5 + high / 2), colour)
        x -= 28
    write(page, _MARGIN, y, fitting(missing, 15, x - _MARGIN), 15, INK)


def _draw_axis(page: Image.Image, top: float, yaws: Floats, seen: Floats) -> None:
    bottom = top + _HIGH
    for n, covered in enumerate(_covered(yaws)):
        low = _PART * n - _END
        if covered:
            fill(page, (_place(low + _PART), top, _place(low), bottom), _COVERED)
    for y in (top, bottom):
        fill(page, (_LEFT, y - 0.5, _RIGHT, y + 0.5), RULE)
    for yaw in range(-_END, _END + 1, _PART):
        x = _place(yaw)
        fill(page, (x - 0.5, top, x + 0.5, bottom + 6), RULE)
        write(page, x, bottom + 24, f"{abs(yaw)}°", 14, FADED, {_END: "ls", -_END: "rs"}.get(yaw, "ms"))
    for x, text, anchor in (
        (_LEFT, "image-left", "ls"),
        (_place(0), "into the lens", "ms"),
        (_RIGHT, "image-right", "rs"),
    ):
        write(page, x, bottom + 46, text, 14, FADED, anchor)
    # Of marks that fall on the same pixels one is enough, and a video has thousands.
    for x in {math.floor(_place(yaw)) for yaw in seen[np.isfinite(seen)].clip(-_END, _END).tolist()}:
        fill(page, (x, bottom - 16, x + 1, bottom - 4), _SEEN)
    for x in map(_place, yaws.clip(-_END, _END).tolist()):
        fill(page, (x - 1.5, top + 8, x + 1.5, bottom - 22), _KEPT)


def _draw_card(page: Image.Image, card: ScanCard, x: int, y: int, *, alone: bool) -> None:
    """A headshot with what is known of it; its file only where there are several."""
    headshot = Image.fromarray(card.image).resize((_SIDE * FINER, _SIDE * FINER), Image.Resampling.BOX)
    page.paste(headshot, (x * FINER, y * FINER))
    fill(page, (x, y + _SIDE + 4, x + _SIDE, y + _SIDE + 8), RULE)
    fill(page, (x, y + _SIDE + 4, x + _SIDE * min(max(card.quality, 0), 1), y + _SIDE + 8), _KEPT)
    name, when = PurePath(card.source).name, "" if card.time is None else duration(card.time)
    where = (when if alone else f"{when} {name}") if when else name
    write(page, x, y + _SIDE + 30, _turn(card.yaw), 15)
    write(page, x, y + _SIDE + 50, f"quality {card.quality:.2f}", 14, FADED)
    write(page, x, y + _SIDE + 70, fitting(where, 14, _SIDE), 14, FADED)
