"""Galleries of made-up people, without networks and photos."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from perceptkit.arrays import Floats
from perceptkit.face.gallery import Enrolled, Gallery, Prototype, load_gallery
from perceptkit.face.gallery.files import changing
from perceptkit.face.gallery.people import mean_of

__all__ = ["DIMENSION", "EMPTY", "PICTURE", "add", "enrolled", "identity_of", "same", "unit", "with_people"]

DIMENSION = 8
EMPTY = Gallery("yunet", "ab" * 32, ())
PICTURE = b"\x89PNG a picture of "
"""What the picture of somebody begins with; the name follows."""


def unit(*numbers: float) -> Floats:
    """A vector of unit length that begins with these numbers."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[: len(numbers)] = numbers
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def identity_of(name: str) -> str:
    """The id that somebody has in these tests."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def enrolled(name: str, *vectors: Floats, faces: int = 3, quality: float | None = 0.5) -> Enrolled:
    """Somebody with these embeddings, or with random ones that the name tells."""
    seed = int(identity_of(name), 16)
    rows = np.random.default_rng(seed).normal(size=(faces, DIMENSION)).astype(np.float32)
    known = np.stack(vectors) if vectors else rows / np.linalg.norm(rows, axis=1, keepdims=True)
    prototypes = tuple(
        Prototype(f"{number:016x}", f"{name}.mp4", number / 2, quality, 10.0) for number in range(len(known))
    )
    mean = mean_of(known, prototypes)
    return Enrolled(identity_of(name), name, "2024-05-01T12:00:00+00:00", prototypes, known, mean)


def with_people(*people: Enrolled) -> Gallery:
    """A gallery in memory."""
    return replace(EMPTY, people=people)


def add(folder: Path, *names: str) -> Gallery:
    """Put people with random embeddings and pictures into a gallery, which is made when it is not there."""
    for name in names:
        with changing(folder, make=EMPTY) as change:
            person = enrolled(name)
            pictures = {person.id: PICTURE + name.encode("utf-8", "backslashreplace")}
            change.save(replace(change.gallery, people=(*change.gallery.people, person)), pictures=pictures)
    return load_gallery(folder)


def same(one: Gallery, other: Gallery) -> bool:
    """Whether two galleries say the same of the same people."""
    return (one.model, one.model_sha256, len(one.people)) == (
        other.model,
        other.model_sha256,
        len(other.people),
    ) and all(
        (mine.id, mine.name, mine.enrolled, mine.prototypes) == (its.id, its.name, its.enrolled, its.prototypes)
        and np.array_equal(mine.vectors, its.vectors)
        and np.array_equal(mine.mean, its.mean)
        for mine, its in zip(one.people, other.people, strict=True)
    )
