"""All pairs of many faces, of one person and of two: how alike they are, counted in blocks of a matrix product.

What is kept of all pairs is a fine histogram, and in full only those of two people that are most alike: 12 bytes each,
and some 40 while they are sorted. How many these are is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arrays import Floats, Integers

__all__ = ["BINS", "Closest", "PairCounts", "Tail", "count_pairs", "genuine_below", "impostor_tail"]

BINS = 20_000
"""Bins of a histogram of similarities, over -1..1."""

_ROWS, _COLUMNS = 1024, 2048  # of one block of similarities: 8 MB, which stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class PairCounts:
    """How many pairs of one person (`genuine`) and of two (`impostor`) have which similarity: histograms (BINS,)."""

    genuine: Integers
    impostor: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Closest:
    """For each face how alike the nearest other face of its person is, the nearest of all others, and which that is.

    All (N,); -inf and -1 where there is none.
    """

    own: Floats
    other: Floats
    other_face: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The pairs of two people that are most alike, most first: similarities (T,) and the two faces (T,) of each."""

    similarity: Floats
    first: Integers
    second: Integers


def count_pairs(vectors: Floats, people: Integers) -> tuple[PairCounts, Closest]:
    """Histograms of all pairs of unit vectors (N, D) of `people` (N,), and each face's nearest ones."""
    genuine, impostor = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    own, other = np.full(len(vectors), -np.inf, np.float32), np.full(len(vectors), -np.inf, np.float32)
    other_face = np.full(len(vectors), -1, np.int64)
    for top, left, block, same, new in _blocks(vectors, people):
        bins = _bins(block)
        genuine += np.bincount(bins[same & new], minlength=BINS)
        impostor += np.bincount(bins[~same & new], minlength=BINS)
        within, across = np.where(same & new, block, -np.inf), np.where(~same & new, block, -np.inf)
        for rows, partners, axis in ((top, left, 1), (left, top, 0)):
            own[rows] = np.maximum(own[rows], within.max(axis=axis))
            place = across.argmax(axis=axis)
            value = across.max(axis=axis)
            better = value > other[rows]
            other_face[rows] = np.where(better, place + partners.start, other_face[rows])
            other[rows] = np.where(better, value, other[rows])
    return PairCounts(genuine, impostor), Closest(own, other, other_face)


def impostor_tail(vectors: Floats, people: Integers, impostor: Integers, wanted: int) -> Tail:
    """The pairs of two people that are most alike, at least `wanted` of them (all, where there are fewer).

    `impostor` is their histogram, as `count_pairs` gives it.
    """
    from_top = np.cumsum(impostor[::-1])
    lowest = max(BINS - 1 - int(np.searchsorted(from_top, wanted)), 0)
    kept = []
    for top, left, block, same, new in _blocks(vectors, people):
        row, column = np.nonzero((_bins(block) >= lowest) & ~same & new)
        kept.append((block[row, column], (row + top.start).astype(np.int32), (column + left.start).astype(np.int32)))
    similarity, first, second = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    order = np.argsort(-similarity, kind="stable")
    return Tail(similarity[order], first[order], second[order])


def genuine_below(vectors: Floats, people: Integers, thresholds: Floats) -> tuple[Integers, Integers]:
    """Of each person the pairs that are less alike than each threshold (people, thresholds), and all pairs (people,).

    `people` (N,) are counted from 0 without gaps.
    """
    order = np.argsort(people, kind="stable")
    sizes = np.bincount(people)
    below = np.zeros((len(sizes), len(thresholds)), np.int64)
    for person, rows in enumerate(np.split(order, np.cumsum(sizes)[:-1])):
        for _, _, block, _, new in _blocks(vectors[rows], people[rows]):
            values = np.sort(block[new])
            below[person] += np.searchsorted(values, thresholds.astype(np.float64), side="left")
    return below, sizes * (sizes - 1) // 2


def _blocks(
    vectors: Floats, people: Integers
) -> Iterator[tuple[slice, slice, Floats, np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Blocks of similarities: which rows and columns they are, whether of one person, and which pairs are new.

    Together they hold each pair of two different faces once.
    """
    numbers = np.arange(len(vectors))
    for top in _slices(len(vectors), _ROWS):
        for left in _slices(len(vectors), _COLUMNS):
            if left.stop > top.start:
                block = np.clip(vectors[top] @ vectors[left].T, -1, 1)
                same = people[top][:, None] == people[left]
                yield top, left, block, same, numbers[top][:, None] < numbers[left]


def _bins(block: Floats) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.asarray(np.minimum((block + 1) * np.float32(BINS / 2), BINS - 1), np.int32)


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
