"""From images to described faces, in memory: detect, align, embed, judge.

for sightings in find_faces([image, "photo.jpg"], preset="permissive"):
    for sighting in sightings:
        sighting.face.box, sighting.embedding, sighting.quality.score
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..arrays import Floats, Picture
from ..errors import InputError, ModelError
from ..images import read
from .align import align_faces
from .defaults import MAX_FACES, MIN_FACE
from .detect import Detector
from .embed import Embedder
from .loading import load_detector, load_embedder
from .quality import assess
from .types import Face, Quality, Sighting

__all__ = ["Description", "describe", "face_id", "find_faces", "select"]

Detect = Callable[[Sequence[Picture]], list[list[Face]]]
Embed = Callable[[Picture], Floats]

_BATCH = 8  # images that are detected, and whose faces are embedded, together


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """What is known of a detected face: its embedding (D,) of unit length, NaN when the network failed, its quality."""

    face: Face
    embedding: Floats
    quality: Quality


def find_faces(
    images: Iterable[Picture | str | Path],
    *,
    detect: Detector | None = None,
    embed: Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    min_face: int = MIN_FACE,
    max_faces: int = MAX_FACES,
) -> list[list[Sighting]]:
    """Every face of each image, best detection first, with embedding and quality.

    `images` are RGB uint8 arrays (H, W, 3) or paths. Without `detect` and `embed` the preset's models are loaded; to
    call this often, load them once and pass them. Raises MediaError for a path that is no photo, InputError for an
    array of another kind, ModelError or DeviceError when the models cannot be had or fail.
    """
    detect = detect or load_detector(preset=preset, device=device)
    embed = embed or load_embedder(preset=preset, device=device)
    found: list[list[Sighting]] = []
    remaining = iter(images)
    while batch := list(islice(remaining, _BATCH)):
        pictures = [read(image) if isinstance(image, (str, Path)) else image for image in batch]
        names = [
            str(image) if isinstance(image, (str, Path)) else f"image {len(found) + index}"
            for index, image in enumerate(batch)
        ]
        faces = [select(each, min_face=min_face, max_faces=max_faces) for each in detect(pictures)]
        for name, picture, described in zip(names, pictures, describe(pictures, faces, embed), strict=True):
            content = hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()
            found.append([_sighting(name, content, each, detect, embed) for each in described])
    return found


def select(faces: Sequence[Face], *, min_face: float, max_faces: int) -> list[Face]:
    """The faces of an image that are at least `min_face` pixels on the shorter side, at most `max_faces` of them."""
    large = [face for face in faces if min(face.box[2] - face.box[0], face.box[3] - face.box[1]) >= min_face]
    return large[:max_faces]


def describe(images: Sequence[Picture], faces: Sequence[Sequence[Face]], embed: Embed) -> list[list[Description]]:
    """Align, embed and judge the faces of several images; all of them go through the embedder together."""
    crops = [
        align_faces(image, np.stack([face.landmarks for face in each])) if each else None
        for image, each in zip(images, faces, strict=True)
    ]
    present = [crop for crop in crops if crop is not None]
    if not present:
        return [[] for _ in images]
    embeddings = iter(embed(np.concatenate(present)))
    described = []
    for image, each, crop in zip(images, faces, crops, strict=True):
        height, width = image.shape[:2]
        qualities = [] if crop is None else assess(each, crop, width=width, height=height)
        described.append(
            [Description(face, next(embeddings), quality) for face, quality in zip(each, qualities, strict=True)]
        )
    return described


def face_id(content: str, face: Face, detector: str, embedder: str) -> str:
    """A face's id: 16 hex digits from the digests of the file and both models, and the box in whole pixels."""
    box = " ".join(str(round(float(value))) for value in face.box)
    return hashlib.sha256(f"{content} {box} {detector} {embedder}".encode()).hexdigest()[:16]


def _sighting(source: str, content: str, described: Description, detect: Detector, embed: Embedder) -> Sighting:
    face, embedding = described.face, described.embedding
    if not np.isfinite(embedding).all():
        raise ModelError(f"{source}: {embed.name} gave no finite embedding for the face at {face.box.round().tolist()}")
    identity = face_id(content, face, detect.sha256, embed.sha256)
    return Sighting(identity, source, None, face, embedding, described.quality, embed.name)


def largest(sightings: Sequence[Sighting], name: str) -> Sighting:
    """The face with the largest box; InputError when there is none."""
    if not sightings:
        raise InputError(f"{name}: no face was found; try a larger or sharper photo, or a lower --min-score")
    return max(sightings, key=lambda sighting: float(np.prod(sighting.face.box[2:] - sighting.face.box[:2])))
