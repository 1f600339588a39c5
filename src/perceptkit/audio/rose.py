"""How long each direction lasted, as a rose: sectors around a middle."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from ..colours import Colour
from ..pages import FADED, FINER, INK, RULE, fill, write
from .angles import Doubles, mean_angle
from .types import AngleTrack

__all__ = ["DIRECTION", "RADIUS", "draw_rose", "square"]

RADIUS = 132
"""Of the rose, in pixels of the page."""

DIRECTION: Colour = (0, 90, 156)
_MEAN: Colour = (213, 94, 0)

_SECTORS = 36
_VAGUE = 0.1  # resultant length up to which the mean says nothing: it came from all around


def draw_rose(page: Image.Image, track: AngleTrack, lasted: Doubles, x: float, middle: float) -> None:
    """Sectors of 10 degrees, whose areas are the shares of the time in them, and the mean; around `x`, above `middle`.

    `lasted` (N,) are the seconds that each direction of the track held.
    """
    north = track.convention.zero == "north"
    y = middle - 42
    sector = np.floor((track.azimuth + 180 / _SECTORS) / (360 / _SECTORS)).astype(np.int64) % _SECTORS
    seconds = np.bincount(sector, lasted, _SECTORS)
    pen = ImageDraw.Draw(page)
    for radius in (RADIUS / 2, RADIUS):
        pen.ellipse(square(x, y, radius), outline=RULE, width=FINER)
    fill(page, (x - RADIUS, y - 0.5, x + RADIUS, y + 0.5), RULE)
    fill(page, (x - 0.5, y - RADIUS, x + 0.5, y + RADIUS), RULE)
    for number in np.flatnonzero(seconds):
        start = -90 - (number + 0.5) * 360 / _SECTORS  # Pillow counts clockwise from the right
        box = square(x, y, RADIUS * math.sqrt(seconds[number] / seconds.max()))
        pen.pieslice(box, start, start + 360 / _SECTORS, fill=DIRECTION, outline="white", width=1)

    up, left, down, right = "NWSE" if north else ("front", "left", "back", "right")
    write(page, x, y - RADIUS - 12, up, 15, FADED, "ms")
    write(page, x - RADIUS - 12, y, left, 15, FADED, "rm")
    write(page, x, y + RADIUS + 12, down, 15, FADED, "mt")
    write(page, x + RADIUS + 12, y, right, 15, FADED, "lm")

    mean, length = mean_angle(track.azimuth, lasted)
    says = "no mean direction"
    if length > _VAGUE:
        spread = math.degrees(math.sqrt(abs(2 * math.log(length))))  # Mardia and Jupp, 2.3: circular deviation
        says = (f"mean {round(-mean) % 360}°" if north else f"mean {round(mean) or 0:+d}°") + f", spread {spread:.0f}°"
        across = x - length * RADIUS * math.sin(math.radians(mean))
        tip = y - length * RADIUS * math.cos(math.radians(mean))
        for colour, thick, radius in (("white", 5, 6.5), (_MEAN, 2.5, 5)):
            line = [FINER * value for value in (x, y, across, tip)]
            pen.line(line, fill=colour, width=round(thick * FINER))
            pen.ellipse(square(across, tip, radius), fill=colour)
    low = y + RADIUS + 62
    most = 100 * seconds.max() / seconds.sum()
    write(page, x, low, says, 18, INK, "ms")
    write(page, x, low + 24, f"resultant length {length:.2f} (1: always the same)", 14, FADED, "ms")
    write(page, x, low + 44, f"outer ring: {most:.0f} % of the time in 10°", 14, FADED, "ms")


def square(x: float, y: float, radius: float) -> list[float]:
    """What Pillow draws a circle into."""
    return [FINER * value for value in (x - radius, y - radius, x + radius, y + radius)]
