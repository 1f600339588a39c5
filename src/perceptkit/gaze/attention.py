"""Who or what is looked at in one frame: the camera, another person, a region of the image.

A gaze that does not go to the camera is followed in the image: a ray from the centre of the face's box in direction

    (-sin(yaw) cos(pitch), -sin(pitch))         pixels to image-right, pixels down

which is the gaze's vector without its depth. (With tan(yaw) in its place, a gaze sideways would be infinitely long and
one beyond 90 degrees would point to the wrong side.) The ray starts outside of everything it meets: a box around the
face's own centre would be met by every ray, whichever way the person looks, and so it never counts. How far away people
and things are is not known; two people who stand behind one another in the world can lie on one ray in the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..face import Face
from . import directions
from .defaults import CAMERA_ANGLE
from .types import FrameGaze, Gaze

__all__ = ["Region", "at_camera", "looks_at", "mutual", "parse_region", "regions_met"]


@dataclass(frozen=True, slots=True)
class Region:
    """A named rectangle of the image that can be looked at: `box` x1 y1 x2 y2 in pixels.

    Raises InputError for an empty name and for a box without an area.
    """

    name: str
    box: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise InputError(f"the region {_joined(self.box)} has no name; write name:x1,y1,x2,y2")
        x1, y1, x2, y2 = self.box
        if not all(map(math.isfinite, self.box)):
            raise InputError(f"region {self.name!r}: {_joined(self.box)} are not four finite numbers")
        for axis, low, high in (("x", x1, x2), ("y", y1, y2)):
            if high <= low:
                raise InputError(f"region {self.name!r}: {axis}2 is {high:g}, it must be larger than {axis}1, {low:g}")


def parse_region(text: str) -> Region:
    """The region written as "name:x1,y1,x2,y2", in pixels. Raises InputError for anything else."""
    name, colon, numbers = text.rpartition(":")
    parts = numbers.split(",")
    if not colon or len(parts) != 4:
        raise InputError(f"a region is written name:x1,y1,x2,y2 in pixels, not {text!r}")
    try:
        x1, y1, x2, y2 = map(float, parts)
    except ValueError as error:
        raise InputError(f"a region is written name:x1,y1,x2,y2 in pixels, not {text!r} ({error})") from error
    return Region(name.strip(), (x1, y1, x2, y2))


def at_camera(gaze: Gaze, *, angle: float = CAMERA_ANGLE) -> bool:
    """Whether a reliable gaze goes to the camera: less than `angle` degrees off the way into the lens."""
    return gaze.state == "ok" and directions.off_camera(gaze.yaw, gaze.pitch) < angle


def looks_at(seen: FrameGaze, *, angle: float = CAMERA_ANGLE) -> list[int | None]:
    """Whom each face of a frame looks at: the track id of the face whose box its ray meets first.

    None for a gaze that is not reliable, goes to the camera or meets nobody, and when the face met has no track.
    """
    boxes = _stacked([face.box for face in seen.faces])
    looks: list[int | None] = []
    for face, gaze in zip(seen.faces, seen.gazes, strict=True):
        distances = _distances(face, gaze, boxes, angle)
        first = int(distances.argmin())
        looks.append(seen.faces[first].track if math.isfinite(distances[first]) else None)
    return looks


def mutual(looks: Sequence[int | None], tracks: Sequence[int | None]) -> list[tuple[int, int]]:
    """The pairs of tracks (smaller id first, in order) who look at each other.

    `looks` is what `looks_at` says of the faces whose track ids are `tracks`.
    """
    looked = {track: look for track, look in zip(tracks, looks, strict=True) if track is not None}
    return sorted(
        (track, look)
        for track, look in looked.items()
        if look is not None and track < look and looked.get(look) == track
    )


def regions_met(seen: FrameGaze, regions: Sequence[Region], *, angle: float = CAMERA_ANGLE) -> list[list[str]]:
    """The names of all regions that the ray of each face of a frame meets, in the order of `regions`.

    Regions and faces do not hide what lies behind them. A region around the face's own centre is not met: every ray
    would meet it. Nothing is met by a gaze that is not reliable or goes to the camera.
    """
    boxes = _stacked([region.box for region in regions])
    met: list[list[str]] = []
    for face, gaze in zip(seen.faces, seen.gazes, strict=True):
        distances = _distances(face, gaze, boxes, angle)
        met.append([region.name for region, far in zip(regions, distances, strict=True) if math.isfinite(far)])
    return met


_Numbers = np.ndarray[Any, np.dtype[np.float64]]


def _distances(face: Face, gaze: Gaze, boxes: _Numbers, angle: float) -> _Numbers:
    """Where the ray of a face meets each of the boxes (N, 4), in lengths of its direction: (N,), infinity where it
    does not. Slab test (Kay, Kajiya, SIGGRAPH 1986); the face's own box, around the ray's start, is not met.
    """
    if gaze.state != "ok" or at_camera(gaze, angle=angle):
        return np.full(len(boxes), np.inf)
    box = np.asarray(face.box, np.float64)
    start = (box[:2] + box[2:]) / 2
    way = np.asarray(directions.direction(gaze.yaw, gaze.pitch)[:2], np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # a ray along an axis: infinities say what is right
        one, other = (boxes[:, :2] - start) / way, (boxes[:, 2:] - start) / way
    enters = np.minimum(one, other).max(axis=1)
    leaves = np.maximum(one, other).min(axis=1)
    return np.where((enters > 0) & (enters <= leaves), enters, np.inf)


def _stacked(boxes: Sequence[Any]) -> _Numbers:
    return np.asarray(boxes, np.float64).reshape(-1, 4)


def _joined(box: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in box)
