"""Group faces by person from their embeddings alone: (N, D) unit vectors -> a person number for each.

Two faces are taken for the same person when their cosine similarity is at or above a threshold: a higher
threshold is stricter. How that becomes groups is the mode:

`people` (default): group-average clustering. Groups grow by joining pairs that are each other's nearest, as long as
the *mean* similarity between their members stays at or above the threshold, so two people are not chained together
through one doubtful face. A second pass joins groups whose faces match each other's centres. Faces of low quality
take no part in this: blurred strangers look alike to a network. They are given to the group whose centre they match,
at the end, and never bridge two groups; those that match nobody stand alone, copies of one picture together.

`first`: greedy, in input order. A face that matches no earlier kept face is kept and founds a person; any other
belongs to the kept face it matches best.

Every face is compared with every other, exactly: time grows with N^2 (one matrix product), memory with N, because of
those that reach the threshold only the nearest of each face are kept as candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Floats, Integers
from ..errors import InputError
from .defaults import MODE

__all__ = ["MIN_QUALITY", "MODES", "check", "group"]


MIN_QUALITY = 0.5
"""Faces of a lower quality never found or join groups in mode `people`; they are matched to them at the end."""

_COPY = 0.9  # faces of low quality that match nobody are only put together when they are the same picture

_NEIGHBOURS = 24  # candidate partners kept for each face
_ROWS, _COLUMNS = 1024, 2048  # of one block of similarities: 8 MB, which stays in the processor's cache


def group(embeddings: Floats, threshold: float, *, mode: str = MODE, quality: Floats | None = None) -> Integers:
    """Person numbers (N,) of unit embeddings (N, D), counted from 0 in order of first appearance.

    `quality` (N,) 0..1 is used by mode `people`; without it all faces count as good. Raises InputError for an
    unknown mode, a threshold outside -1..1, embeddings that are not finite unit vectors, or another number of
    qualities.
    """
    check(threshold, mode)
    vectors = np.ascontiguousarray(embeddings, np.float32)
    if vectors.ndim != 2 or not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
        raise InputError("embeddings must be an array (N, D) of finite vectors of length 1")
    good = np.ones(len(vectors), bool) if quality is None else np.asarray(quality) >= MIN_QUALITY
    if good.shape != vectors.shape[:1]:
        raise InputError(f"quality has shape {good.shape}, the {len(vectors)} embeddings need {vectors.shape[:1]}")
    return _renumbered(MODES[mode](vectors, threshold, good))


def check(threshold: float | None, mode: str = MODE) -> None:
    """Raise InputError for a threshold (None: still to be chosen) or a mode that `group` would refuse."""
    if mode not in MODES:
        raise InputError(f"unknown mode {mode!r}; choose one of: {', '.join(MODES)}")
    if threshold is not None and not -1 <= threshold <= 1:
        raise InputError(f"the threshold is {threshold}; a cosine similarity lies between -1 and 1")


def _first(vectors: Floats, threshold: float, good: np.ndarray[Any, Any]) -> Integers:
    labels = np.empty(len(vectors), np.int64)
    kept = np.empty_like(vectors)
    count = 0
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        best, similarity = _nearest(block, kept[:count])
        within = block @ block.T
        founders: list[int] = []  # faces of this block that were kept
        for row in range(len(block)):
            if founders:
                among = within[row, founders]
                if among.max() > similarity[row]:
                    best[row], similarity[row] = count - len(founders) + int(among.argmax()), among.max()
            if similarity[row] < threshold:
                kept[count], best[row] = block[row], count
                founders.append(row)
                count += 1
        labels[start : start + len(block)] = best
    return labels


def _people(vectors: Floats, threshold: float, good: np.ndarray[Any, Any]) -> Integers:
    labels = np.full(len(vectors), -1, np.int64)
    chosen, doubtful = np.flatnonzero(good), np.flatnonzero(~good)
    labels[chosen] = _cluster(vectors[chosen], threshold)
    if len(doubtful):
        centres = _sums(vectors[chosen], labels[chosen])
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
        best, similarity = _nearest(vectors[doubtful], centres)
        labels[doubtful] = np.where(similarity >= threshold, best, -1)
        alone = np.flatnonzero(labels < 0)
        labels[alone] = _cluster(vectors[alone], max(threshold, _COPY)) + len(centres)
    return labels


MODES: dict[str, Callable[[Floats, float, np.ndarray[Any, Any]], Integers]] = {"people": _people, "first": _first}
"""Ways to group faces."""


def _cluster(vectors: Floats, threshold: float) -> Integers:
    """Group-average clustering over the candidate pairs, then over groups whose centres match."""
    labels = np.arange(len(vectors))
    pairs = _candidate_pairs(vectors, threshold)
    labels = _join(vectors, labels, pairs, threshold, by_centre=False)
    return _join(vectors, labels, _centre_pairs(vectors, labels, threshold), threshold, by_centre=True)


def _join(vectors: Floats, labels: Integers, pairs: Integers, threshold: float, *, by_centre: bool) -> Integers:
    """Join groups along candidate pairs (P, 2) of labels, reciprocal nearest neighbours first, until none is left.

    The mean similarity between two groups is the product of their sums over the product of their sizes, so no pair
    of faces is compared again; a pair whose mean is too low can be forgotten, because what either of its groups
    becomes has a mean of such means. Joining reciprocal nearest neighbours gives the same tree as joining the
    nearest pair each time (Murtagh, 1983), in few rounds.
    """
    sums, sizes = _sums(vectors, labels), np.bincount(labels).astype(np.float32)
    count = len(sums)
    similarity = _linkage(sums, sizes, pairs, by_centre=by_centre)
    while len(pairs):
        near = similarity >= threshold
        pairs, similarity = pairs[near], similarity[near]
        merged = _reciprocal(pairs, similarity, count)
        if not len(merged):
            break
        target = np.arange(count)
        target[merged[:, 1]] = merged[:, 0]
        sums[merged[:, 0]] += sums[merged[:, 1]]
        sizes[merged[:, 0]] += sizes[merged[:, 1]]
        labels = target[labels]
        pairs = np.sort(target[pairs], axis=1)
        key, first = np.unique(pairs[:, 0] * count + pairs[:, 1], return_index=True)
        first = first[key // count != key % count]
        pairs, similarity = pairs[first], similarity[first]
        changed = np.zeros(count, bool)
        changed[merged[:, 0]] = True
        stale = changed[pairs].any(axis=1)
        similarity[stale] = _linkage(sums, sizes, pairs[stale], by_centre=by_centre)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _linkage(sums: Floats, sizes: Floats, pairs: Integers, *, by_centre: bool) -> Floats:
    """How near the two groups of each pair are: the mean similarity m between their faces or, `by_centre`, between the
    faces of one and the centre of the other, m / |c|, with the geometric mean of both centres' lengths for |c|."""
    similarity = np.empty(len(pairs), np.float32)
    scale = np.sqrt(sizes * np.linalg.norm(sums, axis=1)) if by_centre else sizes
    for part in _slices(len(pairs), 4096):
        left, right = pairs[part].T
        similarity[part] = np.einsum("ij,ij->i", sums[left], sums[right]) / (scale[left] * scale[right])
    return similarity


