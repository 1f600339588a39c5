"""How usable a face is for recognition, 0..1, from the face itself.

    score = sharpness^0.5 * frontality^0.25 * size^0.15 * exposure^0.05 * inside^0.05

a weighted geometric mean: one bad part cannot be bought back by the others. Sharpness weighs most, because blur is
what makes strangers alike: networks give blurred faces embeddings that lie close together. In the mean no part counts
for less than 0.05, so that a sharp profile is still worth more than a blurred one. The parts, each 0..1:

* sharpness: variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) of the aligned 112 x 112 crop's grey values,
  on a logarithmic scale from 3 (0) to 1000 (1). An upsampled face counts as blurred, as it should.
* frontality: 1 looking into the lens, falling linearly with the turn to 0 at 90 degrees left or right, and
  with the nod: from where the nose lies between eyes and mouth, measured in the face's own axes.
* size: shorter side of the box, on a logarithmic scale from 20 px (0.1) to 112 px (1).
* exposure: share of the crop's pixels that are neither black (< 8) nor white (> 247), times how far the mean lies
  from both ends: 1 between 60 and 195, 0 at 0 and 255.
* inside: share of the aligned crop that lies inside the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..arrays import Floats, Picture
from .align import CROP_SIDE, TEMPLATE, similarity
from .types import Face, Quality

__all__ = ["WEIGHTS", "assess", "exposure", "frontality", "head_yaw", "sharpness"]

_Doubles = np.ndarray[Any, np.dtype[np.float64]]

WEIGHTS = {"sharpness": 0.5, "frontality": 0.25, "size": 0.15, "exposure": 0.05, "inside": 0.05}

_LEAST = 0.05  # what a part counts for at least
_BLURRED, _SHARP = 3.0, 1000.0  # variances of the Laplacian
_SMALL, _LARGE = 20.0, 112.0  # pixels
_DARK, _BRIGHT = 60.0, 195.0  # mean grey values


def assess(faces: Sequence[Face], crops: Picture, *, width: float, height: float) -> list[Quality]:
    """The quality of each face of one image of `width` x `height` pixels; `crops` are its aligned crops."""
    if not faces:
        return []
    landmarks = np.stack([face.landmarks for face in faces])
    sides = np.array([min(face.box[2] - face.box[0], face.box[3] - face.box[1]) for face in faces])
    sizes = np.clip(0.1 + 0.9 * np.log(np.maximum(sides, 1) / _SMALL) / np.log(_LARGE / _SMALL), 0, 1)
    columns = zip(
        (sharpness(crop) for crop in crops),
        frontality(landmarks),
        sizes,
        (exposure(crop) for crop in crops),
        _inside(landmarks, width, height),
        strict=True,
    )
    return [_combine(dict(zip(WEIGHTS, map(float, parts), strict=True))) for parts in columns]


def sharpness(crop: Picture) -> float:
    """Sharpness 0..1 of an aligned crop (112, 112, 3)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return float(np.clip(np.log(max(variance, 1e-6) / _BLURRED) / np.log(_SHARP / _BLURRED), 0, 1))


def exposure(crop: Picture) -> float:
    """Exposure 0..1 of an aligned crop (112, 112, 3)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    lost = float(((grey < 8) | (grey > 247)).mean())
    mean = float(grey.mean())
    balanced = min(mean / _DARK, (255 - mean) / (255 - _BRIGHT), 1.0)
    return (1 - lost) * balanced


def frontality(landmarks: Floats) -> Floats:
    """Frontality 0..1 of each face: landmarks (N, 5, 2) -> (N,).

    In the face's own axes (along the eyes, and square to them) the nose of a face that looks into the lens lies
    midway between the eyes and at the template's height between eyes and mouth. With the nose about half an eye
    distance in front of the eyes, a turn moves it sideways by sin(turn) / 2 eye distances.
    """
    axes = _own_axes(landmarks)
    tilt = np.abs(axes.nose_height - _NOSE_HEIGHT) / _NOSE_HEIGHT
    return np.asarray(np.clip(1 - np.abs(_turn(axes)) / 90, 0, 1) * np.clip(1 - tilt, 0, 1), np.float32)


def head_yaw(landmarks: Floats) -> Floats:
    """How far each head is turned aside, in degrees: landmarks (N, 5, 2) -> (N,), above 0 to image-left.

    The turn that `frontality` is made of. It is an estimate from five points: right to about 10 degrees up to a turn of
    45, and 90 at most.
    """
    return np.asarray(-_turn(_own_axes(landmarks)), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    """Where the nose (N,) lies in the face's own axes, in heights from eyes to mouth: `aside` of the middle, above 0
    towards the second eye, and `nose_height` below the eyes."""

    aside: _Doubles
    nose_height: _Doubles


def _own_axes(landmarks: Floats) -> _Axes:
    eye_left, eye_right, nose, mouth_left, mouth_right = np.moveaxis(np.asarray(landmarks, np.float64), 1, 0)
    eyes, mouth = (eye_left + eye_right) / 2, (mouth_left + mouth_right) / 2
    across = eye_right - eye_left
    along = across / np.maximum(np.linalg.norm(across, axis=1), 1e-6)[:, None]
    down = np.stack([-along[:, 1], along[:, 0]], axis=1)
    # The drop keeps its length when the head turns; the eye distance shrinks with the cosine and is no measure.
    drop = np.maximum(np.abs(((mouth - eyes) * down).sum(axis=1)), 1e-6)
    middle = (eyes + mouth) / 2
    return _Axes(((nose - middle) * along).sum(axis=1) / drop, ((nose - eyes) * down).sum(axis=1) / drop)


def _turn(axes: _Axes) -> _Doubles:
    """Degrees (N,), above 0 towards the second eye."""
    return np.asarray(np.degrees(np.arcsin(np.clip(2 * axes.aside / _EYES_TO_DROP, -1, 1))))


_EYES, _MOUTH = TEMPLATE[:2].mean(axis=0), TEMPLATE[3:].mean(axis=0)
_DROP = float(_MOUTH[1] - _EYES[1])
_EYES_TO_DROP = float(TEMPLATE[1, 0] - TEMPLATE[0, 0]) / _DROP
_NOSE_HEIGHT = float(TEMPLATE[2, 1] - _EYES[1]) / _DROP


def _inside(landmarks: Floats, width: float, height: float) -> Floats:
    """Share of an 8 x 8 grid over each aligned crop that falls inside the image."""
    matrices = similarity(landmarks)
    steps = (np.arange(8) + 0.5) * (CROP_SIDE / 8)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    # The inverse of a similarity: its transposed linear part over the squared scale.
    linear = matrices[:, :, :2]
    squared = (linear[:, 0] ** 2).sum(axis=1)[:, None, None]
    points = (grid[None] - matrices[:, None, :, 2]) @ linear / np.maximum(squared, 1e-12)
    inside = (points >= 0).all(axis=2) & (points < (width, height)).all(axis=2)
    return np.asarray(inside.mean(axis=1), np.float32)


def _combine(parts: dict[str, float]) -> Quality:
    score = float(np.prod([max(parts[name], _LEAST) ** weight for name, weight in WEIGHTS.items()]))
    return Quality(score, **parts)
