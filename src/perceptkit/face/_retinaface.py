"""RetinaFace: SSD-style priors at strides 8, 16 and 32 (Deng et al., arXiv:1905.00641; PyTorch exports)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..arrays import Floats
from ._candidates import Candidates

PRIORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # stride -> sides of the priors in pixels
VARIANCES = (0.1, 0.2)  # of centres and landmarks, of sizes


def split(outputs: Sequence[Floats], count: int, height: int, width: int) -> list[list[Floats]]:
    """The outputs of a batch (4, 2 and 10 values a prior, in any order), dealt out as boxes, scores, landmarks."""
    boxes, scores, landmarks = sorted(outputs, key=lambda output: (4, 2, 10).index(output.shape[-1]))
    return [[boxes[index], scores[index], landmarks[index]] for index in range(count)]


def candidates(outputs: Sequence[Floats], height: int, width: int, min_score: float) -> Candidates:
    """Boxes and landmarks of one image in pixels of the network's input; only the kept priors are decoded."""
    boxes, scores, landmarks = outputs
    kept = np.flatnonzero(scores[:, 1] >= min_score)
    centre, side = (values[kept] for values in _priors(height, width))
    middle = centre + boxes[kept, :2] * (VARIANCES[0] * side)
    half = np.exp(boxes[kept, 2:] * VARIANCES[1]) * (side / 2)
    points = centre[:, None] + landmarks[kept].reshape(-1, 5, 2) * (VARIANCES[0] * side)[:, None]
    return Candidates(scores[kept, 1], np.concatenate([middle - half, middle + half], axis=1), points)


@lru_cache(maxsize=16)
def _priors(height: int, width: int) -> tuple[Floats, Floats]:
    """Centres (P, 2) and sides (P, 1) of all priors, in pixels."""
    centres, sides = [], []
    for stride, lengths in PRIORS.items():
        rows, columns = np.mgrid[: -(-height // stride), : -(-width // stride)]
        middle = (np.stack([columns, rows], axis=-1).reshape(-1, 1, 2) + 0.5) * stride
        centres.append(np.repeat(middle, len(lengths), axis=1).reshape(-1, 2))
        sides.append(np.tile(lengths, len(middle)))
    return np.concatenate(centres).astype(np.float32), np.concatenate(sides).astype(np.float32)[:, None]
