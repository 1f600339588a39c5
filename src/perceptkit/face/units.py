"""Group faces by person when some of them are on tracks of a video: what is on one track was followed, so it is one.

The units that are grouped are single faces and tracks. A track counts as the mean of its embeddings, weighted by
quality, and of unit length; its quality is that of its best face. Following may go wrong, when two people cross, so a
track is not believed against its faces:

* faces that are less alike than two strangers may be by chance (half the threshold, on average) are two tracks;
* a face that does not match the mean of its track (the threshold) leaves it, and is a unit of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ..arrays import Floats, Integers
from .grouping import group

__all__ = ["STRANGERS", "centre", "group_faces"]

STRANGERS = 0.5  # of the threshold: what strangers hardly reach, and faces of one person in different poses do


def group_faces(
    vectors: Floats, threshold: float, *, mode: str, quality: Floats, tracks: Sequence[Hashable | None]
) -> Integers:
    """Person numbers (N,) of unit embeddings (N, D), counted from 0 in order of first appearance.

    `tracks` (N) says which faces were followed as one; None is a face by itself. The other arguments and errors are
    those of `grouping.group`.
    """
    units = _units(vectors, threshold, quality, tracks)
    if int(units.max(initial=-1)) + 1 == len(units):
        return group(vectors, threshold, mode=mode, quality=quality)
    order = np.argsort(units, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    centres = np.stack([centre(vectors[rows], quality[rows]) for rows in members])
    best = np.array([quality[rows].max() for rows in members], np.float32)
    return group(centres, threshold, mode=mode, quality=best)[units]


def _units(vectors: Floats, threshold: float, quality: Floats, tracks: Sequence[Hashable | None]) -> Integers:
    """The number of the unit that each face belongs to (N,), counted from 0 in order of first appearance."""
    of_track: dict[Hashable, list[int]] = {}
    for row, track in enumerate(tracks):
        if track is not None:
            of_track.setdefault(track, []).append(row)
    first = np.arange(len(tracks))  # the first face of each face's unit
    for rows in of_track.values():
        pieces = _pieces(vectors[rows], threshold, quality[rows])
        first[rows] = [rows[int(np.argmax(pieces == piece))] for piece in pieces]
    return np.unique(first, return_inverse=True)[1]


def _pieces(vectors: Floats, threshold: float, quality: Floats) -> Integers:
    """Labels (M,) of the faces of one track: all the same when they agree."""
    lenient = min(threshold, STRANGERS * threshold)
    agree = float((vectors @ vectors.T).min()) >= lenient
    labels = np.zeros(len(vectors), np.int64) if agree else group(vectors, lenient, mode="people")
    for label in range(int(labels.max()) + 1):
        rows = np.flatnonzero(labels == label)
        leaving = rows[vectors[rows] @ centre(vectors[rows], quality[rows]) < threshold]
        labels[leaving] = labels.max() + 1 + np.arange(len(leaving))
    return labels


def centre(vectors: Floats, quality: Floats) -> Floats:
    """The mean of unit vectors (M, D), weighted by quality and of unit length."""
    if len(vectors) == 1:
        return np.asarray(vectors[0])
    mean = quality @ vectors
    length = float(np.linalg.norm(mean))
    if length < 1e-6:  # they cancel out, which no threshold above 0 lets through
        return np.asarray(vectors[int(np.argmax(quality))])
    return np.asarray(mean / length, np.float32)
