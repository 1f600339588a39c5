"""Where a sound comes from, heard with two microphones or more.

It is a search over azimuths for the one that explains best how the phases of the channels differ (SRP-PHAT; for two
microphones it is GCC-PHAT: Knapp and Carter, IEEE Trans. ASSP 24, 1976; DiBiase, Brown University, 2000), with four
changes, each of which is explained where it is made:

* frequencies count by how coherent they are, so that those at which there is only noise do not;
* moments at which the sound grows count more: what comes then came straight, the walls answer later;
* what agrees with every direction alike (hum, low frequencies, sound from all around) says nothing about one;
* a direction is told only where noise that is independent in all channels would hardly ever seem to have one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from scipy.fft import next_fast_len, rfft
from scipy.signal.windows import hann

from ..arrays import Floats, Integers
from ..errors import InputError
from . import defaults
from .angles import Doubles
from .steering import SHARED, Phasors, Steering, places_of, scan_of, steer
from .types import AngleTrack

__all__ = ["FALSE_ALARM", "MAX_FREQUENCY", "Directions", "estimate_direction"]

FALSE_ALARM = 1e-4
"""The most directions that are told for a window of noise that has none."""

MAX_FREQUENCY = 16_000.0
"""Hertz up to which sound is used."""


_FRAME = 0.032  # seconds: shorter than speech changes, longer than the first reflections take
_DELAYS = 8  # a frame is at least so many times as long as the longest way between two microphones
_FRAMES = 4  # the fewest in a window: of one alone all frequencies are coherent
_DECAY, _LEAST = 0.8, 0.1  # see _spectra
_FAINT = 10 ** (-60 / 20)  # of the strongest frequency: what is fainter may be the rounding of a tone, alike everywhere
_BATCH = 256  # frames that are transformed at a time
_TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Where sound came from: `times` (N,) in seconds, the middle of each window, and what was heard in it.

    `azimuth` (N,) is in degrees as `audio.AZIMUTH` says, NaN where there is no direction. `confidence` (N,) is how far
    the phases at all frequencies agree on it: 1 fully, 0 where there is none.
    """

    times: Doubles
    azimuth: Doubles
    confidence: Doubles

    def __len__(self) -> int:
        return len(self.times)

    @property
    def track(self) -> AngleTrack:
        """The moments that have a direction."""
        known = ~np.isnan(self.azimuth)
        return AngleTrack(self.times[known], self.azimuth[known])


