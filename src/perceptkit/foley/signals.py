"""From the landmarks of a person over time to what the detectors look at: signals of each foot, 60 times a second.

The signals are the same at any frame rate, however large the person is in the picture, and whichever way the person
walks: times come from the frames, lengths are in leg lengths, x points to where the toes point. Both feet have the same
signals, "own" and "other", so that one network serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..arrays import Floats

__all__ = ["CHANNELS", "HIPS_SCALE", "HIPS_X", "RATE", "VISIBILITY", "Doubles", "Signals", "signals"]

RATE = 60.0
"""Signals a second."""

CHANNELS = 47
"""Signals of a foot."""

VISIBILITY = 16
"""Which of them is the mean score of its landmarks."""

HIPS_X, HIPS_SCALE = 44, 2.0
"""Which of them is how fast the hips move to the side, and what to multiply it by for leg lengths a second."""

# Landmarks of MediaPipe: left, right.
_HIPS, _KNEES, _ANKLES, _HEELS, _TOES = (23, 24), (25, 26), (27, 28), (29, 30), (31, 32)
_USED = (*_HIPS, *_KNEES, *_ANKLES, *_HEELS, *_TOES)
_SIDES = (slice(2, None, 2), slice(3, None, 2))  # knee, ankle, heel, toe of the left and of the right foot in _USED

_GAP = 0.25  # seconds without landmarks that are bridged
_SCALE_WINDOW = 0.6  # seconds over which the length of a leg is smoothed
_FACING_WINDOW = 1.0  # seconds over which the direction of the toes is smoothed
_ASIDE = 0.04  # leg lengths from heel to toe: less does not say where somebody faces
_VELOCITY_STEP = 2  # signals to each side
_FASTEST = 8.0  # leg lengths a second: what is faster counts as this
_CLOSE = 0.09  # seconds between frames in which legs can be followed
_SWAPPED = 0.03  # leg lengths a frame: how much nearer swapped legs must be to be believed for long

Doubles = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Signals of one person: `times` (N,) in seconds, `values` (2, N, CHANNELS) of the left and of the right foot.

    `valid` (N,) is whether landmarks were there. `feet` (2, N, 2) is where each foot is, in pixels, and `legs` (N,) the
    length of a leg.
    """

    times: Doubles
    values: Floats
    valid: np.ndarray[Any, np.dtype[np.bool_]]
    feet: Doubles
    legs: Doubles

    def place(self, time: float) -> int:
        """The first moment that is not before `time`; the last one after the end."""
        return min(int(self.times.searchsorted(time)), len(self.times) - 1)


def signals(times: Doubles, points: Floats, visible: Floats, background: Floats | None = None) -> Signals | None:
    """The signals of a person with landmarks `points` (T, 33, 3) in pixels at `times` (T,) seconds, which increase.

    `visible` (T, 33) are the scores of the landmarks. Frames without landmarks may be left out or be NaN. `background`
    (T, 2) is how far the background behind the person moved in the picture since the first frame, in pixels; where it
    is not known, the camera may have moved. None for less than two frames with landmarks.
    """
    there = np.isfinite(points[:, _USED]).all(axis=(1, 2))
    if np.count_nonzero(there) < 2:
        return None
    times = np.asarray(times, np.float64)[there]
    used = np.asarray(points, np.float64)[there][:, _USED]
    seen = np.asarray(visible, np.float64)[there][:, _USED]
    _unswap(times, used, seen)
    grid = np.arange(times[0], times[-1] + 0.5 / RATE, 1 / RATE)
    after = np.searchsorted(times, grid, side="right").clip(1, len(times) - 1)
    step = times[after] - times[after - 1]
    share = ((grid - times[after - 1]) / step).clip(0, 1)
    used, seen = _between(used, after, share), _between(seen, after, share)
    hips = used[:, :2].mean(axis=1)
    legs = _leg_lengths(used)
    body = (used - hips[:, None]) / legs[:, None, None]
    facing = _facing(body)
    valid = step <= _GAP
    common = np.zeros((len(grid), 5))
    common[:, 0], common[:, 1] = np.minimum(step, 0.2) * 10, valid
    moved = hips[:, :2]
    if background is not None:
        moved = moved - _between(np.asarray(background, np.float64)[there], after, share)
        common[:, 4] = 1
    way = _velocity(moved) / legs[:, None]
    common[:, 2:4] = np.clip(way, -_FASTEST, _FASTEST) / HIPS_SCALE
    common[:, 2] *= facing
    left, right = (_of_foot(body[:, side], facing, seen[:, side], way) for side in _SIDES)
    values = np.stack([np.concatenate([*pair, common], axis=1) for pair in ((left, right), (right, left))])
    feet = np.stack([used[:, side, :2][:, 2:].mean(axis=1) for side in _SIDES])
    return Signals(grid, np.clip(values, -6, 6).astype(np.float32), valid, feet, legs)


