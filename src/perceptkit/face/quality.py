"""How usable a face is for recognition, 0..1, from the face itself.

    score = sharpness^0.5 * frontality^0.2 * size^0.1 * exposure^0.1 * inside^0.1

a weighted geometric mean: one bad part cannot be bought back by the others. Sharpness weighs most, because blur is
what makes strangers alike: networks give blurred faces embeddings that lie close together. In the mean no part counts
for less than 0.05, so that a sharp profile is still worth more than a blurred one. The parts, each 0..1:

* sharpness: variance of the second derivative of the face's grey values in the aligned 112 x 112 crop, along the
  direction in which it is least, times 8/3; where no direction is special that is the variance of the Laplacian
  (Pech-Pacheco et al., ICPR 2000), which a face that is shaken along one direction keeps in the other. Before it comes
  a Gaussian of 1.5 pixels (Marr and Hildreth, 1980), without which noise and compression count as sharp. The scale is
  logarithmic, from 1 (0) to 30 (1). A contour of contrast C with a blur of b pixels adds
  C^2 / (4 sqrt(pi) (1.5^2 + b^2)^1.5) per pixel of its length, so that the scale is one of blur: contours of 85 grey
  levels on a tenth of the pixels give 30 when nothing blurs them, and 1 at a blur of 4.5 pixels, in which an iris
  (5 pixels) is gone. White noise of 10 grey levels adds 1.4. An upsampled face counts as blurred, as it should. A
  dark face, which has little contrast, is judged as if exposed up to four times longer, to the mean that is 1 below.
  A face of which less than a twentieth is inside the image is not sharp.
* frontality: 1 looking into the lens, falling linearly with the turn to 0 at 90 degrees left or right, and
  with the nod: from where the nose lies between eyes and mouth, measured in the face's own axes.
* size: shorter side of the box, on a logarithmic scale from 20 px (0.1) to 112 px (1).
* exposure: share of the face's pixels that are neither black (< 8) nor white (> 247), times how far the mean lies
  from both ends: 1 between 60 and 195, 0 at 0 and 255.
* inside: share of the aligned crop that lies inside the image.

The face is an ellipse from the brows to the mouth: hair, collar, the background and the edge of the picture are not it.
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

__all__ = ["WEIGHTS", "assess", "exposure", "frontality", "head_yaw", "sharpness", "unposed"]

_Doubles = np.ndarray[Any, np.dtype[np.float64]]
_Mask = np.ndarray[Any, np.dtype[np.bool_]]

WEIGHTS = {"sharpness": 0.5, "frontality": 0.2, "size": 0.1, "exposure": 0.1, "inside": 0.1}

_LEAST = 0.05  # what a part counts for at least
_SEEN = 0.05  # of the face: less of it says nothing of how sharp it is
_SMOOTHING = 1.5  # pixels, before the Laplacian
_BLURRED, _SHARP = 1.0, 30.0  # variances of the Laplacian
_BRIGHTENED = 4.0  # times at most
_SMALL, _LARGE = 20.0, 112.0  # pixels
_DARK, _BRIGHT = 60.0, 195.0  # mean grey values


def assess(faces: Sequence[Face], crops: Picture, *, width: float, height: float) -> list[Quality]:
    """The quality of each face of one image of `width` x `height` pixels; `crops` are its aligned crops."""
    if not faces:
        return []
    landmarks = np.stack([face.landmarks for face in faces])
    sides = np.array([min(face.box[2] - face.box[0], face.box[3] - face.box[1]) for face in faces])
    sizes = np.clip(0.1 + 0.9 * np.log(np.maximum(sides, 1) / _SMALL) / np.log(_LARGE / _SMALL), 0, 1)
    inside = _inside(landmarks, width, height, cells=8).mean(axis=(1, 2))
    columns = zip(
        (
            sharpness(crop, inside=None if part == 1 else _inside(points[None], width, height, cells=CROP_SIDE)[0])
            for crop, part, points in zip(crops, inside, landmarks, strict=True)
        ),
        frontality(landmarks),
        sizes,
        (exposure(crop) for crop in crops),
        inside,
        strict=True,
    )
    return [_combine(dict(zip(WEIGHTS, map(float, parts), strict=True))) for parts in columns]


def unposed(quality: Quality) -> float:
    """The quality 0..1 of a face whatever the turn of its head: the mean of the parts without frontality."""
    rest = {name: weight for name, weight in WEIGHTS.items() if name != "frontality"}
    return _mean({name: getattr(quality, name) for name in rest}, rest)


def sharpness(crop: Picture, *, inside: _Mask | None = None) -> float:
    """Sharpness 0..1 of an aligned crop (112, 112, 3); of its pixels `inside` (112, 112) the image, if not all are."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    face = _FACE
    if inside is not None:
        face = face & cv2.erode(inside.astype(np.uint8), np.ones((13, 13), np.uint8), borderValue=1).astype(bool)
    if face.sum() < _SEEN * _FACE.sum():
        return 0.0
    smooth = cv2.GaussianBlur(grey, (0, 0), _SMOOTHING)
    derivatives = np.cov(np.stack([cv2.filter2D(smooth, cv2.CV_32F, kernel)[face] for kernel in _SECOND]))
    variance = float(np.einsum("di,ij,dj->d", _ALONG, derivatives, _ALONG).min()) * _OF_LAPLACIAN
    variance *= min(max(_DARK / max(float(grey[face].mean()), 1.0), 1.0), _BRIGHTENED) ** 2
    return float(np.clip(np.log(max(variance, 1e-6) / _BLURRED) / np.log(_SHARP / _BLURRED), 0, 1))


