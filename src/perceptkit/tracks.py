"""Follow boxes over time: the boxes of each frame -> the same track id for the same face or person.

The method is that of ByteTrack (Zhang et al., arXiv:2110.06864): a Kalman filter predicts where every track is now, the
boxes of good score are assigned to the predictions by their overlap, and then those of low score to what is left, so
that somebody who is half hidden is followed on, but nothing in the background begins a track. A track that nothing
was assigned to is lost; it can be found again for some time.

Everything is in seconds and in box sizes (the square root of the area), so that the frame rate, which may vary, does
not change what is found. Two things differ from the paper for that reason:

* the filter takes the real time between frames, with white noise as acceleration (Bar-Shalom et al., *Estimation with
  Applications to Tracking and Navigation*, 2001, section 6.2.2);
* boxes are enlarged before their overlap is measured, as in C-BIoU (Yang et al., arXiv:2211.14317), by how uncertain
  the prediction is. At 60 frames per second that is little; at 5 a fast face is found although its boxes do not touch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from .arrays import Floats, Integers
from .errors import InputError

__all__ = ["Tracker", "interpolate"]

_Array = np.ndarray[Any, np.dtype[np.float64]]

# All in box sizes and seconds, for the centre x, the centre y, the width and the height. Chosen by a search over
# simulated faces and people that cross, turn and hide each other, at 5 to 60 frames per second; the optimum is flat.
_NOISE = 0.05  # standard deviation of a detected box, as in ByteTrack
_SPEED = np.array([3.0, 3.0, 0.3, 0.3])  # standard deviation of the velocity of somebody seen for the first time
_ACCELERATION = np.array([4.0, 4.0, 0.2, 0.2])  # the velocity's change in one second, standard deviation

_MIN_OVERLAP = 0.2  # intersection over union of the enlarged boxes: with boxes of good score, and of low score
_MIN_OVERLAP_LOW = 0.5
_ENLARGE = 2.0  # what is added on every side of a box, in standard deviations of the predicted centre
_MAX_ENLARGE = 1.0  # and the most that is added; a box is then three times as wide and high
_LOST = 0.3  # the overlap that a track's claim on a box loses over `max_gap`: who is in sight comes before who is lost


class Tracker:
    """Gives the boxes of one video, frame by frame, the ids of the tracks that they continue or begin.

    `min_score` 0..1: a box of at least this score begins a track when it continues none. `max_gap` in seconds: how long
    a track is kept that no box was found for. Raises InputError for values out of range.
    """

    def __init__(self, *, min_score: float = 0.5, max_gap: float = 1.0) -> None:
        if not 0 <= min_score <= 1:
            raise InputError(f"min_score is {min_score}; a score lies between 0 and 1")
        if not max_gap > 0:
            raise InputError(f"max_gap is {max_gap}; it must be more than 0 seconds")
        self._min_score, self._max_gap = min_score, max_gap
        self._time = -np.inf
        self._count = 0
        # One row per track: its id, when it was last seen, and for each of centre x, centre y, width and height the
        # value and its velocity, with the covariance of the two.
        self._ids = np.empty(0, np.int64)
        self._seen = np.empty(0)
        self._means = np.empty((0, 4, 2))
        self._covariances = np.empty((0, 4, 2, 2))

    def update(self, time: float, boxes: Floats, scores: Floats) -> list[int | None]:
        """The track id of each box of the frame at `time`, in the order of the boxes.

        `time` is in seconds and increases from call to call; `boxes` (N, 4) are x1 y1 x2 y2 in pixels, `scores` (N,)
        0..1. A frame without boxes may be passed or left out. Ids are 1, 2, 3, ... in order of first appearance. A box
        of low score that continues no track has None for an id, and so has a box without area (x2 <= x1 or y2 <= y1).

        Raises InputError for a time that does not increase, other shapes, and numbers that are not finite; the tracks
        are then as they were before.
        """
        corners, values = _checked(boxes, scores)
        if not self._time < time < np.inf:
            raise InputError(f"the time of a frame is {time} s, after one at {self._time} s; times must increase")
        self._advance(time)
        # In one order whatever the caller's, so that equally good assignments are decided alike.
        order = np.lexsort((values, *corners.T))
        order = order[(corners[order, 2:] > corners[order, :2]).all(axis=1)]
        good = values[order] >= self._min_score
        rows = np.full(len(corners), -1)  # of the tracks, for each box
        for chosen, limit in ((order[good], _MIN_OVERLAP), (order[~good], _MIN_OVERLAP_LOW)):
            free = np.setdiff1d(np.arange(len(self._ids)), rows)
            row, place = self._assign(free, corners[chosen], limit)
            rows[chosen[place]] = free[row]
        known = np.flatnonzero(rows >= 0)
        self._correct(rows[known], _measured(corners[known]))
        new = order[good & (rows[order] < 0)]
        rows[new] = len(self._ids) + np.arange(len(new))
        # New ids count in the caller's order.
        self._begin(_measured(corners[new]), self._count + 1 + np.searchsorted(np.sort(new), new))
        return [int(self._ids[row]) if row >= 0 else None for row in rows]

    def _advance(self, time: float) -> None:
        """Forget the tracks that have been lost for too long and predict the others."""
        kept = time - self._seen <= self._max_gap
        self._ids, self._seen = self._ids[kept], self._seen[kept]
        self._means, self._covariances = self._means[kept], self._covariances[kept]
        step, self._time = time - self._time, time
        if len(self._ids):  # before the first there is no step
            noise = _squared(_ACCELERATION, self._means[:, 2:, 0])[..., None, None]
            motion = np.array([[1, step], [0, 1]])
            self._means = self._means @ motion.T
            self._covariances = motion @ self._covariances @ motion.T
            self._covariances += noise * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])

    def _assign(self, rows: Integers, boxes: _Array, limit: float) -> tuple[Integers, Integers]:
        """The pairs of `rows` of the tracks and `boxes` (N, 4) that belong together: two index arrays."""
        means = self._means[rows, :, 0]
        deviation = np.sqrt(self._covariances[rows, 0, 0, 0])  # of the centre, the same along x and y
        margin = np.minimum(_ENLARGE * deviation / _size(means[:, 2:]), _MAX_ENLARGE)
        overlap = _overlap(means, _measured(boxes), 1 + 2 * margin)
        lost = (self._time - self._seen[rows]) / self._max_gap
        claim = np.where(overlap >= limit, np.maximum(overlap - _LOST * lost[:, None], 1e-9), 0)
        row, place = linear_sum_assignment(claim, maximize=True)
        taken = claim[row, place] > 0
        return row[taken], place[taken]

    def _correct(self, rows: Integers, measured: _Array) -> None:
        """The Kalman filter's correction of the tracks `rows` (M,) by boxes `measured` (M, 4), each number alone."""
        means, covariances = self._means[rows], self._covariances[rows]
        noise = _squared(_NOISE, measured[:, 2:])
        gain = covariances[..., 0] / (covariances[..., 0, 0] + noise)[..., None]
        self._means[rows] = means + gain * (measured - means[..., 0])[..., None]
        self._covariances[rows] = covariances - gain[..., None] * covariances[..., :1, :]
        self._seen[rows] = self._time

    def _begin(self, measured: _Array, ids: Integers) -> None:
        """Begin tracks at boxes `measured` (M, 4), standing still but with no certainty of it."""
        covariances = np.zeros((len(ids), 4, 2, 2))
        covariances[..., 0, 0] = _squared(_NOISE, measured[:, 2:])
        covariances[..., 1, 1] = _squared(_SPEED, measured[:, 2:])
        self._ids = np.concatenate([self._ids, ids])
        self._seen = np.concatenate([self._seen, np.full(len(ids), self._time)])
        self._means = np.concatenate([self._means, np.stack([measured, np.zeros_like(measured)], axis=2)])
        self._covariances = np.concatenate([self._covariances, covariances])
        self._count += len(ids)


