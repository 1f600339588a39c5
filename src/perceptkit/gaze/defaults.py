"""The defaults of the gaze functions, written once. Light to import, so that the command line can show them."""

from ..face.defaults import MIN_FACE

__all__ = [
    "CAMERA_ANGLE",
    "DETECT_EVERY",
    "EVERY",
    "LOWEST_SCORE",
    "MAX_DETECT_EVERY",
    "MAX_SIGMA",
    "MIN_FACE",
    "PRECISION",
    "SCORE_MARGIN",
]

CAMERA_ANGLE = 12.0
"""A gaze nearer than this to the way into the lens (degrees) looks at the camera."""

MAX_SIGMA = 40.0
"""A gaze whose standard deviation is above this (degrees) in one of its axes is unknown."""

EVERY = 1
"""Gaze is estimated on every n-th frame."""

DETECT_EVERY = 1
"""Faces are searched for on every n-th of those frames and followed in between."""

MAX_DETECT_EVERY = 60
"""The most frames from one search to the next: all of them are in memory at once."""

LOWEST_SCORE = 0.2
"""The score from which a detector is asked for faces; which of them count is decided when they are followed."""

SCORE_MARGIN = 0.3
"""Detections with a score lower than what begins a track by up to this much may continue one."""

PRECISION = "f32"
"""What the gaze network computes with: "f32", or "bf16" on OpenVINO."""
