"""From what was noted of every source to sightings, and from sightings to people, who keep their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from ...arrays import Floats
from ..types import Face, Person, Quality, Sighting
from ..units import group_faces
from .journal import Record

__all__ = ["NOBODY", "KnownPeople", "people_of", "sightings_of"]


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """The people of an earlier run: by face id the number of the person, and the next number, which nobody has had."""

    numbers: Mapping[str, int]
    next_number: int


NOBODY = KnownPeople({}, 0)
"""The people who are known before the first run."""


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


def people_of(
    sightings: Sequence[Sighting], vectors: Floats, threshold: float, mode: str, *, known: KnownPeople = NOBODY
) -> list[Person]:
    """The sightings (N) with their embeddings (N, D), grouped by person, in order of the people's numbers.

    Who is together does not depend on who was known, only the numbers do; see `face.grouping` and `face.units`. A
    known person's number goes to the group that has most of the faces, of two known people who are one now that of
    whom more faces are there. New people get new numbers, in order of first appearance.
    """
    quality = np.array([sighting.quality.score for sighting in sightings], np.float32)
    tracks = [None if sighting.face.track is None else (sighting.source, sighting.face.track) for sighting in sightings]
    labels = group_faces(vectors, threshold, mode=mode, quality=quality, tracks=tracks)
    members: dict[int, list[Sighting]] = {}
    for sighting, label in zip(sightings, labels, strict=True):
        members.setdefault(int(label), []).append(sighting)
    groups = list(members.values())
    people = [
        Person(number, tuple(of), _best(of, mode)) for number, of in zip(_given(groups, known), groups, strict=True)
    ]
    return sorted(people, key=lambda person: person.id)


def _given(groups: Sequence[Sequence[Sighting]], known: KnownPeople) -> list[int]:
    """A number for each group of faces; of equal claims the lower number, and the earlier group, comes first."""
    shared = Counter(
        (known.numbers[sighting.id], place)
        for place, group in enumerate(groups)
        for sighting in group
        if sighting.id in known.numbers
    )
    kept: dict[int, int] = {}
    gone: set[int] = set()
    for number, place in sorted(shared, key=lambda claim: (-shared[claim], claim)):
        if place not in kept and number not in gone:
            kept[place] = number
            gone.add(number)
    new = count(known.next_number)
    return [kept[place] if place in kept else next(new) for place in range(len(groups))]


def _best(sightings: Sequence[Sighting], mode: str) -> Sighting:
    """The face that stands for a person: the first in mode `first`, the one of the best quality otherwise."""
    return sightings[0] if mode == "first" else max(sightings, key=lambda sighting: sighting.quality.score)
