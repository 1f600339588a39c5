"""Whose face is on each track of a video, told by its best moments together.

A person is in one place at a time: of tracks that are seen together only the one that is most alike gets a name, and
the others the name of the next person whom they reach the threshold for, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...arrays import Floats, Integers
from ..gallery.identity import Identity, name_of, similarities
from ..gallery.people import Gallery
from .cutting import by_track, middle
from .following import MAX_GAP, Followed, Moment
from .places import looks_of

__all__ = ["Track", "name_tracks", "one_place_at_a_time"]

_BLOCK = 256  # faces that are held against the gallery together
_TOGETHER = 0.1  # of the looks of the shorter of two tracks: up to there they may be one face, lost and found again


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A face followed through a video: seen first at `start` and last at `end` (seconds), in `looks` of the frames.

    `identity` is None where nobody was to be recognised. It was told from `asked` moments, `agree` of which would have
    given the same name by themselves. `moments` are in order of time.
    """

    id: int
    start: float
    end: float
    looks: int
    identity: Identity | None
    asked: int
    agree: int
    moments: tuple[Moment, ...] = field(repr=False)

    @property
    def name(self) -> str | None:
        """The name of the person; None for somebody unknown."""
        return None if self.identity is None else self.identity.name


def name_tracks(followed: Followed, gallery: Gallery | None, threshold: float, *, best: int) -> list[Track]:
    """The tracks, each with the person whom the `best` moments of it are most alike, if they reach the threshold."""
    looks = looks_of(followed)
    moments = by_track(followed.moments)
    asked = [sorted(moments.get(number, ()), key=lambda one: -one.worth)[:best] for number in range(1, len(looks) + 1)]
    identities: Sequence[Identity | None] = [None] * len(looks)
    agree = [0] * len(looks)
    if gallery is not None and looks:
        step = float(np.median(np.diff(followed.times))) if len(followed.times) > 1 else MAX_GAP
        known = _identities(asked, gallery, threshold, _together_in(looks, MAX_GAP / step))
        identities, agree = known, _agreeing(asked, known, gallery, threshold)
    tracks = []
    for number, (identity, seen) in enumerate(zip(identities, looks, strict=True), 1):
        start, end = followed.times[seen[[0, -1]]].tolist()
        its, best_ones = tuple(moments.get(number, ())), asked[number - 1]
        tracks.append(Track(number, start, end, len(seen), identity, len(best_ones), agree[number - 1], its))
    return tracks


def one_place_at_a_time(alike: Floats, are_together: Callable[[int, int], bool], threshold: float) -> Floats:
    """Similarities (tracks, people), -inf for a person who is on another track, more alike, that is seen together."""
    possible = alike.copy()
    named: dict[int, int] = {}
    tracks, people = np.nonzero(alike >= threshold)
    for place in np.argsort(-alike[tracks, people], kind="stable"):
        track, person = int(tracks[place]), int(people[place])
        if track in named:
            continue
        if any(are_together(track, other) for other in named if named[other] == person):
            possible[track, person] = -np.inf
        else:
            named[track] = person
    return possible


def _identities(
    asked: Sequence[Sequence[Moment]],
    gallery: Gallery,
    threshold: float,
    are_together: Callable[[int, int], bool],
) -> list[Identity]:
    alike = np.full((len(asked), len(gallery.people)), -np.inf, np.float32)
    told = [row for row, moments in enumerate(asked) if moments]
    for start in range(0, len(told), _BLOCK):
        rows = told[start : start + _BLOCK]
        alike[rows] = similarities(gallery, np.stack([middle(asked[row]) for row in rows]))
    possible = one_place_at_a_time(alike, are_together, threshold)
    return [name_of(gallery, row, threshold) for row in possible]


def _agreeing(
    asked: Sequence[Sequence[Moment]], identities: Sequence[Identity], gallery: Gallery, threshold: float
) -> list[int]:
    """How many of the moments of each track give its name by themselves."""
    agree = [0] * len(asked)
    named = [(row, moment) for row, moments in enumerate(asked) if identities[row].name for moment in moments]
    for start in range(0, len(named), _BLOCK):
        block = named[start : start + _BLOCK]
        alone = similarities(gallery, np.stack([moment.embedding for _, moment in block]))
        for (row, _), similarity in zip(block, alone, strict=True):
            agree[row] += name_of(gallery, similarity, threshold).name == identities[row].name
    return agree


def _together_in(looks: Sequence[Integers], most: float) -> Callable[[int, int], bool]:
    """Whether two tracks are seen in the same looks, more than for a moment, or more than `most` looks at all."""

    def are_together(one: int, other: int) -> bool:
        first, second = looks[one], looks[other]
        if first[-1] < second[0] or second[-1] < first[0]:
            return False
        shared = len(np.intersect1d(first, second, assume_unique=True))
        return shared > max(1, min(_TOGETHER * min(len(first), len(second)), most))

    return are_together
