"""Draw on a frame what was found: bodies, the feet that come down, and who has made how many steps.

Nothing rests on colour alone: left feet are marked L and right feet R, a full disc is a heel strike and a ring a
toe-off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..arrays import Picture
from ..colours import Colour, track_colour
from .lanes import LEFT_COLOUR, RIGHT_COLOUR
from .types import Footstep, Pose

__all__ = ["FADING", "Tally", "draw"]

FADING = 0.5
"""Seconds for which the mark of an event is seen."""

_BONES = (
    *((11, 12), (11, 23), (12, 24), (23, 24)),
    *((11, 13), (13, 15), (12, 14), (14, 16)),
    *((23, 25), (25, 27), (24, 26), (26, 28)),
    *((27, 29), (29, 31), (27, 31), (28, 30), (30, 32), (28, 32)),
)
_LEFT_LEG = frozenset((25, 27, 29, 31))
_RIGHT_LEG = frozenset((26, 28, 30, 32))
_SEEN = 0.3  # score of a landmark that is drawn
_FINE = 4  # bits: OpenCV draws at sixteenths of a pixel
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK: Colour = (16, 16, 16)
_LIGHT: Colour = (250, 250, 250)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a person has done so far: steps of the left and of the right foot, and the cadence in steps a minute."""

    left: int = 0
    right: int = 0
    cadence: float | None = None


def draw(
    image: Picture,
    poses: Sequence[Pose],
    steps: Sequence[tuple[Footstep, float]],
    tallies: Mapping[int, Tally],
    clock: str,
) -> Picture:
    """A copy of a frame, RGB uint8 (H, W, 3), with what is known of it.

    `steps` are the events of the last `FADING` seconds, each with the seconds since; `clock` is written in a corner.
    """
    canvas = image.copy()
    unit = min(image.shape[:2]) / 720  # the sizes below look right at 720 lines
    for pose in poses:
        _draw_body(canvas, pose, unit)
    for step, age in steps:
        _draw_step(canvas, step, max(0.0, 1 - age / FADING), unit)
    for pose in poses:
        _draw_tally(canvas, pose, tallies.get(pose.person, Tally()), unit)
    _write(canvas, clock, (round(16 * unit), round(32 * unit)), unit)
    return canvas


def _draw_body(canvas: Picture, pose: Pose, unit: float) -> None:
    width = max(1, round(2 * unit))
    for start, end in _BONES:
        if min(pose.scores[start], pose.scores[end]) < _SEEN:
            continue
        colour = track_colour(pose.person)
        if start in _LEFT_LEG or end in _LEFT_LEG:
            colour = LEFT_COLOUR
        elif start in _RIGHT_LEG or end in _RIGHT_LEG:
            colour = RIGHT_COLOUR
        here, there = (_fine(pose.keypoints[joint, :2]) for joint in (start, end))
        cv2.line(canvas, here, there, _DARK, width + 2, cv2.LINE_AA, _FINE)
        cv2.line(canvas, here, there, colour, width, cv2.LINE_AA, _FINE)


def _draw_step(canvas: Picture, step: Footstep, strength: float, unit: float) -> None:
    """A disc (strike) or a ring (toe-off) under the foot, which fades."""
    height, width = canvas.shape[:2]
    centre = np.array([step.x * width, step.y * height])
    radius = (10 + 10 * step.strength) * unit
    x1, y1 = np.floor(centre - 2 * radius).astype(int).clip(0)
    x2, y2 = np.ceil(centre + 2 * radius).astype(int)
    patch = canvas[y1:y2, x1:x2]
    if not patch.size:
        return
    marked = patch.copy()
    place = _fine(centre - (x1, y1))
    colour = LEFT_COLOUR if step.foot == "left" else RIGHT_COLOUR
    thick = -1 if step.event == "heel_strike" and not step.inferred else max(2, round(3 * unit))
    cv2.circle(marked, place, round(radius * (1 << _FINE)), colour, thick, cv2.LINE_AA, _FINE)
    if step.event == "heel_strike":
        letter = step.foot[0].upper()
        size, _ = cv2.getTextSize(letter, _FONT, 0.6 * unit, max(1, round(2 * unit)))
        corner = round(float(centre[0]) - x1 - size[0] / 2), round(float(centre[1]) - y1 + size[1] / 2)
        cv2.putText(marked, letter, corner, _FONT, 0.6 * unit, _LIGHT, max(1, round(2 * unit)), cv2.LINE_AA)
    cv2.addWeighted(marked, strength, patch, 1 - strength, 0, dst=patch)


def _draw_tally(canvas: Picture, pose: Pose, tally: Tally, unit: float) -> None:
    head = pose.keypoints[:11, :2]
    text = f"{pose.person}: L {tally.left} R {tally.right}"
    if tally.cadence:
        text += f", {tally.cadence:.0f}/min"
    place = round(float(head[:, 0].mean() - 60 * unit)), round(float(head[:, 1].min() - 24 * unit))
    _write(canvas, text, place, unit)


def _write(canvas: Picture, text: str, place: tuple[int, int], unit: float) -> None:
    """Light letters on a dark plate, kept inside the picture."""
    scale, width, edge = 0.6 * unit, max(1, round(1.6 * unit)), max(2, round(5 * unit))
    (wide, high), below = cv2.getTextSize(text, _FONT, scale, width)
    x = min(max(place[0], edge), max(edge, canvas.shape[1] - wide - edge))
    y = min(max(place[1], high + edge), canvas.shape[0] - below - edge)
    plate = canvas[max(0, y - high - edge) : y + below + edge, max(0, x - edge) : x + wide + edge]
    cv2.addWeighted(plate, 0.35, np.full_like(plate, _DARK[0]), 0.65, 0, dst=plate)
    cv2.putText(canvas, text, (x, y), _FONT, scale, _LIGHT, width, cv2.LINE_AA)


def _fine(point: object) -> tuple[int, int]:
    x, y = (np.asarray(point, np.float64) * (1 << _FINE)).clip(-1e6, 1e6).round().astype(int)
    return int(x), int(y)
