"""The log of directions beside a recording: NAME.csv, a line an angle, as the device said it.

    timestamp,angle
    0.000,45.50

`timestamp` is the time of the first sample that the angle belongs to, in seconds. Angles are in the convention that
the facts beside it (NAME.json) name.
"""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, MediaError
from .angles import Convention, Doubles, check_angle, check_elevation, wrap
from .types import AngleTrack

__all__ = ["COLUMNS", "Direction", "check_columns", "columns_of", "header", "lines", "read_log"]

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


def columns_of(path: Path) -> tuple[str, ...]:
    """The columns that a log has besides, of those that there are. Raises MediaError."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            names = _names(file.readline(1000))
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    return tuple(name for name in COLUMNS if name in names)


def check_columns(columns: Collection[str]) -> tuple[str, ...]:
    """The columns asked for, in their order in the file. Raises InputError for unknown ones."""
    for name in columns:
        if name not in COLUMNS:
            raise InputError(f"unknown column of angles {name!r}; choose from: {', '.join(COLUMNS)}")
    return tuple(name for name in COLUMNS if name in columns)


def header(columns: Sequence[str]) -> str:
    """The first line."""
    return ",".join(("timestamp", "angle", *columns)) + "\n"


def lines(
    directions: Iterable[tuple[int, Direction]], rate: int, columns: Sequence[str], convention: Convention
) -> str:
    """The lines of directions, each with the sample that it holds from."""
    number = f"%.{_DECIMALS[convention.unit]}f"
    first = f"%.3f,{number}"
    made = []
    for sample, direction in directions:
        made.append(first % (sample / rate, direction.azimuth))
        if "elevation" in columns:
            made.append("," if direction.elevation is None else f",{number}" % direction.elevation)
        made.append(f",{sample}\n" if "sample" in columns else "\n")
    return "".join(made)


def read_log(path: Path, convention: Convention, rate: int, *, end: float = math.inf) -> tuple[AngleTrack, list[str]]:
    """The directions in a log up to `end` (seconds), and what was wrong with it.

    Lines that are no angle are left out, and so is the last one of a log that is still written, or was when it was cut
    off; it is said how many. Those that are not in the order of time are put into it. Where the log has samples, the
    times are exact. Raises MediaError for what is no such log.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    cut = ""
    if path.suffix == ".part":
        text, _, cut = text.rpartition("\n")
    first, _, lines = text.partition("\n")
    names = _names(first)
    if names[:2] != ["timestamp", "angle"]:
        raise MediaError(f"{path}: not a list of angles; its first line is {first[:80]!r}, not timestamp,angle")
    rows, wrong = _parsed(lines, names, rate)
    most = convention.turn / 4 * (1 + 1e-5)
    high = np.abs(rows[:, 2]) > most
    rows[high, 2] = np.nan
    early = rows[rows[:, 0] <= end]
    in_order = early[np.argsort(early[:, 0], kind="stable")]
    kept = in_order[np.append(np.diff(in_order[:, 0]) > 0, True)] if len(in_order) else in_order  # what is said last
    found = {
        "lines that are no angle were left out": wrong + bool(cut),
        "angles after the end of the sound were left out": len(rows) - len(early),
        "elevations of more than a quarter turn were left out": int(np.count_nonzero(high)),
    }
    times, azimuth, elevation = np.ascontiguousarray(kept.T)
    known = None if np.isnan(elevation).all() else elevation
    warnings = [f"{path}: {what}: {number}" for what, number in found.items() if number]
    return AngleTrack(times, azimuth, known, convention), warnings


def _names(line: str) -> list[str]:
    """The names of the columns, by the first line."""
    return [name.strip(' "').lower() for name in line.strip().split(",")]


def _parsed(lines: str, names: list[str], rate: int) -> tuple[Doubles, int]:
    """Times, angles and elevations (N, 3), NaN for none; and how many lines are no angle."""
    try:
        table = np.zeros((0, len(names)))
        if lines.strip():
            table = np.loadtxt(io.StringIO(lines), delimiter=",", comments=None, ndmin=2)
        if np.isfinite(table).all() and table.shape[1] == len(names):
            time = table[:, names.index("sample")] / rate if "sample" in names else table[:, 0]
            up = table[:, names.index("elevation")] if "elevation" in names else np.full(len(table), np.nan)
            return np.column_stack([time, table[:, 1], up]), 0
    except ValueError:
        pass  # line by line, to tell which are right
    found = []
    wrong = 0
    for line in filter(str.strip, lines.splitlines()):
        fields = [field.strip(' "') for field in line.split(",")]
        try:
            found.append(_row(dict(zip(names, fields, strict=False)), rate))
        except (KeyError, ValueError, OverflowError):
            wrong += 1
    return np.array(found, np.float64).reshape(-1, 3), wrong


def _row(fields: dict[str, str], rate: int) -> tuple[float, float, float]:
    """Time, angle and elevation (NaN for none) of a line; KeyError or ValueError when it is none."""
    sample = fields.get("sample")
    time = int(sample) / rate if sample else check_angle(float(fields["timestamp"]))
    azimuth, elevation = check_angle(float(fields["angle"])), math.nan
    with suppress(ValueError):  # the azimuth is worth keeping without it
        elevation = float(fields.get("elevation") or math.nan)
    return time, azimuth, elevation
