"""What the face functions hand around: plain, frozen data without pixels."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Floats

__all__ = ["Face", "ItemError", "Person", "Quality", "Sighting"]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected face: `box` (4,) x1 y1 x2 y2 and `landmarks` (5, 2) in pixels of the image, `score` 0..1.

    Landmarks: the eye at image-left, the eye at image-right, the nose tip, the mouth corners at image-left and
    image-right (of an upright face). `track` is the track id in a video, None in a photo.
    """

    box: Floats
    score: float
    landmarks: Floats
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """How usable a face is for recognition, 0..1, and the parts that `score` is made of (see `face.quality`)."""

    score: float
    sharpness: float
    frontality: float
    size: float
    exposure: float
    inside: float


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One face seen once: where, and its embedding (D,) float32 of unit length.

    `id` is the same for the same file and the same models. `time` is in seconds for videos, None for photos.
    `model` is the id of the embedder; embeddings of different models cannot be compared.
    """

    id: str
    source: str
    time: float | None
    face: Face
    embedding: Floats
    quality: Quality
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One identity: its sightings in input order, and the one of them that stands for it."""

    id: int
    sightings: tuple[Sighting, ...]
    best: Sighting


@dataclass(frozen=True, slots=True)
class ItemError:
    """A file that could not be used: the name of the error and what it says."""

    source: str
    error: str
    message: str
