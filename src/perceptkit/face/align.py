"""Turn faces upright: the similarity transform that brings five landmarks onto a template, and the warp."""

from __future__ import annotations

import cv2
import numpy as np

from ..arrays import Floats, Picture

__all__ = ["CROP_SIDE", "TEMPLATE", "align_faces", "scales", "similarity", "template", "warp"]


CROP_SIDE = 112
"""Width and height of an aligned face in pixels, as the embedders want it."""

TEMPLATE: Floats = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""Where ArcFace models expect the five landmarks in a 112 x 112 crop (insightface, `face_align.py`)."""


def template(side: int, *, margin: float = 0.0) -> Floats:
    """The template for a crop of `side` pixels, with `margin` (share of the side) of surroundings all around."""
    return np.asarray(TEMPLATE * (side * (1 - 2 * margin) / CROP_SIDE) + side * margin, np.float32)


def similarity(landmarks: Floats, target: Floats = TEMPLATE) -> Floats:
    """Least-squares rotation, scale and shift of every face onto the template: (N, 5, 2) -> (N, 2, 3).

    With points as complex numbers the solution is closed: scale and rotation are
    sum(conj(p) q) / sum(|p|^2) of the centred points. It equals Umeyama's (1991, eq. 40-42) wherever that one needs
    no mirror image.
    """
    points = np.asarray(landmarks, np.float64).reshape(-1, 5, 2) @ (1, 1j)
    goal = np.asarray(target, np.float64) @ (1, 1j)
    middle, goal_middle = points.mean(axis=1, keepdims=True), goal.mean()
    centred = points - middle
    spread = (np.abs(centred) ** 2).sum(axis=1)
    turn = (centred.conj() * (goal - goal_middle)).sum(axis=1) / np.maximum(spread, 1e-12)
    shift = goal_middle - turn * middle[:, 0]
    rows = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    return np.array(rows).transpose(2, 0, 1).astype(np.float32)


def scales(matrices: Floats) -> Floats:
    """How many pixels of the crop one pixel of the image becomes, for each transform: above 1 is upsampling."""
    return np.asarray(np.hypot(matrices[:, 0, 0], matrices[:, 1, 0]), np.float32)


def align_faces(image: Picture, landmarks: Floats) -> Picture:
    """Aligned crops of all faces of an image: landmarks (N, 5, 2) -> (N, 112, 112, 3) uint8; outside is black."""
    crops = [cv2.warpAffine(image, matrix, (CROP_SIDE, CROP_SIDE)) for matrix in similarity(landmarks)]
    return np.asarray(np.stack(crops) if crops else np.empty((0, CROP_SIDE, CROP_SIDE, 3)), np.uint8)


def warp(image: Picture, landmarks: Floats, *, side: int, margin: float) -> Picture:
    """One aligned face for people to look at: smooth when it shrinks, the border repeated where the image ends."""
    (matrix,) = similarity(landmarks, template(side, margin=margin))
    shrink = int(1 / max(float(scales(matrix[None])[0]), 1e-3))
    if shrink >= 2:  # warpAffine skips pixels when it shrinks: average them first, around the face only
        corners = cv2.transform(np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float32), _inverse(matrix))
        low = np.clip(corners[0].min(axis=0).astype(int) - shrink, 0, None)
        high = np.minimum(corners[0].max(axis=0).astype(int) + 2 * shrink, image.shape[1::-1])
        part = image[low[1] : high[1], low[0] : high[0]]
        if min(part.shape[:2]) >= shrink:
            small = cv2.resize(part, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
            # Pixel centres: x = shrink * (x' + 0.5) - 0.5 + low
            linear = matrix[:, :2] * shrink
            shift = matrix[:, :2] @ (low + shrink / 2 - 0.5) + matrix[:, 2]
            image, matrix = np.asarray(small, np.uint8), np.column_stack([linear, shift]).astype(np.float32)
    warped = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(cv2.invertAffineTransform(matrix), np.float32)
