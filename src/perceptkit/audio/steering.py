"""Which directions can be told apart with microphones at some places, and how: what is known before any sound.

"Steering" an array towards a direction is to undo the delays with which its sound arrives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Floats, Integers
from ..errors import InputError
from .angles import Doubles, wrap

__all__ = ["SHARED", "Phasors", "Scan", "Steering", "parse_microphones", "places_of", "scan_of", "steer"]

Phasors = np.ndarray[Any, np.dtype[np.complex64]]

_FINENESS = 8  # steps of the search in a period of the highest frequency: a parabola is exact to 0.002 of a period
_COLD = 0.06  # sound in air of -10 degrees Celsius takes that much longer: so late it may still be from outside
_LARGEST = 100.0  # metres between microphones
_FLAT = 0.02  # microphones on a strip so narrow for its length are on a line: front and back sound the same

# What neighbouring frequencies of a Hann window share (2/3 of their amplitude with the next, 1/6 with the one after),
# squared as in a cross spectrum, on both sides: by so much is a sum over frequencies more uncertain than one of
# independent terms.
SHARED = 1 + 2 * (4 / 9 + 1 / 36)


def parse_microphones(text: str) -> Doubles:
    """Places of microphones, (M, 2 or 3) metres, from a text such as "0,0.1; 0,-0.1": x to the front, y to the left,
    and z up if it is given. Raises InputError for anything else.
    """
    try:
        places = [[float(number) for number in place.split(",")] for place in text.split(";")]
    except ValueError as error:
        raise InputError(f"microphones are {text!r}; give metres as in: '0,0.1; 0,-0.1'") from error
    if len({len(place) for place in places}) != 1 or len(places[0]) not in (2, 3):
        raise InputError(f"microphones are {text!r}; give x,y (or x,y,z) of each, as in: '0,0.1; 0,-0.1'")
    return np.array(places)


def places_of(microphones: ArrayLike | None, spacing: float) -> Doubles:
    """The places of the microphones, (M, 3) metres."""
    if microphones is None:
        if not 0 < spacing <= _LARGEST:
            raise InputError(f"spacing is {spacing}; give the distance between the two microphones in metres")
        return np.array([[0, -spacing / 2, 0], [0, spacing / 2, 0]])
    try:
        places = np.asarray(microphones, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("microphones are not numbers; give x and y (or x, y and z) in metres for each") from error
    if places.ndim != 2 or places.shape[1] not in (2, 3) or len(places) < 2:
        raise InputError(
            f"microphones have the shape {places.shape}; give two or more, each as x, y or x, y, z (metres)"
        )
    if not np.isfinite(places).all():
        raise InputError("the place of a microphone is not a finite number; give metres")
    if np.ptp(places, axis=0).max() > _LARGEST:
        raise InputError(f"the microphones are more than {_LARGEST:g} m apart; give metres")
    places = np.pad(places, ((0, 0), (0, 3 - places.shape[1])))
    for one, other in combinations(range(len(places)), 2):
        if np.linalg.norm(places[one] - places[other]) < 1e-4:
            raise InputError(
                f"microphones {one + 1} and {other + 1} are at the same place; give each its own, in metres"
            )
    return places


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The directions that are tried, `positions` (D,), and the `delays` (P, D), by how many seconds the second
    microphone of each of the `pairs` (P, 2) hears them later than the first.

    On a circle positions are azimuths in degrees. For microphones on a line they are sines of the azimuth from
    `broadside` (degrees), evenly spaced: so are then the delays.
    """

    pairs: Integers
    delays: Doubles
    positions: Doubles
    broadside: float | None

    def azimuths(self, positions: Doubles) -> Doubles:
        """Azimuths in degrees."""
        if self.broadside is None:
            return wrap(positions)
        return wrap(self.broadside + np.degrees(np.arcsin(np.clip(positions, -1, 1))))