def interpolate(first: Floats, second: Floats, share: float) -> Floats:
    """The box (4,) between two boxes (4,) of a track, linear in time.

    `share` is how much of the time from the first to the second has passed: 0 gives the first, 1 the second.
    """
    return np.asarray((1 - share) * first + share * second, np.float32)


def _checked(boxes: Floats, scores: Floats) -> tuple[_Array, _Array]:
    """Both in double precision; an empty list is an empty frame."""
    corners, values = np.asarray(boxes, np.float64), np.asarray(scores, np.float64)
    if not corners.size:
        corners = corners.reshape(0, 4)
    if corners.shape != (len(corners), 4) or values.shape != (len(corners),):
        raise InputError(f"boxes have shape {corners.shape} and scores {values.shape}; they need (N, 4) and (N,)")
    if not (np.isfinite(corners).all() and np.isfinite(values).all()):
        raise InputError("boxes and scores must be finite numbers; leave out what the detector could not measure")
    return corners, values


def _measured(boxes: _Array) -> _Array:
    """Corners x1 y1 x2 y2 (N, 4) as centre x, centre y, width and height (N, 4)."""
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def _size(sides: _Array) -> _Array:
    """The square root of the area (N,) of boxes with sides (N, 2), none shorter than a pixel."""
    return np.asarray(np.sqrt(np.maximum(sides, 1).prod(axis=1)))


def _squared(deviation: float | _Array, sides: _Array) -> _Array:
    """Variances (N, 4), or (N, 1) where all four are the same, in pixels squared, of a deviation in box sizes."""
    return np.asarray((deviation * _size(sides)[:, None]) ** 2)


def _overlap(tracks: _Array, boxes: _Array, scale: _Array) -> _Array:
    """Intersection over union (T, N) of tracks (T, 4) with boxes (N, 4), all `scale` (T,) times as wide and high.

    All are centre x, centre y, width and height; no side is taken for shorter than a pixel.
    """
    one = scale[:, None, None] * np.maximum(tracks[:, None, 2:], 1)
    other = scale[:, None, None] * np.maximum(boxes[:, 2:], 1)
    centre, middle = tracks[:, None, :2], boxes[:, :2]
    high = np.minimum(centre + one / 2, middle + other / 2)
    low = np.maximum(centre - one / 2, middle - other / 2)
    shared = np.maximum(high - low, 0).prod(axis=2)
    return np.asarray(shared / (one.prod(axis=2) + other.prod(axis=2) - shared))
