"""The classical detector: heel strikes where the heel is farthest before the hips, toe-offs where the toe is farthest
behind.

After Zeni et al., *Two simple methods for determining gait events during treadmill and overground walking using
kinematic data* (Gait & Posture 2008; PMC2384115). It needs no training, and sees a walk from the side or obliquely;
seen from the front, the way ahead has no length in the picture, and it is blind.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d
from scipy.signal import find_peaks, savgol_coeffs

from ..arrays import Floats
from .rhythm import OFF, STRIKE, Candidate
from .signals import RATE, Doubles, Signals

__all__ = ["zeni_candidates", "zeni_strikes"]

_HEEL, _TOE = 4, 6  # where the x of heel and toe are among the signals of a foot
_WINDOW = 11  # signals, of the Savitzky-Golay filter: 0.18 s
_SMOOTH = savgol_coeffs(_WINDOW, 2)
_LEAST_SWING = 0.15  # leg lengths that a foot goes to and fro in a step
_LEAST_PAUSE = 0.35  # seconds between two peaks
# Seconds from the farthest reach in the picture to the event: medians over the people of the gait benchmark.
_STRIKE_AFTER, _OFF_AFTER = 0.036, -0.018
_SURE = 0.5  # leg lengths: a swing of which a peak is as sure as it gets
_MOST = 0.9  # the probability of that


def zeni_candidates(signals: Signals) -> list[list[Candidate]]:
    """The candidates of the left and of the right foot."""
    offs = [_farthest(signals.times, -values[:, _TOE], OFF, _OFF_AFTER) for values in signals.values]
    both = zip(zeni_strikes(signals), offs, strict=True)
    return [sorted((*strikes, *off), key=lambda each: each.time) for strikes, off in both]


def zeni_strikes(signals: Signals) -> list[list[Candidate]]:
    """The strikes among them."""
    return [_farthest(signals.times, values[:, _HEEL], STRIKE, _STRIKE_AFTER) for values in signals.values]


def _farthest(times: Doubles, values: Floats, kind: int, after: float) -> list[Candidate]:
    """Where a signal is at its peaks, as events of a kind that come so many seconds after that."""
    if len(times) <= _WINDOW:
        return []
    reach = correlate1d(values.astype(np.float64), _SMOOTH, mode="nearest")
    peaks, about = find_peaks(reach, prominence=_LEAST_SWING, distance=round(_LEAST_PAUSE * RATE))
    found = []
    for peak, prominence in zip(peaks, about["prominences"], strict=True):
        before, at, later = reach[peak - 1 : peak + 2]
        bend = before - 2 * at + later
        shift = 0.5 * (before - later) / bend if bend < 0 else 0.0
        time = times[peak] + shift / RATE + after
        found.append(Candidate(kind, float(time), _MOST * min(1.0, float(prominence) / _SURE)))
    return found
