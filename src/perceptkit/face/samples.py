"""Frames of a video that were looked at: the faces in them with their aligned crops and qualities."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..arrays import Picture
from ..errors import MediaError
from ..video import Frame, Limits, info
from .align import align_faces
from .finding import landmarks_of, shorter_side
from .quality import assess
from .types import Face, Quality

__all__ = ["Sample", "expected_samples", "look_at"]

Detect = Callable[[Sequence[Picture]], list[list[Face]]]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A frame that was looked at: its faces with their aligned crops (N, 112, 112, 3) and qualities, and how many
    faces were left out."""

    frame: Frame
    faces: list[Face]
    crops: Picture
    qualities: list[Quality]
    left_out: int


def look_at(frames: Sequence[Frame], detect: Detect, *, min_face: float, max_faces: int) -> list[Sample]:
    """Find the faces of some frames and judge them: those of at least `min_face` pixels, the `max_faces` surest."""
    samples = []
    for frame, found in zip(frames, detect([frame.image for frame in frames]), strict=True):
        large = [face for face in found if shorter_side(face) >= min_face]
        faces = large[:max_faces]
        crops = align_faces(frame.image, landmarks_of(faces))
        height, width = frame.image.shape[:2]
        qualities = assess(faces, crops, width=width, height=height)
        samples.append(Sample(frame, faces, crops, qualities, len(large) - len(faces)))
    return samples


def expected_samples(path: Path, step: float, limits: Limits | None) -> int:
    """How many frames of a video will be looked at, as far as its header says; 1 for what is no video."""
    try:
        about = info(path, limits=limits)
    except MediaError:
        return 1
    frames = about.expected_frames or 1
    spacing = about.duration / frames if about.duration else float(1 / about.rate)
    # What a header says of the last frame's length is not to be relied on, and counts in a short video.
    frames_a_step = math.ceil(step / spacing * (1 - 2 / frames) - 0.01)
    return math.ceil(frames / max(1, frames_a_step))
