"""Draw on a frame what was seen in it: a box for each face, where it looks, its id and its state.

Nothing rests on colour alone: an arrow is a direction, a ring around a dot is somebody looking at the camera, two
lids are closed eyes, and a grey box without sides is somebody whose direction is unknown.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..arrays import Picture
from ..colours import Colour, track_colour
from ..face import Face
from .types import FrameGaze, Gaze

__all__ = ["CAMERA_COLOUR", "UNKNOWN_COLOUR", "draw"]

CAMERA_COLOUR: Colour = (240, 228, 66)
"""Somebody who looks at the camera: the yellow of the same palette, lighter than any colour of a track."""

UNKNOWN_COLOUR: Colour = (170, 170, 170)
"""Somebody whose direction is not known."""

_DARK: Colour = (16, 16, 16)
_FINE = 4  # bits: OpenCV draws at sixteenths of a pixel, so that an arrow turns smoothly from frame to frame
_FAR = 1e6  # pixels: OpenCV counts in 32 bits; a box that reaches so far is wider than any picture


def draw(image: Picture, seen: FrameGaze, *, camera: Sequence[bool]) -> Picture:
    """A copy of a frame with the faces seen in it marked; the frame itself stays as it is.

    `image` is RGB uint8 (H, W, 3); `camera` says of each face whether it looks at the camera. The arrow of a face
    starts at the centre of its box and is L (-sin(yaw) cos(pitch), -sin(pitch)) long, where L is the width of the box
    (as MobileGaze and L2CS-Net draw it). Lines and letters grow with the picture.
    """
    canvas = image.copy()
    height, width = image.shape[:2]
    unit = min(height, width) / 720  # the sizes below look right at 720 lines
    looks = [_look(*one) for one in zip(seen.faces, seen.gazes, camera, strict=True)]
    looks = [look for look in looks if look.x1 < width and look.y1 < height and look.x2 > 0 and look.y2 > 0]
    for look in looks:
        _draw_box(canvas, look, unit)
    _draw_labels(canvas, looks, unit)
    for look in looks:
        _draw_sign(canvas, look, unit)
    return canvas


@dataclass(frozen=True, slots=True)
class _Look:
    """How one face is drawn."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: Colour
    label: str
    sign: Literal["arrow", "ring", "lids", "none"]
    arrow: complex
    """From the centre of the box to the tip: pixels to the right, and pixels down as the imaginary part."""

    @property
    def centre(self) -> complex:
        return complex(self.x1 + self.x2, self.y1 + self.y2) / 2

    @property
    def side(self) -> float:
        """The shorter side of the box; what is drawn stays in proportion to it."""
        return max(0.0, min(self.x2 - self.x1, self.y2 - self.y1))


def _look(face: Face, gaze: Gaze, at_camera: bool) -> _Look:
    x1, y1, x2, y2 = (min(max(float(value), -_FAR), _FAR) for value in face.box)
    yaw, pitch = math.radians(gaze.yaw), math.radians(gaze.pitch)
    arrow = (x2 - x1) * complex(-math.sin(yaw) * math.cos(pitch), -math.sin(pitch))
    name = "" if face.track is None else f"{face.track} "
    own = track_colour(face.track)
    if gaze.state == "unknown":
        return _Look(x1, y1, x2, y2, UNKNOWN_COLOUR, name + "unknown", "none", arrow)
    if gaze.state == "eyes-closed":
        return _Look(x1, y1, x2, y2, own, name + "eyes closed", "lids", arrow)
    if at_camera:
        return _Look(x1, y1, x2, y2, CAMERA_COLOUR, name + "camera", "ring", arrow)
    return _Look(x1, y1, x2, y2, own, name.strip(), "arrow", arrow)


def _draw_box(canvas: Picture, look: _Look, unit: float) -> None:
    """A thin outline with heavier corners; only the corners where nothing is known."""
    left, top, right, bottom = (round(value) for value in (look.x1, look.y1, look.x2, look.y2))
    reach = round(0.22 * look.side)
    corners = [
        np.array([[x, y + down], [x, y], [x + across, y]], np.int32)
        for x, across in ((left, reach), (right, -reach))
        for y, down in ((top, reach), (bottom, -reach))
    ]
    thin, thick, edge = _stroke(1.6, look, unit, least=2), _stroke(5, look, unit, least=3), _stroke(1, look, unit)
    if look.sign != "none":
        cv2.rectangle(canvas, (left, top), (right, bottom), _DARK, thin + 2 * edge)
    cv2.polylines(canvas, corners, False, _DARK, thick + 2 * edge)
    if look.sign != "none":
        cv2.rectangle(canvas, (left, top), (right, bottom), look.colour, thin)
    cv2.polylines(canvas, corners, False, look.colour, thick)


