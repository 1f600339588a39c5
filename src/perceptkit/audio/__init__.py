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
    from .describing import angle_rows, facts_of
    from .direction import Directions, estimate_direction
    from .exports import EXPORTS, export
    from .microphone import Microphone, list_microphones, record_microphone
    from .picture import draw
    from .reading import list_recordings, read
    from .reference import close_audio_stream, create_audio_stream, get_audio_files, write_audio_chunk
    from .session import Recorder
    from .sound import SUBTYPES
    from .sources import record_file, record_stream
    from .steering import parse_microphones
    from .tracking import direction_rows, estimate_file
    from .types import AngleTrack, Gap, Recording, steady_track

_HOMES = {
    "angles": (
        *("AZIMUTH", "CONVENTIONS", "Convention", "check_angle"),
        *("convert", "difference", "interpolate", "mean_angle", "wrap"),
    ),
    "copying": ("clip", "repair"),
    "describing": ("angle_rows", "facts_of"),
    "direction": ("Directions", "estimate_direction"),
    "exports": ("EXPORTS", "export"),
    "microphone": ("Microphone", "list_microphones", "record_microphone"),
    "picture": ("draw",),
    "reading": ("list_recordings", "read"),
    "reference": ("close_audio_stream", "create_audio_stream", "get_audio_files", "write_audio_chunk"),
    "session": ("Recorder",),
    "sound": ("SUBTYPES",),
    "sources": ("record_file", "record_stream"),
    "steering": ("parse_microphones",),
    "tracking": ("direction_rows", "estimate_file"),
    "types": ("AngleTrack", "Gap", "Recording", "steady_track"),
}

__all__ = [
    "AZIMUTH",
    "CONVENTIONS",
    "EXPORTS",
    "SUBTYPES",
    "AngleTrack",
    "Convention",
    "Directions",
    "Gap",
    "Microphone",
    "Recorder",
    "Recording",
    "angle_rows",
    "check_angle",
    "clip",
    "close_audio_stream",
    "convert",
    "create_audio_stream",
    "difference",
    "direction_rows",
    "draw",
    "estimate_direction",
    "estimate_file",
    "export",
    "facts_of",
    "get_audio_files",
    "interpolate",
    "list_microphones",
    "list_recordings",
    "mean_angle",
    "parse_microphones",
    "read",
    "record_file",
    "record_microphone",
    "record_stream",
    "repair",
    "steady_track",
    "wrap",
    "write_audio_chunk",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
