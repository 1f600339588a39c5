"""Error rates of a face matcher, and how far they can be trusted: statistics on arrays of similarities.

The words are those of ISO/IEC 19795-1. An *impostor pair* shows two people, a *genuine pair* one. The false match rate
(FMR) at a threshold is the share of impostor pairs that reach it, the false non-match rate (FNMR) the share of genuine
pairs that do not. Intervals are of 95 % and are the wider of two, end by end:

* as if pairs were independent: binomial order statistics for a threshold (David and Nagaraja, Order Statistics, 7.1),
  Clopper and Pearson (1934) for a rate;
* a bootstrap over people, because pairs that share a person are not independent. People are drawn with replacement,
  and a pair counts as often as the product of how often its two people were drawn: the vertex bootstrap (Snijders and
  Borgatti, 1999; for 1:1 matching Fogliato, Patil and Perona, 2024). Few people seldom show the most alike two of all
  people, so its 95 % hold the truth too seldom, and its 99 % are taken; for a threshold also mirrored at it (the basic
  interval of Davison and Hinkley, Bootstrap Methods, 5.2), where that reaches further.

A threshold is only given where the first of them has an upper end even if each pair of people were one observation,
however many photos there are of each: where at an FMR of f and n pairs of people (1 - f)^n <= 0.025, which takes about
3.7 / f of them. With vectors made so that the truth is known, and as many people as that takes (28 at 1e-2, 87 at 1e-3,
273 at 1e-4), the interval of the threshold held it in 97 % of the runs or more, in 60 to 200 of each of eight kinds,
and the interval of the FMR in 95 % or more. It was never below, now and then above. Real faces are not made so: photos
of one kind of people say nothing of another. Doddington's rule of 30 (Speech Communication 31, 2000) asks for more: at
30 errors a rate is known to about 30 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import beta, binom

from ...arrays import Integers
from .pairs import BINS, PairCounts, Tail

__all__ = [
    "FEWEST_PEOPLE",
    "Interval",
    "OperatingPoint",
    "area",
    "equal_error_rate",
    "error_rates",
    "lowest_rate",
    "mark_fnmr",
    "people_needed",
    "percent",
    "power",
    "rate_interval",
    "threshold_points",
    "why_not",
]

FEWEST_PEOPLE = 15
"""Of fewer people nothing is said at any rate, because a bootstrap over them says too little."""

Interval = tuple[float, float]
"""Both ends of an interval of 95 %."""

_Doubles = np.ndarray[Any, np.dtype[np.float64]]

_OUTSIDE = 0.025  # the probability beyond either end
_OUTSIDE_DRAWN = 0.005  # of the bootstrap, which is too narrow
_ROUNDING = 1e-6  # more than the same cosine differs when it is computed in another order
_DRAWS, _FEWEST_DRAWS = 1000, 400  # of the bootstrap
_MANY = 20_000_000  # pairs looked at in all draws together, beyond which there are fewer draws


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The threshold at a false match rate of `rate`, and what it does to the pairs that were measured.

    `threshold` is the lowest at which no more than that share of the impostor pairs match; None, with all that follows
    from it, where the data cannot say, and then `reason` says why. `false_matches` counts the impostor pairs that reach
    it, `fmr` is their share, `fnmr` the share of genuine pairs that do not: None where there are no genuine pairs, and
    without an interval where they are of too few people.
    """

    rate: float
    threshold: float | None = None
    threshold_interval: Interval | None = None
    false_matches: int | None = None
    fmr: float | None = None
    fmr_interval: Interval | None = None
    fnmr: float | None = None
    fnmr_interval: Interval | None = None
    reason: str = ""


def people_needed(rate: float) -> int:
    """The people that it takes to say a threshold at a false match rate, however many photos there are of each."""
    pairs = math.ceil(math.log(_OUTSIDE) / math.log1p(-rate))
    return max(FEWEST_PEOPLE, math.ceil((1 + math.sqrt(1 + 8 * pairs)) / 2 - 1e-9))


def lowest_rate(people: int) -> float:
    """The lowest false match rate at which so many people say a threshold; 1 for none."""
    if people < FEWEST_PEOPLE:
        return 1.0
    return -math.expm1(math.log(_OUTSIDE) / (people * (people - 1) / 2))


def power(rate: float) -> str:
    """A rate as 1e-3 or 2.5e-4."""
    digits, _, exponent = f"{rate:e}".partition("e")
    return f"{float(digits):g}e{int(exponent)}"


def percent(rate: float) -> str:
    """A rate as 12.3 %, 1.23 % or 0.0123 %."""
    return f"{100 * rate:.3g} %"


def why_not(rate: float, people: int) -> str:
    """Why so many people cannot say a threshold at a rate; empty when they can."""
    needed = people_needed(rate)
    return f"too few people to say: {people:,}, {needed:,} are needed" if people < needed else ""


def threshold_points(
    tail: Tail, people: Integers, pairs: int, rates: Sequence[float], *, seed: int = 0
) -> list[OperatingPoint]:
    """Operating points at false match rates, without their FNMR.

    `tail` are the most alike of the `pairs` impostor pairs, at least 5 / 100 of them; `people` (N,) are those of its
    faces, counted from 0 without gaps.
    """
    number = int(people.max()) + 1
    found = {rate: _lowest(tail, rate, pairs) for rate in rates if not why_not(rate, number)}
    drawn_thresholds, drawn_shares = _draw(tail, people, found, seed) if found else ({}, {})
    points = []
    for rate in rates:
        if rate not in found or found[rate][0] > 1:
            copies = "too many impostor pairs are as alike as can be; look at the labels"
            points.append(OperatingPoint(rate, reason=why_not(rate, number) or copies))
            continue
        threshold, matches = found[rate]
        highest, lowest = int(binom.ppf(_OUTSIDE, pairs, rate)), int(binom.ppf(1 - _OUTSIDE, pairs, rate)) + 1
        ordered = (float(tail.similarity[min(lowest, pairs) - 1]), float(tail.similarity[highest - 1]))
        points.append(
            OperatingPoint(
                rate,
                threshold,
                _mirrored(threshold, _widest(threshold, ordered, drawn_thresholds[rate])),
                matches,
                matches / pairs,
                _widest(matches / pairs, rate_interval(matches, pairs), drawn_shares[rate]),
            )
        )
    return points


