"""Recordings as plain data, for JSON and tables: `facts_of` one, `angle_rows` of one."""

from __future__ import annotations

import math
from datetime import UTC
from typing import Any

import numpy as np

from ..errors import InputError
from . import defaults
from .angles import Convention, convention_of
from .types import Recording

__all__ = ["angle_rows", "facts_of"]


def facts_of(recording: Recording) -> dict[str, Any]:
    """What is known of a recording, but for its angles: path, state, duration, rate, gaps, warnings, ..."""
    return {
        "path": recording.path,
        "state": recording.state,
        "duration": recording.duration,
        "sample_rate": recording.sample_rate,
        "channels": recording.channels,
        "subtype": recording.subtype,
        "samples": recording.samples,
        "started": recording.started and recording.started.astimezone(UTC).isoformat(),
        "angles": len(recording.angles),
        "convention": "compass" if recording.angles.convention.zero == "north" else "azimuth",
        "heading": recording.heading,
        "error": recording.error,
        **recording.counts,
        "gaps": list(recording.gaps),
        "warnings": list(recording.warnings),
    }


def angle_rows(
    recording: Recording,
    *,
    convention: str | Convention | None = None,
    heading: float | None = None,
    every: float | None = None,
    max_gap: float = defaults.MAX_GAP,
) -> list[dict[str, float]]:
    """The directions of a recording: rows of time (seconds), azimuth, and elevation where one is known.

    Angles are in the `convention`, by default that of `recording.angles`. With `every`, the directions at multiples of
    so many seconds, as `AngleTrack.at` finds them; those before the first angle are left out. Raises InputError for
    an unknown convention, without a `heading` between angles that count from north and others, and when `every` is
    less than a sample.
    """
    track = recording.angles
    if convention is not None:
        track = track.to(convention_of(convention), heading=recording.heading if heading is None else heading)
    if every is None:
        elevation = track.elevation if track.elevation is not None else np.full(len(track), np.nan)
        return [_row(*values) for values in zip(track.times, track.azimuth, elevation, strict=True)]
    if not every >= 1 / recording.sample_rate:
        raise InputError(f"every is {every:g} s; give at least one sample, {1 / recording.sample_rate:g} s")
    times = np.arange(math.ceil(recording.duration / every)) * every
    azimuth = track.at(times, max_gap=max_gap)
    elevation = np.full(len(times), np.nan) if track.elevation is None else track.elevation_at(times, max_gap=max_gap)
    rows = zip(times, azimuth, elevation, strict=True)
    return [_row(time, angle, up) for time, angle, up in rows if not math.isnan(angle)]


def _row(time: float, azimuth: float, elevation: float = math.nan) -> dict[str, float]:
    row = {"time": round(float(time), 6), "azimuth": round(float(azimuth), 4)}
    return row if math.isnan(elevation) else row | {"elevation": round(float(elevation), 4)}
