"""Who a face is, of those who are known by name."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from ...arrays import Floats
from ...errors import InputError
from .people import Gallery

__all__ = ["Identity", "name_of", "recognise", "similarities"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a face is taken for: `name`, None for unknown, when `similarity` is below the threshold.

    `nearest` is the person who is most alike, `similarity` how much, `runner_up` the next one, and `margin` by how much
    the nearest is more alike than that one. They are None where the gallery has nobody, or nobody else.
    """

    name: str | None
    similarity: float | None
    nearest: str | None
    runner_up: str | None
    margin: float | None


def recognise(gallery: Gallery, embeddings: Floats, threshold: float) -> list[Identity]:
    """Who each face is: embeddings (N, D) of unit length, of the gallery's embedder.

    Somebody is as similar to a face as the nearest of the faces that were kept at the enrolment, or as the mean of
    these, if that is nearer. At or above `threshold` the nearest person is named.
    """
    return [name_of(gallery, row, threshold) for row in similarities(gallery, embeddings)]


def similarities(gallery: Gallery, embeddings: Floats) -> Floats:
    """How similar each face (N, D) is to each person of the gallery: (N, people), -1..1.

    Raises InputError for embeddings of another length than the gallery's.
    """
    if not gallery.people:
        return np.empty((len(embeddings), 0), np.float32)
    if gallery not in _known:
        _known[gallery] = np.concatenate([part for one in gallery.people for part in (one.vectors, one.mean[None])])
    known = _known[gallery]
    if embeddings.shape[1:] != known.shape[1:]:
        raise InputError(
            f"the embeddings have {embeddings.shape[1]} numbers, those of the gallery {known.shape[1]}: they were not "
            "made by the embedder that it names"
        )
    begins = np.cumsum([0, *(len(person.vectors) + 1 for person in gallery.people[:-1])])
    return np.asarray(np.maximum.reduceat(embeddings @ known.T, begins, axis=1), np.float32)


def name_of(gallery: Gallery, similarity: Floats, threshold: float) -> Identity:
    """Who a face is, from its similarity (people,) to each person; -inf is somebody whom it cannot be."""
    possible = np.where(np.isfinite(similarity), similarity, -np.inf)
    if not (possible > -np.inf).any():
        return Identity(None, None, None, None, None)
    first = int(possible.argmax())
    nearest, value = gallery.people[first].name, float(possible[first])
    name = nearest if value >= threshold else None
    possible[first] = -np.inf
    second = int(possible.argmax())
    if possible[second] == -np.inf:
        return Identity(name, value, nearest, None, None)
    return Identity(name, value, nearest, gallery.people[second].name, value - float(possible[second]))


_known: WeakKeyDictionary[Gallery, Floats] = WeakKeyDictionary()
"""All embeddings and means of a gallery, one after the other: gathered once, as that takes longer than comparing."""
