"""Room for sounds of any length: in memory, or on disk when they are long; and a sound as a WAV file."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ...arrays import Floats
from ...audio.sound import any_name
from ...errors import write_error
from ...files import replacing_path

__all__ = ["LARGE", "RATE", "Canvas", "encode_wav", "in_memory", "on_disk", "open_wav", "scratch_folder", "write_wav"]

RATE = 48_000
"""Samples a second of all sound that is made here."""

Canvas = Callable[[int, int], Floats]
"""Makes an array of zeros, (samples, channels), or (samples,) for 0 channels. A channel lies in one piece in memory."""

LARGE = 1 << 28
"""Bytes from which on a sound is on disk: 12 minutes of stereo."""

_WAV = 4_000_000_000  # bytes that a WAV can say that it has; what is longer is an RF64 (EBU Tech 3306)
_BLOCK = 1 << 20  # samples written at a time


def in_memory(samples: int, channels: int) -> Floats:
    """An array in memory."""
    return np.zeros((channels, samples) if channels else samples, np.float32).T


@contextmanager
def on_disk(folder: Path, *, large: int = LARGE) -> Iterator[Canvas]:
    """A canvas that makes files in `folder`, gone when the block ends, where its arrays together take `large` bytes.

    Raises DeviceError when the disk is full, InputError when the folder may not be written to.
    """
    taken = 0
    with scratch_folder(folder) as scratch:

        def canvas(samples: int, channels: int) -> Floats:
            nonlocal taken
            size = 4 * samples * max(channels, 1)
            taken += size
            if taken < large:
                return in_memory(samples, channels)
            handle, name = tempfile.mkstemp(dir=scratch)
            try:
                with os.fdopen(handle, "r+b") as file:
                    _reserve(file.fileno(), size)
            except OSError as error:
                raise write_error(folder, error) from error
            return np.memmap(name, np.float32, "r+", shape=(channels, samples) if channels else (samples,)).T

        yield canvas


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder in `folder` that is gone when the block ends; the errors of `on_disk`."""
    try:
        made = tempfile.TemporaryDirectory(dir=folder, prefix=".sound-", ignore_cleanup_errors=True)
    except OSError as error:
        raise write_error(folder, error) from error
    with made as scratch:
        yield Path(scratch)


def _reserve(handle: int, size: int) -> None:
    """Take the room on the disk now: where it is full later, writing into the array would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.truncate(handle, size)


def write_wav(path: str | Path, sound: Floats) -> None:
    """Write a sound (samples, channels) as 24-bit WAV, whole or not at all; the errors of `open_wav`."""
    with open_wav(path, sound.shape[1], samples=len(sound)) as write:
        for start in range(0, len(sound), _BLOCK):
            write(sound[start : start + _BLOCK])


def encode_wav(sound: Floats) -> bytes:
    """A sound (samples, channels) as the bytes of a 24-bit WAV."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, sound, RATE, "PCM_24", format="WAV")
    return file.getvalue()


@contextmanager
def open_wav(path: str | Path, channels: int, *, samples: int = 0) -> Iterator[Callable[[Floats], None]]:
    """A function that writes pieces (samples, channels) of a 24-bit WAV at 48 kHz, which is there when the block ends.

    One of more than 4 GB, by the `samples` that are expected, is an RF64. Raises DeviceError when the disk is full,
    InputError when it cannot be written there.
    """
    import soundfile

    kind = "WAV" if samples * channels * 3 < _WAV else "RF64"
    with replacing_path(path) as beside:
        beside.touch()  # so that a folder that may not be written to is said by the system, not by libsndfile
        try:
            with soundfile.SoundFile(any_name(beside), "w", RATE, channels, "PCM_24", format=kind) as file:
                yield file.write
        except soundfile.LibsndfileError as error:  # "System error.", and no word of which
            raise write_error(path, OSError(errno.ENOSPC, str(error))) from error
