"""Who looked at the camera when: the picture of a whole video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..arrays import Picture
from ..colours import track_colour
from ..pages import FADED, FINER, RULE, Axis, bar, duration, fill, fitting, text_width, total, write

__all__ = ["Lane", "timeline"]

_WIDE, _MARGIN, _TOP, _BELOW = 1600, 48, 124, 92
_SHARE, _LOOKED = _WIDE - _MARGIN, _WIDE - _MARGIN - 60  # where the two columns of numbers end
_MOST_LANES = 60
_VISIBLE, _AT_CAMERA = (200, 208, 216), (0, 90, 156)


@dataclass(frozen=True, slots=True)
class Lane:
    """When one track was visible and when it looked at the camera: spans in seconds, in order, not overlapping."""

    track: int
    visible: tuple[tuple[float, float], ...]
    camera: tuple[tuple[float, float], ...]


def timeline(lanes: Sequence[Lane], *, start: float, end: float, title: str) -> Picture:
    """Who looked at the camera when, from `start` to `end` in seconds: a lane for each track, RGB uint8 (H, 1600, 3).

    A light bar is a track that is visible, a strong bar one that looks at the camera. At the right is for how long it
    looks there, and for which share of the time it is visible. Of many tracks the ones visible longest are shown.
    """
    end = max(end, start + 0.01)
    longest = sorted(range(len(lanes)), key=lambda n: -total(lanes[n].visible, start, end))
    shown = [lanes[n] for n in sorted(longest[:_MOST_LANES])]
    looked = [duration(total(lane.camera, start, end)) for lane in shown]
    pitch = 36 if len(shown) <= 12 else 24
    bottom = _TOP + pitch * max(len(shown), 1)
    left = _MARGIN + max((text_width(f"track {lane.track}", 15) for lane in shown), default=0) + 40
    right = _LOOKED - max(text_width(text, 15) for text in ("looked", *looked)) - 28
    axis = Axis(round(left), round(right), start, end)

    page = Image.new("RGB", (_WIDE * FINER, (bottom + _BELOW) * FINER), "white")
    write(page, _MARGIN, 54, fitting(title, 24, _WIDE - 2 * _MARGIN), 24)
    fill(page, (left, 82, left + 28, 88), _VISIBLE)
    write(page, left + 38, 90, "visible", 15, FADED)
    fill(page, (left + 116, 78, left + 144, 92), _AT_CAMERA)
    write(page, left + 154, 90, "looking at the camera", 15, FADED)
    for x, text in axis.ticks():
        fill(page, (x - 0.5, _TOP - 8, x + 0.5, bottom + 8), RULE)
        write(page, x, bottom + 28, text, 15, FADED, "ms")
    for n, (lane, time) in enumerate(zip(shown, looked, strict=True)):
        _draw_lane(page, axis, lane, time, _TOP + pitch * (n + 0.5))
    if shown:
        write(page, _LOOKED, 90, "looked", 15, FADED, "rs")
        write(page, _SHARE, 90, "share", 15, FADED, "rs")
        note = "Shares are of the time a track is visible. Squares have the tracks' colours in the video."
    else:
        middle = (axis.left + axis.right) / 2
        fill(page, (middle - 110, _TOP, middle + 110, bottom), (255, 255, 255))
        write(page, middle, bottom - 11, "No face was found.", 20, FADED, "ms")
        note = ""
    if len(lanes) > len(shown):
        note += f" {len(lanes) - len(shown)} more tracks, each visible for less time than these, are not shown."
    write(page, _MARGIN, bottom + 66, note, 14, FADED)
    return np.asarray(page.reduce(FINER))


def _draw_lane(page: Image.Image, axis: Axis, lane: Lane, looked: str, middle: float) -> None:
    share = total(lane.camera, axis.start, axis.end) / max(total(lane.visible, axis.start, axis.end), 1e-9)
    fill(page, (_MARGIN, middle - 5, _MARGIN + 10, middle + 5), track_colour(lane.track))
    write(page, _MARGIN + 20, middle + 5, f"track {lane.track}", 15)
    bar(page, axis, lane.visible, middle, 6, _VISIBLE)
    bar(page, axis, lane.camera, middle, 14, _AT_CAMERA)
    write(page, _LOOKED, middle + 5, looked, 15, anchor="rs")
    write(page, _SHARE, middle + 5, f"{100 * share:.0f} %", 15, anchor="rs")
