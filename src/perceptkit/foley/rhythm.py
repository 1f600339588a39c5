"""From how likely an event is at each moment to the events: the most likely way through, foot by foot."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..arrays import Floats
from .signals import RATE

__all__ = [
    "OFF",
    "STRIKE",
    "TOGETHER",
    "Candidate",
    "believable",
    "candidates",
    "filled",
    "likely_sequence",
    "one_after_the_other",
]

STRIKE, OFF = 0, 1

TOGETHER = 0.15
"""Seconds: so nearly at once two feet come down that land from a jump."""

_LEAST = 0.08  # probability of a candidate
_LONGEST = 2.5  # seconds: after a longer pause a foot begins anew
# Shortest and longest usual time in seconds from one event of a foot to the next, by what they are: a runner's stance
# takes 0.1 s, a slow walker's 1.5; of two events of a kind the one between was missed.
_USUAL = {(STRIKE, OFF): (0.08, 1.6), (OFF, STRIKE): (0.15, 1.1), (STRIKE, STRIKE): (0.4, 2.4), (OFF, OFF): (0.4, 2.4)}
_UNUSUAL = 30.0  # cost of a second outside
_MISSED = 1.0  # cost of an event that was missed
_PAUSE = 2.0  # seconds without an event after which somebody begins to move anew
_REGULAR = 2  # strides that have to be seen whole before one is completed
_UNEVEN = 0.25  # of a stride: how much longer or shorter that one may be
_NEAR = 2.0  # seconds to both sides in which it is seen whether somebody walks or jumps


@dataclass(frozen=True, slots=True)
class Candidate:
    """An event that may be: its kind (STRIKE or OFF), its time in seconds, its probability 0..1.

    An `inferred` one was not seen: the rhythm of the others says that it must have been there.
    """

    kind: int
    time: float
    probability: float
    inferred: bool = False


def candidates(times: np.ndarray[Any, np.dtype[np.float64]], logits: Floats) -> list[Candidate]:
    """The peaks of a foot's probabilities: `times` (N,), `logits` (N, 2 or more) of strike and toe-off. In order of
    time.

    Between the moments a peak is where the parabola through its logarithms has its top.
    """
    found = []
    for kind in (STRIKE, OFF):
        values = logits[:, kind].astype(np.float64)
        logs = -np.logaddexp(0, -values)
        inner = logs[1:-1]
        peaks = np.flatnonzero((inner > math.log(_LEAST)) & (inner >= logs[:-2]) & (inner > logs[2:])) + 1
        before, at, after = logs[peaks - 1], logs[peaks], logs[peaks + 1]
        bend = before - 2 * at + after
        shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0).clip(-0.5, 0.5)
        tops = np.exp(np.minimum(at - 0.25 * (before - after) * shift, 0))
        for place, moved, top in zip(peaks, shift, tops, strict=True):
            found.append(Candidate(kind, float(times[place] + moved / RATE), float(top)))
    return sorted(found, key=lambda each: each.time)


def likely_sequence(found: list[Candidate], least: float) -> list[Candidate]:
    """The events of a foot: of all sequences of candidates the most likely one (Viterbi).

    A candidate speaks for itself when its probability is above `least`, against itself below; strikes and toe-offs take
    turns, at the pace that feet can go. After a long pause a foot begins anew.
    """
    threshold = _odds(least)
    times = [each.time for each in found]
    best: list[float] = []  # of all sequences that end with each candidate
    came: list[int] = []  # the candidate before it in that one; -1: none
    leaders: list[int] = [-1]  # with which of the candidates so far the best of all sequences ends
    for index, each in enumerate(found):
        near = bisect.bisect_left(times, each.time - _LONGEST)
        origin = leaders[near]
        score = best[origin] if origin >= 0 else 0.0
        for earlier in range(near, index):
            way = best[earlier] + _change(found[earlier], each)
            if way > score:
                score, origin = way, earlier
        best.append(_odds(each.probability) - threshold + score)
        came.append(origin)
        leader = leaders[-1]
        leaders.append(index if best[index] > (best[leader] if leader >= 0 else 0.0) else leader)
    chosen = []
    place = leaders[-1]
    while place >= 0:
        chosen.append(found[place])
        place = came[place]
    return chosen[::-1]


def one_after_the_other(left: list[Candidate], right: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """The events of both feet, without strikes that take the other foot's for their own.

    Who walks or runs puts down one foot after the other. Where two come down at once among steps that do not, the one
    whose turn it is stays (or, when that cannot be told, the likelier one); where that is the rule, somebody jumps.
    """
    strikes = sorted(
        ((each, foot) for foot, events in enumerate((left, right)) for each in events if each.kind == STRIKE),
        key=lambda pair: pair[0].time,
    )
    pairs = [
        place
        for place, ((one, foot), (other, its)) in enumerate(pairwise(strikes))
        if foot != its and other.time - one.time <= TOGETHER
    ]
    wrong: set[Candidate] = set()
    for place in pairs:
        middle = strikes[place][0].time
        near = sum(abs(each.time - middle) <= _NEAR for each, _ in strikes)
        paired = sum(abs(strikes[each][0].time - middle) <= _NEAR for each in pairs)
        if near - 2 * paired >= paired:
            beside = [strikes[each][1] for each in (place - 1, place + 2) if 0 <= each < len(strikes)]
            wrong.add(min(strikes[place : place + 2], key=lambda one: (-beside.count(one[1]), one[0].probability))[0])
    return [each for each in left if each not in wrong], [each for each in right if each not in wrong]


def believable(left: list[Candidate], right: list[Candidate], cost: float) -> tuple[list[Candidate], list[Candidate]]:
    """The events of both feet without those of bouts that too little speaks for.

    To begin to move costs `cost`: what the events of a bout say for themselves, as logarithms of their odds, has to be
    more. So a shadow that once looks like a step makes none, while who walks is believed every step.
    """
    bouts: list[list[Candidate]] = []
    for each in sorted((*left, *right), key=lambda each: each.time):
        if bouts and each.time - bouts[-1][-1].time <= _PAUSE:
            bouts[-1].append(each)
        else:
            bouts.append([each])
    believed = {each for bout in bouts if sum(map(_evidence, bout)) >= cost for each in bout}
    return [each for each in left if each in believed], [each for each in right if each in believed]


def filled(left: list[Candidate], right: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """The events of both feet, with the strikes that nobody saw: the one between two of the other foot, a stride apart.

    Only where the strides before and after tell how long a stride is, and where in it the other foot comes down.
    """
    missed = [_missed(*feet) for feet in ((right, left), (left, right))]
    return (
        sorted((*left, *missed[0]), key=lambda each: each.time),
        sorted((*right, *missed[1]), key=lambda each: each.time),
    )


def _missed(here: list[Candidate], there: list[Candidate]) -> list[Candidate]:
    """Strikes that are missing `there`, by the strides of the foot `here`."""
    others = [each.time for each in there if each.kind == STRIKE]
    lengths, shares, gaps = [], [], []
    for before, after in pairwise(each for each in here if each.kind == STRIKE):
        length = after.time - before.time
        between = [time for time in others if before.time < time < after.time]
        if len(between) == 1:
            lengths.append(length)
            shares.append((between[0] - before.time) / length)
        elif not between:
            gaps.append((before, after))
    if len(lengths) < _REGULAR:
        return []
    usual, share = float(np.median(lengths)), float(np.median(shares))
    return [
        Candidate(
            STRIKE,
            before.time + share * (after.time - before.time),
            0.5 * min(before.probability, after.probability),
            inferred=True,
        )
        for before, after in gaps
        if abs(after.time - before.time - usual) <= _UNEVEN * usual
    ]


def _evidence(each: Candidate) -> float:
    return max(0.0, _odds(each.probability))


def _odds(probability: float) -> float:
    """As a logarithm; nothing is surer than one in ten thousand."""
    return math.log(max(probability, 1e-4) / max(1 - probability, 1e-4))


def _change(before: Candidate, after: Candidate) -> float:
    shortest, longest = _USUAL[before.kind, after.kind]
    pause = after.time - before.time
    cost = _UNUSUAL * max(shortest - pause, pause - longest, 0.0)
    return -cost - (_MISSED if before.kind == after.kind else 0.0)
