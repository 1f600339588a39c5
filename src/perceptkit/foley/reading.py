"""What the network says of the signals of a person, read as candidates: strikes and toe-offs that may be."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import replace

from .network import Network
from .rhythm import STRIKE, TOGETHER, Candidate, candidates
from .signals import Signals
from .zeni import zeni_strikes

__all__ = ["learned_candidates", "network_candidates"]

_BEFORE = 0.1  # seconds before a landing in which who jumps is in the air
_AGREED = 0.06  # seconds: a farthest reach so near to a strike is of the same step


def learned_candidates(network: Network, seen: Signals) -> list[list[Candidate]]:
    """The candidates of the left and of the right foot.

    Strikes are put half way to the farthest reach of that step, where it is seen: when the network sees a strike
    depends on how somebody puts down a foot, when the leg begins to swing back depends less on it.
    """
    found = zip(network_candidates(network, seen), zeni_strikes(seen), strict=True)
    return [_agreed(*foot) for foot in found]


def network_candidates(network: Network, seen: Signals) -> list[list[Candidate]]:
    """The candidates that the network alone sees, its delays taken off."""
    logits = network(seen.values)
    left, right = ([_earlier(each, network) for each in candidates(seen.times, foot)] for foot in logits)
    standing = logits[..., 2].max(axis=0) > 0
    return _one_foot(left, right, lambda time: bool(standing[seen.place(time - _BEFORE)]))


def _earlier(each: Candidate, network: Network) -> Candidate:
    return replace(each, time=each.time - float(network.delays[each.kind]))


def _one_foot(
    left: list[Candidate], right: list[Candidate], standing: Callable[[float], bool]
) -> list[list[Candidate]]:
    """The candidates of both feet; of two strikes at once the likelier one, where somebody has a foot on the ground.

    Only who comes from the air lands on both feet. Where legs are hard to tell apart, one step looks like one of each.
    (Among those in the air, runners from jumpers, it is the rhythm that tells: `one_after_the_other`.)
    """
    strikes = [each for each in right if each.kind == STRIKE]
    times = [each.time for each in strikes]
    doubted: tuple[set[Candidate], set[Candidate]] = (set(), set())
    for each in left:
        if each.kind == STRIKE:
            first, last = bisect.bisect(times, each.time - TOGETHER), bisect.bisect(times, each.time + TOGETHER)
            for other in strikes[first:last]:
                if standing(min(each.time, other.time)):
                    likelier = each.probability > other.probability
                    doubted[likelier].add(other if likelier else each)
    return [[each for each in found if each not in wrong] for found, wrong in zip((left, right), doubted, strict=True)]


def _agreed(found: list[Candidate], reached: list[Candidate]) -> list[Candidate]:
    """Candidates in order of time, the strikes half way to those of the farthest reach nearby."""
    times = [each.time for each in reached if each.kind == STRIKE]
    moved = []
    for each in found:
        place = bisect.bisect(times, each.time)
        nearest = min(times[max(place - 1, 0) : place + 1], key=lambda time: abs(time - each.time), default=math.inf)
        agreed = each.kind == STRIKE and abs(nearest - each.time) <= _AGREED
        moved.append(replace(each, time=(each.time + nearest) / 2) if agreed else each)
    return sorted(moved, key=lambda each: each.time)
