"""Draw on a frame what was seen in it: a box for each face, where it looks, its id and its state.

Nothing rests on colour alone: an arrow is a direction, a ring around a dot is somebody looking at the camera, two
lids are closed eyes, and a grey box without sides is somebody whose direction is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from ..arrays import Picture
from ..colours import Colour, track_colour
from ..face import Face
from ..overlay import DARK, Mark, draw_boxes, draw_labels, line_unit, stroke, within
from .types import FrameGaze, Gaze

__all__ = ["CAMERA_COLOUR", "UNKNOWN_COLOUR", "draw"]

CAMERA_COLOUR: Colour = (240, 228, 66)
"""Somebody who looks at the camera: the yellow of the same palette, lighter than any colour of a track."""

UNKNOWN_COLOUR: Colour = (170, 170, 170)
"""Somebody whose direction is not known."""

_FINE = 4  # bits: OpenCV draws at sixteenths of a pixel, so that an arrow turns smoothly from frame to frame


def draw(image: Picture, seen: FrameGaze, *, camera: Sequence[bool]) -> Picture:
    """A copy of a frame with the faces seen in it marked; the frame itself stays as it is.

    `image` is RGB uint8 (H, W, 3); `camera` says of each face whether it looks at the camera. The arrow of a face
    starts at the centre of its box and is L (-sin(yaw) cos(pitch), -sin(pitch)) long, where L is the width of the box
    (as MobileGaze and L2CS-Net draw it). Lines and letters grow with the picture.
    """
    canvas = image.copy()
    looks = [_look(*one) for one in zip(seen.faces, seen.gazes, camera, strict=True)]
    marks = [look.mark for look in looks]
    draw_boxes(canvas, marks)
    draw_labels(canvas, marks)
    for look in looks:
        if within(look.mark, canvas):
            _draw_sign(canvas, look, line_unit(canvas))
    return canvas


@dataclass(frozen=True, slots=True)
class _Look:
    """How one face is drawn."""

    mark: Mark
    sign: Literal["arrow", "ring", "lids", "none"]
    arrow: complex
    """From the centre of the box to the tip: pixels to the right, and pixels down as the imaginary part."""


def _look(face: Face, gaze: Gaze, at_camera: bool) -> _Look:
    name = "" if face.track is None else f"{face.track} "
    own = track_colour(face.track)
    if gaze.state == "unknown":
        mark = Mark.of(face.box, UNKNOWN_COLOUR, label=name + "unknown", sides=False)
        return _Look(mark, "none", 0)
    if gaze.state == "eyes-closed":
        return _Look(Mark.of(face.box, own, label=name + "eyes closed"), "lids", 0)
    if at_camera:
        return _Look(Mark.of(face.box, CAMERA_COLOUR, label=name + "camera"), "ring", 0)
    mark = Mark.of(face.box, own, label=name.strip())
    yaw, pitch = math.radians(gaze.yaw), math.radians(gaze.pitch)
    arrow = (mark.x2 - mark.x1) * complex(-math.sin(yaw) * math.cos(pitch), -math.sin(pitch))
    return _Look(mark, "arrow", arrow)


def _draw_sign(canvas: Picture, look: _Look, unit: float) -> None:
    """What the eyes do, at the centre of the box."""
    mark = look.mark
    edge, thick = stroke(1.2, mark, unit), stroke(3.5, mark, unit, least=2)
    if look.sign == "arrow":
        _draw_arrow(canvas, look, thick, edge)
    elif look.sign == "ring":
        radius, dot = max(0.2 * mark.side, 3 * thick), max(0.05 * mark.side, thick)
        for colour, more in ((DARK, edge), (mark.colour, 0)):
            cv2.circle(canvas, _fine(mark.centre), _whole(radius), colour, thick + 2 * more, cv2.LINE_AA, _FINE)
            cv2.circle(canvas, _fine(mark.centre), _whole(dot + more), colour, cv2.FILLED, cv2.LINE_AA, _FINE)
    elif look.sign == "lids":
        for colour, more in ((DARK, edge), (mark.colour, 0)):
            for inner in (-0.12, 0.12):
                start, end = (mark.centre + complex(across, -0.1) * mark.side for across in (inner, 2.6 * inner))
                cv2.line(canvas, _fine(start), _fine(end), colour, thick + 2 * more, cv2.LINE_AA, _FINE)


def _draw_arrow(canvas: Picture, look: _Look, thick: int, edge: int) -> None:
    """An arrow that widens towards its head, from a dot at the centre of the box."""
    mark = look.mark
    length = abs(look.arrow)
    head = min(length, max(0.16 * mark.side, 3.5 * thick))
    neck, tail = length - 0.85 * head, 0.35 * thick
    # Along the arrow, and across it as the imaginary part.
    half = [tail * 1j, neck + 0.6j * thick, length - head + 0.42j * head, complex(length)]
    outline = np.array([*half, *(point.conjugate() for point in half[-2::-1])])
    turned = mark.centre + outline * (look.arrow / length if length else 1)
    points = (np.column_stack([turned.real, turned.imag]) * (1 << _FINE)).round().astype(np.int32)
    cv2.polylines(canvas, [points], True, DARK, 2 * edge + 1, cv2.LINE_AA, _FINE)
    cv2.circle(canvas, _fine(mark.centre), _whole(0.9 * thick + edge), DARK, cv2.FILLED, cv2.LINE_AA, _FINE)
    cv2.circle(canvas, _fine(mark.centre), _whole(0.9 * thick), mark.colour, cv2.FILLED, cv2.LINE_AA, _FINE)
    cv2.fillPoly(canvas, [points], mark.colour, cv2.LINE_AA, _FINE)


def _fine(point: complex) -> tuple[int, int]:
    return _whole(point.real), _whole(point.imag)


def _whole(length: float) -> int:
    """Pixels as sixteenths of a pixel."""
    return round(length * (1 << _FINE))
