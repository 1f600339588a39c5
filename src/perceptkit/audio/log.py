"""The log of directions beside a recording: NAME.csv, a line an angle, as the device said it.

    timestamp,angle
    0.000,45.50

`timestamp` is the time of the first sample that the angle belongs to, in seconds. Angles are in the convention that
the facts beside it (NAME.json) name.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, MediaError
from .angles import Convention, check_angle, check_elevation, wrap
from .types import AngleTrack

__all__ = ["COLUMNS", "Direction", "check_columns", "header", "line", "read_log"]

COLUMNS = ("elevation", "sample")
"""Columns that a log may have besides: the elevation, and the exact sample that the time was made of."""

_DECIMALS = {"degrees": 2, "radians": 4}


@dataclass(frozen=True, slots=True)
class Direction:
    """An angle as it is logged: as it was said, rounded."""

    azimuth: float
    elevation: float | None = None

    @classmethod
    def said(cls, azimuth: object, elevation: object, convention: Convention) -> Direction:
        """What somebody said. An azimuth of a full turn or more is brought into the convention's range.

        Raises InputError for what is no finite number.
        """
        decimals = _DECIMALS[convention.unit]
        angle = round(check_angle(azimuth), decimals)
        if abs(angle) >= round(convention.turn, decimals):
            angle = round(float(wrap(angle, convention)), decimals)
        up = None if elevation is None else round(check_elevation(elevation, convention), decimals) + 0.0
        return cls(angle + 0.0, up)  # adding 0 makes -0 to 0


def check_columns(columns: Collection[str]) -> tuple[str, ...]:
    """The columns asked for, in their order in the file. Raises InputError for unknown ones."""
    for name in columns:
        if name not in COLUMNS:
            raise InputError(f"unknown column of angles {name!r}; choose from: {', '.join(COLUMNS)}")
    return tuple(name for name in COLUMNS if name in columns)


def header(columns: Sequence[str]) -> str:
    """The first line."""
    return ",".join(("timestamp", "angle", *columns)) + "\n"


def line(sample: int, rate: int, direction: Direction, columns: Sequence[str], convention: Convention) -> str:
    """The line of a direction that holds from a sample on."""
    decimals = _DECIMALS[convention.unit]
    fields = [f"{sample / rate:.3f}", f"{direction.azimuth:.{decimals}f}"]
    if "elevation" in columns:
        fields.append("" if direction.elevation is None else f"{direction.elevation:.{decimals}f}")
    if "sample" in columns:
        fields.append(str(sample))
    return ",".join(fields) + "\n"


def read_log(path: Path, convention: Convention, rate: int, *, end: float = math.inf) -> tuple[AngleTrack, list[str]]:
    """The directions in a log up to `end` (seconds), and what was wrong with it.

    A line that was cut off by a crash, one whose angle is no number, and one that goes back in time are left out, and
    said. Where the log has samples, the times are exact. Raises MediaError for what is no such log.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    whole, _, rest = text.rpartition("\n")
    rows = csv.reader(whole.splitlines())
    names = [name.strip() for name in next(rows, [])]
    if names[:2] != ["timestamp", "angle"]:
        first = (whole or rest).splitlines()[:1]
        raise MediaError(f"{path}: not a list of angles; its first line is {first!r} and not timestamp,angle")
    found: list[tuple[float, float, float]] = []
    wrong = late = 0
    for row in rows:
        try:
            moment = _row(dict(zip(names, row, strict=False)), rate)
        except (KeyError, ValueError):
            wrong += 1
            continue
        if found and moment[0] < found[-1][0]:
            wrong += 1
        elif moment[0] > end:
            late += 1
        elif found and moment[0] == found[-1][0]:
            found[-1] = moment  # what was said last holds
        else:
            found.append(moment)
    warnings = []
    if rest or wrong:
        cut = " (the last one is cut off)" if rest else ""
        warnings.append(f"{path}: lines that are no angle were left out: {wrong + bool(rest)}{cut}")
    if late:
        warnings.append(f"{path}: angles after the end of the sound were left out: {late}")
    times, azimuth, elevation = np.array(found, np.float64).reshape(-1, 3).T
    known = None if np.isnan(elevation).all() else elevation
    return AngleTrack(times, wrap(azimuth, convention), known, convention), warnings


def _row(fields: dict[str, str], rate: int) -> tuple[float, float, float]:
    """Time, angle and elevation (NaN for none) of a line; KeyError or ValueError when it is none."""
    sample = fields.get("sample")
    time = int(sample) / rate if sample else check_angle(float(fields["timestamp"]))
    elevation = fields.get("elevation")
    return time, check_angle(float(fields["angle"])), float(elevation) if elevation else math.nan
