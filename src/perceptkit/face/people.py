"""From what was noted of every source to sightings, and from sightings to people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Floats
from .journal import Record
from .types import Face, Person, Quality, Sighting
from .units import group_faces

__all__ = ["people_of", "sightings_of"]


def sightings_of(records: Sequence[Record], vectors: Floats, model: str) -> list[Sighting]:
    """All faces in input order. The same picture in a second file gets ids of its own: a number is appended."""
    seen: dict[str, int] = {}
    sightings: list[Sighting] = []
    for record in records:
        for entry in record["faces"]:
            copy = seen[entry["id"]] = seen.get(entry["id"], 0) + 1
            face = Face(
                np.asarray(entry["box"], np.float32),
                entry["score"],
                np.asarray(entry["landmarks"], np.float32),
                entry.get("track"),
            )
            identity = entry["id"] if copy == 1 else f"{entry['id']}-{copy}"
            quality = Quality(**entry["quality"])
            vector = vectors[len(sightings)]
            sightings.append(Sighting(identity, record["source"], entry.get("time"), face, vector, quality, model))
    return sightings


def people_of(sightings: Sequence[Sighting], vectors: Floats, threshold: float, mode: str) -> list[Person]:
    """The sightings (N) with their embeddings (N, D), grouped by person; see `face.grouping` and `face.units`."""
    quality = np.array([sighting.quality.score for sighting in sightings], np.float32)
    tracks = [None if sighting.face.track is None else (sighting.source, sighting.face.track) for sighting in sightings]
    labels = group_faces(vectors, threshold, mode=mode, quality=quality, tracks=tracks)
    members: dict[int, list[Sighting]] = {}
    for sighting, label in zip(sightings, labels, strict=True):
        members.setdefault(int(label), []).append(sighting)
    return [Person(label, tuple(of), _best(of, mode)) for label, of in members.items()]


def _best(sightings: Sequence[Sighting], mode: str) -> Sighting:
    """The face that stands for a person: the first in mode `first`, the one of the best quality otherwise."""
    return sightings[0] if mode == "first" else max(sightings, key=lambda sighting: sighting.quality.score)
