"""What foley hands around: poses in, footsteps out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..arrays import Floats

__all__ = ["Event", "Foot", "Footstep", "Pose"]

Foot = Literal["left", "right"]
"""The person's own."""

Event = Literal["heel_strike", "toe_off"]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a person's body is in a frame, as 33 landmarks in MediaPipe's order.

    `time` is in seconds. `keypoints` (33, 3) are x and y in pixels of the frame, and the depth in the same unit,
    relative to the middle of the hips (less is nearer). `scores` (33,) say how likely each is visible, 0..1. `world`
    (33, 3) are metres from the middle of the hips, None where they are not known. `person` is the id of a track.
    """

    time: float
    keypoints: Floats
    scores: Floats
    world: Floats | None = None
    person: int = 1


@dataclass(frozen=True, slots=True)
class Footstep:
    """A foot that comes down (heel strike: whatever part of it touches first) or leaves the ground (toe-off).

    `time` is in seconds, finer than a frame. `confidence` 0..1 is how often such an event is right. `strength` 0..1 is
    how hard the foot comes down, compared to walking at 0.5. `x` and `y` are where the foot is in the picture, 0..1.
    An `inferred` event was not seen, but the rhythm of the others says that it must have been there. `height` is how
    high the person is in the picture, as a share of its height; None where it is not known.
    """

    time: float
    foot: Foot
    event: Event
    confidence: float
    strength: float = 0.5
    person: int = 1
    x: float = 0.5
    y: float = 1.0
    inferred: bool = False
    height: float | None = None
