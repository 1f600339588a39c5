"""When a foot comes to the ground and leaves it: the rule that the events of the gait benchmark follow (its DATA.md).

It moves the events of a movement that was changed: by as much as the rule says of the movement after the change and
before it. Toe-offs of all who run or jump follow what the rule says of skeletons.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.signal import butter, filtfilt

_POINTS = (29, 31)  # left heel and toes; the right ones follow
_CUTOFF = 15.0  # Hz
_AROUND = 0.35  # seconds to each side in which a point's lowest place is looked for
_NEAR = 0.15  # seconds to each side of where an event is expected
_LATE = 0.06  # seconds by which the fastest descent may be later than that
_SWING = 0.25  # seconds more in which the toes become fastest
_LOW, _FALLING = 0.045, -0.1  # metres, metres a second: of a foot that has come down
_SLOW = {False: 0.8, True: 3.2}  # metres a second: the same, walking and running
_LIFTED = {False: 1.0, True: 1.5}  # metres a second, of toes that leave the ground
_SHARE = 0.4  # of how fast they then swing
_FARTHEST = 0.08  # seconds: an event that moves by more is another one


def moved_events(before: Any, after: Any, events: Any, guesses: Any, rate: float, ground: Any, *, fast: bool) -> Any:
    """When `events` (E, 3) of the movement `before` (T, 33, 3) happen `after` a change, in seconds (E,).

    `guesses` (E,) is about when. `ground` (2, 3) is how fast the ground moves before and after, in metres a second, and
    `fast` whether somebody runs or jumps. What the rule does not find stays as guessed.
    """
    times = guesses.copy()
    for side in (0, 1):
        feet = [_foot(points, side, rate, moves) for points, moves in zip((before, after), ground, strict=True)]
        if any(foot is None for foot in feet):
            continue
        for index in np.flatnonzero(events[:, 0] == side):
            off, at = bool(events[index, 1]), (events[index, 2], guesses[index])
            found = [_find(foot, off, when, rate, fast) for foot, when in zip(feet, at, strict=True)]
            if None not in found:
                shift = (found[1] - at[1]) - (found[0] - at[0])
                times[index] += np.clip(shift, -_FARTHEST, _FARTHEST)
    return times


def _foot(points: Any, side: int, rate: float, ground: Any) -> Any:
    """Of heel and toes: the velocity over the ground (T, 3) and the height above the lowest place around (T,)."""
    found = []
    for point in _POINTS:
        path = points[:, point + side]
        there = np.isfinite(path).all(axis=1)
        if np.count_nonzero(there) < 20:
            return None
        clock = np.arange(len(path))
        path = np.stack([np.interp(clock, clock[there], path[there, axis]) for axis in range(3)], axis=1)
        path = filtfilt(*butter(2, _CUTOFF / (rate / 2)), path, axis=0)
        low = minimum_filter1d(path[:, 2], 2 * int(_AROUND * rate) + 1, mode="nearest")
        found.append((np.gradient(path, axis=0) * rate - ground, path[:, 2] - low))
    return found


def _find(foot: Any, off: bool, guess: float, rate: float, fast: bool) -> float | None:
    """The strike or toe-off near `guess` seconds."""
    first, last = max(round((guess - _NEAR) * rate), 0), round((guess + _NEAR) * rate)
    if off:
        speed = np.linalg.norm(foot[1][0][first : last + round(_SWING * rate)], axis=1)
        if not len(speed):
            return None
        peak = int(speed.argmax())
        before = np.flatnonzero(speed[:peak] < min(_LIFTED[fast], _SHARE * speed[peak]))
        return float(first + before[-1] + 1) / rate if len(before) else None
    times = []
    for velocity, height in foot:  # whichever comes down first
        falling = velocity[first : round((guess + _LATE) * rate) + 1, 2]
        if len(falling):
            start = first + int(falling.argmin())
            part = slice(start, last + 1)
            slow = np.linalg.norm(velocity[part], axis=1) < _SLOW[fast]
            down = (velocity[part, 2] > _FALLING) & (height[part] < _LOW) & slow
            times += [float(start + down.argmax()) / rate] if down.any() else []
    return min(times, default=None)
