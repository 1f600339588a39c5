"""Who is meant by the photos and videos of an enrolment, and which faces to know that person by.

In each photo, and in each frame of a video that is looked at, the largest face counts. All faces are grouped by
person, and whoever is largest for longest is the one who is meant. Of each part of a video, and each photo, the best
face of that person is kept, one that shows a new view of the head before one that does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats, Integers
from ..errors import InputError
from ..output import count
from .gathering import Candidate, Gathered, Look, view
from .units import centre, group_faces

__all__ = ["Scan", "choose", "scan"]

_RIVAL = 0.3  # share of what is seen from which on somebody else makes it unclear who is meant
_FRONTAL = 40.0  # degrees: faces turned no further match each other when they are of one person
_SEEN_BEFORE = 0.8  # of its worth counts when a face shows a view of the head that is kept already
_SHOWN = 3  # sources named in an error or note


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The faces to know a person by, in input order, and what else was seen.

    `looked` counts the photos and the frames looked at, `seen` those with a face; `yaws` are the turns of the largest
    faces in these, in degrees. `notes` says what was not used and why.
    """

    kept: tuple[Candidate, ...]
    looked: int
    seen: int
    yaws: tuple[float, ...]
    notes: tuple[str, ...]


def scan(gathered: Sequence[Gathered], threshold: float, *, most: int) -> Scan:
    """Choose at most `most` faces of the person who is meant.

    Raises InputError, with the reason, when no face can be used or when two people might be meant.
    """
    candidates = [candidate for each in gathered for candidate in each.candidates]
    looks = [look for each in gathered for look in each.looks]
    looked = sum(each.looked for each in gathered)
    if not candidates:
        raise InputError(f"nothing that could be used was found in {_names(gathered)}: {_faults(looks, looked)}")
    labels = _people(candidates, threshold)
    shares = _shares(looks, candidates, labels)
    person = max(shares, key=lambda label: (shares[label], -label))
    _refuse_rivals(candidates, labels, shares, person, threshold)
    theirs = [candidate for candidate, label in zip(candidates, labels, strict=True) if label == person]
    kept = sorted(choose(theirs, most), key=lambda one: (one.part, one.time or 0.0))
    notes = [note for each in gathered for note in each.notes]
    notes += _left_out(gathered, candidates, labels, person)
    return Scan(tuple(kept), looked, len(looks), tuple(look.yaw for look in looks), tuple(notes))


def choose(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """The best candidate of each part, and then, as long as there is room, those that show more views of the head.

    Parts with the fewest candidates choose first, so that the others can choose what these have not.
    """
    of_part: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        of_part.setdefault(candidate.part, []).append(candidate)
    views: set[int] = set()
    chosen: list[Candidate] = []

    def take(among: Sequence[Candidate]) -> None:
        best = max(among, key=lambda one: one.worth * (_SEEN_BEFORE if view(one.yaw) in views else 1))
        chosen.append(best)
        views.add(view(best.yaw))

    for part in sorted(of_part, key=lambda part: len(of_part[part])):
        take(of_part[part])
    if len(chosen) > most:  # many photos
        left, chosen = chosen, []
        views.clear()
        while len(chosen) < most:
            take([one for one in left if one not in chosen])
    while len(chosen) < most and (new := [one for one in candidates if view(one.yaw) not in views]):
        take(new)
    return chosen


def _people(candidates: Sequence[Candidate], threshold: float) -> Integers:
    """The person of each candidate (N,)."""
    vectors = np.stack([candidate.embedding for candidate in candidates])
    worth = np.array([candidate.worth for candidate in candidates], np.float32)
    tracks = [None if one.track is None else (one.source, one.track) for one in candidates]
    return group_faces(vectors, threshold, mode="people", quality=worth, tracks=tracks)


def _shares(looks: Sequence[Look], candidates: Sequence[Candidate], labels: Integers) -> dict[int, float]:
    """How much of what is seen is each person: the sides of the largest faces, added up, as shares of all."""
    shares = dict.fromkeys(labels.tolist(), 0.0)
    for look in looks:
        same = [place for place, one in enumerate(candidates) if (one.part, one.track) == (look.part, look.track)]
        if same:
            nearest = min(same, key=lambda place: abs((candidates[place].time or 0.0) - (look.time or 0.0)))
            shares[int(labels[nearest])] += look.side
    whole = sum(shares.values())
    return {label: share / whole for label, share in shares.items()}


def _refuse_rivals(
    candidates: Sequence[Candidate], labels: Integers, shares: dict[int, float], person: int, threshold: float
) -> None:
    """Raise InputError when another person is seen about as much as the one who is meant."""
    own = _centre_of(candidates, labels, person)
    for label, share in shares.items():
        rivals = [one for one, other in zip(candidates, labels, strict=True) if other == label]
        similarity = float(own @ _centre_of(candidates, labels, label))
        turned = all(abs(one.yaw) > _FRONTAL for one in rivals)  # of the same person such faces may not match
        if label != person and share >= _RIVAL and not (turned and similarity >= threshold / 2):
            raise InputError(
                "two people take turns at being the largest face, so it is not clear who is meant: "
                f"one is seen in {_where(candidates, labels, person)}, another in {_where(candidates, labels, label)} "
                f"(similarity {similarity:.2f}, the same person from {threshold:.2f}); "
                "give photos and videos in which one person is the largest"
            )


def _centre_of(candidates: Sequence[Candidate], labels: Integers, label: int) -> Floats:
    theirs = [one for one, other in zip(candidates, labels, strict=True) if other == label]
    vectors = np.stack([one.embedding for one in theirs])
    return centre(vectors, np.array([one.quality.score for one in theirs], np.float32))


def _where(candidates: Sequence[Candidate], labels: Integers, label: int) -> str:
    """Where somebody is seen: files, and times in the first video of them."""
    theirs = [one for one, other in zip(candidates, labels, strict=True) if other == label]
    sources = list(dict.fromkeys(one.source for one in theirs))
    times = [one.time for one in theirs if one.time is not None and one.source == sources[0]]
    span = f" ({min(times):.1f} to {max(times):.1f} s)" if times else ""
    return _listed([sources[0] + span, *sources[1:]])


def _left_out(
    gathered: Sequence[Gathered], candidates: Sequence[Candidate], labels: Integers, person: int
) -> list[str]:
    """What of the input shows nothing of the person, and why."""
    theirs = {one.part for one, label in zip(candidates, labels, strict=True) if label == person}
    others = {one.part for one in candidates}
    notes = []
    for each in gathered:
        parts = {look.part for look in each.looks}
        if not parts & theirs:
            why = "shows somebody else" if parts & others else _faults(each.looks, each.looked)
            notes.append(f"{each.source} was not used: {why}")
    return notes


def _faults(looks: Sequence[Look], looked: int) -> str:
    """What is wrong with the largest faces, the most frequent first."""
    found = Counter(look.fault for look in looks if look.fault).most_common()
    faults = [f"in {number} the largest face is {fault}" for fault, number in found]
    if without := looked - len(looks):
        faults.append(f"{without} of {count(looked, 'picture', 'pictures')} without a face")
    return "; ".join(faults) or "the embedder gave no numbers"


def _names(gathered: Sequence[Gathered]) -> str:
    return _listed([each.source for each in gathered])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {count(more, 'more file', 'more files')}" if more > 0 else "")