def _reciprocal(pairs: Integers, similarity: Floats, count: int) -> Integers:
    """The pairs that are each other's nearest; of equally near partners the one with the lower number."""
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    similarity = np.concatenate([similarity, similarity])
    strongest = np.full(count, -np.inf, np.float32)
    np.maximum.at(strongest, one, similarity)
    best = similarity == strongest[one]
    nearest = np.full(count + 1, count, np.int64)
    np.minimum.at(nearest, one[best], other[best])
    mutual = np.unique(one)
    mutual = mutual[(nearest[nearest[mutual]] == mutual) & (mutual < nearest[mutual])]
    return np.stack([mutual, nearest[mutual]], axis=1)


def _candidate_pairs(vectors: Floats, threshold: float) -> Integers:
    """For every face its nearest faces at or above the threshold, at most `_NEIGHBOURS`, as pairs (P, 2)."""
    count = len(vectors)
    best = _Best(count, _NEIGHBOURS)
    for top in range(0, count, _ROWS):
        rows = vectors[top : top + _ROWS]
        for left in range(top, count, _COLUMNS):
            block = rows @ vectors[left : left + _COLUMNS].T
            flat = _near(block, threshold, best.least(top, len(rows)), best.least(left, block.shape[1]))
            if not len(flat):
                continue
            row, column = np.divmod(flat, block.shape[1])
            similarity = block.ravel()[flat]
            row, column = row + top, column + left
            upper = row < column  # below the diagonal the same pairs come again
            best.add(row[upper], column[upper], similarity[upper])
    return best.pairs()


