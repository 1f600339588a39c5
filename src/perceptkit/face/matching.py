"""Compare and search faces: two photos with each other, a photo with a set, a set with itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..arrays import Floats, Integers
from ..errors import InputError
from . import defaults
from .approximate import Index, load_index
from .detect import Detector
from .embed import Embedder, usual_threshold
from .finding import find_faces, largest, no_face
from .loading import load_detector, load_embedder, load_embedder_of
from .nearest import nearest
from .store import Embeddings, load_embeddings, open_embeddings
from .thresholds import check_threshold, resolve_threshold
from .types import Sighting
from .units import group_faces

__all__ = ["INDEXES", "Comparison", "Match", "Query", "compare", "dedupe", "search"]

INDEXES = ("exact", "faiss")
"""How a search finds the nearest: among all, or with the `faiss` extra among those that an index gives."""


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
    threshold: float | str | None = None,
    min_score: float = defaults.MIN_SCORE,
) -> Comparison:
    """Whether two photos show the same person, judged by the largest face of each.

    `threshold` defaults to the embedder's own; "calibrated" is what `calibrate` found (see `face.thresholds`). Raises
    InputError for a photo without a face.
    """
    check_threshold(threshold)
    detect = load_detector(detector, preset=preset, device=device, min_score=min_score)
    embed = load_embedder(embedder, preset=preset, device=device)
    limit = resolve_threshold(threshold, model=embed.name, sha256=embed.sha256, usual=embed.threshold)
    found = find_faces([first, second], detect=detect, embed=embed)
    one, other = (largest(faces, str(name)) for faces, name in zip(found, (first, second), strict=True))
    similarity = float(one.embedding @ other.embedding)
    return Comparison(one, other, similarity, limit, similarity >= limit)


def search(
    gallery: str | Path | Embeddings,
    photo: str | Path,
    *,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | str | None = None,
    min_score: float = defaults.MIN_SCORE,
    top: int = defaults.TOP,
    index: str | Index = defaults.INDEX,
) -> list[Query]:
    """The faces of a set that are nearest to each face of a photo.

    `gallery` is a folder that extract wrote, its file of embeddings, or one loaded or opened. The embedder is by
    default the one that made it. `index` is "exact", or for sets of a hundred thousand faces and more, searched often,
    "faiss", with which a near face may be missed (see `face.approximate`), or one that `load_index` gave.
    Raises InputError for a photo without a face, or an embedder other than the gallery's.
    """
    if top < 1:
        raise InputError(f"top is {top}; it must be at least 1")
    check_threshold(threshold)
    known = gallery if isinstance(gallery, Embeddings) else open_embeddings(gallery)
    find = _finder(index, gallery, known)
    embed = load_embedder_of(known, embedder, preset=preset, device=device)
    detect = load_detector(detector, preset=preset, device=device, min_score=min_score)
    (found,) = find_faces([photo], detect=detect, embed=embed)
    if not found:
        raise no_face(str(photo))
    limit = resolve_threshold(threshold, model=embed.name, sha256=embed.sha256, usual=embed.threshold)
    rows, similarity = find(np.stack([sighting.embedding for sighting in found]), top)
    return [
        Query(sighting, _matches(known, its_rows, its_similarity, limit))
        for sighting, its_rows, its_similarity in zip(found, rows, similarity, strict=True)
    ]


def dedupe(
    embeddings: str | Path | Embeddings, *, threshold: float | str | None = None, mode: str = defaults.MODE
) -> list[list[str]]:
    """Group a file of embeddings by person again, with another threshold or mode: the face ids of each person.

    People are in order of first appearance, the face that stands for one comes first. `threshold` defaults to that
    of the embedder that made the file. Tracks of videos are grouped as in `extract`.
    """
    known = embeddings if isinstance(embeddings, Embeddings) else load_embeddings(embeddings)
    threshold = resolve_threshold(
        threshold, model=known.model, sha256=known.model_sha256, usual=usual_threshold(known.model)
    )
    numbers = [0] * len(known.sources) if known.tracks is None else known.tracks.tolist()
    tracks = [(source, number) if number else None for source, number in zip(known.sources, numbers, strict=True)]
    labels = group_faces(known.vectors, threshold, mode=mode, quality=known.quality, tracks=tracks)
    members: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        members.setdefault(int(label), []).append(row)
    if mode != "first":
        members = {label: sorted(rows, key=lambda row: -known.quality[row]) for label, rows in members.items()}
    return [[known.face_ids[row] for row in rows] for rows in members.values()]


def _finder(
    index: str | Index, gallery: str | Path | Embeddings, known: Embeddings
) -> Callable[[Floats, int], tuple[Integers, Floats]]:
    """What finds the rows of the nearest faces, and how near they are, for queries (Q, D) and a number of them."""
    if isinstance(index, Index):
        chosen = index
    elif index not in INDEXES:
        raise InputError(f"unknown index {index!r}; choose from: {', '.join(INDEXES)}")
    elif index == "exact":
        return partial(nearest, known.vectors)
    elif isinstance(gallery, Embeddings):
        raise InputError("index 'faiss' is kept beside a file: give the path of the gallery, or an index of load_index")
    else:
        chosen = load_index(gallery)
    if chosen.vectors.shape != known.vectors.shape:
        raise InputError(f"the index is of {chosen.vectors.shape} vectors, the gallery has {known.vectors.shape}")
    if known.checksum is None:
        raise InputError("an index is of a file of embeddings: open the gallery with open_embeddings, or give its path")
    if chosen.checksum != known.checksum:
        raise InputError("the index is of other vectors than the gallery; take load_index of this gallery")
    return chosen.nearest


def _matches(known: Embeddings, rows: Integers, similarity: Floats, threshold: float) -> tuple[Match, ...]:
    return tuple(
        Match(known.face_ids[row], known.sources[row], float(near), bool(near >= threshold))
        for row, near in zip(rows, similarity, strict=True)
    )
