"""Sound recordings that know the direction they come from.

    from perceptkit import audio

    with audio.Recorder("walk.wav", sample_rate=16_000) as recorder:
        recorder.write(samples, angle=45.5)              # float32 (samples, channels), int16, or bytes
    recording = audio.read("walk.wav")                   # its facts and angles; recording.read() has the samples
    recording.angles.at([0.5, 1.0])                      # azimuths at any time, the short way round
    audio.clip("walk.wav", 1.0, 2.5)                     # a piece, with its angles
    audio.repair("walk.wav.part")                        # after a crash: every whole sample

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names

if TYPE_CHECKING:
    from .angles import (
        AZIMUTH,
        CONVENTIONS,
        Convention,
        check_angle,
        convert,
        difference,
        interpolate,
        mean_angle,
        wrap,
    )
    from .copying import clip, repair
    from .reading import list_recordings, read
    from .session import Recorder
    from .sound import SUBTYPES
    from .types import AngleTrack, Gap, Recording

_HOMES = {
    "angles": (
        *("AZIMUTH", "CONVENTIONS", "Convention", "check_angle"),
        *("convert", "difference", "interpolate", "mean_angle", "wrap"),
    ),
    "copying": ("clip", "repair"),
    "reading": ("list_recordings", "read"),
    "session": ("Recorder",),
    "sound": ("SUBTYPES",),
    "types": ("AngleTrack", "Gap", "Recording"),
}

__all__ = [
    "AZIMUTH",
    "CONVENTIONS",
    "SUBTYPES",
    "AngleTrack",
    "Convention",
    "Gap",
    "Recorder",
    "Recording",
    "check_angle",
    "clip",
    "convert",
    "difference",
    "interpolate",
    "list_recordings",
    "mean_angle",
    "read",
    "repair",
    "wrap",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