def _near(block: Floats, threshold: float, least_row: Floats, least_column: Floats) -> Integers:
    """The places in a block of similarities, at or above the threshold, that may be among a face's nearest.

    `least_row` and `least_column` are the least similarities that each face of the rows and the columns keeps.
    """
    flat = np.flatnonzero(block >= threshold)
    enough = _NEIGHBOURS + 1  # a face is nearest to itself
    many = enough * sum(block.shape)
    if len(flat) > many:  # many faces of one person: sorting all of them would take long
        flat = np.flatnonzero((block >= threshold) & (block > np.minimum(least_row[:, None], least_column)))
    if len(flat) > many:
        of_row = np.partition(block, -enough, axis=1)[:, -enough, None]
        of_column = np.partition(block, -enough, axis=0)[-enough]
        flat = flat[block.ravel()[flat] >= np.minimum(of_row, of_column).ravel()[flat]]
    return flat


class _Best:
    """The nearest partners of every face, gathered block by block in memory that grows with the faces only."""

    def __init__(self, count: int, limit: int) -> None:
        self._partner = np.full((count, limit), -1, np.int32)
        self._similarity = np.full((count, limit), -np.inf, np.float32)

    def add(self, one: Integers, other: Integers, similarity: Floats) -> None:
        """Offer the partners of each other: two index arrays and their similarity."""
        owner = np.concatenate([one, other])
        partner = np.concatenate([other, one])
        strength = np.concatenate([similarity, similarity])
        limit = self._partner.shape[1]
        order = np.lexsort((partner, -strength, owner))
        owner, partner, strength = owner[order], partner[order], strength[order]
        owners, start, number = np.unique(owner, return_index=True, return_counts=True)
        rank = np.arange(len(owner)) - np.repeat(start, number)
        kept = rank < limit
        row = np.repeat(np.arange(len(owners)), number)[kept]
        offered = np.full((len(owners), limit), -1, np.int32)
        offered_strength = np.full((len(owners), limit), -np.inf, np.float32)
        offered[row, rank[kept]], offered_strength[row, rank[kept]] = partner[kept], strength[kept]
        both = np.concatenate([self._partner[owners], offered], axis=1)
        both_strength = np.concatenate([self._similarity[owners], offered_strength], axis=1)
        nearest = np.argsort(-both_strength, axis=1, kind="stable")[:, :limit]
        self._partner[owners] = np.take_along_axis(both, nearest, axis=1)
        self._similarity[owners] = np.take_along_axis(both_strength, nearest, axis=1)

    def least(self, start: int, count: int) -> Floats:
        """The least similarity that each of `count` faces keeps, -inf where there is still room."""
        return np.asarray(self._similarity[start : start + count, -1])

    def pairs(self) -> Integers:
        """All pairs kept, each once, lower number first."""
        owner, place = np.nonzero(self._partner >= 0)
        pairs = np.stack([owner, self._partner[owner, place]], axis=1).astype(np.int64)
        return np.unique(np.sort(pairs, axis=1), axis=0)


def _centre_pairs(vectors: Floats, labels: Integers, threshold: float) -> Integers:
    """Pairs of groups whose centres match, one of them of two faces or more: single faces were compared before."""
    centres = _sums(vectors, labels)
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    found = [np.empty((0, 2), np.int64)]
    several = np.flatnonzero(np.bincount(labels, minlength=len(centres)) >= 2)
    for top in _slices(len(several), _ROWS):
        for left in _slices(len(centres), _COLUMNS):
            row, column = np.nonzero(centres[several[top]] @ centres[left].T >= threshold)
            pair = np.stack([several[top][row], column + left.start], axis=1)
            found.append(np.sort(pair[pair[:, 0] != pair[:, 1]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _nearest(vectors: Floats, others: Floats) -> tuple[Integers, Floats]:
    """For each vector the index of the most similar of `others`, and the similarity (-inf when there is none)."""
    best, similarity = np.zeros(len(vectors), np.int64), np.full(len(vectors), -np.inf, np.float32)
    for top in _slices(len(vectors), _ROWS):
        for left in _slices(len(others), _COLUMNS):
            block = vectors[top] @ others[left].T
            column = block.argmax(axis=1)
            value = block[np.arange(len(block)), column]
            better = value > similarity[top]
            best[top] = np.where(better, column + left.start, best[top])
            similarity[top] = np.where(better, value, similarity[top])
    return best, similarity


def _sums(vectors: Floats, labels: Integers) -> Floats:
    """The sum of the vectors of each label (labels count from 0)."""
    sums = np.zeros((int(labels.max(initial=-1)) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    return sums


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _renumbered(labels: Integers) -> Integers:
    """The same grouping, numbered from 0 in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
