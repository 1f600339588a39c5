"""Who is meant by the photos and videos of an enrolment, and which faces to know that person by.

In each photo, and in each frame of a video that is looked at, the largest face counts. All faces are grouped by
person, and whoever is largest for longest is the one who is meant, if nobody else is for about as long. Who is beside
the person in one photo and not in the others does not count, however large. Of each part of a video, and each photo,
the best face of that person is kept, one that shows a new view of the head before one that does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats, Integers
from ...errors import InputError
from ...output import count
from ..units import centre, group_faces
from .gathering import Candidate, Gathered, view

__all__ = ["Scan", "choose", "scan"]

_RIVAL = 0.5  # of what is seen of the person: from there on somebody else makes it unclear who is meant
_FRONTAL = 40.0  # degrees: faces turned no further match each other when they are of one person
_SEEN_BEFORE = 0.8  # of its worth counts when a face shows a view of the head that is kept already
_SHOWN = 3  # sources named in an error or note
_NO_NUMBERS = "the embedder gave no numbers for it"

_People = dict[int, list[Candidate]]


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
    labels = _labels(candidates, threshold) if candidates else np.empty(0, np.int64)
    shares = _shares(gathered, candidates, labels)
    if not any(shares.values()):
        raise InputError(f"nothing that could be used was found in {_names(gathered)}: {_why(gathered)}")
    people: _People = {}
    for candidate, label in zip(candidates, labels.tolist(), strict=True):
        people.setdefault(label, []).append(candidate)
    theirs = people[_meant(people, shares, threshold)]
    once = list({one.id: one for one in theirs}.values())  # a copy of a file says nothing new
    kept = sorted(choose(once, most), key=lambda one: (one.part, one.time or 0.0))
    notes = [*(note for each in gathered for note in each.notes), *_left_out(gathered, candidates, theirs)]
    if unclear := sum(look.peers > 0 for look in looks if not look.fault):
        notes.append(
            f"in {unclear:,} of {count(len(looks), 'picture', 'pictures')} with a face another one is about as large; "
            "see in the picture who was taken"
        )
    looked = sum(each.looked for each in gathered)
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


def _labels(candidates: Sequence[Candidate], threshold: float) -> Integers:
    """The person of each candidate (N,)."""
    vectors = np.stack([candidate.embedding for candidate in candidates])
    worth = np.array([candidate.worth for candidate in candidates], np.float32)
    tracks = [None if one.track is None else (one.source, one.track) for one in candidates]
    return group_faces(vectors, threshold, mode="people", quality=worth, tracks=tracks)


def _shares(gathered: Sequence[Gathered], candidates: Sequence[Candidate], labels: Integers) -> dict[int, float]:
    """How much of what is seen is each person, as shares of all; all 0 when no largest face can be used.

    A photo counts for its largest face. A video counts as often as it has parts with somebody in them, and is shared
    out by the sides of the largest faces, added up: sides in pixels of two files cannot be compared.
    """
    known: dict[tuple[int, int | None], list[int]] = {}
    for place, one in enumerate(candidates):
        known.setdefault((one.part, one.track), []).append(place)
    shares = dict.fromkeys(labels.tolist(), 0.0)
    for each in gathered:
        looks = [look for look in each.looks if (look.part, look.track) in known]
        looks = [look for look in looks if look.track is not None or not look.fault]
        whole, parts = sum(look.side for look in looks), len({look.part for look in looks})
        for look in looks:
            time = look.time or 0.0
            nearest = min(known[look.part, look.track], key=lambda at: abs((candidates[at].time or 0.0) - time))
            shares[int(labels[nearest])] += look.side / whole * parts
    whole = sum(shares.values())
    return {label: share / whole for label, share in shares.items()} if whole else shares


def _meant(people: _People, shares: dict[int, float], threshold: float) -> int:
    """The person who is meant: the one seen most of whom nobody is a rival. Raises InputError when there is none."""
    first = None
    for label in sorted(shares, key=lambda label: (-shares[label], label)):
        others = (other for other in shares if other != label and shares[other] >= _RIVAL * shares[label])
        rival = next((other for other in others if shares[other] and _rivals(people, label, other, threshold)), None)
        if rival is None:
            return label
        first = first or (people[label], people[rival])
    assert first is not None  # as there are candidates
    one, other = first
    raise InputError(
        "two people take turns at being the largest face, so it is not clear who is meant: "
        f"one is seen in {_where(one)}, another in {_where(other)} "
        f"(similarity {float(_centre_of(one) @ _centre_of(other)):.2f}, the same person from {threshold:.2f}); "
        "give photos and videos in which one person is the largest"
    )


def _rivals(people: _People, label: int, other: int, threshold: float) -> bool:
    """Whether somebody else who is seen about as much makes it unclear that this person is meant."""
    ours, theirs = people[label], people[other]
    if all(one.track is None for one in theirs) and {one.part for one in theirs} < {one.part for one in ours}:
        return False  # who is beside the person in a photo, and not in others
    turned = all(abs(one.yaw) > _FRONTAL for one in theirs)  # of the same person such faces may not match
    return not (turned and float(_centre_of(ours) @ _centre_of(theirs)) >= threshold / 2)


def _centre_of(theirs: Sequence[Candidate]) -> Floats:
    vectors = np.stack([one.embedding for one in theirs])
    return centre(vectors, np.array([one.quality.score for one in theirs], np.float32))


def _where(theirs: Sequence[Candidate]) -> str:
    """Where somebody is seen: files, and times in the first video of them."""
    sources = list(dict.fromkeys(one.source for one in theirs))
    times = [one.time for one in theirs if one.time is not None and one.source == sources[0]]
    span = f" ({min(times):.1f} to {max(times):.1f} s)" if times else ""
    return _listed([sources[0] + span, *sources[1:]])


def _left_out(gathered: Sequence[Gathered], candidates: Sequence[Candidate], theirs: Sequence[Candidate]) -> list[str]:
    """What of the input shows nothing of the person, and why."""
    used, usable = {one.part for one in theirs}, {one.part for one in candidates}
    notes = []
    for each in gathered:
        parts = {look.part for look in each.looks}
        if not parts & used:
            notes.append(f"{each.source} was not used: {'it shows somebody else' if parts & usable else _why([each])}")
    return notes


def _why(gathered: Sequence[Gathered]) -> str:
    """What is wrong with the largest faces, the most frequent first."""
    looks, looked = [look for each in gathered for look in each.looks], sum(each.looked for each in gathered)
    found = Counter(look.fault for look in looks if look.fault).most_common()
    if looked == 1:
        return f"the largest face is {found[0][0]}" if found else _NO_NUMBERS if looks else "no face was found"
    faults = [(number, f"the largest face is {fault}") for fault, number in found]
    if without := looked - len(looks):
        faults.append((without, "no face was found"))
    said = [f"in {number:,} of {looked:,} pictures {fault}" for number, fault in faults]
    return ", ".join(said) or _NO_NUMBERS


def _names(gathered: Sequence[Gathered]) -> str:
    return _listed([each.source for each in gathered])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {count(more, 'more file', 'more files')}" if more > 0 else "")