def _of_foot(leg: Doubles, facing: Doubles, seen: Doubles, way: Doubles) -> Doubles:
    """Knee, ankle, heel and toe, (N, 4, 3) from the hips in leg lengths, as 21 signals.

    `way` (N, 2) is how fast the hips move. The last four signals are how fast heel and toe move in the picture: nothing
    while they are on the ground and the camera is still.
    """
    speed = _velocity(leg[:, 1:, :2].reshape(len(leg), 6))  # before they are turned: a turn is no movement
    ground = speed[:, 2:] + np.tile(way, 2)
    place = leg[..., :2].reshape(len(leg), 8).copy()
    for each in (place, speed, ground):
        each[:, ::2] *= facing[:, None]
    ground = np.clip(ground, -_FASTEST, _FASTEST) / 2
    return np.concatenate([place, speed / 4, leg[:, 2:, 2], seen.mean(axis=1, keepdims=True), ground], axis=1)


def _unswap(times: Doubles, points: Doubles, seen: Doubles) -> None:
    """Exchange left and right, in place, in frames where the legs had been taken for each other.

    The way through the two states of each frame on which the legs move least (Viterbi); it costs a little to be
    exchanged, so that the landmarks' own sides are kept in the long run. Between frames that lie far apart legs pass
    each other unseen, and how far they moved says nothing.
    """
    hips = points[:, :2, :2].mean(axis=1)
    legs = (points[..., :2] - hips[:, None]) / np.median(_leg_lengths(points))
    left, right = (legs[:, side] for side in _SIDES)
    same = sum(np.linalg.norm(np.diff(leg, axis=0), axis=-1).mean(axis=1) for leg in (left, right))
    crossed = sum(
        np.linalg.norm(after[1:] - before[:-1], axis=-1).mean(axis=1)
        for after, before in ((left, right), (right, left))
    )
    same, crossed = (np.where(np.diff(times) <= _CLOSE, each, 0) for each in (same, crossed))
    own, other = 0.0, _SWAPPED  # cost of the best ways to here
    came: list[tuple[bool, bool]] = []  # of either state: whether the legs were exchanged in the frame before
    for stay, change in zip(same.tolist(), crossed.tolist(), strict=True):
        came.append((other + change < own + stay, other + stay < own + change))
        own, other = min(own + stay, other + change), min(own + change, other + stay) + _SWAPPED
    state = other < own
    swapped = np.zeros(len(points), bool)
    for frame in range(len(points) - 1, 0, -1):
        swapped[frame] = state
        state = came[frame - 1][state]
    swapped[0] = state
    sides = np.arange(len(_USED)) ^ 1
    points[swapped] = points[swapped][:, sides]
    seen[swapped] = seen[swapped][:, sides]


def _between(values: Doubles, after: Any, share: Doubles) -> Doubles:
    """Linear between the frames `after` - 1 and `after`."""
    share = share.reshape(-1, *(1,) * (values.ndim - 1))
    between: Doubles = values[after - 1] * (1 - share) + values[after] * share
    return between


def _leg_lengths(points: Doubles) -> Doubles:
    """How long the longer leg is in the picture, smoothed; at least a pixel."""
    thigh = np.linalg.norm(points[:, 2:4, :2] - points[:, 0:2, :2], axis=-1)
    shank = np.linalg.norm(points[:, 4:6, :2] - points[:, 2:4, :2], axis=-1)
    length = (thigh + shank).max(axis=1)
    return np.maximum(uniform_filter1d(length, min(round(_SCALE_WINDOW * RATE), len(length)), mode="nearest"), 1.0)


def _facing(body: Doubles) -> Doubles:
    """1 where the toes point to image-right, -1 where to image-left; who turns to the camera stays as before."""
    ahead = (body[:, 8:, 0] - body[:, 6:8, 0]).mean(axis=1)
    smooth = uniform_filter1d(ahead, min(round(_FACING_WINDOW * RATE), len(ahead)), mode="nearest")
    plain = np.flatnonzero(np.abs(smooth) > _ASIDE)
    if not len(plain):
        return np.full(len(smooth), 1.0 if smooth.sum() >= 0 else -1.0)
    last = np.searchsorted(plain, np.arange(len(smooth)), side="right") - 1
    return np.where(smooth[plain[np.maximum(last, 0)]] < 0, -1.0, 1.0)


def _velocity(values: Doubles) -> Doubles:
    """Change a second along the first axis."""
    places = np.arange(len(values))
    low, high = (places - _VELOCITY_STEP).clip(0), (places + _VELOCITY_STEP).clip(max=len(values) - 1)
    change: Doubles = (values[high] - values[low]) / np.maximum(high - low, 1)[:, None] * RATE
    return change
