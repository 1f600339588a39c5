"""People painted as boxes who walk as real ones do, and models that find them and know their bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from perceptkit.arrays import Floats, Picture
from perceptkit.foley import Pose
from walker import Walk

__all__ = ["RATE", "SIZE", "WALK", "TrueLandmarker", "Truth", "find", "middle", "painted"]

RATE = 25
WALK = Walk(length=5, start=0.5, stop=4.5, scale=150, origin=(60, 330))
SIZE = (640, 360)


def painted(time: float, *walks: Walk, grey: int = 90) -> Picture:
    """White boxes where people are, on a ground that can be followed."""
    ground = np.random.default_rng(grey).integers(grey // 2, grey + 60, (18, 32, 3), np.uint8)
    image = np.asarray(cv2.resize(ground, SIZE, interpolation=cv2.INTER_NEAREST), np.uint8)
    for walk in walks:
        points = walk.landmarks([time])[0, :, :2]
        x, wide = int(points[23, 0]), round(0.3 * walk.scale)
        image[int(points[:, 1].min()) : int(points[:, 1].max()), max(x - wide, 0) : x + wide] = 255
    return image


def find(images: Sequence[Picture]) -> list[tuple[Floats, Floats]]:
    """The boxes."""
    found = []
    for image in images:
        _, _, stats, _ = cv2.connectedComponentsWithStats((image.min(axis=2) > 235).astype(np.uint8))
        boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:] if area > 400]
        found.append((np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32)))
    return found


class Truth:
    """A pose model that sees the body nearest to the middle of the box, or to where it was."""

    def __init__(self, *walks: Walk) -> None:
        self.walks, self.open, self.random = walks, set[int](), np.random.default_rng(0)

    def follow(self, person: int = 1) -> TrueLandmarker:
        self.open.add(person)
        return TrueLandmarker(self, person)


class TrueLandmarker:
    def __init__(self, model: Truth, person: int) -> None:
        self.model, self.person, self.last = model, person, None

    def __call__(self, time: float, image: Picture, box: Floats | None) -> Pose | None:
        wanted = self.last if box is None else (box[:2] + box[2:]) / 2
        if wanted is None:
            return None
        bodies = [walk.landmarks([time])[0] for walk in self.model.walks]
        points = min(bodies, key=lambda body: float(np.linalg.norm(middle(body) - wanted)))
        points[:, :2] += self.model.random.normal(0, 0.5, (33, 2))
        self.last = middle(points)
        return Pose(time, points, np.full(33, 0.95, np.float32), person=self.person)

    def close(self) -> None:
        self.model.open.remove(self.person)


def middle(points: Floats) -> Any:
    return (points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2
