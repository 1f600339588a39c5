"""The motion of a source as straight lines in time, as the Audio Definition Model tells it: `blocks`.

At the end of a block the source is where the block says; in between it moves there from where the block before left it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, pairwise

import numpy as np

from . import defaults
from .angles import difference
from .types import AngleTrack

__all__ = ["TICKS", "Block", "blocks"]

log = logging.getLogger("perceptkit")

TICKS = 100_000
"""Steps in a second: times have five decimals (BS.2076-1), so that whole numbers of these add up exactly."""

_INSTANT = TICKS // 200
_MOST = 10_000  # blocks, or blocks in an hour of a longer recording

# How far straight lines may be from the angles, and how far the source may go in a block, in degrees. Renderers fade
# between the loudspeaker gains of a block's start and its end (as ITU-R BS.2127 says): over a large angle, the source
# would not pass through what lies between. The steps divide 180, so that no block leads over the seam behind the head.
_LEVELS = ((0.5, 5), (1.0, 10), (2.0, 30), (5.0, 90))

_Knot = tuple[int, float, float]  # ticks, azimuth (going on over 180), elevation


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of motion: from `start` on, for `duration` (in `TICKS`), towards an azimuth and an elevation (degrees).

    One that jumps is there from its start on.
    """

    start: int
    duration: int
    azimuth: float
    elevation: float
    jump: bool = False


def blocks(track: AngleTrack, length: int) -> list[Block]:
    """The motion of a track in our convention over a recording of `length` ticks: blocks without a hole, all of it.

    Steady motion is one line that stays within half a degree of the angles, cut into steps of 5 degrees. Where that
    would be more than 10,000 blocks, or as many an hour, both are coarser, and at last angles are left out. Before the
    first angle the source is where that says, over gaps longer than `defaults.MAX_GAP` and at the end it stays; without
    angles it is in front.
    """
    if not len(track) or length <= _INSTANT:
        azimuth = float(track.azimuth[0]) if len(track) else 0.0
        return [Block(0, length, azimuth, float(track.elevation_at(track.times)[0]) if len(track) else 0.0)]
    most = max(_MOST, length * _MOST // (3600 * TICKS))
    for stride, tolerance, step in chain(
        ((1, *level) for level in _LEVELS), ((1 << power, *_LEVELS[-1]) for power in count(1))
    ):
        corners = _simplified(_knots(track, length, stride), tolerance)
        if len(corners) <= most and len(found := _moves(_stepped(corners, step))) <= most:
            break
    if stride > 1:
        log.warning("the source moves too fast to be told in %d blocks: only one angle of %d is used", most, stride)
    return found


def _knots(track: AngleTrack, length: int, stride: int) -> list[_Knot]:
    """The corners of a track's motion, from 0 to the end: azimuths go on over 180, so that lines lead the short way."""
    chosen = np.unique(np.append(np.arange(0, len(track), stride), len(track) - 1))
    ticks = np.clip(np.round(track.times[chosen] * TICKS), 0, length).astype(np.int64)
    last = np.append(np.diff(ticks) > 0, True)  # what is said last holds
    chosen, ticks = chosen[last], ticks[last]
    azimuth = track.azimuth[chosen]
    azimuth = azimuth[0] + np.append(0, np.cumsum(difference(azimuth[1:], azimuth[:-1])))
    elevation = track.elevation_at(track.times[chosen])
    knots = list(zip(ticks.tolist(), azimuth.tolist(), elevation.tolist(), strict=True))
    found = [(0, *knots[0][1:])] if knots[0][0] else []
    found.append(knots[0])
    for before, knot in pairwise(knots):
        if knot[0] - before[0] > defaults.MAX_GAP * TICKS * stride:
            found.append((knot[0] - _INSTANT, *before[1:]))
        found.append(knot)
    if found[-1][0] < length:
        found.append((length, *found[-1][1:]))
    return found


def _simplified(knots: Sequence[_Knot], tolerance: float) -> list[_Knot]:
    """Some of the knots: lines between them pass the others at no more than `tolerance` degrees.

    From a knot, a line may go wherever it passes all the knots so far; the first that lies outside begins a new one.
    """
    kept = [knots[0]]
    slopes = [(-math.inf, math.inf)] * 2
    for before, knot in pairwise(knots):
        start = kept[-1]
        if not all(
            low <= (to - at) / (knot[0] - start[0]) <= high
            for (low, high), at, to in zip(slopes, start[1:], knot[1:], strict=True)
        ):
            kept.append(before)
            start, slopes = before, [(-math.inf, math.inf)] * 2
        time = knot[0] - start[0]
        slopes = [
            (max(low, (to - at - tolerance) / time), min(high, (to - at + tolerance) / time))
            for (low, high), at, to in zip(slopes, start[1:], knot[1:], strict=True)
        ]
    return [*kept, knots[-1]]


def _stepped(knots: Sequence[_Knot], step: int) -> list[_Knot]:
    """The knots and more on the lines between them, wherever an angle is a multiple of `step` degrees.

    After the seam at 180 one follows at once, so that what comes next starts on the new side.
    """
    found = [knots[0]]
    for start, end in pairwise(knots):
        if end[0] - start[0] > _INSTANT:
            shares = sorted({*_crossings(start[1], end[1], step), *_crossings(start[2], end[2], step)})
            for knot in (start, *(_between(start, end, share) for share in shares)):
                _add(found, knot, end[0])
                if start[1] != end[1] and abs(math.remainder(knot[1] - 180, 360)) < 1e-6:
                    _add(found, _between(start, end, (knot[0] + _INSTANT - start[0]) / (end[0] - start[0])), end[0])
        found.append(end)
    # The first block has nothing to move from, and stays where it ends.
    if found[0][1:] != found[1][1:] and found[1][0] > _INSTANT:
        found.insert(1, _between(found[0], found[1], _INSTANT / found[1][0]))
    return found


def _crossings(start: float, end: float, step: int) -> Iterator[float]:
    """The shares of the way at which it is at a multiple of `step`, without its ends."""
    low, high = sorted((start, end))
    for multiple in range(math.floor(low / step) + 1, math.ceil(high / step)):
        yield (multiple * step - start) / (end - start)


def _between(start: _Knot, end: _Knot, share: float) -> _Knot:
    ticks, azimuth, elevation = (at + share * (to - at) for at, to in zip(start, end, strict=True))
    return round(ticks), azimuth, elevation


def _add(knots: list[_Knot], knot: _Knot, end: int) -> None:
    """Add a knot in its place by time, if there is room before the `end`."""
    if knots[-1][0] < knot[0] < end:
        knots.append(knot)


def _moves(knots: Sequence[_Knot]) -> list[Block]:
    """The blocks that lead from knot to knot, with azimuths from -180 to 180. One jumps to the other side of 180."""
    turns = [_turn(start[1], end[1]) for start, end in pairwise(knots)]
    return [
        Block(
            start=start[0],
            duration=end[0] - start[0],
            azimuth=round(end[1] - 360 * turn, 2) + 0.0,  # adding 0 makes -0 to 0
            elevation=round(end[2], 2) + 0.0,
            jump=turn != before,
        )
        for (start, end), before, turn in zip(pairwise(knots), [turns[0], *turns], turns, strict=False)
    ]


def _turn(start: float, end: float) -> int:
    """The turn that an azimuth which goes on over 180 is in; what ends at 180 is in the one that it comes from."""
    inside = end if start == end else end - math.copysign(1e-6, end - start)
    return math.floor((inside + 180) / 360)
