"""YuNet: anchor-free heads at strides 8, 16 and 32 (Wu et al., doi:10.1007/s11633-023-1423-y; OpenCV Zoo files)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Floats
from ._candidates import Candidates, cells

STRIDES = (8, 16, 32)


def split(outputs: Sequence[Floats], count: int, height: int, width: int) -> list[list[Floats]]:
    """The twelve outputs (class, objectness, box, landmarks by stride) of a batch, dealt out as (cells, C).

    The heads end in Reshape(1, -1, C), so a batch comes out as one long row of cells.
    """
    dealt: list[list[Floats]] = [[] for _ in range(count)]
    for output in outputs:
        for image, values in zip(dealt, output.reshape(count, -1, output.shape[-1]), strict=True):
            image.append(values)
    return dealt


def candidates(outputs: Sequence[Floats], height: int, width: int, min_score: float) -> Candidates:
    """Boxes and landmarks of one image in pixels of the network's input; the score is sqrt(class x objectness)."""
    found = []
    for level, stride in enumerate(STRIDES):
        classes, objects, boxes, landmarks = (outputs[level + part * len(STRIDES)] for part in range(4))
        scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
        cell = np.flatnonzero(scores >= min_score)
        corner = cells(height, width, stride)[cell]
        centre = corner + boxes[cell, :2] * stride
        half = np.exp(boxes[cell, 2:]) * (stride / 2)
        points = corner[:, None] + landmarks[cell].reshape(-1, 5, 2) * stride
        found.append(Candidates(scores[cell], np.concatenate([centre - half, centre + half], axis=1), points))
    return Candidates.join(found)
