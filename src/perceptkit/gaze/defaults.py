"""The defaults of the gaze functions, written once. Light to import, so that the command line can show them."""

from ..face.defaults import MIN_FACE, MIN_SCORE

__all__ = [
    "CAMERA_ANGLE",
    "DETECT_EVERY",
    "EVERY",
    "LOW_SCORE",
    "MAX_SIGMA",
    "MIN_FACE",
    "MIN_SCORE",
    "PRECISION",
]

CAMERA_ANGLE = 12.0
"""A gaze nearer than this to the way into the lens (degrees) looks at the camera."""

MAX_SIGMA = 40.0
"""A gaze whose standard deviation is above this (degrees) in one of its axes is unknown."""

EVERY = 1
"""Gaze is estimated on every n-th frame."""

DETECT_EVERY = 1
"""Faces are searched for on every n-th of those frames and followed in between."""

LOW_SCORE = 0.2
"""Detections from this score on may continue a track; only those of MIN_SCORE begin one."""

PRECISION = "f32"
"""What the gaze network computes with: "f32", or "bf16" on OpenVINO."""
