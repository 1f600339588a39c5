"""Boxes with labels, drawn on a frame: what gaze and faces show of whom they found.

    marks = [Mark.of(face.box, track_colour(face.track), label="Müller") for face in faces]
    canvas = frame.image.copy()
    draw_boxes(canvas, marks)
    draw_labels(canvas, marks)

Every line has a dark outline and so reads on any background. Lines and letters grow with the picture.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .arrays import Picture
from .colours import Colour
from .lettering import font_for, showable

__all__ = ["DARK", "Mark", "draw_boxes", "draw_labels", "line_unit", "stroke", "within"]

DARK: Colour = (16, 16, 16)
"""The outline of everything that is drawn on a frame."""

_FAR = 1e6  # pixels: OpenCV counts in 32 bits; a box that reaches so far is wider than any picture
_LONGEST = 40  # letters of a label


@dataclass(frozen=True, slots=True)
class Mark:
    """How one box is drawn: its corners in pixels, its colour and its label, which may be empty.

    `sides` is False for something uncertain: then only the corners of the box are drawn.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    colour: Colour
    label: str = ""
    sides: bool = True

    @classmethod
    def of(cls, box: Iterable[float], colour: Colour, *, label: str = "", sides: bool = True) -> Mark:
        """The mark of a box x1 y1 x2 y2, however far outside of the picture it reaches."""
        x1, y1, x2, y2 = (min(max(float(value), -_FAR), _FAR) for value in box)
        return cls(x1, y1, x2, y2, colour, label, sides)

    @property
    def centre(self) -> complex:
        """The middle of the box, down as the imaginary part."""
        return complex(self.x1 + self.x2, self.y1 + self.y2) / 2

    @property
    def side(self) -> float:
        """The shorter side of the box; what is drawn stays in proportion to it."""
        return max(0.0, min(self.x2 - self.x1, self.y2 - self.y1))


def draw_boxes(canvas: Picture, marks: Sequence[Mark]) -> None:
    """Draw the boxes on an RGB picture (H, W, 3), in place: a thin outline with heavier corners."""
    unit = line_unit(canvas)
    for mark in marks:
        if within(mark, canvas):
            _draw_box(canvas, mark, unit)


def draw_labels(canvas: Picture, marks: Sequence[Mark]) -> None:
    """Draw the labels in place, each beside its box where it covers the least of the boxes and of earlier labels.

    A letter that the fonts do not have is shown as "?" (see `lettering.showable`), and a long label is cut.
    """
    height, width = canvas.shape[:2]
    unit = line_unit(canvas)
    marks = [mark for mark in marks if within(mark, canvas)]
    taken = np.array([(mark.x1, mark.y1, mark.x2, mark.y2) for mark in marks])
    for mark in marks:
        if not mark.label:
            continue
        plate = _plate(mark.label, max(12, round(18 * unit)), max(1, round(unit)), mark.colour)[:height, :width]
        high, wide = plate.shape[:2]
        gap = 2 + 3 * unit  # half of a corner's stroke and its outline
        left, right = mark.x1 - gap, mark.x2 + gap
        above, below = mark.y1 - gap - high, mark.y2 + gap
        places = np.array(
            [(left, above), (left, below), (right, mark.y1), (left - wide, mark.y1), (right - wide, above)]
        )
        places = np.clip(places.round(), 0, (width - wide, height - high))
        spots = np.hstack([places, np.add(places, (wide, high))])
        shared = np.minimum(spots[:, None, 2:], taken[:, 2:]) - np.maximum(spots[:, None, :2], taken[:, :2])
        best = int(shared.clip(0).prod(axis=2).sum(axis=1).argmin())
        x, y = (int(value) for value in places[best])
        canvas[y : y + high, x : x + wide] = plate
        taken = np.vstack([taken, spots[best]])


def within(mark: Mark, canvas: Picture) -> bool:
    """Whether any of a box lies in the picture."""
    height, width = canvas.shape[:2]
    return mark.x1 < width and mark.y1 < height and mark.x2 > 0 and mark.y2 > 0


def line_unit(canvas: Picture) -> float:
    """The unit of the widths of lines in a picture: 1 pixel at 720 lines."""
    height, width = canvas.shape[:2]
    return float(min(height, width) / 720)


def stroke(wide: float, mark: Mark, unit: float, *, least: int = 1) -> int:
    """A width of lines in whole pixels: with the picture, but not so wide that it hides a small box."""
    return max(1, round(min(max(wide * unit, least), mark.side / 14)))


def _draw_box(canvas: Picture, mark: Mark, unit: float) -> None:
    left, top, right, bottom = (round(value) for value in (mark.x1, mark.y1, mark.x2, mark.y2))
    reach = round(0.22 * mark.side)
    corners = [
        np.array([[x, y + down], [x, y], [x + across, y]], np.int32)
        for x, across in ((left, reach), (right, -reach))
        for y, down in ((top, reach), (bottom, -reach))
    ]
    thin, thick, edge = stroke(1.6, mark, unit, least=2), stroke(5, mark, unit, least=3), stroke(1, mark, unit)
    if mark.sides:
        cv2.rectangle(canvas, (left, top), (right, bottom), DARK, thin + 2 * edge)
    cv2.polylines(canvas, corners, False, DARK, thick + 2 * edge)
    if mark.sides:
        cv2.rectangle(canvas, (left, top), (right, bottom), mark.colour, thin)
    cv2.polylines(canvas, corners, False, mark.colour, thick)


@functools.lru_cache(maxsize=1024)
def _plate(label: str, size: int, edge: int, colour: Colour) -> Picture:
    """A label: dark or white letters on its colour with a dark edge. Kept, as drawing one takes longer than a face."""
    text = showable(label)
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 3].rstrip() + "..."
    font = font_for(text, size)
    wide, high = round(font.getlength(text) + 0.7 * size), round(1.3 * size)
    plate = Image.new("RGB", (wide + 2 * edge, high + 2 * edge), DARK)
    pencil = ImageDraw.Draw(plate)
    pencil.rectangle((edge, edge, edge + wide - 1, edge + high - 1), fill=colour)
    light = np.dot(colour, (0.299, 0.587, 0.114)) > 100
    pencil.text((edge + 0.35 * size, edge + 1.01 * size), text, font=font, fill=DARK if light else "white", anchor="ls")
    return np.asarray(plate)
