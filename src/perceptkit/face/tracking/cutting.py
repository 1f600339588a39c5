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
_ALONE = 2  # looks in which a face must be seen to be one


def cut_tracks(followed: Followed, threshold: float, *, sparse: bool = False) -> Followed:
    """The same faces on tracks of one person each, numbered from 1 in order of first appearance.

    A track is cut where two moments in a row are alike (`threshold`), and are strangers (half of it) to those before.
    What was seen in one look only is left out, because detectors see faces for a moment where there are none, unless
    the looks are `sparse` or there was only one.
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
    least = 1 if sparse else min(_ALONE, len(followed.times))
    return _numbered(replace(followed, track=track, moments=tuple(moments)), least)


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
    """The time, between two moments of a track, of the first box after its largest jump."""
    times = followed.times[followed.look[rows]]
    between = rows[(times >= before) & (times <= after)]
    boxes = followed.boxes[between].astype(float)
    jumps = np.abs(np.diff(boxes, axis=0)).max(axis=1) / np.maximum(boxes[1:, 2] - boxes[1:, 0], 1)
    return float(followed.times[followed.look[between[1 + int(jumps.argmax())]]])


def _numbered(followed: Followed, least: int) -> Followed:
    """Only the tracks that are seen in `least` looks, numbered from 1 in order of first appearance."""
    ids, first, looks = np.unique(followed.track, return_index=True, return_counts=True)
    kept = ids[looks >= least][np.argsort(first[looks >= least])]
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
