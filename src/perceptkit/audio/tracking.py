"""Where the sound of a file comes from: `estimate_file`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from . import defaults
from .angles import Doubles
from .direction import Directions, estimate_direction
from .reading import read

__all__ = ["direction_rows", "estimate_file", "parse_microphones"]


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
