"""Footsteps and the sound that a video has already, together under its pictures.

    foley.mix("walk.mp4", "footsteps.wav", "out.mp4", original="duck")

What becomes of the original sound is a row of `ORIGINALS`. The pictures are copied as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ..arrays import Floats
from ..errors import InputError, MediaError
from ..files import make_folder
from ..video import check_copyable, check_target, frame_times, read_sound, replace_sound
from . import defaults
from .sound.canvas import RATE, Canvas, on_disk, scratch_folder, write_wav
from .sound.loudness import limit

__all__ = ["ORIGINALS", "choose_original", "mix", "mixed_wav", "with_original"]

ORIGINALS: Mapping[str, float] = {"keep": 0.0, "duck": -12.0, "mute": -math.inf}
"""By how many dB the original sound is turned down while steps are heard. Muted, it is not heard at all."""

_POINT = RATE // 100  # samples: the level is looked at a hundred times a second
_AUDIBLE = 10 ** (-40 / 20)  # of the loudest step: what is softer does not turn the original down
_HOLD, _FADE = 0.25, 0.12  # seconds: it stays down until steps are so far away, and goes down and up in this time
_SILENT = 2.0**-23  # the last bit of 24: what is no louder is silence
_TAIL = 0.5  # seconds: by less, a sound is longer than its pictures because of how it was encoded


def mix(source: str | Path, sound: str | Path, target: str | Path, *, original: str = defaults.ORIGINAL) -> list[str]:
    """Write `target` (MP4) with the pictures of the video `source`, copied, and its own sound with that of the file
    `sound`.

    The video's own sound is kept as it is, ducked (12 dB down while `sound` is heard), or muted. True peaks are at most
    -1 dBTP before the whole becomes AAC. Neither is cut to the length of the other, but for silence at the end of
    `sound`, which need not outlast the pictures. Returns warnings. Raises InputError
    or MediaError for what cannot be read or written, DeviceError when the disk is full.
    """
    choose_original(original)
    target = check_target(target, source, sound)
    check_copyable(source)
    end = float(frame_times(source)[-1])
    folder = make_folder(target.parent)
    warnings: list[str] = []
    with on_disk(folder) as canvas:
        steps = _heard(sound, warnings, canvas)
        if not len(steps):
            raise MediaError(f"{sound}: holds no sound")
        steps = _without_silence(steps, end)
        with mixed_wav(steps, source, original, end, folder, warnings, canvas) as wav:
            return [*warnings, *replace_sound(source, wav, target)]


@contextmanager
def mixed_wav(
    steps: Floats, source: str | Path, original: str, end: float, folder: Path, warnings: list[str], canvas: Canvas
) -> Iterator[Path]:
    """Steps together with the sound of a video, as a WAV in `folder` that is gone when the block ends."""
    mixed = with_original(steps, source, original, end, warnings, canvas)
    with scratch_folder(folder) as scratch:
        wav = scratch / "mix.wav"
        write_wav(wav, mixed)
        yield wav


def choose_original(name: str) -> float:
    """A row of `ORIGINALS`; InputError for an unknown name."""
    if name not in ORIGINALS:
        raise InputError(f"original is {name!r}; choose one of: {', '.join(ORIGINALS)}")
    return ORIGINALS[name]


def with_original(
    steps: Floats, source: str | Path, original: str, end: float, warnings: list[str], canvas: Canvas
) -> Floats:
    """Steps (samples, 2) together with the sound of a video whose pictures end at `end` seconds, as long as the longer
    of them; less than half a second by which the video's own sound is longer than its pictures is left out."""
    level = choose_original(original)
    if level == -math.inf:
        return steps
    own = _heard(source, warnings, canvas)
    if not len(own):
        return steps
    if end < len(own) / RATE < end + _TAIL:
        own = own[: max(round(end * RATE), len(steps))]
    mixed = canvas(max(len(own), len(steps)), 2)
    gain = _ducking(steps, len(mixed), level)
    for start in range(0, len(mixed), RATE):
        block = mixed[start : start + RATE]
        block[: len(own[start : start + RATE])] += own[start : start + RATE]
        points = np.arange(start, start + len(block)) / _POINT
        block *= np.interp(points, np.arange(len(gain)), gain).astype(np.float32)[:, None]
        block[: len(steps[start : start + RATE])] += steps[start : start + RATE]
    limit(mixed)
    return mixed


def _heard(path: str | Path, warnings: list[str], canvas: Canvas) -> Floats:
    """The sound of a file. It is read twice, because what a header says of its length may be a guess."""
    sound = canvas(sum(map(len, read_sound(path, []))), 2)
    reached = 0
    for block in read_sound(path, warnings):
        sound[reached : reached + len(block)] = block
        reached += len(block)
    return sound


def _without_silence(sound: Floats, end: float) -> Floats:
    """A sound up to `end` seconds, or to where it is heard last after that."""
    kept = round(end * RATE)
    for start in range(kept, len(sound), RATE):
        heard = np.flatnonzero(np.abs(sound[start : start + RATE]).max(axis=1) > _SILENT)
        kept = start + int(heard[-1]) + 1 if len(heard) else kept
    return sound[:kept]


def _ducking(steps: Floats, samples: int, level: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The gain of the original sound, a value every hundredth of a second."""
    points = samples // _POINT + 2
    loud = np.zeros(points)
    for start in range(0, len(steps), RATE):
        block = np.abs(steps[start : start + RATE]).max(axis=1)
        peaks = np.maximum.reduceat(block, np.arange(0, len(block), _POINT))
        loud[start // _POINT : start // _POINT + len(peaks)] = peaks
    heard = loud > max(loud.max() * _AUDIBLE, 1e-6)
    held = maximum_filter1d(heard.astype(np.float64), round(2 * _HOLD * 100) + 1)
    return np.asarray(10 ** (level / 20 * uniform_filter1d(held, round(_FADE * 100))), np.float64)
