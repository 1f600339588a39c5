"""Pictures of a whole video: who looked at the camera when, and where people looked the rest of the time."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..arrays import Floats, Picture
from ..face import Face
from .drawing import Colour, track_colour
from .types import FrameGaze, Gaze

__all__ = ["HeatMap", "Lane", "timeline"]

_Doubles = np.ndarray[Any, np.dtype[np.float64]]

_FINER = 2  # pages are drawn so many times larger and then reduced: letters and bars end between pixels
_WIDE, _MARGIN, _TOP, _BELOW = 1600, 48, 124, 92
_SHARE, _LOOKED = _WIDE - _MARGIN, _WIDE - _MARGIN - 60  # where the two columns of numbers end
_MOST_LANES = 60
_INK, _FADED, _RULE = (34, 34, 34), (110, 110, 110), (228, 228, 228)
_VISIBLE, _AT_CAMERA = (200, 208, 216), (0, 90, 156)
_GLANCE = 0.4  # how strong the shortest look is drawn, of 1; on a page of hours it would be too faint to see
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)

_CELLS = 192  # of the heat map, along the longer side of the picture
_SPREAD = math.tan(math.radians(3))  # standard deviation of a ray: two of them are the 6 degrees of a network's error
_RISE = 3  # cells over which a ray begins
_NIGHT, _PALE = (20, 20, 20), (222, 222, 222)


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
    end = max(end, start + _STEPS[0])
    longest = sorted(range(len(lanes)), key=lambda n: -_total(lanes[n].visible, start, end))
    shown = [lanes[n] for n in sorted(longest[:_MOST_LANES])]
    looked = [_duration(_total(lane.camera, start, end)) for lane in shown]
    pitch = 36 if len(shown) <= 12 else 24
    bottom = _TOP + pitch * max(len(shown), 1)
    left = _MARGIN + max((_width(f"track {lane.track}", 15) for lane in shown), default=0) + 40
    right = _LOOKED - max(_width(text, 15) for text in ("looked", *looked)) - 28
    axis = _Axis(round(left), round(right), start, end)

    page = Image.new("RGB", (_WIDE * _FINER, (bottom + _BELOW) * _FINER), "white")
    _write(page, _MARGIN, 54, _fitting(title, 24, _WIDE - 2 * _MARGIN), 24)
    _fill(page, (left, 82, left + 28, 88), _VISIBLE)
    _write(page, left + 38, 90, "visible", 15, _FADED)
    _fill(page, (left + 116, 78, left + 144, 92), _AT_CAMERA)
    _write(page, left + 154, 90, "looking at the camera", 15, _FADED)
    for x, text in axis.ticks():
        _fill(page, (x - 0.5, _TOP - 8, x + 0.5, bottom + 8), _RULE)
        _write(page, x, bottom + 28, text, 15, _FADED, "ms")
    for n, (lane, time) in enumerate(zip(shown, looked, strict=True)):
        _draw_lane(page, axis, lane, time, _TOP + pitch * (n + 0.5))
    if shown:
        _write(page, _LOOKED, 90, "looked", 15, _FADED, "rs")
        _write(page, _SHARE, 90, "share", 15, _FADED, "rs")
        note = "Shares are of the time a track is visible. Squares have the tracks' colours in the video."
    else:
        middle = (axis.left + axis.right) / 2
        _fill(page, (middle - 110, _TOP, middle + 110, bottom), (255, 255, 255))
        _write(page, middle, bottom - 11, "No face was found.", 20, _FADED, "ms")
        note = ""
    if len(lanes) > len(shown):
        note += f" {len(lanes) - len(shown)} more tracks, each visible for less time than these, are not shown."
    _write(page, _MARGIN, bottom + 66, note, 14, _FADED)
    return np.asarray(page.reduce(_FINER))


class HeatMap:
    """Where in the picture people look while they do not look at the camera, summed over a video.

    How far away somebody's eyes meet something cannot be told, so that each gaze is a ray, from the edge of the box of
    the face to the border of the picture. Along its middle it counts its seconds, and it fades within 6 degrees at both
    sides, about the error of a network. Where rays cross they add up: heat is the seconds of gaze that pass a place.
    """

    def __init__(self, width: int, height: int) -> None:
        self._cell = max(width, height) / _CELLS
        columns, rows = max(1, round(width / self._cell)), max(1, round(height / self._cell))
        self._x = ((np.arange(columns) + 0.5) * (width / columns)).astype(np.float32)
        self._y = ((np.arange(rows) + 0.5) * (height / rows)).astype(np.float32)[:, None]
        self._seconds = np.zeros((rows, columns))

    def add(self, seen: FrameGaze, seconds: float, *, camera: Sequence[bool]) -> None:
        """Add a frame that stands for so many seconds; `camera` says of each face whether it looks at the camera."""
        for face, gaze, at_camera in zip(seen.faces, seen.gazes, camera, strict=True):
            if gaze.state == "ok" and not at_camera:
                self._seconds += seconds * self._ray(face, gaze)

    def picture(self, background: Picture) -> Picture:
        """The map over a darkened frame (H, W, 3), and below it a strip that explains it; RGB uint8, (> H, W, 3)."""
        height, width = background.shape[:2]
        heat = cv2.resize(self._seconds.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC).clip(0)
        most = float(heat.max())
        grey = cv2.cvtColor(cv2.cvtColor(background, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        dark = cv2.addWeighted(grey, 0.32, background, 0.13, 0)
        strength = np.asarray(heat / max(most, 1e-9), np.float32)
        return np.vstack([_glowing(strength, np.asarray(dark, np.uint8)), _legend(width, most)])

    def _ray(self, face: Face, gaze: Gaze) -> Floats:
        """How strongly a gaze goes through each cell, 0..1."""
        x1, y1, x2, y2 = (float(value) for value in face.box)
        yaw, pitch = math.radians(gaze.yaw), math.radians(gaze.pitch)
        right, down = -math.sin(yaw) * math.cos(pitch), -math.sin(pitch)
        length = max(math.hypot(right, down), 1e-9)  # 0 is straight away from the camera: no ray comes of it
        right, down = right / length, down / length
        x, y = self._x - (x1 + x2) / 2, self._y - (y1 + y2) / 2
        ahead, aside = x * right + y * down, y * right - x * down
        edge = min((x2 - x1) / 2 / max(abs(right), 1e-9), (y2 - y1) / 2 / max(abs(down), 1e-9))
        start = ((ahead - edge) / (_RISE * self._cell)).clip(0, 1)
        wide = np.maximum(ahead * _SPREAD, self._cell)  # not narrower than the grid can hold
        return np.asarray(start * np.exp(-0.5 * np.square(aside / wide)), np.float32)


def _draw_lane(page: Image.Image, axis: _Axis, lane: Lane, looked: str, middle: float) -> None:
    share = _total(lane.camera, axis.start, axis.end) / max(_total(lane.visible, axis.start, axis.end), 1e-9)
    _fill(page, (_MARGIN, middle - 5, _MARGIN + 10, middle + 5), track_colour(lane.track))
    _write(page, _MARGIN + 20, middle + 5, f"track {lane.track}", 15)
    _bar(page, axis, lane.visible, middle, 6, _VISIBLE)
    _bar(page, axis, lane.camera, middle, 14, _AT_CAMERA)
    _write(page, _LOOKED, middle + 5, looked, 15, anchor="rs")
    _write(page, _SHARE, middle + 5, f"{100 * share:.0f} %", 15, anchor="rs")


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where a time is on the page: `start` at the pixel `left`, `end` at `right`."""

    left: int
    right: int
    start: float
    end: float

    def ticks(self) -> list[tuple[float, str]]:
        """Pixels and labels of round times."""
        length = self.end - self.start
        days = 86400 * math.ceil(length / 86400 / 12)
        step = next((step for step in _STEPS if length / step <= 12), days)
        times = [n * step for n in range(math.ceil(self.start / step), math.floor(self.end / step) + 1)]
        scale = (self.right - self.left) / length
        return [(self.left + (time - self.start) * scale, _clock(time, step, self.end)) for time in times]


