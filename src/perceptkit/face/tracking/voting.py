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
from .following import Followed, Moment

__all__ = ["Track", "name_tracks", "one_place_at_a_time"]

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
    looks = _looks(followed)
    moments = by_track(followed.moments)
    asked = [sorted(moments.get(number, ()), key=lambda one: -one.worth)[:best] for number in range(1, len(looks) + 1)]
    identities = [None] * len(looks) if gallery is None else _identities(asked, looks, gallery, threshold)
    tracks = []
    for number, (identity, each) in enumerate(zip(identities, asked, strict=True), 1):
        start, end = followed.times[looks[number - 1][[0, -1]]].tolist()
        agree = 0 if gallery is None or identity is None else _agreeing(each, identity, gallery, threshold)
        seen = tuple(moments.get(number, ()))
        tracks.append(Track(number, start, end, len(looks[number - 1]), identity, len(each), agree, seen))
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
    asked: Sequence[Sequence[Moment]], looks: Sequence[Integers], gallery: Gallery, threshold: float
) -> list[Identity]:
    alike = np.full((len(asked), len(gallery.people)), -np.inf, np.float32)
    for row, moments in enumerate(asked):
        if moments:
            alike[row] = similarities(gallery, middle(moments)[None])[0]
    possible = one_place_at_a_time(alike, lambda one, other: _are_together(looks[one], looks[other]), threshold)
    return [name_of(gallery, row, threshold) for row in possible]


def _agreeing(moments: Sequence[Moment], identity: Identity, gallery: Gallery, threshold: float) -> int:
    """How many of the moments give the name by themselves."""
    if not moments or identity.name is None:
        return 0
    alone = similarities(gallery, np.stack([moment.embedding for moment in moments]))
    return sum(name_of(gallery, row, threshold).name == identity.name for row in alone)


def _are_together(one: Integers, other: Integers) -> bool:
    """Whether two tracks are seen in the same looks, more than for a moment."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared > max(1, _TOGETHER * min(len(one), len(other)))


def _looks(followed: Followed) -> list[Integers]:
    """The looks in which each track is seen, from track 1 on."""
    order = np.argsort(followed.track, kind="stable")
    return np.split(followed.look[order], np.flatnonzero(np.diff(followed.track[order])) + 1) if len(order) else []
