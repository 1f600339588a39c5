"""Who is who, from embeddings alone: planted people are found again, and nobody is chained to anybody."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from perceptkit.arrays import Floats, Integers
from perceptkit.errors import InputError
from perceptkit.face.grouping import MIN_QUALITY, MODES, _candidate_pairs, group

EVERY_MODE = pytest.mark.parametrize("mode", MODES)
GOOD, POOR = 0.9, MIN_QUALITY - 0.01


def unit(vectors: object) -> Floats:
    array = np.asarray(vectors, np.float64)
    return np.asarray(array / np.linalg.norm(array, axis=1, keepdims=True), np.float32)


def planted(sizes: list[int], *, likeness: float = 0.7, dimension: int = 128, seed: int = 0) -> tuple[Floats, Integers]:
    """People seen `sizes` times, in random order, and who each is. Two sightings of one have about `likeness`."""
    random = np.random.default_rng(seed)
    people = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(people)
    centres = unit(random.normal(size=(len(sizes), dimension)))
    # |centre + noise|^2 = 1 + |noise|^2, and the likeness of two is one over that.
    noise = unit(random.normal(size=(len(people), dimension))) * np.sqrt(1 / likeness - 1)
    return unit(centres[people] + noise), people.astype(np.int64)


def partition(labels: Integers) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def on_a_circle(*degrees: float) -> Floats:
    angles = np.radians(degrees)
    return unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))


def greedy(vectors: Floats, threshold: float) -> list[int]:
    """Mode `first` as one would write it down."""
    kept: list[int] = []
    labels = []
    for row in range(len(vectors)):
        similarity = vectors[kept] @ vectors[row] if kept else np.array([-np.inf])
        if similarity.max() < threshold:
            labels.append(len(kept))
            kept.append(row)
        else:
            labels.append(int(similarity.argmax()))
    return labels


@EVERY_MODE
def test_planted_people_are_found_again(mode: str) -> None:
    vectors, people = planted([1] * 60 + [2] * 40 + [5] * 20 + [30, 100, 200], likeness=0.75)
    assert partition(group(vectors, 0.4, mode=mode)) == partition(people)


def test_people_are_found_again_whose_faces_are_not_all_alike() -> None:
    """A fifth of the pairs of a person are below the threshold: the mean holds the person together."""
    vectors, people = planted([12] * 25, likeness=0.46, dimension=256, seed=4)
    similarity = vectors @ vectors.T
    same = people[:, None] == people
    assert 0.05 < float((similarity[same] < 0.42).mean()) < 0.3
    assert partition(group(vectors, 0.42)) == partition(people)


@pytest.mark.parametrize("step", [5, 20, 35, 60])
def test_a_chain_of_likenesses_is_not_one_person(step: int) -> None:
    """Each face is like the next, the ends are opposites."""
    angles = np.arange(0, 181, step)
    labels = group(on_a_circle(*angles), 0.4)
    assert labels[0] != labels[-1]
    # No group is so wide that its ends are strangers to its middle.
    widths = [np.ptp(angles[labels == label]) for label in np.unique(labels)]
    assert max(widths) <= 2 * np.degrees(np.arccos(0.4))


def test_a_doubtful_face_between_two_people_does_not_join_them() -> None:
    left, right = on_a_circle(*[-44] * 6), on_a_circle(*[44] * 6)
    for bridges in (1, 2, 5, 40):
        vectors = np.concatenate([left, right, on_a_circle(*np.linspace(-20, 20, bridges + 2)[1:-1])])
        quality = np.array([GOOD] * 12 + [POOR] * bridges, np.float32)
        labels = group(vectors, 0.4, quality=quality)
        assert labels[0] != labels[6]
        assert set(labels[12:]) <= {labels[0], labels[6]}


def test_a_face_of_low_quality_goes_to_the_person_it_is_nearest_to_or_to_nobody() -> None:
    vectors = on_a_circle(0, 4, 90, 94, 30, 60, 180, 181)
    quality = np.array([GOOD] * 4 + [POOR] * 4, np.float32)
    labels = group(vectors, 0.4, quality=quality)
    assert labels.tolist() == [0, 0, 1, 1, 0, 1, 2, 2]


def test_faces_of_low_quality_do_not_found_a_person_together_unless_they_are_copies() -> None:
    alike = on_a_circle(0, 40, 40.1, 80)
    assert group(alike, 0.4, quality=np.full(4, POOR, np.float32)).tolist() == [0, 1, 1, 2]
    assert group(alike, 0.4, quality=np.full(4, GOOD, np.float32)).tolist() == [0, 0, 0, 0]


def test_one_person_of_five_thousand_faces_stays_one() -> None:
    vectors, _ = planted([5000], likeness=0.6)
    assert group(vectors, 0.4).tolist() == [0] * 5000


def test_memory_grows_with_the_faces_not_with_their_pairs() -> None:
    peaks = []
    for count in (3000, 6000):
        vectors, _ = planted([count // 2] + [5] * (count // 10), dimension=32)
        tracemalloc.start()
        group(vectors, 0.4)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 20e6, "all pairs of 6,000 faces would take 144 MB, of 3,000 36 MB"


@EVERY_MODE
def test_a_stricter_threshold_never_gives_fewer_people(mode: str) -> None:
    vectors, _ = planted([8] * 40, likeness=0.6, dimension=64, seed=2)
    counts = [len(np.unique(group(vectors, threshold, mode=mode))) for threshold in np.linspace(-0.2, 1, 25)]
    assert all(one <= other for one, other in pairwise(counts))
    assert counts[0] < 40 < counts[-1] == len(vectors)


def test_the_order_of_the_faces_changes_nothing() -> None:
    vectors, _ = planted([1] * 20 + [7] * 30, likeness=0.55, dimension=48, seed=5)
    quality = np.random.default_rng(1).uniform(0.3, 1, len(vectors)).astype(np.float32)
    expected = partition(group(vectors, 0.42, quality=quality))
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(vectors))
        labels = np.empty(len(vectors), np.int64)
        labels[order] = group(vectors[order], 0.42, quality=quality[order])
        assert partition(labels) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.integers(0, 10**6))
def test_it_is_average_linkage_where_people_are_well_apart(sizes: list[int], seed: int) -> None:
    vectors, _ = planted(sizes, likeness=0.7, dimension=64, seed=seed)
    labels = group(vectors, 0.5)
    if len(vectors) > 1:
        tree = linkage(pdist(vectors.astype(np.float64), "cosine"), "average")
        assert partition(labels) == partition(fcluster(tree, 0.5, "distance").astype(np.int64))
    else:
        assert labels.tolist() == [0]


def test_many_faces_of_one_person_do_not_hide_the_others() -> None:
    """The blocks in which almost everything is alike are thinned out; who is rare must survive that."""
    vectors, people = planted([2600, 40, 40, 3, 3, 2, 2, 1, 1], likeness=0.8, seed=8)
    assert partition(group(vectors, 0.4)) == partition(people)


@pytest.mark.parametrize("sizes", [[2300, 40, 3, 1], [30] * 60, [1500, 700]], ids=str)
def test_the_partners_of_a_face_are_its_nearest(sizes: list[int]) -> None:
    vectors, _ = planted(sizes, likeness=0.7, dimension=64, seed=9)
    vectors = np.asarray(
        np.round(vectors * 512) / 512, np.float32
    )  # so that their products are exact, in whatever order they are summed
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :24]
    expected = {
        (min(one, other), max(one, other))
        for one, row in enumerate(nearest.tolist())
        for other in row
        if similarity[one, other] >= 0.4
    }
    assert set(map(tuple, _candidate_pairs(vectors, 0.4).tolist())) == expected


@pytest.mark.parametrize("threshold", [-1.0, 0.25, 0.5, 0.75, 1.0])
def test_first_is_the_plain_greedy_way(threshold: float) -> None:
    """Vectors of +-1/4: their products are exact, so that ties and the threshold itself are exact too."""
    vectors = np.random.default_rng(6).choice([-0.25, 0.25], (4500, 16)).astype(np.float32)
    labels = group(vectors, threshold, mode="first")
    assert labels.tolist() == greedy(vectors, threshold)
    if threshold == 1:
        assert labels.max() > 2 * 2048, "the kept faces cross the blocks in which they are compared"


def test_first_keeps_the_first_and_gives_each_to_the_one_it_matches_best() -> None:
    labels = group(on_a_circle(0, 80, 50, 30, 170, 120), 0.6, mode="first")
    assert labels.tolist() == [0, 1, 1, 0, 2, 1]


def test_a_similarity_at_the_threshold_is_enough() -> None:
    vectors = np.array([[1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]], np.float32)
    for mode in MODES:
        assert group(vectors, 0.5, mode=mode).tolist() == [0, 0]
        assert group(vectors, 0.500001, mode=mode).tolist() == [0, 1]


@EVERY_MODE
def test_people_are_numbered_by_their_first_appearance(mode: str) -> None:
    vectors, _ = planted([3, 1, 5, 2, 9], seed=3)
    labels = group(vectors, 0.4, mode=mode)
    assert list(dict.fromkeys(labels.tolist())) == [0, 1, 2, 3, 4]
    assert labels.dtype == np.int64


def test_a_face_of_low_quality_that_comes_first_has_the_first_number() -> None:
    quality = np.array([POOR, GOOD, GOOD, POOR], np.float32)
    assert group(on_a_circle(180, 0, 4, 90), 0.4, quality=quality).tolist() == [0, 1, 1, 2]


@EVERY_MODE
def test_nobody_one_face_and_copies(mode: str) -> None:
    one = unit(np.arange(1, 9)[None])
    assert group(np.empty((0, 8), np.float32), 0.4, mode=mode).shape == (0,)
    assert group(one, 1.0, mode=mode).tolist() == [0]
    assert group(np.repeat(one, 300, axis=0), 0.9, mode=mode).tolist() == [0] * 300
    quality = np.full(300, POOR, np.float32)
    assert group(np.repeat(one, 300, axis=0), 0.9, mode=mode, quality=quality).tolist() == [0] * 300
    assert group(np.empty((0, 8), np.float32), 0.4, mode=mode, quality=quality[:0]).shape == (0,)


@EVERY_MODE
def test_the_input_is_left_as_it_was(mode: str) -> None:
    vectors, _ = planted([5, 5])
    before = vectors.copy()
    group(vectors, 0.4, mode=mode)
    np.testing.assert_array_equal(vectors, before)


@pytest.mark.parametrize("threshold", [1.01, -1.01, 40.0, float("nan"), float("inf")])
def test_a_threshold_that_is_no_cosine_is_refused(threshold: float) -> None:
    with pytest.raises(InputError, match=f"the threshold is {threshold}; a cosine similarity lies between -1 and 1"):
        group(on_a_circle(0, 1), threshold)


def test_an_unknown_mode_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="unknown mode 'persons'; choose one of: people, first"):
        group(on_a_circle(0, 1), 0.4, mode="persons")


@pytest.mark.parametrize(
    "vectors",
    [
        np.array([[1, 0], [np.nan, 0]]),
        np.array([[1, 0], [np.inf, 0]]),
        np.array([[1, 0], [0, 0]]),
        np.array([[1, 0], [3, 4]]),
        np.array([1.0, 0.0]),
        np.ones((2, 2, 2)) / np.sqrt(2),
        [],
    ],
    ids=["nan", "infinity", "zero", "not of length 1", "one vector", "three axes", "a list of nothing"],
)
def test_what_is_no_set_of_unit_vectors_is_refused(vectors: Floats) -> None:
    with pytest.raises(InputError, match=r"embeddings must be an array \(N, D\) of finite vectors of length 1"):
        group(vectors, 0.4)


def test_a_quality_for_other_faces_is_refused() -> None:
    with pytest.raises(InputError, match=r"quality has shape \(3,\), the 2 embeddings need \(2,\)"):
        group(on_a_circle(0, 1), 0.4, quality=np.ones(3, np.float32))


def test_two_large_groups_whose_faces_are_all_unlike_are_not_joined_by_their_centres() -> None:
    """Centres are shorter than faces: the cosine of two of them is well above any similarity between their faces."""
    random = np.random.default_rng(3)
    common, *own = np.linalg.qr(random.normal(size=(512, 3)))[0].T
    # Faces of one person are alike by 0.50, those of the two by 0.22.
    centres = [np.sqrt(0.22) * common + np.sqrt(0.28) * each for each in own]
    noise = unit(random.normal(size=(60, 512))) * np.sqrt(0.5)
    vectors = unit(np.repeat(centres, 30, axis=0) + noise)
    across = (vectors[:30] @ vectors[30:].T).max()
    assert across < 0.4
    assert group(vectors, 0.4).tolist() == [0] * 30 + [1] * 30
