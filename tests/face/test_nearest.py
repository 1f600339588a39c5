"""The nearest vectors are found as by comparing with all and sorting, however many there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptkit.errors import InputError
from perceptkit.face.nearest import check_lengths, nearest, unit_blocks

Array = np.ndarray[Any, Any]


def corners(count: int, dimension: int, seed: int) -> Array:
    """Unit vectors whose products are exact, many of them equal: four numbers are 1/2 or -1/2, the others 0."""
    random = np.random.default_rng(seed)
    vectors = np.zeros((count, dimension), np.float32)
    for row in vectors:
        row[random.choice(dimension, 4, replace=False)] = random.choice([-0.5, 0.5], 4)
    return vectors


def brute_force(vectors: Array, queries: Array, top: int) -> tuple[Array, Array]:
    similarity = queries @ vectors.T
    rows = np.argsort(-similarity, axis=1, kind="stable")[:, :top]
    return rows, np.take_along_axis(similarity, rows, axis=1)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 300),
    queries=st.integers(1, 4),
    top=st.integers(1, 310),
    dimension=st.integers(4, 7),
    seed=st.integers(0, 10**6),
)
def test_it_is_comparing_with_all_and_sorting(count: int, queries: int, top: int, dimension: int, seed: int) -> None:
    vectors, wanted = corners(count, dimension, seed), corners(queries, dimension, seed + 1)
    for mine, true in zip(nearest(vectors, wanted, top), brute_force(vectors, wanted, top), strict=True):
        np.testing.assert_array_equal(mine, true)


@pytest.mark.parametrize("top", [1, 5, 700])
def test_the_nearest_of_many_blocks_are_found_and_the_lower_row_comes_first(top: int) -> None:
    few = corners(50, 512, seed=3)
    vectors = few[np.random.default_rng(4).integers(0, 50, 9000)]
    assert len(list(unit_blocks(vectors))) > 4
    rows, similarity = nearest(vectors, few[:3], top)
    true_rows, true_similarity = brute_force(vectors, few[:3], top)
    np.testing.assert_array_equal(rows, true_rows)
    np.testing.assert_array_equal(similarity, true_similarity)


def test_each_face_of_a_person_is_found_in_order_of_likeness() -> None:
    random = np.random.default_rng(5)
    vectors = random.normal(size=(20_000, 128)).astype(np.float32)
    angles = np.radians([10, 20, 30, 40])
    query, other = np.eye(128, dtype=np.float32)[:2]
    places = [19_999, 0, 12_345, 8192]
    vectors[places] = np.outer(np.cos(angles), query) + np.outer(np.sin(angles), other)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, similarity = nearest(vectors, query[None], 4)
    assert rows.tolist() == [places]
    np.testing.assert_allclose(similarity, [np.cos(angles)], atol=1e-6)


@pytest.mark.parametrize("queries", [1, 2, 4, 7, 8, 16])
def test_equal_vectors_are_equally_near_wherever_they_lie(queries: int) -> None:
    """A product of many vectors is rounded in another way at the end of a block."""
    random = np.random.default_rng(7)
    vectors = random.normal(size=(3000, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    copies = [3, 100, 505, 511, 512, 1023, 2047, 2999]
    vectors[copies] = vectors[3]
    near = 3 * vectors[3] + random.normal(size=(queries, 512)) * 2 / 512**0.5
    near = np.asarray(near / np.linalg.norm(near, axis=1, keepdims=True), np.float32)
    for top in (3, 8):
        rows, similarity = nearest(vectors, near, top)
        assert rows.tolist() == [copies[:top]] * queries
        assert (similarity == similarity[:, :1]).all()
        truth = near.astype(np.float64) @ vectors[3].astype(np.float64)
        np.testing.assert_array_equal(similarity[:, 0], truth.astype(np.float32))
        alone = [nearest(vectors, query[None], top)[1][0] for query in near]
        np.testing.assert_array_equal(similarity, alone)


def test_among_none_nothing_is_found() -> None:
    rows, similarity = nearest(np.empty((0, 8), np.float32), corners(2, 8, 0), 5)
    assert rows.shape == similarity.shape == (2, 0)
    rows, similarity = nearest(corners(3, 8, 0), np.empty((0, 8), np.float32), 5)
    assert rows.shape == similarity.shape == (0, 3)


def test_vectors_that_are_not_aligned_are_compared_with_as_well() -> None:
    vectors = corners(5000, 512, seed=6)
    shifted = np.ndarray(vectors.shape, np.float32, buffer=b"\0\0" + vectors.tobytes(), offset=2)
    assert not shifted.flags.aligned
    for mine, true in zip(nearest(shifted, vectors[:2], 5), nearest(vectors, vectors[:2], 5), strict=True):
        np.testing.assert_array_equal(mine, true)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.6, 1e30, 0.0])
@pytest.mark.parametrize("row", [0, 4999])
def test_a_vector_that_is_not_of_length_1_is_refused(row: int, value: float) -> None:
    vectors = corners(5000, 512, seed=7)
    vectors[row, np.flatnonzero(vectors[row])[0]] = value
    with pytest.raises(InputError, match=rf"a vector is not of length 1 \(row {row}\)"):
        nearest(vectors, corners(1, 512, seed=8), 5)
    with pytest.raises(InputError, match=rf"a vector is not of length 1 \(row {row}\)"):
        check_lengths(vectors)
    with pytest.raises(InputError, match="a vector is not of length 1"):
        nearest(corners(10, 512, seed=9), vectors[[row]], 5)


def test_queries_of_another_dimension_are_refused() -> None:
    with pytest.raises(InputError, match="the vectors have 8 numbers, those searched for 9"):
        nearest(corners(3, 8, 0), corners(1, 9, 0), 5)
