"""The functions of the system that came before, for programs that call them. New ones use `Recorder` and `read`."""

from __future__ import annotations

from pathlib import Path

from . import defaults
from .reading import list_recordings
from .session import Recorder

__all__ = ["close_audio_stream", "create_audio_stream", "get_audio_files", "write_audio_chunk"]


def create_audio_stream(
    filename: str | Path, sample_rate: int = defaults.SAMPLE_RATE, channels: int = defaults.CHANNELS
) -> Recorder:
    """Begin a recording of 16-bit samples; the errors of `Recorder`."""
    return Recorder(filename, sample_rate, channels)


def write_audio_chunk(stream: Recorder, audio_data: bytes, angle: float | None = None) -> None:
    """Add a chunk of 16-bit samples (interleaved, little endian), and its angle; the errors of `Recorder.write`."""
    stream.write(audio_data, angle)


def close_audio_stream(stream: Recorder) -> Path:
    """End a recording: the path of its WAV. The angles are beside it, in a CSV."""
    return stream.close().path


def get_audio_files(folder: str | Path) -> list[Path]:
    """The WAV files in a folder; the errors of `list_recordings`."""
    return [recording.path for recording in list_recordings(folder)]
