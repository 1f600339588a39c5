"""The classical detector: heel strikes where the heel is farthest before the hips, toe-offs where the toe is farthest
behind.

After Zeni et al., *Two simple methods for determining gait events during treadmill and overground walking using
kinematic data* (Gait & Posture 2008; PMC2384115). It needs no training, and sees a walk from the side or obliquely;
seen from the front, the way ahead has no length in the picture, and it is blind.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks, savgol_filter

from ..arrays import Floats
from .rhythm import OFF, STRIKE, Candidate
from .signals import RATE, Doubles, Signals

__all__ = ["zeni_candidates"]

_HEEL, _TOE = 4, 6  # where the x of heel and toe are among the signals of a foot
_WINDOW = 11  # signals, of the Savitzky-Golay filter: 0.18 s
_LEAST_SWING = 0.15  # leg lengths that a foot goes to and fro in a step
_LEAST_PAUSE = 0.35  # seconds between two peaks
# Seconds from the farthest reach in the picture to the event: medians over the people of the gait benchmark.
_STRIKE_AFTER, _OFF_AFTER = 0.036, -0.018
_SURE = 0.5  # leg lengths: a swing of which a peak is as sure as it gets
_MOST = 0.9  # the probability of that


def zeni_candidates(signals: Signals) -> list[list[Candidate]]:
    """The candidates of the left and of the right foot."""
    return [_of_foot(signals.times, values) for values in signals.values]


def _of_foot(times: Doubles, values: Floats) -> list[Candidate]:
    found: list[Candidate] = []
    if len(times) <= _WINDOW:
        return found
    for kind, channel, sign, after_it in ((STRIKE, _HEEL, 1, _STRIKE_AFTER), (OFF, _TOE, -1, _OFF_AFTER)):
        reach = sign * savgol_filter(values[:, channel].astype(np.float64), _WINDOW, 2)
        peaks, about = find_peaks(reach, prominence=_LEAST_SWING, distance=round(_LEAST_PAUSE * RATE))
        for peak, prominence in zip(peaks, about["prominences"], strict=True):
            before, at, after = reach[peak - 1 : peak + 2]
            bend = before - 2 * at + after
            shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
            time = times[peak] + shift / RATE + after_it
            found.append(Candidate(kind, float(time), _MOST * min(1.0, prominence / _SURE)))
    return sorted(found, key=lambda each: each.time)
