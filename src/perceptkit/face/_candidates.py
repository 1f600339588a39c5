"""Candidate faces before non-maximum suppression, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """`scores` (K,), `boxes` (K, 4) x1 y1 x2 y2, `landmarks` (K, 5, 2)."""

    scores: Floats
    boxes: Floats
    landmarks: Floats

    @staticmethod
    def join(parts: Sequence[Candidates]) -> Candidates:
        """All candidates of several parts."""
        return Candidates(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
        )

    def scaled(self, x: float, y: float) -> Candidates:
        """The same candidates in an image that is so many times as wide and as high."""
        factor = np.array([x, y], np.float32)
        return Candidates(self.scores, self.boxes * np.tile(factor, 2), self.landmarks * factor)

    def suppressed(self, max_overlap: float) -> Candidates:
        """Greedy non-maximum suppression: best score first, those with a larger overlap (IoU) with it go."""
        order = np.argsort(-self.scores, kind="stable")
        boxes = self.boxes[order]
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        kept = []
        left = np.arange(len(order))
        while len(left):
            first, left = left[0], left[1:]
            kept.append(first)
            corner = np.maximum(boxes[first, :2], boxes[left, :2])
            sides = np.minimum(boxes[first, 2:], boxes[left, 2:]) - corner
            shared = np.prod(np.maximum(sides, 0), axis=1)
            left = left[~(shared > max_overlap * (areas[first] + areas[left] - shared))]  # NaN overlaps nothing
        chosen = order[kept]
        return Candidates(self.scores[chosen], self.boxes[chosen], self.landmarks[chosen])


@lru_cache(maxsize=64)
def cells(height: int, width: int, stride: int) -> Floats:
    """The corner (x, y) of each cell of a feature map, row by row: (cells, 2) in pixels."""
    rows, columns = np.mgrid[: height // stride, : width // stride]
    return np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float32) * np.float32(stride)
