"""Compare and search faces: two photos with each other, a photo with a set, a set with itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Floats
from ..errors import InputError
from . import defaults
from .detect import Detector
from .embed import EMBEDDERS, Embedder, usual_threshold
from .finding import find_faces, largest, no_face
from .grouping import check
from .loading import load_detector, load_embedder
from .store import Embeddings, load_embeddings
from .types import Sighting
from .units import group_faces

__all__ = ["Comparison", "Match", "Query", "compare", "dedupe", "search"]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two faces: `similarity` is the cosine of their embeddings, `same` whether it reaches `threshold`."""

    first: Sighting
    second: Sighting
    similarity: float
    threshold: float
    same: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A face of a set that is near to the face searched for."""

    face_id: str
    source: str
    similarity: float
    same: bool


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A face of the photo searched with, and the nearest faces of the set, nearest first."""

    face: Sighting
    matches: tuple[Match, ...]


def compare(
    first: str | Path,
    second: str | Path,
    *,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | None = None,
    min_score: float = defaults.MIN_SCORE,
) -> Comparison:
    """Whether two photos show the same person, judged by the largest face of each.

    `threshold` defaults to the embedder's own. Raises InputError for a photo without a face.
    """
    check(threshold)
    detect = _detector(detector, preset, device, min_score)
    embed = embedder if isinstance(embedder, Embedder) else load_embedder(embedder, preset=preset, device=device)
    found = find_faces([first, second], detect=detect, embed=embed)
    one, other = (largest(faces, str(name)) for faces, name in zip(found, (first, second), strict=True))
    similarity = float(one.embedding @ other.embedding)
    limit = embed.threshold if threshold is None else threshold
    return Comparison(one, other, similarity, limit, similarity >= limit)


def search(
    gallery: str | Path | Embeddings,
    photo: str | Path,
    *,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | None = None,
    min_score: float = defaults.MIN_SCORE,
    top: int = defaults.TOP,
) -> list[Query]:
    """The faces of a set that are nearest to each face of a photo.

    `gallery` is a folder that extract wrote, its file of embeddings, or one loaded. The embedder is by default the
    one that made it. Raises InputError for a photo without a face, or an embedder other than the gallery's.
    """
    if top < 1:
        raise InputError(f"top is {top}; it must be at least 1")
    check(threshold)
    known = gallery if isinstance(gallery, Embeddings) else load_embeddings(gallery)
    if embedder is None and preset is None:
        if known.model not in EMBEDDERS:
            raise InputError(
                f"the gallery was made by {known.model}, a file given by its path: give it again (embedder)"
            )
        embedder = known.model
    embed = embedder if isinstance(embedder, Embedder) else load_embedder(embedder, preset=preset, device=device)
    known.require_model(embed.name, embed.sha256)
    (found,) = find_faces([photo], detect=_detector(detector, preset, device, min_score), embed=embed)
    if not found:
        raise no_face(str(photo))
    limit = embed.threshold if threshold is None else threshold
    return [Query(sighting, _nearest(known, sighting.embedding, limit, top)) for sighting in found]


def dedupe(
    embeddings: str | Path | Embeddings, *, threshold: float | None = None, mode: str = defaults.MODE
) -> list[list[str]]:
    """Group a file of embeddings by person again, with another threshold or mode: the face ids of each person.

    People are in order of first appearance, the face that stands for one comes first. `threshold` defaults to that
    of the embedder that made the file. Tracks of videos are grouped as in `extract`.
    """
    known = embeddings if isinstance(embeddings, Embeddings) else load_embeddings(embeddings)
    threshold = usual_threshold(known.model) if threshold is None else threshold
    if threshold is None:
        raise InputError(f"the embeddings were made by {known.model}, which has no usual threshold: give one")
    numbers = [0] * len(known.sources) if known.tracks is None else known.tracks.tolist()
    tracks = [(source, number) if number else None for source, number in zip(known.sources, numbers, strict=True)]
    labels = group_faces(known.vectors, threshold, mode=mode, quality=known.quality, tracks=tracks)
    members: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        members.setdefault(int(label), []).append(row)
    if mode != "first":
        members = {label: sorted(rows, key=lambda row: -known.quality[row]) for label, rows in members.items()}
    return [[known.face_ids[row] for row in rows] for rows in members.values()]


def _detector(detector: str | Path | Detector | None, preset: str | None, device: str, min_score: float) -> Detector:
    if isinstance(detector, Detector):
        return detector
    return load_detector(detector, preset=preset, device=device, min_score=min_score)


def _nearest(known: Embeddings, embedding: Floats, threshold: float, top: int) -> tuple[Match, ...]:
    similarity = known.vectors @ embedding
    best = np.argsort(-similarity, kind="stable")[:top]
    return tuple(
        Match(known.face_ids[row], known.sources[row], float(similarity[row]), bool(similarity[row] >= threshold))
        for row in best
    )
