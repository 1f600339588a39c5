"""Where the sound of a file comes from: `estimate_file`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from . import defaults
from .direction import Directions, estimate_direction
from .reading import read
from .steering import parse_microphones

__all__ = ["direction_rows", "estimate_file"]


def estimate_file(
    path: str | Path,
    *,
    microphones: str | ArrayLike | None = None,
    spacing: float = defaults.SPACING,
    window: float = defaults.WINDOW,
    hop: float = defaults.HOP,
    floor: float = defaults.FLOOR,
) -> Directions:
    """Tell where the sound of a file comes from, as `estimate_direction` does; hours need no more memory than minutes.

    `microphones` may be a text, as `parse_microphones` takes it. Raises InputError for a geometry that does not fit the
    channels, MediaError for what cannot be read.
    """
    recording = read(path)
    places = parse_microphones(microphones) if isinstance(microphones, str) else microphones
    return estimate_direction(
        recording.blocks(),
        recording.sample_rate,
        microphones=places,
        spacing=spacing,
        window=window,
        hop=hop,
        floor=floor,
    )


def direction_rows(found: Directions) -> list[dict[str, Any]]:
    """Directions as plain rows: time (seconds), azimuth (degrees, None where there is no direction), confidence."""
    return [
        {
            "time": round(float(time), 6),
            "azimuth": None if math.isnan(azimuth) else round(float(azimuth), 2),
            "confidence": round(float(confidence), 3),
        }
        for time, azimuth, confidence in zip(found.times, found.azimuth, found.confidence, strict=True)
    ]
