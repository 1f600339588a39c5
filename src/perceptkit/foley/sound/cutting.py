"""A recording of footsteps, cut into single steps.

What begins to sound is a hit. A hit is a step when it is late, loud and distinct enough after the last one: the ball of
a foot after its heel, the grains of a ground and noise are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfilt

from ...arrays import Floats, Integers
from .recordings import mix_down

__all__ = ["cut_step_at", "cut_steps"]

# Times are in milliseconds, the unit of the levels, where nothing else is said; levels are in dB.
_SILENT = 10 ** (-75 / 20)  # the loudest sample: less is no recording of a step
_SHORTEST = 0.01  # seconds of a recording
_NEAR = 0.25  # seconds to the onset that is meant
_STEP = 3000  # the longest step
_ONE = 230  # after a heel, within which the ball belongs to it
_RISE = 6.0  # by which a hit is louder than what was before it, and a step than the noise
_FORGOTTEN = 0.04  # a millisecond: how the echo of a step fades in which a fainter hit is no step of its own
_LOUD = 12.0  # below the peak: the step is there
_ONSET = 26.0  # below the peak: the step begins; what is fainter may be the pre-echo of an MP3
_ABOVE_BEFORE = 10.0  # above what is before it: the step begins in noise
_CLOSE = 1000  # a recording shorter than this may be one step and nothing else
_DECAYED, _ABOVE_NOISE = 50.0, 5.0  # below the peak, above the noise: the step is over
_LEAD = 0.0005  # seconds kept before the onset, in which it fades in
_FADE = 0.05  # seconds in which it fades out


def cut_steps(sound: Floats, rate: float) -> list[Floats]:
    """The single footsteps of a recording (samples,) or (samples, channels) at `rate` hertz, each mono (n,) float32.

    Each begins with the onset (half a millisecond before it), ends where it has decayed or the next one begins, after
    three seconds at most, and is faded in and out. Heel and ball of a foot are one step. Levels stay as they are.
    Silence and steady noise hold no steps.
    """
    if len(sound) < _SHORTEST * rate:
        return []
    steps = _Steps(sound, rate)
    return [steps.cut(onset, steps.end(onset)) for onset in steps.onsets]


def cut_step_at(sound: Floats, rate: float, *, at: float, length: float | None = None) -> Floats:
    """The footstep at `at` seconds of a recording, mono (n,) float32; empty where it is silent.

    It begins at the onset that is nearest to `at` within a quarter of a second, or else exactly there, and ends where
    it has decayed, or after `length` seconds.
    """
    there = round(at * rate)
    if there >= len(sound):
        return np.zeros(0, np.float32)
    steps = _Steps(sound, rate)
    onset = min(steps.onsets, key=lambda onset: abs(onset - there), default=there)
    if abs(onset - there) > _NEAR * rate:
        onset = there
    end = steps.end(onset) if length is None else min(onset + round(length * rate), len(sound))
    step = steps.cut(onset, end)
    return step if _peak(step) >= _SILENT else step[:0]


class _Steps:
    """Where the steps of a recording begin and end, in samples."""

    def __init__(self, sound: Floats, rate: float) -> None:
        self._rate = rate
        mono = mix_down(np.asarray(sound, np.float32))
        # DC first, so that the filter does not begin with a jump; the median is the DC whatever the steps are like.
        centred = mono - np.median(mono)
        self._sound = _high_pass(centred, 20.0, rate)
        loudest = _peak(self._sound)
        self._heard = _high_pass(centred / max(loudest, _SILENT), 60.0, rate)  # without wind and rumble
        self._levels = _Levels(self._heard, rate)
        starts = _starts(self._levels, _hits(self._heard, rate)) if loudest >= _SILENT else []
        bounds = [*starts, len(self._levels.fine)]
        self.onsets = [self._onset(start, end) for start, end in pairwise(bounds)]

    def end(self, onset: int) -> int:
        """Where the step that begins at `onset` has decayed, or the next one begins."""
        later = [other for other in self.onsets if other > onset]
        limit = later[0] - math.ceil(_LEAD * self._rate) if later else len(self._sound)
        start = int(onset * 1000 / self._rate)
        levels = self._levels.short[start : min(math.ceil(limit * 1000 / self._rate), start + _STEP)]
        over = float(levels.max(initial=-200.0)) - _DECAYED
        if not self._levels.close:
            over = max(over, self._levels.floor + _ABOVE_NOISE)
        sounding = np.flatnonzero(levels > over)
        if len(sounding):
            quiet = np.flatnonzero(np.diff(sounding) > _ONE)
            last = int(sounding[quiet[0]] if len(quiet) else sounding[-1])
            limit = min(limit, self._sample(start + last + 10))
        return max(min(limit, onset + round(_STEP * self._rate / 1000)), onset + 1)

    def cut(self, onset: int, end: int) -> Floats:
        """A step on its own. The fade-in is before the onset, so that the attack stays."""
        lead = max(round(_LEAD * self._rate), 1)
        step: Floats = np.zeros(end - onset + lead, np.float32)
        before = min(lead, onset)
        step[lead - before :] = self._sound[onset - before : end]
        step[:lead] *= np.sin(np.linspace(0, np.pi / 2, lead, endpoint=False)) ** 2
        fade = max(min(round(_FADE * self._rate), len(step) // 3), 1)
        step[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
        return step

    def _onset(self, start: int, end: int) -> int:
        """The sample at which the step in the milliseconds `start` to `end` begins."""
        fine, short = self._levels.fine, self._levels.short
        peak = float(fine[start:end].max())
        loud = start + int(np.argmax(fine[start:end] >= peak - _LOUD))
        first = max(start - 5, loud - _ONE, 0)
        before = float(short[first : loud + 1].min())
        least = min(max(peak - _ONSET, before + _ABOVE_BEFORE), peak - _LOUD)
        # A single millisecond of noise may be loud; a step goes on.
        after = short[np.minimum(np.arange(first, loud + 1) + 5, len(short) - 1)]
        begins = (fine[first : loud + 1] >= least) & (after >= least - _RISE)
        place = first + (int(np.argmax(begins)) if begins.any() else loud - first)
        low, high = self._sample(place - 1), self._sample(place + 1)
        return low + int(np.argmax(np.abs(self._heard[low:high]) >= 10 ** (least / 20)))

    def _sample(self, millisecond: int) -> int:
        return min(max(round(millisecond * self._rate / 1000), 0), len(self._sound))


class _Levels:
    """How loud a recording is each millisecond, in dB: `fine` within it, `short` over 10 ms, `long` over 50 ms."""

    def __init__(self, sound: Floats, rate: float) -> None:
        edges = (np.arange(math.ceil(len(sound) * 1000 / rate)) * rate / 1000).astype(np.int64)
        power = np.add.reduceat(np.square(sound, dtype=np.float64), edges) / np.diff(edges, append=len(sound))
        self.fine = _decibels(power)
        self.short = _decibels(uniform_filter1d(power, 10))
        self.long = _decibels(uniform_filter1d(power, 50))
        self.floor = float(np.percentile(self.short, 10))
        # A recording of one step may have been cut so close that its quietest part is not noise but the step itself.
        self.close = len(self.fine) < _CLOSE


@dataclass(frozen=True, slots=True)
class _Start:
    """A step that was found: when it begins, when it is there, when it is loudest, and how loud."""

    time: int
    attack: int
    peak: int
    level: float


def _starts(levels: _Levels, hits: Integers) -> list[int]:
    """The hits that begin a step, and are not a ball after its heel, a grain of the ground or noise."""
    found: list[_Start] = []
    for hit in hits.tolist():
        ahead = levels.short[hit : hit + 60]
        after = float(ahead.max())
        if after < levels.floor + _RISE or (hit and after < levels.short[max(hit - 20, 0) : hit + 1].min() + _RISE):
            continue
        attack = hit + int(np.argmax(ahead >= after - _RISE))
        peak = hit + int(np.argmax(levels.long[hit : hit + 80]))
        start = _Start(hit, attack, peak, float(levels.long[peak]))
        if found and start.attack - found[-1].attack < _ONE and start.level > found[-1].level + _LOUD:
            found[-1] = start  # that was a scuff before it: no ball is so much louder than its heel
        elif not found or _another(found[-1], start, levels):
            found.append(start)
    if not found and levels.close and np.ptp(levels.short) >= _RISE:
        return [0]
    return [start.time for start in found]


def _another(last: _Start, start: _Start, levels: _Levels) -> bool:
    """Whether a hit is a step of its own after the last one: late enough, loud enough and set off from it."""
    since = start.attack - last.attack
    if since < _ONE or start.level < last.level - _LOUD / 2 - _FORGOTTEN * (since - _ONE):
        return False
    quietest = levels.long[min(last.peak, start.time) : start.time + 1].min()
    return start.level >= float(quietest) + _RISE


def _hits(sound: Floats, rate: float) -> Integers:
    """The milliseconds at which something begins to sound, the first included."""
    import librosa

    window = 1 << math.ceil(math.log2(rate * 0.03))
    hop = max(round(rate * 0.005), 1)
    padded = np.pad(sound, 2 * window)  # with silence before it, what begins at once is an onset as well
    strength = librosa.onset.onset_strength(y=padded, sr=rate, n_fft=window, hop_length=hop, n_mels=24)
    loudness = librosa.feature.rms(y=padded, frame_length=2 * hop, hop_length=hop)[0]
    places = librosa.onset.onset_detect(
        onset_envelope=strength, sr=rate, hop_length=hop, units="samples", backtrack=True, energy=loudness
    )
    times = (np.asarray(places, np.int64) - 2 * window) * 1000 / rate
    inside = times[(times > 0) & (times < len(sound) * 1000 / rate - 1)].astype(np.int64)
    return np.unique(np.concatenate([np.zeros(1, np.int64), inside]))


def _high_pass(sound: Floats, frequency: float, rate: float) -> Floats:
    """Without what is below `frequency`; causal, so that nothing sounds before its onset."""
    filtered: Floats = sosfilt(butter(2, frequency, "highpass", fs=rate, output="sos"), sound).astype(np.float32)
    return filtered


def _peak(sound: Floats) -> float:
    return float(np.abs(sound).max(initial=0.0))


def _decibels(power: Any) -> Any:
    return 10 * np.log10(np.maximum(power, 1e-12))