def _draw_labels(canvas: Picture, looks: Sequence[_Look], unit: float) -> None:
    """The labels, each beside its box where it covers the least of the faces and of the labels before it."""
    height, width = canvas.shape[:2]
    taken = np.array([(look.x1, look.y1, look.x2, look.y2) for look in looks])
    for look in looks:
        if not look.label:
            continue
        plate = _plate(look.label, max(12, round(18 * unit)), max(1, round(unit)), look.colour)[:height, :width]
        high, wide = plate.shape[:2]
        gap = 2 + 3 * unit  # half of a corner's stroke and its outline
        left, right = look.x1 - gap, look.x2 + gap
        above, below = look.y1 - gap - high, look.y2 + gap
        places = np.array(
            [(left, above), (left, below), (right, look.y1), (left - wide, look.y1), (right - wide, above)]
        )
        places = np.clip(places.round(), 0, (width - wide, height - high))
        spots = np.hstack([places, np.add(places, (wide, high))])
        shared = np.minimum(spots[:, None, 2:], taken[:, 2:]) - np.maximum(spots[:, None, :2], taken[:, :2])
        best = int(shared.clip(0).prod(axis=2).sum(axis=1).argmin())
        x, y = (int(value) for value in places[best])
        canvas[y : y + high, x : x + wide] = plate
        taken = np.vstack([taken, spots[best]])


@functools.lru_cache(maxsize=1024)
def _plate(text: str, size: int, edge: int, colour: Colour) -> Picture:
    """A label: dark or white letters on its colour with a dark edge. Kept, as drawing one takes longer than a face."""
    font = ImageFont.load_default(size)
    wide, high = round(font.getlength(text) + 0.7 * size), round(1.3 * size)
    plate = Image.new("RGB", (wide + 2 * edge, high + 2 * edge), _DARK)
    pencil = ImageDraw.Draw(plate)
    pencil.rectangle((edge, edge, edge + wide - 1, edge + high - 1), fill=colour)
    light = np.dot(colour, (0.299, 0.587, 0.114)) > 100
    pencil.text(
        (edge + 0.35 * size, edge + 1.01 * size), text, font=font, fill=_DARK if light else "white", anchor="ls"
    )
    return np.asarray(plate)


def _draw_sign(canvas: Picture, look: _Look, unit: float) -> None:
    """What the eyes do, at the centre of the box."""
    edge, thick = _stroke(1.2, look, unit), _stroke(3.5, look, unit, least=2)
    if look.sign == "arrow":
        _draw_arrow(canvas, look, thick, edge)
    elif look.sign == "ring":
        radius, dot = max(0.2 * look.side, 3 * thick), max(0.05 * look.side, thick)
        for colour, more in ((_DARK, edge), (look.colour, 0)):
            cv2.circle(canvas, _fine(look.centre), _whole(radius), colour, thick + 2 * more, cv2.LINE_AA, _FINE)
            cv2.circle(canvas, _fine(look.centre), _whole(dot + more), colour, cv2.FILLED, cv2.LINE_AA, _FINE)
    elif look.sign == "lids":
        for colour, more in ((_DARK, edge), (look.colour, 0)):
            for inner in (-0.12, 0.12):
                start, end = (look.centre + complex(across, -0.1) * look.side for across in (inner, 2.6 * inner))
                cv2.line(canvas, _fine(start), _fine(end), colour, thick + 2 * more, cv2.LINE_AA, _FINE)


def _draw_arrow(canvas: Picture, look: _Look, thick: int, edge: int) -> None:
    """An arrow that widens towards its head, from a dot at the centre of the box."""
    length = abs(look.arrow)
    head = min(length, max(0.16 * look.side, 3.5 * thick))
    neck, tail = length - 0.85 * head, 0.35 * thick
    # Along the arrow, and across it as the imaginary part.
    half = [tail * 1j, neck + 0.6j * thick, length - head + 0.42j * head, complex(length)]
    outline = np.array([*half, *(point.conjugate() for point in half[-2::-1])])
    turned = look.centre + outline * (look.arrow / length if length else 1)
    points = (np.column_stack([turned.real, turned.imag]) * (1 << _FINE)).round().astype(np.int32)
    cv2.polylines(canvas, [points], True, _DARK, 2 * edge + 1, cv2.LINE_AA, _FINE)
    cv2.circle(canvas, _fine(look.centre), _whole(0.9 * thick + edge), _DARK, cv2.FILLED, cv2.LINE_AA, _FINE)
    cv2.circle(canvas, _fine(look.centre), _whole(0.9 * thick), look.colour, cv2.FILLED, cv2.LINE_AA, _FINE)
    cv2.fillPoly(canvas, [points], look.colour, cv2.LINE_AA, _FINE)


def _stroke(wide: float, look: _Look, unit: float, *, least: int = 1) -> int:
    """A width of lines in whole pixels: with the picture, but not so wide that it hides a small face."""
    return max(1, round(min(max(wide * unit, least), look.side / 14)))


def _fine(point: complex) -> tuple[int, int]:
    return _whole(point.real), _whole(point.imag)


def _whole(length: float) -> int:
    """Pixels as sixteenths of a pixel."""
    return round(length * (1 << _FINE))
