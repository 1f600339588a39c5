"""Five programs that read WAV files and do not know how we write them."""

from __future__ import annotations

import shutil
import struct
import subprocess
import warnings
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from scipy.io import wavfile

__all__ = ["READERS", "Heard", "chapters", "endings", "heard_by_all", "tags"]

Samples = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Heard:
    """What a reader found: samples (frames, channels), int32 with the loudest at 2**31, or float32 in [-1, 1]."""

    rate: int
    channels: int
    samples: Samples


def _soundfile(path: Path) -> Heard:
    with soundfile.SoundFile(path) as file:
        dtype = "float32" if file.subtype == "FLOAT" else "int32"
        return Heard(file.samplerate, file.channels, file.read(dtype=dtype, always_2d=True))


def _scipy(path: Path, *, mmap: bool = False) -> tuple[int, Samples]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # it says which chunks it passes over
        rate, samples = wavfile.read(path, mmap=mmap)
    return rate, samples[:, np.newaxis] if samples.ndim == 1 else samples


def _scipy_all(path: Path) -> Heard:
    rate, samples = _scipy(path)
    if samples.dtype == np.int16:
        samples = samples.astype(np.int32) << 16
    return Heard(rate, samples.shape[1], samples)


def _wave(path: Path) -> Heard:
    with wave.open(str(path)) as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        frames = file.getnframes()
        data = np.frombuffer(file.readframes(frames), np.uint8).reshape(-1, channels, width)
    assert len(data) == frames
    wide = np.zeros((len(data), channels, 4), np.uint8)
    wide[..., 4 - width :] = data
    return Heard(rate, channels, wide.view("<i4")[..., 0])


def _av_frames(container: Any) -> Iterator[Samples]:
    for frame in container.decode(audio=0):
        yield frame.to_ndarray().reshape(-1, container.streams.audio[0].channels)


def _av(path: Path) -> Heard:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        found = list(_av_frames(container))
        samples: Samples = np.concatenate(found) if found else np.zeros((0, stream.channels), np.int32)
        if samples.dtype == np.int16:
            samples = samples.astype(np.int32) << 16
        return Heard(stream.rate, stream.channels, samples)


def _sox(path: Path) -> Heard:
    done = subprocess.run(
        ["sox", path, "-t", "au", "-e", "signed-integer", "-b", "32", "-"], capture_output=True, check=True
    )
    for line in done.stderr.decode().splitlines():
        assert "can't seek in output" in line, line
    offset, _, _, rate, channels = struct.unpack(">5I", done.stdout[4:24])
    found = np.frombuffer(done.stdout, ">i4", offset=offset).astype(np.int32)
    return Heard(rate, channels, found.reshape(-1, channels))


READERS: Mapping[str, Callable[[Path], Heard]] = {
    "soundfile": _soundfile,
    "scipy": _scipy_all,
    "wave": _wave,
    "PyAV": _av,
    **({"sox": _sox} if shutil.which("sox") else {}),
}


def heard_by_all(path: Path) -> dict[str, Heard]:
    """What every reader finds. `wave` knows neither floating point samples nor RF64, and has to say so."""
    found = {}
    for name, read in READERS.items():
        try:
            found[name] = read(path)
        except wave.Error as error:
            assert str(error) in ("unknown format: 3", "file does not start with RIFF id"), error  # noqa: PT017
    assert len(found) >= len(READERS) - 1
    return found


def endings(path: Path, frames: int, count: int) -> dict[str, tuple[int, Samples]]:
    """Frames, and the last `count` of them as float, of a file of floating point that is too large to be held.

    sox reads it from start to end to tell them: it is asked for what comes after all of the `frames` but the last.
    """
    found = {}
    with soundfile.SoundFile(path) as file:
        file.seek(-count, 2)
        found["soundfile"] = file.frames, file.read(dtype="float32", always_2d=True)
    _, samples = _scipy(path, mmap=True)
    found["scipy"] = len(samples), np.array(samples[-count:])
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None
        container.seek(stream.duration - 5 * count, stream=stream)
        tail = np.concatenate(list(_av_frames(container)))
        found["PyAV"] = stream.duration, tail[-count:]
    if "sox" in READERS:
        asked = ["sox", str(path), "-t", "raw", "-e", "floating-point", "-b", "32", "-", "trim", f"{frames - count}s"]
        raw = np.frombuffer(subprocess.run(asked, capture_output=True, check=True).stdout, "<f4").reshape(-1, 2)
        found["sox"] = frames - count + len(raw), raw
    return found


def chapters(path: Path) -> list[tuple[float, str]]:
    """The marks of a file: seconds and text."""
    with av.open(str(path)) as container:
        return [
            (float(each["start"] * (each["time_base"] or 0)), each["metadata"]["title"])
            for each in container.chapters()
        ]


def tags(path: Path) -> dict[str, str]:
    """What a file says of itself."""
    with av.open(str(path)) as container:
        return dict(container.metadata)
