"""Sound files that somebody recorded, as mono samples at 48 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...arrays import Floats
from ...audio.sound import KINDS, open_sound
from ...errors import MediaError
from .canvas import RATE

if TYPE_CHECKING:
    import soundfile

__all__ = ["KINDS", "SUFFIXES", "duration_of", "mix_down", "read_mono", "resample"]

SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc")
"""The names of such files end so, in lower case."""

_LARGEST, _LONGEST = 2_000_000_000, 2 * 3600.0  # bytes and seconds of a file
_BLOCK = 10.0  # seconds read at once
_RATES = (4000, 768000)  # hertz: what is outside was not recorded but is a damaged header


def duration_of(file: Path) -> float:
    """How long a sound file is by its header, in seconds. Raises MediaError for what cannot be read."""
    with _opened(file) as opened:
        return float(opened.frames / opened.samplerate)


def read_mono(file: Path, start: float, seconds: float) -> Floats:
    """Up to `seconds` of a file from `start` on, mono (n,) at 48 kHz. Raises MediaError for what cannot be read."""
    with _opened(file) as opened:
        rate = opened.samplerate
        opened.seek(round(start * rate))
        left = round(seconds * rate)
        blocks: list[Floats] = [np.zeros(0, np.float32)]
        while left > 0 and len(block := opened.read(min(left, round(_BLOCK * rate)), np.float32, always_2d=True)):
            if not np.isfinite(block).all():
                raise MediaError(f"{file}: it has samples that are not numbers; export it again")
            blocks.append(mix_down(block))
            left -= len(block)
    return resample(np.concatenate(blocks), rate)


def mix_down(sound: Floats) -> Floats:
    """The mean of the channels; the loudest one where they cancel out, as with one microphone the wrong way round."""
    if sound.ndim == 1:
        return sound
    mixed: Floats = sound.mean(axis=1)
    loudness = np.square(sound, dtype=np.float64).sum(axis=0)
    if np.square(mixed, dtype=np.float64).sum() < 0.01 * loudness.max(initial=0):
        mixed = sound[:, int(np.argmax(loudness))]
    return mixed


def resample(sound: Floats, rate: float) -> Floats:
    """From `rate` hertz to 48 kHz."""
    if rate == RATE or not len(sound):
        return sound
    import librosa

    resampled: Floats = librosa.resample(sound, orig_sr=rate, target_sr=RATE, res_type="soxr_hq")
    return resampled


@contextmanager
def _opened(file: Path) -> Iterator[soundfile.SoundFile]:
    """A sound file of a size that a footstep may be cut from, open. Raises MediaError, also for what fails later."""
    if file.exists() and file.stat().st_size > _LARGEST:
        raise MediaError(f"{file}: larger than {_LARGEST / 1e9:g} GB; cut out a part with footsteps")
    with open_sound(file) as opened:
        if not _RATES[0] <= opened.samplerate <= _RATES[1]:
            raise MediaError(f"{file}: its header is damaged, it says {opened.samplerate} samples a second")
        if opened.frames > _LONGEST * opened.samplerate:
            raise MediaError(f"{file}: longer than {_LONGEST / 3600:g} hours; cut out a part with footsteps")
        yield opened
