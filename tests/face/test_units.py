"""Tracks in grouping: one track is one person, unless its faces say otherwise."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pytest

from perceptkit.arrays import Floats
from perceptkit.face.grouping import MODES, group
from perceptkit.face.units import group_faces

EVERY_MODE = pytest.mark.parametrize("mode", MODES)
A, B, C = np.eye(64, dtype=np.float32)[:3]


def turned(towards: Floats, similarity: float, axis: int) -> Floats:
    """A unit vector with that similarity to another one; those of different axes are alike only through it."""
    vector = similarity * towards
    vector[axis] = np.sqrt(1 - similarity**2)
    return np.asarray(vector, np.float32)


def views(of: Floats, count: int, *, similarity: float = 0.8, first: int = 8) -> list[Floats]:
    """Faces of one person: any two have a similarity of `similarity` squared."""
    return [turned(of, similarity, first + number) for number in range(count)]


def people(
    vectors: Sequence[Floats],
    tracks: Sequence[Hashable | None],
    *,
    mode: str = "people",
    threshold: float = 0.4,
    quality: Sequence[float] | None = None,
) -> list[int]:
    weights = np.asarray(quality or [0.8] * len(vectors), np.float32)
    labels = group_faces(np.stack(vectors), threshold, mode=mode, quality=weights, tracks=tracks)
    return [int(label) for label in labels]


@EVERY_MODE
def test_without_tracks_it_is_the_grouping_of_faces(mode: str) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quality = random.uniform(0.2, 1, 60).astype(np.float32)
    found = group_faces(vectors, 0.4, mode=mode, quality=quality, tracks=[None] * 60)
    np.testing.assert_array_equal(found, group(vectors, 0.4, mode=mode, quality=quality))


@EVERY_MODE
def test_one_track_is_one_person_although_single_faces_do_not_match(mode: str) -> None:
    """Poses of similarity 0.3 to each other: below the threshold, above what strangers reach."""
    poses = views(A, 4, similarity=0.55)
    assert len(set(people(poses, [None] * 4, mode=mode))) == 4
    assert people(poses, ["v"] * 4, mode=mode) == [0] * 4


@EVERY_MODE
def test_two_tracks_and_a_photo_of_one_person_are_one(mode: str) -> None:
    faces = [*views(A, 3), *views(B, 3, first=20), *views(A, 2, first=30), turned(A, 0.8, 40)]
    tracks = [1, 1, 1, 2, 2, 2, 3, 3, None]
    assert people(faces, tracks, mode=mode) == [0, 0, 0, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(("first", "second"), [(1, 4), (2, 3), (2, 2), (3, 3), (4, 1), (6, 6)])
@EVERY_MODE
def test_an_id_that_went_over_to_somebody_else_does_not_merge_two_people(mode: str, first: int, second: int) -> None:
    """The worst is a switch half-way: then the mean of the track is like both people."""
    faces = [*views(A, first), *views(B, second, first=20), *views(A, 1, first=40), *views(B, 1, first=50)]
    found = people(faces, [1] * (first + second) + [None, None], mode=mode)
    assert found == [0] * first + [1] * second + [0, 1]


@EVERY_MODE
def test_a_face_that_does_not_match_its_track_leaves_it(mode: str) -> None:
    faces = [*views(A, 12, similarity=0.9), turned(A, 0.28, 40)]
    found = people(faces, [1] * 13, mode=mode)
    assert found == [0] * 12 + [1]


def test_people_are_numbered_by_their_first_face() -> None:
    faces = [C, *views(B, 2), A, *views(B, 1, first=20)]
    assert people(faces, [None, 1, 1, None, 2]) == [0, 1, 1, 2, 1]


def test_a_face_weighs_by_its_quality_in_the_mean_of_its_track() -> None:
    faces = [turned(A, 0.5, 10), A, turned(A, 0.42, 11)]
    for weak, expected in ((0.05, [0, 0, 0]), (1.0, [0, 0, 1])):
        assert people(faces, [1, 1, None], quality=[weak, 0.6, 0.9]) == expected


def test_a_track_is_as_good_as_its_best_face() -> None:
    """Single faces of low quality never found a group; a track that has one good face does."""
    blurred = people([*views(A, 2), *views(A, 2, first=20)], [None] * 4, quality=[0.2, 0.2, 0.2, 0.2])
    assert blurred == [0, 1, 2, 3]
    followed = people([*views(A, 2), *views(A, 2, first=20)], [1, 1, None, None], quality=[0.6, 0.2, 0.2, 0.2])
    assert followed == [0, 0, 0, 0]


@EVERY_MODE
@pytest.mark.parametrize("threshold", [-1.0, -0.5, 0.0, 1.0])
def test_every_threshold_gives_an_answer(mode: str, threshold: float) -> None:
    opposite: list[Any] = [A, -A, A, -A]
    found = people(opposite, [1, 1, 2, 2], mode=mode, threshold=threshold)
    assert found[0] == found[2]
    assert (len(set(found)) == 1) == (threshold == -1.0)
