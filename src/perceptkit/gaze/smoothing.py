"""Smooth gazes over time, each track by itself: quiet while someone fixates, quick to follow when they look elsewhere.

The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012) on the unit vector instead of the angles, so that a yaw that
runs over +-180 degrees is nothing special. For a track with vector g at time t, dt seconds after its last one:

    velocity += share(speed_cutoff) * ((g - previous g) / dt - velocity)
    cutoff'   = (cutoff + beta * |velocity|) / (1 + (sigma / halving_sigma)^2)
    state    += share(cutoff') * (g - state)                                     share(f) = 1 - exp(-2 pi f dt)

with |velocity| in degrees a second, and sigma^2 the mean of sigma_yaw^2 and sigma_pitch^2 (0 where the network gives
none): an uncertain gaze moves the state less. The answer is the state at unit length. The share is the exact one of a
first-order low-pass filter, where the paper has its first-order approximation, so that the filter does the same at
every frame rate and when the rate varies.

The defaults were measured on synthetic gazes: noise with a standard deviation of 5 degrees in yaw and pitch while
fixating, a saccade of 30 degrees within 80 ms, and something followed at 20 degrees a second. For 25 frames a second:

    sigma                          none     10       25
    noise, times smaller           2.3      2.5      3.4
    90 % of the saccade after      0.16 s   0.19 s   0.36 s
    lag behind what is followed    2.5      3.0      5.4 degrees

At 12.5 and 50 frames a second the noise becomes 1.7 and 3.2 times smaller (there are fewer or more frames to average)
and 90 % of the saccade takes 0.17 and 0.18 s. A low-pass filter with a fixed cutoff of 1.5 Hz, which takes as much
noise away, needs 0.27 s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from . import directions
from .types import Gaze

__all__ = ["BETA", "CUTOFF", "FORGET", "HALVING_SIGMA", "SPEED_CUTOFF", "Smoother"]

CUTOFF = 0.5
"""Cutoff in hertz of a gaze at rest: lower is quieter, and slower to follow small movements."""

BETA = 0.03
"""Hertz by which each degree a second raises the cutoff: higher follows saccades faster and lets more noise through."""

SPEED_CUTOFF = 0.5
"""Cutoff in hertz of the velocity that raises the cutoff: lower mistakes less noise for movement."""

HALVING_SIGMA = 25.0
"""The standard deviation in degrees at which the cutoff is halved."""

FORGET = 0.5
"""Seconds without a reliable gaze after which a track starts afresh."""

_Vector = np.ndarray[Any, np.dtype[np.float64]]
_SHORTEST = 1e-6  # seconds between two frames, which may carry the same time
_NOWHERE = 1e-6  # length of a vector that has no direction


class Smoother:
    """Smooths the gazes of one video, frame by frame (see `gaze.smoothing` for the filter and what it costs).

    `cutoff`, `speed_cutoff` in hertz, `beta` in hertz for a degree a second, `halving_sigma` in degrees. It remembers
    only the tracks of the last half second (FORGET). Raises InputError for settings that make no filter.
    """

    def __init__(
        self,
        *,
        cutoff: float = CUTOFF,
        beta: float = BETA,
        speed_cutoff: float = SPEED_CUTOFF,
        halving_sigma: float = HALVING_SIGMA,
    ) -> None:
        positive = {"cutoff": cutoff, "speed_cutoff": speed_cutoff, "halving_sigma": halving_sigma}
        for name, value in positive.items():
            if not value > 0:
                raise InputError(f"{name} is {value}; it must be larger than 0")
        if not beta >= 0:
            raise InputError(f"beta is {beta}; it must be 0 or larger")
        self._cutoff = cutoff
        self._beta = beta
        self._speed_cutoff = speed_cutoff
        self._halving_sigma = halving_sigma
        self._held: dict[int, _Held] = {}

    def __call__(self, time: float, tracks: Sequence[int | None], gazes: Sequence[Gaze]) -> tuple[Gaze, ...]:
        """The gazes of the frame at `time` (seconds), smoothed; `tracks` are the track ids of their faces.

        Frames come in time order. Sigmas and state are those given. A gaze comes back as it was when its face has no
        track, when its track is new, has had no reliable gaze for more than half a second (FORGET) or time has run
        backwards, and when its own state is not "ok": such a gaze leaves the filter as if it had not been seen.
        """
        self._held = {track: held for track, held in self._held.items() if 0 <= time - held.time <= FORGET}
        return tuple(self._smoothed(time, track, gaze) for track, gaze in zip(tracks, gazes, strict=True))

    def _smoothed(self, time: float, track: int | None, gaze: Gaze) -> Gaze:
        if track is None or gaze.state != "ok":
            return gaze
        vector = np.asarray(gaze.vector, np.float64)
        held = self._held.get(track)
        if held is None:
            self._held[track] = _Held(time, vector, vector, np.zeros(3))
            return gaze
        elapsed = max(time - held.time, _SHORTEST)
        held.velocity = held.velocity + _share(self._speed_cutoff, elapsed) * (
            (vector - held.previous) / elapsed - held.velocity
        )
        held.state = held.state + _share(self._cutoff_for(gaze, held.velocity), elapsed) * (vector - held.state)
        held.time, held.previous = time, vector
        length = float(np.linalg.norm(held.state))
        if length < _NOWHERE:  # halfway between two opposite directions there is none
            return gaze
        smooth = np.asarray(held.state / length, np.float32)
        yaw, pitch = directions.angles(smooth)
        return replace(gaze, yaw=yaw, pitch=pitch, vector=smooth)

    def _cutoff_for(self, gaze: Gaze, velocity: _Vector) -> float:
        speed = math.degrees(float(np.linalg.norm(velocity)))
        known = [sigma**2 for sigma in (gaze.sigma_yaw, gaze.sigma_pitch) if sigma is not None]
        variance = sum(known) / len(known) if known else 0.0
        return (self._cutoff + self._beta * speed) / (1 + variance / self._halving_sigma**2)


@dataclass(slots=True)
class _Held:
    """What the filter remembers of a track: when it last saw it, and the vectors (3,) of the formulas above."""

    time: float
    previous: _Vector
    state: _Vector
    velocity: _Vector


def _share(cutoff: float, elapsed: float) -> float:
    """The part 0..1 of the way to a new value that a low-pass filter goes in `elapsed` seconds."""
    return -math.expm1(-2 * math.pi * cutoff * elapsed)
