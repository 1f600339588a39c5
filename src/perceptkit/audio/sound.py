"""Samples as they lie in sound files: how they are coded, and reading them."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, MediaError
from ..files import sniff

if TYPE_CHECKING:
    import soundfile

__all__ = ["KINDS", "SUBTYPES", "Form", "any_name", "check_whole", "kept_as", "open_sound", "read_blocks", "read_bytes"]

KINDS = "WAV, FLAC, OGG, MP3 or AIFF"
"""What can be read, in words."""

SUBTYPES: Mapping[str, int] = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
"""How samples can be written, and the bytes that one takes."""

log = logging.getLogger("perceptkit")

_RATES = (1, 768_000)  # hertz: what is outside was not recorded but is a damaged header
_TAKEN = tuple(map(np.dtype, ("int16", "int32", "float32", "float64")))

# How samples of other kinds are kept: without loss where that can be. What is not here is FLOAT.
_KEPT = {"PCM_16": "PCM_16", "PCM_S8": "PCM_16", "PCM_U8": "PCM_16", "PCM_24": "PCM_24"}
_DTYPES = {"PCM_16": "int16", "PCM_24": "int32", "FLOAT": "float32"}

_Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Form:
    """What a sound is made of: samples a second, channels, and how a sample is written (a row of `SUBTYPES`)."""

    sample_rate: int
    channels: int
    subtype: str

    def __post_init__(self) -> None:
        check_whole("sample_rate", self.sample_rate, 1, _RATES[1])
        check_whole("channels", self.channels, 1, 1024)
        if self.subtype not in SUBTYPES:
            raise InputError(f"unknown subtype {self.subtype!r}; choose one of: {', '.join(SUBTYPES)}")

    @property
    def width(self) -> int:
        """Bytes of a sample."""
        return SUBTYPES[self.subtype]

    @property
    def frame(self) -> int:
        """Bytes of a sample frame: one sample of each channel."""
        return self.width * self.channels

    def encode(self, samples: object) -> tuple[bytes, int]:
        """Samples as bytes, and how many were above full scale and cut.

        Bytes are taken as they are: interleaved, little endian, in this form. Arrays are (samples, channels), or
        (samples,) for one channel, of float32 or float64 in [-1, 1], or of int16 or int32 at full scale. Raises
        InputError for anything else, and for samples that are not finite.
        """
        if isinstance(samples, (bytes, bytearray, memoryview)):
            return bytes(samples), 0
        try:
            array = np.asarray(samples)
        except ValueError as error:
            raise InputError(f"samples are no array: {error}") from error
        if array.ndim not in (1, 2) or (1 if array.ndim == 1 else array.shape[1]) != self.channels:
            raise InputError(f"samples have the shape {array.shape}; this recording takes (samples, {self.channels})")
        if array.dtype not in _TAKEN:
            raise InputError(f"samples are {array.dtype}; give float32 in [-1, 1], int16, int32, or bytes")
        if array.dtype.kind == "f":
            return _of_floats(array, self.subtype)
        return _of_whole(array, self.subtype), 0


def _of_floats(array: _Array, subtype: str) -> tuple[bytes, int]:
    lowest, highest = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not math.isfinite(lowest + highest):
        raise InputError("samples have values that are not numbers (NaN or infinity); replace them, by 0 for example")
    if subtype == "FLOAT":
        if max(-lowest, highest) > float(np.finfo(np.float32).max):
            raise InputError(f"samples are too large for a file of floats: {max(-lowest, highest):g}")
        return array.astype("<f4", copy=False).tobytes(), 0
    full = 1 << (8 * SUBTYPES[subtype] - 1)
    if max(-lowest, highest) > 2:
        array = array.clip(-2, 2)
    scaled = np.rint(array * array.dtype.type(full))
    clipped = 0
    if max(-lowest, highest) * full > full - 1:
        clipped = int(np.count_nonzero(np.abs(scaled) > full))
        scaled = scaled.clip(-full, full - 1)
    return _of_whole(scaled.astype("<i4") << (32 - 8 * SUBTYPES[subtype]), subtype), clipped


def _of_whole(array: _Array, subtype: str) -> bytes:
    """Integers at full scale, int16 or int32, rounded where there are too many bits."""
    if array.dtype == np.int16 and subtype == "PCM_16":
        return array.astype("<i2", copy=False).tobytes()
    if subtype == "FLOAT":
        return (array / np.float32(1 << (8 * array.dtype.itemsize - 1))).astype("<f4").tobytes()
    long = array.astype("<i4") << 16 if array.dtype == np.int16 else array.astype("<i4", copy=False)
    half = 1 << (31 - 8 * SUBTYPES[subtype])
    raised = np.minimum(long, (1 << 31) - 1 - half) + np.int32(half)  # rounded, in its higher bits
    parts = np.ascontiguousarray(raised).view(np.uint8).reshape(-1, 4)
    if subtype == "PCM_16":
        return parts.view("<i2")[:, 1].tobytes()
    packed = np.empty((len(parts), 3), np.uint8)
    for byte in range(3):  # one by one: numpy copies rows of three slowly
        packed[:, byte] = parts[:, byte + 1]
    return packed.tobytes()


def check_whole(name: str, value: object, least: int, most: int) -> int:
    """A whole number as an int. Raises InputError for anything else, and outside of `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value <= most:
        raise InputError(f"{name} is {value!r}; give a whole number from {least} to {most:,}")
    return int(value)


def any_name(path: Path) -> str | bytes:
    """A path as libsndfile takes it, also one that is not UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


@contextmanager
def open_sound(path: Path) -> Iterator[soundfile.SoundFile]:
    """A sound file, open for reading. Raises MediaError, also for what fails while it is read."""
    import soundfile

    try:
        with path.open("rb") as stream:
            kind = sniff(stream.read(64))
        if path.suffix.lower() == ".raw":  # libsndfile would ask what its bytes mean
            raise MediaError(f"{path}: not a {KINDS} file but {kind}")
        with soundfile.SoundFile(any_name(path)) as opened:
            if not _RATES[0] <= opened.samplerate <= _RATES[1]:
                raise MediaError(f"{path}: its header is damaged, it says {opened.samplerate} samples a second")
            yield opened
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    except soundfile.SoundFileError as error:
        reason = f"not a {KINDS} file but {kind}"
        if kind.startswith("a video"):  # or sound in the same kind of file
            reason += "; take the sound out of it first, as with: ffmpeg -i FILE sound.wav"
        if kind.endswith("sound") or kind.startswith("an Ogg"):
            reason = f"damaged or of a kind that is not supported: {str(error).rstrip('.')}"
        raise MediaError(f"{path}: {reason}") from error


def read_blocks(path: Path, first: int, last: int, *, dtype: str, size: int = 1 << 18) -> Iterator[_Array]:
    """The samples of a file from sample `first` to before `last`, in blocks (up to `size`, channels) of a dtype.

    Raises MediaError for what cannot be read.
    """
    with open_sound(path) as opened:
        opened.seek(min(first, opened.frames))
        left = last - first
        while left > 0 and len(block := opened.read(min(left, size), dtype, always_2d=True)):
            yield block
            left -= len(block)


def kept_as(subtype: str) -> str:
    """The subtype in which samples of a sound file are kept, which may be one that we do not write."""
    return _KEPT.get(subtype, "FLOAT")


def read_bytes(path: Path, first: int, last: int, form: Form) -> Iterator[bytes]:
    """The samples of a file from sample `first` to before `last` as bytes in a form, unchanged where that can be.

    Raises MediaError for what cannot be read.
    """
    with open_sound(path) as opened:
        dtype = _DTYPES[kept_as(opened.subtype)]  # libsndfile does not scale floating point samples to whole numbers
    for block in read_blocks(path, first, last, dtype=dtype):
        if form.subtype == "FLOAT" and dtype == "float32":
            yield block.astype("<f4", copy=False).tobytes()  # whatever they are
            continue
        data, clipped = form.encode(block)
        if clipped:
            log.warning("%s: samples above full scale were cut: %d", path, clipped)
        yield data