def scan_of(places: Doubles, max_frequency: float, speed: float) -> Scan:
    """The directions to try with microphones at `places`, so fine that none is missed at `max_frequency`."""
    flat = places[:, :2]
    pairs = np.array(list(combinations(range(len(flat)), 2)))
    ways = flat[pairs[:, 0]] - flat[pairs[:, 1]]
    lengths = np.linalg.norm(ways, axis=1)
    pairs, ways = pairs[lengths > 1e-4], ways[lengths > 1e-4]  # one above the other hears no azimuth
    if not len(pairs):
        raise InputError("all microphones are above each other; they hear no azimuth: place some side by side")
    step = speed / (_FINENESS * max_frequency * lengths.max())
    _, sizes, axes = np.linalg.svd(flat - flat.mean(axis=0))
    if len(sizes) > 1 and sizes[1] > _FLAT * sizes[0]:
        azimuths = np.linspace(-180, 180, max(math.ceil(2 * math.pi / step), 72), endpoint=False)
        towards = np.stack([np.cos(np.radians(azimuths)), np.sin(np.radians(azimuths))])
        return Scan(pairs, ways @ towards / speed, azimuths, None)
    front = np.array([axes[0, 1], -axes[0, 0]])
    if front[0] < -1e-6 or (abs(front[0]) <= 1e-6 and front[1] < 0):
        front = -front
    left = np.array([-front[1], front[0]])
    half = max(math.ceil((1 + _COLD) / step), 8)
    sines = np.linspace(-1 - _COLD, 1 + _COLD, 2 * half + 1)
    return Scan(pairs, (ways @ left)[:, None] * sines / speed, sines, math.degrees(math.atan2(front[1], front[0])))


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """What is heard from each direction that is tried, for all pairs and frequencies one after the other, (P * F).

    `weights` (P * F,) are how much a frequency counts; `common` (P * F,) is what it has from all directions alike, and
    `contrast` (D, P * F) the weighted rest. A direction has to stand out from `around` (D,), what sound from all around
    has there, by `threshold` standard deviations.
    """

    scan: Scan
    weights: Floats
    common: Floats
    contrast: Phasors
    around: Floats
    threshold: float


def steer(scan: Scan, frequencies: Doubles, false_alarm: float) -> Steering:
    """What is heard from each direction.

    The mean of the phases over all directions is what sound from all around has (a sinc for two microphones). It is
    taken away: low frequencies and hum agree with every direction, and sound from all around would seem to come from
    the front. What is left has a variance that is how much a frequency tells directions apart; by that it counts.

    The threshold: in noise that is independent in all channels phases are random, however they are weighted, so that a
    sum over frequencies is nearly normal and its variance known. For the directions tried it is a random vector seen
    along a curve of unit vectors, and the chance that it is above z anywhere is at most
    exp(-z^2 / 2) (1 / 2 + length / 2 pi) (Hotelling, Am. J. Math. 61, 1939).
    """
    turns = (scan.delays.T[..., None] * frequencies) % 1
    phases = np.exp(2j * np.pi * turns.astype(np.float32))
    inside = np.abs(scan.positions) <= (180 if scan.broadside is None else 1)
    common = phases[inside].mean(axis=0, dtype=np.complex128).real.astype(np.float32)
    weights = 1 - common**2
    contrast = ((phases - common) * weights).reshape(len(phases), -1)
    units = contrast / np.linalg.norm(contrast, axis=1, keepdims=True)
    length = float(np.linalg.norm(np.diff(units, axis=0), axis=1).sum())
    threshold = math.sqrt(2 * math.log((0.5 + length / (2 * math.pi)) / false_alarm))
    if weights.sum(axis=1).max() * 2 < SHARED * threshold**2:  # all phases right would not be above it
        raise InputError(
            f"sound up to {frequencies.max():.0f} Hz is too little to tell a direction from noise: give a higher "
            "max_frequency or sample rate, or microphones that are farther apart"
        )
    common, weights = common.ravel(), weights.ravel()
    around = contrast.real @ (common * np.abs(common))
    return Steering(scan, weights, common, contrast, around, threshold)
