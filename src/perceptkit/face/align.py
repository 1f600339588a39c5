"""Turn faces upright: the similarity transform that brings five landmarks onto a template, and the warp."""

from __future__ import annotations

import cv2
import numpy as np

from ..arrays import Floats, Picture

__all__ = ["CROP_SIDE", "HEADSHOT_MARGIN", "TEMPLATE", "align_faces", "scales", "similarity", "template", "warp"]


_OPENCV_SIDE = 32766  # some releases of OpenCV cannot warp from larger images

HEADSHOT_MARGIN = 0.15
"""Surroundings of the aligned face, as a share of the headshot's side."""

_BEYOND = (128, 128, 128)

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
    crops = []
    for matrix in similarity(landmarks):
        part, matrix = _around(image, matrix, CROP_SIDE) if max(image.shape) > _OPENCV_SIDE else (image, matrix)
        crops.append(cv2.warpAffine(part, matrix, (CROP_SIDE, CROP_SIDE)))
    return np.asarray(np.stack(crops) if crops else np.empty((0, CROP_SIDE, CROP_SIDE, 3)), np.uint8)


def warp(image: Picture, landmarks: Floats, *, side: int, margin: float) -> Picture:
    """One aligned face for people to look at: smooth when it shrinks, grey where the image ends."""
    (matrix,) = similarity(landmarks, template(side, margin=margin))
    part, matrix = _around(image, matrix, side)
    shrink = int(1 / max(float(scales(matrix[None])[0]), 1e-3))
    if 2 <= shrink <= min(part.shape[:2]):  # warpAffine skips pixels when it shrinks: average them first
        part = np.asarray(cv2.resize(part, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA), np.uint8)
        # Pixel centres: x = shrink * (x' + 0.5) - 0.5
        shift = matrix[:, :2] @ np.full(2, (shrink - 1) / 2) + matrix[:, 2]
        matrix = np.column_stack([matrix[:, :2] * shrink, shift]).astype(np.float32)
    warped = cv2.warpAffine(part, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=_BEYOND)
    return np.asarray(warped, np.uint8)


def _around(image: Picture, matrix: Floats, side: int) -> tuple[Picture, Floats]:
    """The part of an image that a transform brings into a crop of `side` pixels, and the transform from there."""
    corners = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float32)
    places = cv2.transform(corners, cv2.invertAffineTransform(matrix))[0]
    room = 2 + int(1 / max(float(scales(matrix[None])[0]), 1e-3))  # for the neighbours of a pixel, and for averaging
    width, height = image.shape[1], image.shape[0]
    low = np.clip(np.floor(places.min(axis=0)).astype(int) - room, 0, (width - 1, height - 1))
    high = np.clip(np.ceil(places.max(axis=0)).astype(int) + room, low + 1, (width, height))
    shift = matrix[:, :2] @ low + matrix[:, 2]
    return image[low[1] : high[1], low[0] : high[0]], np.column_stack([matrix[:, :2], shift]).astype(np.float32)
