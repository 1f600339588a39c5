"""What an angle means, and how to compute with angles: the one place where signs of azimuths are written down.

Inside the package an azimuth counts from the front, counter-clockwise positive, in degrees, in [-180, 180): as in AES69
(SOFA) and in the Audio Definition Model. `AZIMUTH` says so; `CONVENTIONS` has names for others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError

__all__ = [
    "AZIMUTH",
    "CONVENTIONS",
    "Convention",
    "Doubles",
    "check_angle",
    "check_elevation",
    "checked_heading",
    "convention_of",
    "convert",
    "difference",
    "interpolate",
    "mean_angle",
    "wrap",
]

Doubles = np.ndarray[Any, np.dtype[np.float64]]

Zero = Literal["front", "left", "back", "right", "north"]
Positive = Literal["counterclockwise", "clockwise"]
Unit = Literal["degrees", "radians"]

_ROUNDED = 1e-5  # of a quarter turn: in radians, four decimals of it may be more than it is

_FROM_FRONT: Mapping[str, float] = {"front": 0.0, "left": 90.0, "back": 180.0, "right": -90.0}


@dataclass(frozen=True, slots=True)
class Convention:
    """How an angle is meant: where zero is, which way it grows, in which unit, in which range (half open, one turn)."""

    zero: Zero = "front"
    positive: Positive = "counterclockwise"
    unit: Unit = "degrees"
    range: tuple[float, float] = (-180.0, 180.0)

    def __post_init__(self) -> None:
        for name, choices in (("zero", get_args(Zero)), ("positive", get_args(Positive)), ("unit", get_args(Unit))):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} is {getattr(self, name)!r}; choose one of: {', '.join(choices)}")
        low, high = self.range
        if not math.isclose(high - low, self.turn, rel_tol=1e-4):
            raise InputError(f"an angle's range is one turn ({self.turn:g} {self.unit}); this is {low:g} to {high:g}")

    @property
    def turn(self) -> float:
        """A full turn in its unit."""
        return 360.0 if self.unit == "degrees" else 2 * math.pi


AZIMUTH = Convention()
"""Ours: 0 is the front, counter-clockwise positive, degrees, [-180, 180)."""

CONVENTIONS: Mapping[str, Convention] = {
    "azimuth": AZIMUTH,
    "sofa": Convention(range=(0.0, 360.0)),
    "dial": Convention(positive="clockwise", range=(0.0, 360.0)),
    "compass": Convention(zero="north", positive="clockwise", range=(0.0, 360.0)),
    "unit-circle": Convention(zero="right", range=(0.0, 360.0)),
}
"""Conventions by name. A dial counts clockwise from the front of the device, a compass clockwise from north."""


def convention_of(given: str | Convention | Mapping[str, Any]) -> Convention:
    """A convention by its name, as itself, or from its fields. Raises InputError for what is none."""
    if isinstance(given, Convention):
        return given
    if isinstance(given, str):
        if given not in CONVENTIONS:
            raise InputError(f"unknown convention of angles {given!r}; choose one of: {', '.join(CONVENTIONS)}")
        return CONVENTIONS[given]
    try:
        low, high = map(float, given["range"])
        return Convention(given["zero"], given["positive"], given["unit"], (low, high))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"a convention of angles has zero, positive, unit and range; this is {given!r}") from error


def check_angle(angle: object, *, name: str = "angle") -> float:
    """An angle as a float. Raises InputError for what is not a finite number (text and truth values are none)."""
    try:
        if isinstance(angle, (Real, np.number)) and not isinstance(angle, (bool, np.bool_)) and math.isfinite(angle):
            return float(angle)
    except (OverflowError, TypeError):  # a whole number that no float holds, a complex one
        pass
    raise InputError(f"{name} is {angle!r}; give a finite number")


def check_elevation(elevation: object, convention: Convention = AZIMUTH) -> float:
    """An elevation, upwards positive, as a float. Raises InputError for more than a quarter turn up or down."""
    value = check_angle(elevation, name="elevation")
    most = convention.turn / 4
    if abs(value) > most * (1 + _ROUNDED):
        raise InputError(f"elevation is {value:g} {convention.unit}; it lies between -{most:g} and {most:g}")
    return max(-most, min(value, most))


def checked_heading(heading: object) -> float | None:
    """Where a front looks, in degrees from north; None where nobody knows. Raises InputError for what is no number."""
    return None if heading is None else check_angle(heading, name="heading")


def wrap(angles: ArrayLike, convention: Convention = AZIMUTH) -> Doubles:
    """Angles within the range of a convention, the same shape."""
    low, high = convention.range
    wrapped = np.mod(np.asarray(angles, np.float64) - low, convention.turn) + low
    return np.asarray(np.where(wrapped >= high, low, wrapped))  # rounding may end on the open side


def difference(to: ArrayLike, start: ArrayLike) -> Doubles:
    """The way from `start` to `to` in degrees, the short way round, in [-180, 180)."""
    return wrap(np.asarray(to, np.float64) - np.asarray(start, np.float64))


def convert(
    angles: ArrayLike, source: Convention, target: Convention = AZIMUTH, *, heading: float | None = None
) -> Doubles:
    """Azimuths said in one convention, said in another.

    `heading` is where the front looks, in degrees clockwise from north: it is needed between angles that count from
    north and others. Raises InputError without it.
    """
    turns = np.asarray(angles, np.float64) / source.turn
    degrees = 360 * turns * _sign(source)
    if (source.zero == "north") != (target.zero == "north") or source.zero != "north":
        degrees = degrees + _zero(source, heading) - _zero(target, heading)
    return wrap(degrees * _sign(target) / 360 * target.turn, target)


def _sign(convention: Convention) -> int:
    return 1 if convention.positive == "counterclockwise" else -1


def _zero(convention: Convention, heading: float | None) -> float:
    """The azimuth of a convention's zero."""
    if convention.zero != "north":
        return _FROM_FRONT[convention.zero]
    if heading is None:
        raise InputError("the angles count from north: give the heading, where the front looked (degrees from north)")
    return check_angle(heading, name="heading")


