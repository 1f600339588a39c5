"""What the gaze functions hand around: plain, frozen data without pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..arrays import Floats
from ..face import Face

__all__ = ["FrameGaze", "Gaze", "State"]

State = Literal["ok", "unknown", "eyes-closed"]
"""Whether a direction can be relied on: "unknown" where the network is too uncertain or sees no eyes."""


@dataclass(frozen=True, slots=True, eq=False)
class Gaze:
    """Where a face looks. Degrees; `yaw` > 0 to image-left, `pitch` > 0 up, (0, 0) into the lens.

    `sigma_yaw` and `sigma_pitch` are standard deviations in degrees, None where the network gives no measure of its
    uncertainty. `vector` (3,) is the same direction as a unit vector (see `gaze.direction`).
    """

    yaw: float
    pitch: float
    sigma_yaw: float | None
    sigma_pitch: float | None
    vector: Floats
    state: State


@dataclass(frozen=True, slots=True, eq=False)
class FrameGaze:
    """The faces of one frame and where they look: `faces`, `crops`, `gazes` and `raw` go side by side.

    `index` counts frames from 0, `time` is in seconds. `crops` are the rectangles (x1, y1, x2, y2) in whole pixels that
    the network was given, `gazes` the smoothed directions, `raw` what the network said.
    """

    index: int
    time: float
    faces: tuple[Face, ...]
    crops: tuple[tuple[int, int, int, int], ...]
    gazes: tuple[Gaze, ...]
    raw: tuple[Gaze, ...]
