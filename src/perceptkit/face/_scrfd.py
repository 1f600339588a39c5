"""SCRFD: anchor-free heads at strides 8, 16 and 32, two anchors a cell (Guo et al., arXiv:2105.04714)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Floats
from ._candidates import Candidates, cells

STRIDES = (8, 16, 32)
ANCHORS = 2


def split(outputs: Sequence[Floats], count: int, height: int, width: int) -> list[list[Floats]]:
    """The nine outputs (score, box, landmarks by stride) of a batch, dealt out to its images as (cells, anchors, C).

    The published files put the batch between the cells and the anchors: their heads end in Transpose(2, 3, 0, 1)
    and Reshape(-1, C). Exports with a leading batch axis are read as well.
    """
    dealt: list[list[Floats]] = [[] for _ in range(count)]
    for index, output in enumerate(outputs):
        stride = STRIDES[index % len(STRIDES)]
        grid = (height // stride) * (width // stride)
        if output.ndim == 3:
            batch = output.reshape(count, grid, ANCHORS, -1)
        else:
            batch = output.reshape(grid, count, ANCHORS, -1).swapaxes(0, 1)
        for image, values in zip(dealt, batch, strict=True):
            image.append(values)
    return dealt


def candidates(outputs: Sequence[Floats], height: int, width: int, min_score: float) -> Candidates:
    """Boxes and landmarks of one image in pixels of the network's input; scores are compared before decoding."""
    found = []
    for level, stride in enumerate(STRIDES):
        scores, distances, offsets = (outputs[level + part * len(STRIDES)] for part in range(3))
        cell, anchor = np.nonzero(scores[:, :, 0] >= min_score)
        centres = cells(height, width, stride)[cell]
        reach = distances[cell, anchor] * stride
        boxes = np.concatenate([centres - reach[:, :2], centres + reach[:, 2:]], axis=1)
        landmarks = centres[:, None] + offsets[cell, anchor].reshape(-1, 5, 2) * stride
        found.append(Candidates(scores[cell, anchor, 0], boxes, landmarks))
    return Candidates.join(found)
