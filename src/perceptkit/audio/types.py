"""What audio hands around: recordings, and the directions that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Floats
from . import defaults
from .angles import AZIMUTH, Convention, Doubles, check_angle, convention_of, convert, interpolate
from .names import named_after

__all__ = ["AngleTrack", "Gap", "Recording", "State", "steady_track"]

State = Literal["recording", "complete", "interrupted"]
"""Still going on; ended as it should; ended by an error, a kill or a power cut: what came before is there."""


@dataclass(frozen=True, slots=True, eq=False)
class AngleTrack:
    """Directions over time: `times` (N,) in seconds, rising, and `azimuth` (N,) in the unit of the `convention`.

    `elevation` (N,) is upwards positive, in the same unit; None where nobody measured it.
    """

    times: Doubles
    azimuth: Doubles
    elevation: Doubles | None = None
    convention: Convention = AZIMUTH

    def __len__(self) -> int:
        return len(self.times)

    def to(self, convention: Convention, *, heading: float | None = None) -> AngleTrack:
        """The same directions in another convention; `heading` as in `audio.convert`."""
        scale = convention.turn / self.convention.turn
        return replace(
            self,
            azimuth=convert(self.azimuth, self.convention, convention, heading=heading),
            elevation=None if self.elevation is None else self.elevation * scale,
            convention=convention,
        )

    def at(self, times: ArrayLike, *, max_gap: float = defaults.MAX_GAP) -> Doubles:
        """Azimuths at other times, in the track's convention: as `audio.interpolate` says."""
        low = Convention(self.convention.zero, self.convention.positive)
        between = interpolate(times, self.times, convert(self.azimuth, self.convention, low), max_gap=max_gap)
        return np.where(np.isnan(between), np.nan, convert(np.nan_to_num(between), low, self.convention))

    def elevation_at(self, times: ArrayLike, *, max_gap: float = defaults.MAX_GAP) -> Doubles:
        """Elevations at other times, in the track's unit, as `at` finds azimuths.

        Before the first one that is known it is held too, and where none is it is 0, level.
        """
        moments = np.asarray(times, np.float64)
        if self.elevation is None or np.isnan(self.elevation).all():
            return np.zeros(moments.shape)
        known = ~np.isnan(self.elevation)
        moments = np.maximum(moments, self.times[known][0])
        # Azimuths of half the size, so that the short way is never over the back.
        scale = 2 * self.convention.turn / 360
        return scale * interpolate(moments, self.times[known], self.elevation[known] / scale, max_gap=max_gap)


def steady_track(angle: float, *, convention: str | Convention | None = None) -> AngleTrack:
    """One direction for all of a recording. Raises InputError for what is no finite number."""
    return AngleTrack(np.zeros(1), np.array([check_angle(angle)]), None, convention_of(convention or AZIMUTH))


@dataclass(frozen=True, slots=True)
class Gap:
    """Sound that never came: from `time` (seconds) on, `samples` of silence stand for it, 0 where it was skipped."""

    time: float
    samples: int
    reason: Literal["missing", "overflow"]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A WAV and the directions that belong to it.

    `samples` counts sample frames. `started` is when it began, None where nobody knows. `angles` are in the package's
    convention (`audio.AZIMUTH`), or as on a compass where only north is known; `heading` is where the front looked, in
    degrees from north. `gaps` are where sound is missing. `error` says why it was interrupted, `counts` what was
    refused, cut, double, late or missing while it was made, `warnings` what is wrong with its files.
    """

    path: Path
    sample_rate: int
    channels: int
    samples: int
    subtype: str
    angles: AngleTrack
    started: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    state: State = "complete"
    heading: float | None = None
    error: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Its length in seconds."""
        return self.samples / self.sample_rate

    def beside(self, ending: str) -> Path:
        """A file beside it, named after it: NAME and an ending."""
        return named_after(self.path, ending)

    def read(self, start: float = 0.0, end: float | None = None) -> Floats:
        """Its samples from `start` to `end` seconds: float32 (samples, channels) in [-1, 1]. Raises MediaError."""
        blocks = list(self.blocks(start, end))
        return np.concatenate(blocks) if blocks else np.zeros((0, self.channels), np.float32)

    def blocks(self, start: float = 0.0, end: float | None = None, *, size: int = 1 << 18) -> Iterator[Floats]:
        """The same in blocks of at most `size` samples."""
        from .sound import read_blocks

        first = max(round(start * self.sample_rate), 0)
        last = self.samples if end is None else min(round(end * self.sample_rate), self.samples)
        return read_blocks(self.path, first, max(last, first), dtype="float32", size=size)
