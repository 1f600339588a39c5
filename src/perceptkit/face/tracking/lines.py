"""What is said of a followed video: a line a frame, and facts about tracks and people, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...arrays import Floats
from ..gallery.identity import Identity
from .places import Place, Spans
from .showing import Shown
from .voting import Track

__all__ = ["Cast", "frame_line", "person_facts", "shown_in", "target_boxes", "track_facts"]


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Who the tracks are, by their numbers; `people` are the names of the gallery with their places in it, None without
    one, and `target` is the name of the one who is looked for."""

    tracks: Mapping[int, Track]
    people: Mapping[str, int] | None
    target: str | None


def frame_line(index: int, time: float, places: Sequence[Place], cast: Cast) -> dict[str, Any]:
    """The line of a frame: its faces, the box around them all with the mean of their centres, and the target.

    `target` has `visible`, and where it is; it is None when nobody is looked for, and `group` when nobody is there.
    """
    return {
        "frame": index,
        "time": round(time, 6),
        "faces": [
            {
                "track": place.track,
                "name": cast.tracks[place.track].name,
                "similarity": _similarity(cast.tracks[place.track]),
                "box": _rounded(place.box),
                "score": round(place.score, 4),
            }
            for place in places
        ],
        "group": _extent([place.box for place in places]),
        "target": None if cast.target is None else _target(target_boxes(places, cast)),
    }


def shown_in(places: Sequence[Place], cast: Cast) -> list[Shown]:
    """The faces of a frame as they are drawn."""
    shown = []
    for place in places:
        name = cast.tracks[place.track].name
        person = None if name is None or cast.people is None else cast.people[name]
        shown.append(Shown(place.box, place.track, name, person, name is not None and name == cast.target))
    return shown


def target_boxes(places: Sequence[Place], cast: Cast) -> list[Floats]:
    """The boxes of the one who is looked for: one, or none."""
    found = [place for place in places if cast.target is not None and cast.tracks[place.track].name == cast.target]
    # Where a face was lost and found again, two tracks of one person may overlap for a moment.
    return [max(found, key=lambda place: place.score).box] if found else []


def track_facts(track: Track) -> dict[str, Any]:
    """A track as summary.json has it."""
    return {
        "track": track.id,
        "name": track.name,
        "start": round(track.start, 6),
        "end": round(track.end, 6),
        "looks": track.looks,
        "identity": None if track.identity is None else _identity(track.identity),
        "asked": track.asked,
        "agree": track.agree,
    }


def person_facts(name: str, spans: Spans) -> dict[str, Any]:
    """When somebody was seen: the spans from found to lost, and their length together."""
    return {
        "name": name,
        "seconds": round(sum(end - start for start, end in spans), 3),
        "spans": [[round(start, 3), round(end, 3)] for start, end in spans],
    }


def _identity(identity: Identity) -> dict[str, Any]:
    values = asdict(identity)
    return values | {name: _brief(values[name]) for name in ("similarity", "margin")}


def _similarity(track: Track) -> float | None:
    return None if track.identity is None else _brief(track.identity.similarity)


def _brief(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 4)


def _target(boxes: Sequence[Floats]) -> dict[str, Any]:
    return {"visible": bool(boxes), **(_extent(boxes) or {"box": None, "centroid": None})}


def _extent(boxes: Sequence[Floats]) -> dict[str, Any] | None:
    """The box around some boxes, and the mean of their centres."""
    if not boxes:
        return None
    corners = np.stack(boxes)
    union = np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)])
    centroid = ((corners[:, :2] + corners[:, 2:]) / 2).mean(axis=0)
    return {"box": _rounded(union), "centroid": _rounded(centroid)}


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 2) for value in values]
