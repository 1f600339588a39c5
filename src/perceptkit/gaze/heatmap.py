"""Where in the picture people looked: rays of gaze, summed over a video."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from ..arrays import Floats, Picture
from ..face import Face
from ..pages import FINER, duration, wrapped, write
from .types import FrameGaze, Gaze

__all__ = ["HeatMap"]

_CELLS = 192  # of the heat map, along the longer side of the picture
_SPREAD = math.tan(math.radians(3))  # standard deviation of a ray: two of them are the 6 degrees of a network's error
_RISE = 3  # cells over which a ray begins
_NIGHT, _PALE = (20, 20, 20), (222, 222, 222)


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
    lines = wrapped(about, size, width - 3 * pad - scale)
    high = round(2 * pad + max(len(lines) * 1.4, 2.6) * size)
    page = Image.new("RGB", (width * FINER, high * FINER), _NIGHT)
    for n, line in enumerate(lines):
        write(page, pad, pad + (1 + 1.4 * n) * size, line, size, _PALE)
    if most:
        x = width - pad - scale
        strip = np.tile(np.linspace(0, 1, round(scale * FINER), dtype=np.float32), (round(size * FINER), 1))
        under = np.full((*strip.shape, 3), 60, np.uint8)
        page.paste(Image.fromarray(_glowing(strip, under)), (round(x * FINER), round(pad * FINER)))
        write(page, x, pad + 2.3 * size, "0", size, _PALE)
        write(page, width - pad, pad + 2.3 * size, f"{duration(most)} of gaze", size, _PALE, "rs")
    return np.asarray(page.reduce(FINER))