def _clock(time: float, step: float, end: float) -> str:
    """A time as 12 s, 3:05 or 1:02:45, whichever the last one on the axis needs."""
    if end < 60:
        return f"{round(time, 2):g} s"
    minutes, seconds = divmod(round(time, 2), 60)
    rest = f"{seconds:05.2f}" if step < 1 else f"{seconds:02.0f}"
    return f"{minutes:.0f}:{rest}" if end < 3600 else f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{rest}"


def _duration(seconds: float) -> str:
    if seconds < 59.95:
        return f"{seconds:.2f} s" if 0 < seconds < 0.095 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _total(spans: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Seconds of the spans between two times."""
    before_start, before_end = _before(spans, np.array([start, end]))
    return float(before_end - before_start)


def _before(spans: Sequence[tuple[float, float]], times: _Doubles) -> _Doubles:
    """Seconds of the spans that lie before each time."""
    if not spans:
        return np.zeros_like(times)
    edges = np.array(spans, np.float64)
    passed = np.cumsum(edges[:, 1] - edges[:, 0])
    return np.asarray(np.interp(times, edges.ravel(), np.column_stack([np.append(0, passed[:-1]), passed]).ravel()))


def _bar(
    page: Image.Image, axis: _Axis, spans: Sequence[tuple[float, float]], middle: float, high: float, colour: Colour
) -> None:
    """Spans of time as a bar, each column of pixels as strong as the share of its time that they take."""
    times = np.linspace(axis.start, axis.end, (axis.right - axis.left) * _FINER + 1)
    share = np.diff(_before(spans, times)) / (times[1] - times[0])
    strength = np.where(share > 1e-6, _GLANCE + (1 - _GLANCE) * share, 0)
    mask = np.tile((255 * strength).round().clip(0, 255).astype(np.uint8), (round(high * _FINER), 1))
    page.paste(colour, (axis.left * _FINER, round((middle - high / 2) * _FINER)), Image.fromarray(mask))


def _fill(page: Image.Image, box: tuple[float, float, float, float], colour: Colour) -> None:
    x1, y1, x2, y2 = (round(value * _FINER) for value in box)
    page.paste(colour, (x1, y1, x2, y2))


def _write(
    page: Image.Image, x: float, y: float, text: str, size: float, colour: Colour = _INK, anchor: str = "ls"
) -> None:
    font = ImageFont.load_default(size * _FINER)
    ImageDraw.Draw(page).text((x * _FINER, y * _FINER), text, font=font, fill=colour, anchor=anchor)


def _width(text: str, size: float) -> float:
    return ImageFont.load_default(size * _FINER).getlength(text) / _FINER


def _fitting(text: str, size: float, width: float) -> str:
    """A text on one line, in the letters that Pillow's own font has, cut to a width."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    line = " ".join(plain.encode("ascii", "replace").decode().split())[:500]  # more never fits
    if _width(line, size) <= width:
        return line
    while line and _width(line + "...", size) > width:
        line = line[:-1]
    return line.rstrip() + "..."


def _glowing(strength: Floats, under: Picture) -> Picture:
    """Strengths (H, W) of 0..1 in their colours over a picture (H, W, 3), which is all that shows at 0."""
    levels = (60 + 195 * strength).astype(np.uint8)  # the darkest colours of the map look like shadow, not like heat
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    rising = (strength / np.float32(0.7)).clip(0, 1)
    share = np.float32(0.9) * rising * rising * (3 - 2 * rising)
    return np.asarray(cv2.blendLinear(colours, under, share, 1 - share), np.uint8)


def _legend(width: int, most: float) -> Picture:
    """What a heat map shows, and how many seconds its colours are: a strip below the picture."""
    unit = max(0.6, width / 1280)
    size, pad = 17 * unit, 20 * unit
    scale = min(260 * unit, width / 3) if most else 0.0
    about = (
        "Where people looked when they did not look at the camera: from each face along its gaze to the border of the "
        "picture. Where gazes cross, they add up."
        if most
        else "No gaze was seen that was not at the camera."
    )
    lines = _wrapped(about, size, width - 3 * pad - scale)
    high = round(2 * pad + max(len(lines) * 1.4, 2.6) * size)
    page = Image.new("RGB", (width * _FINER, high * _FINER), _NIGHT)
    for n, line in enumerate(lines):
        _write(page, pad, pad + (1 + 1.4 * n) * size, line, size, _PALE)
    if most:
        x = width - pad - scale
        strip = np.tile(np.linspace(0, 1, round(scale * _FINER), dtype=np.float32), (round(size * _FINER), 1))
        under = np.full((*strip.shape, 3), 60, np.uint8)
        page.paste(Image.fromarray(_glowing(strip, under)), (round(x * _FINER), round(pad * _FINER)))
        _write(page, x, pad + 2.3 * size, "0", size, _PALE)
        _write(page, width - pad, pad + 2.3 * size, f"{_duration(most)} of gaze", size, _PALE, "rs")
    return np.asarray(page.reduce(_FINER))


def _wrapped(text: str, size: float, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
