"""Surfaces to listen to and to look at: `audition`.

FOLDER/gravel.wav     each shoe in turn: four steps walking, four running
FOLDER/gravel.png     the same as a waveform and a spectrogram
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.signal import ShortTimeFFT

from ..arrays import Floats, Picture
from ..errors import InputError
from ..files import make_folder, write_bytes
from ..images import encode_png
from ..pages import FADED, FINER, INK, RULE, Axis, fill, write
from .rendering import Style, render
from .sound.canvas import RATE, write_wav
from .surfaces import SHOES, SURFACES, choose_surface
from .types import Foot, Footstep

__all__ = ["audition", "draw_sound"]

_WALK, _RUN, _REST = 0.55, 0.33, 0.8  # seconds from step to step, and after the last
_STEPS = 4
_WIDE, _MARGIN, _WAVE, _HIGH = 1600, 76, 160, 320  # pixels of the picture
_FLOOR = 90.0  # dB below the loudest that are shown
_COLOURS = np.array(
    [(255, 255, 255), (198, 219, 239), (107, 174, 214), (33, 113, 181), (8, 48, 107), (0, 0, 24)], np.float64
)


def audition(
    folder: str | Path,
    surfaces: Sequence[str] = (),
    *,
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[Path]:
    """Write a WAV and a picture of surfaces (all by default): each shoe walks four steps and runs four; the paths.

    Raises InputError for unknown names and a folder that cannot be written to, DeviceError when the disk is full.
    """
    names = list(surfaces or SURFACES)
    for name in names:
        choose_surface(name)
    folder = make_folder(folder)
    paths = []
    for done, name in enumerate(names, start=1):
        parts = [(shoe, render(_walk(), Style(name, shoe, seed=seed), duration=_LENGTH)) for shoe in SHOES]
        sound = np.concatenate([part for _, part in parts])
        labels = [(number * _LENGTH, shoe) for number, (shoe, _) in enumerate(parts)]
        write_wav(folder / f"{name}.wav", sound)
        picture = draw_sound(sound, f"{name}: {SURFACES[name].about}", labels)
        write_bytes(folder / f"{name}.png", encode_png(picture))
        paths += [folder / f"{name}.wav", folder / f"{name}.png"]
        if progress:
            progress(done, len(names))
    return paths


def _walk() -> list[Footstep]:
    """Steps walking, then running."""
    moments = [number * _WALK for number in range(_STEPS)]
    begins = moments[-1] + _REST
    moments += [begins + number * _RUN for number in range(_STEPS)]
    sides: tuple[Foot, Foot] = ("left", "right")
    return [Footstep(time, sides[number % 2], "heel_strike", 1.0) for number, time in enumerate(moments)]


_LENGTH = (_STEPS - 1) * (_WALK + _RUN) + 2 * _REST


def draw_sound(sound: Floats, title: str, labels: Sequence[tuple[float, str]] = ()) -> Picture:
    """The waveform and the spectrogram of a sound (samples, channels) at 48 kHz, RGB uint8 (H, W, 3).

    `labels` are seconds and what begins there. The spectrogram goes from 50 Hz to 20 kHz, each octave as high as the
    next, and 90 dB down from its loudest.
    """
    if not len(sound):
        raise InputError("a sound of no samples cannot be drawn")
    mono = sound.mean(axis=1)
    axis = Axis(_MARGIN, _WIDE - 30, 0.0, len(mono) / RATE)
    top, below = 100, 100 + _WAVE + 16
    page = Image.new("RGB", (_WIDE * FINER, (below + _HIGH + 50) * FINER), "white")
    write(page, _MARGIN, 48, title, 24)
    _wave(page, mono, axis, top)
    picture = _spectrogram(mono, (axis.right - axis.left) * FINER, _HIGH * FINER)
    page.paste(Image.fromarray(picture), (axis.left * FINER, below * FINER))
    for hertz, text in ((100, "100 Hz"), (1000, "1 kHz"), (10_000, "10 kHz")):
        y = below + _HIGH * (1 - math.log(hertz / _LOW) / math.log(_TOP / _LOW))
        write(page, _MARGIN - 8, y + 5, text, 14, FADED, "rs")
        fill(page, (_MARGIN - 5, y, _MARGIN, y + 1), FADED)
    for x, text in axis.ticks():
        write(page, x, below + _HIGH + 26, text, 14, FADED, "ms")
    for time, text in labels:
        x = axis.left + time * (axis.right - axis.left) / axis.end
        fill(page, (x, top - 22, x + 1, below + _HIGH), FADED)
        write(page, x + 6, top - 8, text, 15)
    return np.asarray(page.reduce(FINER))


_LOW, _TOP = 50.0, 20_000.0  # Hz


def _wave(page: Image.Image, mono: Floats, axis: Axis, top: int) -> None:
    columns = (axis.right - axis.left) * FINER
    edges = np.linspace(0, len(mono), columns + 1).astype(int)[:-1]
    high, low = np.maximum.reduceat(mono, edges), np.minimum.reduceat(mono, edges)
    scale = (_WAVE / 2) / max(float(np.abs(mono).max()), 1e-9)
    middle = top + _WAVE / 2
    fill(page, (axis.left, middle, axis.right, middle + 0.5), RULE)
    for column, (upper, lower) in enumerate(zip(high * scale, low * scale, strict=True)):
        x = axis.left + column / FINER
        fill(page, (x, middle - upper, x + 1 / FINER, middle - lower + 0.5), INK)


def _spectrogram(mono: Floats, wide: int, high: int) -> Picture:
    transform = ShortTimeFFT(np.hanning(2048), hop=256, fs=RATE)
    power = np.abs(transform.stft(mono.astype(np.float64))) ** 2
    hertz = np.geomspace(_TOP, _LOW, high)
    rows = (hertz / transform.delta_f).round().astype(int).clip(0, len(power) - 1)
    moments = np.linspace(0, len(mono), wide, endpoint=False)
    columns = (moments / 256 - transform.p_min).round().astype(int).clip(0, power.shape[1] - 1)
    level = 10 * np.log10(power[rows][:, columns] / max(power.max(), 1e-20) + 1e-12)
    share = (1 + level / _FLOOR).clip(0, 1) * (len(_COLOURS) - 1)
    places = np.arange(len(_COLOURS))
    return np.stack([np.interp(share, places, shade) for shade in _COLOURS.T], axis=-1).astype(np.uint8)
