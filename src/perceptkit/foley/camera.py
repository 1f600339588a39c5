"""How the camera moves: what stands still in the picture tells it, and a cut is when nothing of it is found again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..arrays import Floats, Picture

__all__ = ["CameraMotion", "Motion", "Shots"]

_WIDTH = 320  # pixels: the picture is looked at this small
_GLANCE = 64  # and this small to find cuts
_ENOUGH = 640  # and before that no larger than this
_POINTS = 150
_LEAST = 8  # points that have to be found again
_AGREE = 0.3  # of those, and have to move as one
_MARGIN = 0.15  # of a person's box, on each side, that is not background
_CUT = 24.0  # grey levels: mean difference of two pictures, from which on they may be of two shots
_SAME = 0.5  # correlation of their histograms, or of themselves, below which they are


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How the background moved since the frame before: `matrix` (2, 3) takes a point of it from there to here, in
    pixels.

    `known` is whether enough background was seen; without it the matrix is the identity. `cut`: another shot begins.
    """

    matrix: Floats
    known: bool
    cut: bool


class Shots:
    """Tells where shots begin. Call it with each frame of a video, RGB uint8 (H, W, 3): whether it is another shot."""

    def __init__(self) -> None:
        self._before: Picture | None = None

    def __call__(self, image: Picture) -> bool:
        """Whether a shot begins here. (The first frame begins none.)"""
        grey = _small(image, _GLANCE, _GLANCE)
        before, self._before = self._before, grey
        if before is None or float(cv2.absdiff(before, grey).mean()) < _CUT:
            return False
        one, other = (cv2.calcHist([each], [0], None, [32], [0, 256]) for each in (before, grey))
        alike = np.corrcoef(before.ravel(), grey.ravel())[0, 1]
        return bool(cv2.compareHist(one, other, cv2.HISTCMP_CORREL) < _SAME or alike < _SAME)


class CameraMotion:
    """Follows the background through a video. Call it with each frame and the boxes of its people."""

    def __init__(self) -> None:
        self._before: tuple[Picture, Any] | None = None

    def __call__(self, image: Picture, boxes: Floats, *, cut: bool = False) -> Motion:
        """`image` RGB uint8 (H, W, 3); `boxes` (N, 4) in pixels move by themselves; `cut`: a shot begins here."""
        scale = _WIDTH / image.shape[1]
        grey = _small(image, _WIDTH)
        mask = _background(grey.shape, boxes * np.float32(scale))
        points = cv2.goodFeaturesToTrack(grey, _POINTS, 0.01, 6, mask=mask)
        before, self._before = self._before, (grey, points)
        matrix = None if before is None or cut else _fit(*before, grey)
        if matrix is None:
            return Motion(np.eye(2, 3, dtype=np.float32), False, cut)
        matrix[:, 2] /= scale
        return Motion(matrix, True, cut)


def _fit(before: Picture, points: Any, after: Picture) -> Floats | None:
    """Rotation, scale and shift from one picture to the next; None when too few points agree."""
    if points is None or len(points) < _LEAST:
        return None
    found, status, _ = cv2.calcOpticalFlowPyrLK(before, after, points, np.empty_like(points), winSize=(15, 15))
    kept = status[:, 0] == 1
    count = np.count_nonzero(kept)
    if count < _LEAST:
        return None
    matrix, agree = cv2.estimateAffinePartial2D(points[kept], found[kept], ransacReprojThreshold=1.0, maxIters=200)
    if matrix is None or np.count_nonzero(agree) < max(_LEAST, _AGREE * count):
        return None
    return np.asarray(matrix, np.float32)


def _small(image: Picture, width: int, height: int | None = None) -> Picture:
    """A picture in grey and so wide. Taking every pixel of a large one into account would take longer than all else."""
    height = height or max(16, round(image.shape[0] * width / image.shape[1]))
    if image.shape[1] > _ENOUGH:
        rows = max(16, round(image.shape[0] * _ENOUGH / image.shape[1]))
        image = np.asarray(cv2.resize(image, (_ENOUGH, rows), interpolation=cv2.INTER_LINEAR), np.uint8)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _background(shape: tuple[int, ...], boxes: Floats) -> Picture:
    """255 where no person is."""
    mask = np.full(shape, 255, np.uint8)
    for x1, y1, x2, y2 in boxes:
        margin = _MARGIN * (x2 - x1)
        left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
        mask[top : max(0, int(y2 + margin)), left : max(0, int(x2 + margin))] = 0
    return mask