def exposure(crop: Picture) -> float:
    """Exposure 0..1 of an aligned crop (112, 112, 3)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[_FACE]
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

    The turn that `frontality` is made of. It is an estimate from five points, which takes the tip of the nose to be
    half an eye distance in front of the face. Of noses of 0.4 to 0.6 it says 23 to 37 for a turn of 30 and 34 to 58
    for one of 45, and up to 6 less with a nod of 20. Of larger turns it says that they are large, 90 at most.
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


# The second derivatives by x twice, by x and y, and by y twice; and what of them is the one along a direction.
_SECOND = tuple(
    np.array(kernel, np.float32)
    for kernel in ([[1, -2, 1]], [[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]], [[1], [-2], [1]])
)
_ANGLES = np.arange(16) * np.pi / 16
_ALONG = np.stack([np.cos(_ANGLES) ** 2, 2 * np.cos(_ANGLES) * np.sin(_ANGLES), np.sin(_ANGLES) ** 2], axis=1)
_OF_LAPLACIAN = 8 / 3

_ROWS, _COLUMNS = np.mgrid[:CROP_SIDE, :CROP_SIDE]
_FACE: _Mask = ((_COLUMNS - 56) / 28) ** 2 + ((_ROWS - 72) / 36) ** 2 <= 1

_EYES, _MOUTH = TEMPLATE[:2].mean(axis=0), TEMPLATE[3:].mean(axis=0)
_DROP = float(_MOUTH[1] - _EYES[1])
_EYES_TO_DROP = float(TEMPLATE[1, 0] - TEMPLATE[0, 0]) / _DROP
_NOSE_HEIGHT = float(TEMPLATE[2, 1] - _EYES[1]) / _DROP


def _inside(landmarks: Floats, width: float, height: float, *, cells: int) -> _Mask:
    """Which of `cells` x `cells` places in each aligned crop are inside the image (N, cells, cells)."""
    matrices = similarity(landmarks)
    steps = (np.arange(cells) + 0.5) * (CROP_SIDE / cells) - 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    # The inverse of a similarity: its transposed linear part over the squared scale.
    linear = matrices[:, :, :2]
    squared = (linear[:, 0] ** 2).sum(axis=1)[:, None, None]
    points = (grid[None] - matrices[:, None, :, 2]) @ linear / np.maximum(squared, 1e-12)
    inside = (points >= 0).all(axis=2) & (points <= (width - 1, height - 1)).all(axis=2)
    return np.asarray(inside.reshape(-1, cells, cells), bool)


def _combine(parts: dict[str, float]) -> Quality:
    return Quality(_mean(parts, WEIGHTS), **parts)


def _mean(parts: dict[str, float], weights: dict[str, float]) -> float:
    whole = sum(weights.values())
    return float(np.prod([max(parts[name], _LEAST) ** (weight / whole) for name, weight in weights.items()]))
