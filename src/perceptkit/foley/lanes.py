"""Who put which foot down when: the picture of a whole video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..arrays import Picture
from ..colours import Colour, track_colour
from ..pages import FADED, FINER, RULE, Axis, bar, fill, fitting, text_width, write
from .types import Footstep

__all__ = ["LEFT_COLOUR", "RIGHT_COLOUR", "timeline"]

LEFT_COLOUR: Colour = (0, 114, 178)
"""Left feet: the blue of the palette of Okabe and Ito."""

RIGHT_COLOUR: Colour = (213, 94, 0)
"""Right feet: its vermilion."""

_WIDE, _MARGIN, _TOP, _BELOW = 1600, 48, 124, 66
_PITCH = 44  # pixels a person
_MOST = 40  # people
_VISIBLE: Colour = (232, 236, 240)
_KINDS: dict[str, Colour] = {"walking": (200, 208, 216), "running": (160, 174, 188), "jumping": (222, 205, 168)}


def timeline(steps: Sequence[Footstep], people: Mapping[str, Mapping[str, Any]], *, end: float, title: str) -> Picture:
    """The footsteps of everybody from 0 to `end` seconds, a lane a person, RGB uint8 (H, 1600, 3).

    `people` are statistics as `statistics` gives them. Strikes of left feet stand above the middle of a lane, of right
    feet below, the higher the stronger; inferred ones are hollow. Of many people those with the most steps are shown.
    """
    order = sorted(people, key=lambda person: (-sum(_sides(people[person])), int(person)))
    shown = sorted(order[:_MOST], key=int)
    bottom = _TOP + _PITCH * max(len(shown), 1)
    left = _MARGIN + max((text_width(f"person {person}", 15) for person in shown), default=0) + 40
    axis = Axis(round(left), _WIDE - _MARGIN - 190, 0.0, max(end, 0.01))
    page = Image.new("RGB", (_WIDE * FINER, (bottom + _BELOW) * FINER), "white")
    write(page, _MARGIN, 54, fitting(title, 24, _WIDE - 2 * _MARGIN), 24)
    _legend(page)
    for x, text in axis.ticks():
        fill(page, (x - 0.5, _TOP - 8, x + 0.5, bottom + 8), RULE)
        write(page, x, bottom + 28, text, 15, FADED, "ms")
    for row, person in enumerate(shown):
        own = [step for step in steps if step.person == int(person)]
        _draw_lane(page, axis, person, people[person], own, _TOP + _PITCH * (row + 0.5))
    if not shown:
        write(page, (axis.left + axis.right) / 2, bottom - 14, "Nobody was found.", 20, FADED, "ms")
    if len(order) > len(shown):
        write(page, _MARGIN, bottom + 52, f"{len(order) - len(shown)} more people with fewer steps.", 14, FADED)
    return np.asarray(page.reduce(FINER))


def _legend(page: Image.Image) -> None:
    x = float(_MARGIN)
    for text, colour in (
        ("left foot", LEFT_COLOUR),
        ("right foot", RIGHT_COLOUR),
        ("in the picture", _VISIBLE),
        *_KINDS.items(),
    ):
        fill(page, (x, 78, x + 20, 92), colour)
        write(page, x + 28, 90, text, 15, FADED)
        x += 28 + text_width(text, 15) + 28


def _draw_lane(
    page: Image.Image, axis: Axis, person: str, about: Mapping[str, Any], steps: Sequence[Footstep], middle: float
) -> None:
    fill(page, (_MARGIN, middle - 5, _MARGIN + 10, middle + 5), track_colour(int(person)))
    write(page, _MARGIN + 20, middle + 5, f"person {person}", 15)
    bar(page, axis, [tuple(about["visible"])], middle, 8, _VISIBLE)
    for kind, colour in _KINDS.items():
        spans = [(span["start"], span["end"]) for span in about["spans"] if span["kind"] == kind]
        bar(page, axis, spans, middle, 8, colour)
    scale = (axis.right - axis.left) / (axis.end - axis.start)
    for step in steps:
        if step.event == "heel_strike":
            x = axis.left + step.time * scale
            high = 6 + 12 * step.strength
            up = step.foot == "left"
            box = (x - 1.5, middle - high, x + 1.5, middle) if up else (x - 1.5, middle, x + 1.5, middle + high)
            fill(page, box, LEFT_COLOUR if up else RIGHT_COLOUR)
            if step.inferred:
                fill(page, (box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1), (255, 255, 255))
    left, right = _sides(about)
    cadence = f", {about['cadence']:.0f} a minute" if about["cadence"] else ""
    write(page, _WIDE - _MARGIN, middle + 5, f"{left} + {right}{cadence}", 15, anchor="rs")


def _sides(about: Mapping[str, Any]) -> tuple[int, int]:
    return about["steps"]["left"], about["steps"]["right"]