def mark_fnmr(point: OperatingPoint, below: Integers, pairs: Integers, *, seed: int = 0) -> OperatingPoint:
    """The operating point with its FNMR: `below` (people,) of the genuine `pairs` (people,) do not reach it."""
    total, missed = int(pairs.sum()), int(below.sum())
    if point.threshold is None or not total:
        return point
    if np.count_nonzero(pairs) < FEWEST_PEOPLE:
        return replace(point, fnmr=missed / total)
    random = np.random.default_rng(seed)
    shares = []
    for _ in range(_DRAWS):
        times = np.bincount(random.integers(0, len(pairs), len(pairs)), minlength=len(pairs))
        if drawn := int(times @ pairs):
            shares.append(int(times @ below) / drawn)
    interval = _widest(missed / total, rate_interval(missed, total), np.array(shares))
    return replace(point, fnmr=missed / total, fnmr_interval=interval)


def rate_interval(errors: int, pairs: int) -> Interval:
    """The interval of a rate of which so many errors were seen in independent pairs (Clopper and Pearson)."""
    low = float(beta.ppf(_OUTSIDE, errors, pairs - errors + 1)) if errors else 0.0
    high = float(beta.ppf(1 - _OUTSIDE, errors + 1, pairs - errors)) if errors < pairs else 1.0
    return low, high


def error_rates(counts: PairCounts) -> tuple[_Doubles, _Doubles, _Doubles]:
    """Thresholds -1..1 (BINS + 1,), and FMR and FNMR at each. There must be pairs of both kinds."""
    above = np.append(np.cumsum(counts.impostor[::-1])[::-1], 0)
    below = np.insert(np.cumsum(counts.genuine), 0, 0)
    return np.linspace(-1, 1, BINS + 1), above / above[0], below / below[-1]


def equal_error_rate(counts: PairCounts) -> float:
    """The rate at which FMR and FNMR are equal, on the line between the two thresholds around it."""
    _, fmr, fnmr = error_rates(counts)
    after = int(np.argmax(fnmr >= fmr))  # never the first: there all pairs match
    over, under = fmr[after - 1] - fnmr[after - 1], fnmr[after] - fmr[after]
    share = over / (over + under)
    return float(fmr[after - 1] + share * (fmr[after] - fmr[after - 1]))


def area(counts: PairCounts) -> float:
    """The area under the ROC: how often a genuine pair is more alike than an impostor pair, ties counting half."""
    less = np.cumsum(counts.impostor) - counts.impostor / 2
    return float(counts.genuine @ less / (counts.genuine.sum() * counts.impostor.sum()))


def _lowest(tail: Tail, rate: float, pairs: int) -> tuple[float, int]:
    """The lowest threshold that no more than that share of the pairs reach, and how many reach it."""
    threshold = float(tail.similarity[math.floor(rate * pairs + 1e-9)]) + _ROUNDING
    return threshold, int(np.searchsorted(-tail.similarity.astype(np.float64), -threshold, side="right"))


def _draw(
    tail: Tail, people: Integers, found: Mapping[float, tuple[float, int]], seed: int
) -> tuple[dict[float, _Doubles], dict[float, _Doubles]]:
    """What it would be with people drawn again and again: for each rate its thresholds (draws,), and the shares of
    pairs (draws,) that reach the threshold that was found."""
    random = np.random.default_rng(seed)
    sizes = np.bincount(people).astype(np.float64)
    first, second = people[tail.first].astype(np.int32), people[tail.second].astype(np.int32)
    rates, matches = np.array(list(found)), np.array([matches for _, matches in found.values()])
    thresholds, shares = [], []
    for _ in range(min(_DRAWS, max(_FEWEST_DRAWS, _MANY // len(first)))):
        times = np.bincount(random.integers(0, len(sizes), len(sizes)), minlength=len(sizes)).astype(np.int32)
        faces = times * sizes
        pairs = float(faces.sum() ** 2 - (faces**2).sum()) / 2
        if pairs:  # else it was one and the same person every time
            counted = np.cumsum(times[first] * times[second], dtype=np.int64)
            place = np.searchsorted(counted, rates * pairs + 1e-9, side="right")
            thresholds.append(tail.similarity[np.minimum(place, len(counted) - 1)])
            shares.append(np.where(matches > 0, counted[matches - 1], 0) / pairs)
    by_rate = np.array(thresholds, np.float64).T, np.array(shares).T
    return dict(zip(found, by_rate[0], strict=True)), dict(zip(found, by_rate[1], strict=True))


def _widest(value: float, interval: Interval, drawn: _Doubles) -> Interval:
    low, high = np.quantile(drawn, (_OUTSIDE_DRAWN, 1 - _OUTSIDE_DRAWN))
    return min(value, interval[0], float(low)), max(value, interval[1], float(high))


def _mirrored(threshold: float, interval: Interval) -> Interval:
    """An interval that reaches as far to either side of a threshold, within what is a similarity."""
    reach = max(threshold - interval[0], interval[1] - threshold)
    return max(threshold - reach, -1.0), max(min(threshold + reach, 1.0), interval[1])