def estimate_direction(
    blocks: Iterable[Floats] | Floats,
    sample_rate: int,
    *,
    microphones: ArrayLike | None = None,
    spacing: float = defaults.SPACING,
    window: float = defaults.WINDOW,
    hop: float = defaults.HOP,
    floor: float = defaults.FLOOR,
    false_alarm: float = FALSE_ALARM,
    max_frequency: float = MAX_FREQUENCY,
    speed_of_sound: float = defaults.SPEED_OF_SOUND,
) -> Directions:
    """Tell where sound comes from, every `hop` seconds, from `window` seconds each.

    `blocks` are float samples (samples, channels), all at once or in blocks of any size. `microphones` (M, 2 or 3) are
    the places of the channels in metres: x to the front, y to the left, z up. Without them there are two, `spacing`
    apart, and a negative azimuth is towards the first one; a stereo file whose first channel is the left microphone has
    `microphones=[(0, 0.1), (0, -0.1)]`. Sources are taken to be far away (more than some three times the size of the
    array) and as high as the microphones. Only times of arrival count, not levels: what was moved to the left at a
    mixing desk is in front. Memory grows with the square of the number of microphones, and of `max_frequency` (hertz).

    Two microphones, or more on a line, cannot tell one side of the line from the other: the answer is on the side that
    looks to the front (to the left, where the line itself points to the front). Others hear the whole circle.

    There is no direction in a window quieter than `floor` (dBFS, the loudest channel), with samples that are not
    finite, or in which no azimuth stands out from noise; of windows with nothing but noise that is independent in all
    channels, at most a share of `false_alarm` gets one. What is left at the end that does not fill a window is not
    used. Raises InputError for a geometry, a length or samples that cannot be used.
    """
    pieces = [blocks] if isinstance(blocks, np.ndarray) else blocks
    _check(sample_rate, hop=hop, max_frequency=max_frequency, speed_of_sound=speed_of_sound)
    if not 0 < false_alarm < 1:
        raise InputError(f"false_alarm is {false_alarm}; give a share of windows between 0 and 1")
    places = places_of(microphones, spacing)
    scan = scan_of(places, min(max_frequency, sample_rate / 2), speed_of_sound)
    grid = _grid(sample_rate, window, hop, float(np.abs(scan.delays).max()))
    frequencies = np.arange(1, (grid.frame + 1) // 2) * sample_rate / grid.frame
    steering = steer(scan, frequencies[frequencies <= max_frequency], false_alarm)
    count = max(_BATCH // grid.steps, 1)
    found = [
        _directions(sound, grid, steering, floor)
        for sound in _stretches(pieces, len(places), grid.length(count), count * grid.hop, grid.length(1))
    ]
    azimuth, confidence = np.concatenate([np.zeros((2, 0)), *found], axis=1)
    middle = (grid.starts(1)[1] + grid.length(1)) / 2
    return Directions((np.arange(len(azimuth)) * grid.hop + middle) / sample_rate, azimuth, confidence)


def _check(sample_rate: int, **values: float) -> None:
    for name, value in {"sample_rate": sample_rate, **values}.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} is {value}; give a number above 0")


@dataclass(frozen=True, slots=True)
class _Grid:
    """How sound is cut, in samples: frames of `frame`, `steps` of them in each `hop`, `frames` in a window.

    Before the first frame of a window is one that shows only whether the sound grows.
    """

    frame: int
    steps: int
    hop: int
    frames: int

    def starts(self, windows: int) -> Integers:
        """Where the frames of so many windows begin. Those of later windows are exactly hops later."""
        return np.arange((windows - 1) * self.steps + self.frames + 1) * self.hop // self.steps

    def length(self, windows: int) -> int:
        """The samples of so many windows."""
        return int(self.starts(windows)[-1]) + self.frame


def _grid(sample_rate: int, window: float, hop: float, delay: float) -> _Grid:
    seconds = max(_FRAME, _DELAYS * delay)
    least = seconds * (_FRAMES + 1) / 2
    if not (math.isfinite(window) and window >= least * 0.999):
        raise InputError(f"window is {window} s; for these microphones it takes at least {least:.2f} s")
    frame = next_fast_len(round(seconds * sample_rate), real=True)
    samples = max(round(hop * sample_rate), 1)
    steps = math.ceil(samples / (frame / 2))
    return _Grid(frame, steps, samples, max(round((window * sample_rate - frame) / (samples / steps)) + 1, _FRAMES))


def _stretches(blocks: Iterable[Floats], channels: int, length: int, step: int, least: int) -> Iterator[Floats]:
    """Stretches of `length` samples, `step` apart, whatever the size of the blocks; the last one may be shorter, but
    not than `least`."""
    pending: list[Floats] = []
    held = 0
    for block in blocks:
        _check_block(block, channels)
        for start in range(0, len(block), length):  # a whole recording at once is not copied at once
            pending.append(block[start : start + length])
            held += len(pending[-1])
            if held >= length:
                sound = np.concatenate(pending)
                while len(sound) >= length:
                    yield sound[:length]
                    sound = sound[step:]
                pending, held = [sound], len(sound)
    if held >= least:
        yield np.concatenate(pending)


def _check_block(block: Floats, channels: int) -> None:
    if block.ndim != 2 or block.shape[1] < 2:
        raise InputError(f"a direction takes two channels or more, (samples, channels); these are {block.shape}")
    if block.shape[1] != channels:
        raise InputError(
            f"the sound has {block.shape[1]} channels; give the places of as many microphones, not {channels}"
        )
    if not np.issubdtype(block.dtype, np.floating):
        raise InputError(f"samples are {block.dtype}; give float samples in [-1, 1]")


def _directions(sound: Floats, grid: _Grid, steering: Steering, floor: float) -> Doubles:
    """Azimuth and confidence of each window in a stretch of sound, (2, windows)."""
    scan = steering.scan
    windows = (len(sound) - grid.length(1)) // grid.hop + 1
    spectra, powers = _spectra(sound, grid, windows, len(steering.weights) // len(scan.pairs))
    shared = _coherence(spectra, grid, windows, scan.pairs)
    heights = shared.view(np.float32) @ steering.contrast.view(np.float32).T
    best = heights.argmax(axis=1)
    highest = heights[np.arange(windows), best]
    sizes = np.abs(shared)
    contrast = steering.contrast[best]
    variance = SHARED / 2 * np.square(sizes * np.abs(contrast)).sum(axis=1)
    most = sizes @ steering.weights
    agreeing = highest + shared.real @ (steering.weights * steering.common)
    known = highest - np.maximum(steering.around[best], 0) > steering.threshold * np.sqrt(variance)
    known &= 10 * np.log10(_of_windows(powers, grid, windows).max(axis=1) / grid.frames + _TINY) >= floor
    if scan.broadside is not None:  # still rising at the end: later than any sound from outside can be
        known &= (best > 0) & (best < len(scan.positions) - 1)
    azimuth = scan.azimuths(_refined(heights, best, scan.positions))
    confidence = np.clip(agreeing / (most + _TINY), 0, 1)
    return np.stack([np.where(known, azimuth, np.nan), np.where(known, confidence, 0)])


def _spectra(sound: Floats, grid: _Grid, windows: int, bins: int) -> tuple[Phasors, Floats]:
    """Spectra of all frames, (frames, channels, bins), and their powers, (frames, channels), NaN where a sample is not
    finite.

    The spectra have the roots of their amplitudes: between those themselves, where loud frames are all that counts, and
    PHAT, where silent ones count as much. They count less at frequencies that do not grow: by the share of a power that
    is more than `_DECAY` of the one before, at least by `_LEAST`. What comes with a growth came straight.
    """
    finite = np.asarray(np.isfinite(sound).all(axis=1))
    sound = np.where(finite[:, None], sound, 0).astype(np.float32, copy=False)
    starts = grid.starts(windows)
    taper = hann(grid.frame, sym=False).astype(np.float32)
    spectra: Phasors = rfft(sliding_window_view(sound, grid.frame, axis=0)[starts] * taper)[..., 1 : bins + 1]
    power = np.square(spectra.real) + np.square(spectra.imag)
    total = 2 * power.sum(axis=-1) / np.float32(grid.frame * np.square(taper).sum())
    broken = np.diff(np.concatenate([[0], np.cumsum(~finite)])[starts[:, None] + [0, grid.frame]])[:, 0] > 0
    total[broken] = np.nan
    loudness = power.sum(axis=1)
    growth = 1 - np.float32(_DECAY) * loudness[:-1] / (loudness[1:] + np.float32(_TINY))
    gains = np.sqrt(np.maximum(growth, np.float32(_LEAST)))
    scale = gains[:, None] / np.sqrt(np.sqrt(power[1:] + np.float32(_TINY)))
    return spectra[1:] * scale, total[1:]


def _coherence(spectra: Phasors, grid: _Grid, windows: int, pairs: Integers) -> Phasors:
    """How coherent each pair of channels is in each window: squared, with its phase, (windows, pairs * bins).

    Squared, frequencies at which there is only noise count for a tenth: recordings of 48 kHz are full of them. Those
    that are 60 dB below the strongest count for nothing: beside a pure tone, all that is left are its window and the
    rounding of its samples, which are coherent and come from nowhere.
    """
    powers = _of_windows(np.square(spectra.real) + np.square(spectra.imag), grid, windows)
    shared = np.empty((windows, len(pairs), spectra.shape[-1]), np.complex64)
    powers[powers < _FAINT * powers.max(axis=-1, keepdims=True)] = np.inf
    for pair, (one, other) in enumerate(pairs):
        cross = _of_windows(spectra[:, one] * spectra[:, other].conj(), grid, windows)
        shared[:, pair] = cross * np.abs(cross) / (powers[:, one] * powers[:, other] + np.float32(_TINY))
    return shared.reshape(windows, -1)


def _of_windows(frames: Any, grid: _Grid, windows: int) -> Any:
    """Sums over the frames of each window: (frames, ...) to (windows, ...)."""
    last = (windows - 1) * grid.steps + 1
    total = frames[: last : grid.steps].copy()
    for frame in range(1, grid.frames):
        total += frames[frame : frame + last : grid.steps]
    return total


def _refined(heights: Floats, best: Integers, positions: Doubles) -> Doubles:
    """Where the parabola through the highest place and its neighbours is highest."""
    count, windows = len(positions), np.arange(len(best))
    # The ends of a line have no neighbour, but are no direction either.
    before, here, after = (heights[windows, (best + way) % count].astype(np.float64) for way in (-1, 0, 1))
    bend = 2 * here - before - after
    way = np.where(bend > 0, (after - before) / 2 / np.where(bend > 0, bend, 1), 0)
    return np.asarray(positions[best] + np.clip(way, -0.5, 0.5) * (positions[1] - positions[0]))
