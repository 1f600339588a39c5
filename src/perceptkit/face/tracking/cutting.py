"""Tracks of a video of one person each: where somebody else takes over a track, as at a cut of the film, it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ...arrays import Floats, Integers
from ..units import STRANGERS, centre
from .following import Followed, Moment

__all__ = ["by_track", "cut_tracks", "middle"]

_RECENT = 5  # moments that say who has been on a track of late
_SURE = 2  # moments that it takes to say so, of the one person and of the other
_SOON = 0.5  # seconds within which a face must be seen again to be one, where there is another look
_JUMP, _STANDS_OUT = (
    0.05,
    3.0,
)  # of the width of a box, and times the usual: a move that is more than that of one person


def cut_tracks(followed: Followed, threshold: float) -> Followed:
    """The same faces on tracks of one person each, numbered from 1 in order of first appearance.

    A track is cut where two moments in a row are alike (`threshold`), and are strangers (half of it) to those before.
    What was seen in one look only is left out, because detectors see faces for a moment where there are none, unless
    there was no other look within half a second.
    """
    track, moments = followed.track.copy(), []
    count = int(track.max(initial=0))
    for number, seen in by_track(followed.moments).items():
        own = number
        changes = _changes(seen, threshold) if seen[0].embedding.size else set()
        for place, moment in enumerate(seen):
            if place in changes:
                rows = np.flatnonzero(followed.track == number)
                since = _time_of_change(followed, rows, seen[place - 1].time, moment.time)
                count += 1
                own = count
                track[rows[followed.times[followed.look[rows]] >= since]] = own
            moments.append(replace(moment, track=own))
    return _numbered(replace(followed, track=track, moments=tuple(moments)))


def by_track(moments: Iterable[Moment]) -> dict[int, list[Moment]]:
    """The moments of each track."""
    tracks: dict[int, list[Moment]] = {}
    for moment in moments:
        tracks.setdefault(moment.track, []).append(moment)
    return tracks


def middle(moments: Sequence[Moment]) -> Floats:
    """The mean embedding (D,) of some moments, weighted by their worth and of unit length."""
    worth = np.array([max(moment.worth, 1e-3) for moment in moments], np.float32)
    return centre(np.stack([moment.embedding for moment in moments]), worth)


def _changes(seen: Sequence[Moment], threshold: float) -> set[int]:
    """The places among the moments of a track from which on somebody else is on it."""
    changes: set[int] = set()
    begin = 0
    for place in range(len(seen) - _SURE + 1):
        if place - begin < _SURE:
            continue
        one, other = (moment.embedding for moment in seen[place : place + _SURE])
        before = middle(seen[max(begin, place - _RECENT) : place])
        if max(before @ one, before @ other) < STRANGERS * threshold and one @ other >= threshold:
            changes.add(place)
            begin = place
    return changes


def _time_of_change(followed: Followed, rows: Integers, before: float, after: float) -> float:
    """The time, between two moments of a track, of the first box after its largest jump; without one, halfway."""
    times = followed.times[followed.look[rows]]
    between = rows[(times >= before) & (times <= after)]
    boxes = followed.boxes[between].astype(float)
    jumps = np.abs(np.diff(boxes, axis=0)).max(axis=1) / np.maximum(boxes[1:, 2] - boxes[1:, 0], 1)
    if not len(jumps) or jumps.max() < max(_JUMP, _STANDS_OUT * float(np.median(jumps))):
        return (before + after) / 2
    return float(followed.times[followed.look[between[1 + int(jumps.argmax())]]])


def _numbered(followed: Followed) -> Followed:
    """Only the tracks that are seen as often as they could be, numbered from 1 in order of first appearance."""
    ids, first, looks = np.unique(followed.track, return_index=True, return_counts=True)
    steps = np.diff(followed.times, prepend=-np.inf, append=np.inf)
    apart = np.minimum(steps[:-1], steps[1:])[followed.look[first]]  # from the look of the first face to the next one
    seen = (looks > 1) | (apart > _SOON)
    kept = ids[seen][np.argsort(first[seen])]
    new = {int(number): place for place, number in enumerate(kept, 1)}
    left = np.isin(followed.track, kept)
    moments = [replace(moment, track=new[moment.track]) for moment in followed.moments if moment.track in new]
    return replace(
        followed,
        look=followed.look[left],
        track=np.array([new[int(number)] for number in followed.track[left]], np.int64),
        boxes=followed.boxes[left],
        scores=followed.scores[left],
        moments=tuple(sorted(moments, key=lambda moment: (moment.track, moment.time))),
    )
