"""YOLOv8-face: anchor-free heads at strides 8, 16 and 32 with five keypoints (Ultralytics' pose head; derronqi's and
yakhyo's exports, which leave the decoding to the caller).

Each output is a map of 80 channels: 4 x 16 logits for the distances to the box's sides (the expectation of a
distribution over 0..15 cells, Li et al., arXiv:2006.04388), the score's logit, and x, y, visibility of five points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Floats
from ._candidates import Candidates, cells

STRIDES = (8, 16, 32)
BINS = 16
CHANNELS = 4 * BINS + 1 + 5 * 3


def split(outputs: Sequence[Floats], count: int, height: int, width: int) -> list[list[Floats]]:
    """The three outputs of a batch, dealt out to its images as (cells, channels)."""
    flat = [output.reshape(count, CHANNELS, -1).transpose(0, 2, 1) for output in outputs]
    return [[level[index] for level in flat] for index in range(count)]


def candidates(outputs: Sequence[Floats], height: int, width: int, min_score: float) -> Candidates:
    """Boxes and landmarks of one image in pixels of the network's input; only cells with a face are decoded."""
    found = []
    for stride, values in zip(STRIDES, outputs, strict=True):
        logits = values[:, 4 * BINS]
        cell = np.flatnonzero(logits >= np.log(min_score / (1 - min_score)))
        kept = values[cell]
        corner = cells(height, width, stride)[cell]
        weights = np.exp(kept[:, : 4 * BINS].reshape(-1, 4, BINS))
        reach = (weights @ np.arange(BINS, dtype=np.float32)) / weights.sum(axis=2) * stride
        centre = corner + stride / 2
        boxes = np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], axis=1)
        points = kept[:, 4 * BINS + 1 :].reshape(-1, 5, 3)[:, :, :2]
        landmarks = points * (2 * stride) + corner[:, None]
        scores = np.asarray(1 / (1 + np.exp(-logits[cell])), np.float32)
        found.append(Candidates(scores, boxes, landmarks))
    return Candidates.join(found)
