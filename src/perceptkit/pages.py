"""Pages that show a result at a glance: text, rules, and bars over an axis of time.

A page is a Pillow image that is drawn larger and reduced at the end: `page.reduce(FINER)`. All places are in pixels of
the finished page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .colours import Colour
from .lettering import font_for, showable

__all__ = [
    "FADED",
    "FINER",
    "INK",
    "RULE",
    "Axis",
    "bar",
    "duration",
    "fill",
    "fitting",
    "text_width",
    "total",
    "wrapped",
    "write",
]

FINER = 2
"""Pages are drawn so many times larger: letters and bars end between pixels."""

INK: Colour = (34, 34, 34)
FADED: Colour = (110, 110, 110)
RULE: Colour = (228, 228, 228)

_Doubles = np.ndarray[Any, np.dtype[np.float64]]

_GLANCE = 0.4  # how strong the shortest span is drawn, of 1; on a page of hours it would be too faint to see
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)


@dataclass(frozen=True, slots=True)
class Axis:
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


def duration(seconds: float) -> str:
    """A duration as 0.05 s, 12.3 s, 3 min 05 s or 1 h 02 min."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if 0 < seconds < 0.095 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def total(spans: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Seconds of the spans between two times."""
    before_start, before_end = _before(spans, np.array([start, end]))
    return float(before_end - before_start)


def bar(
    page: Image.Image, axis: Axis, spans: Sequence[tuple[float, float]], middle: float, high: float, colour: Colour
) -> None:
    """Spans of time as a bar, each column of pixels as strong as the share of its time that they take."""
    times = np.linspace(axis.start, axis.end, (axis.right - axis.left) * FINER + 1)
    share = np.diff(_before(spans, times)) / (times[1] - times[0])
    strength = np.where(share > 1e-6, _GLANCE + (1 - _GLANCE) * share, 0)
    mask = np.tile((255 * strength).round().clip(0, 255).astype(np.uint8), (round(high * FINER), 1))
    page.paste(colour, (axis.left * FINER, round((middle - high / 2) * FINER)), Image.fromarray(mask))


def fill(page: Image.Image, box: tuple[float, float, float, float], colour: Colour) -> None:
    """Fill a box x1, y1, x2, y2 with a colour."""
    x1, y1, x2, y2 = (round(value * FINER) for value in box)
    page.paste(colour, (x1, y1, x2, y2))


def write(
    page: Image.Image, x: float, y: float, text: str, size: float, colour: Colour = INK, anchor: str = "ls"
) -> None:
    """Write a text; `anchor` is what of it is at the place, as Pillow names it (ls: its left end, on the line)."""
    font = font_for(text, size * FINER)
    ImageDraw.Draw(page).text((x * FINER, y * FINER), text, font=font, fill=colour, anchor=anchor)


def text_width(text: str, size: float) -> float:
    """How wide a text is."""
    return font_for(text, size * FINER).getlength(text) / FINER


def fitting(text: str, size: float, width: float) -> str:
    """A text on one line, in letters that can be shown (see `lettering.showable`), cut to a width."""
    line = " ".join(showable(text).split())[:500]  # more never fits
    if text_width(line, size) <= width:
        return line
    while line and text_width(line + "...", size) > width:
        line = line[:-1]
    return line.rstrip() + "..."


def wrapped(text: str, size: float, width: float) -> list[str]:
    """A text in lines of at most a width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _clock(time: float, step: float, end: float) -> str:
    """A time as 12 s, 3:05 or 1:02:45, whichever the last one on the axis needs."""
    if end < 60:
        return f"{round(time, 2):g} s"
    minutes, seconds = divmod(round(time, 2), 60)
    rest = f"{seconds:05.2f}" if step < 1 else f"{seconds:02.0f}"
    return f"{minutes:.0f}:{rest}" if end < 3600 else f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{rest}"


def _before(spans: Sequence[tuple[float, float]], times: _Doubles) -> _Doubles:
    """Seconds of the spans that lie before each time."""
    if not spans:
        return np.zeros_like(times)
    edges = np.array(spans, np.float64)
    passed = np.cumsum(edges[:, 1] - edges[:, 0])
    return np.asarray(np.interp(times, edges.ravel(), np.column_stack([np.append(0, passed[:-1]), passed]).ravel()))
