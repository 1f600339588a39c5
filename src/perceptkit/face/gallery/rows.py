"""The rows of embeddings.npz: which face of whom each is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...arrays import Floats
from ..store import Embeddings
from .people import Gallery, Prototype, mean_of

__all__ = ["Rows", "embeddings_of", "row_id", "rows_of", "with_known_vectors"]

Rows = dict[str, tuple[Prototype, Floats]]
"""Faces with their embeddings (D,), by the ids of their rows."""


def rows_of(gallery: Gallery) -> Rows:
    """All faces with their embeddings, by the ids of their rows."""
    return {
        row_id(person.id, face.id): (face, vector)
        for person in gallery.people
        for face, vector in zip(person.prototypes, person.vectors, strict=True)
    }


def row_id(person: str, face: str) -> str:
    """The same photo may stand for two people, if only by mistake."""
    return f"{person}/{face}"


def with_known_vectors(gallery: Gallery, known: Rows) -> Gallery:
    """The gallery with the embeddings that are there already, of faces that are: another device may have made slightly
    different ones, which cannot take the place of the old in one step with gallery.json."""
    people = []
    for person in gallery.people:
        ids = [row_id(person.id, face.id) for face in person.prototypes]
        pairs = zip(ids, person.vectors, strict=True)
        vectors = np.stack([known[one][1] if one in known else vector for one, vector in pairs])
        if not np.array_equal(vectors, person.vectors):
            person = replace(person, vectors=vectors, mean=mean_of(vectors, person.prototypes))
        people.append(person)
    return replace(gallery, people=tuple(people))


def embeddings_of(gallery: Gallery, rows: Rows) -> Embeddings:
    """Rows as embeddings.npz keeps them."""
    faces, vectors = [face for face, _ in rows.values()], [vector for _, vector in rows.values()]
    return Embeddings(
        gallery.model,
        gallery.model_sha256,
        tuple(rows),
        tuple(face.source for face in faces),
        np.array([1 if face.quality is None else face.quality for face in faces], np.float32),
        np.stack(vectors) if vectors else np.empty((0, 1), np.float32),
    )