def mean_angle(azimuth: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, float]:
    """The mean of azimuths (degrees), and how much they agree: 1 all the same, 0 no direction at all.

    It is the direction and the length of the mean of unit vectors (Mardia and Jupp, Directional Statistics, 2.2). The
    mean of none, or of some that cancel, is NaN.
    """
    angles = np.radians(np.asarray(azimuth, np.float64))
    shares = np.ones_like(angles) if weights is None else np.asarray(weights, np.float64)
    if not shares.sum() > 0:
        return math.nan, 0.0
    vector = complex(np.sum(shares * np.exp(1j * angles)) / shares.sum())
    length = min(abs(vector), 1.0)
    return (float(wrap(math.degrees(math.atan2(vector.imag, vector.real)))) if length > 1e-9 else math.nan), length


def interpolate(times: ArrayLike, known: Doubles, azimuth: Doubles, *, max_gap: float) -> Doubles:
    """Azimuths (degrees) at `times`, from those at the `known` times (seconds, rising), the short way round.

    From 359 to 1 it passes 0, not 180. Over gaps longer than `max_gap` seconds, and after the last one, the azimuth
    before is held; before the first one it is NaN.
    """
    moments = np.asarray(times, np.float64)
    if not len(known):
        return np.full(moments.shape, np.nan)
    before = np.searchsorted(known, moments, "right") - 1
    after = np.minimum(before + 1, len(known) - 1)
    start = np.maximum(before, 0)
    length = known[after] - known[start]
    share = np.where((length > 0) & (length <= max_gap), (moments - known[start]) / np.where(length > 0, length, 1), 0)
    found = wrap(azimuth[start] + share * difference(azimuth[after], azimuth[start]))
    return np.asarray(np.where(before < 0, np.nan, found))
