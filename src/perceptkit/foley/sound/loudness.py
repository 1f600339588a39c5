"""How loud a sound is, as broadcasters measure it, and how it is made as loud as it should be without clipping.

Loudness is ITU-R BS.1770-5 (K-weighting, two gates), in LUFS; true peak is its annex 2 (four times oversampled), in
dBTP. Sounds are float32 (samples, channels) at 48 kHz, of one or two channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import firwin, sosfilt

from ...arrays import Floats
from .canvas import RATE

__all__ = ["CEILING", "integrated_loudness", "limit", "normalise", "scale", "true_peak"]

CEILING = -1.0
"""dBTP that nothing goes above."""

# The filters of BS.1770 at 48 kHz: the head, and the low sounds that hardly count.
_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
_STEP = RATE // 10  # a gating block is four of these
_ABSOLUTE, _RELATIVE = -70.0, -10.0  # LUFS; LU below the mean
_BLOCK = 600 * _STEP  # samples at a time
_SPAN = 1 << 19  # samples that are limited at a time
_PHASES, _TAPS = 4, 12
_ROUNDS, _CLOSE, _LITTLE = 5, 0.2, 2.0  # of limiting; LU; dB
_REACH = 64  # samples: around a peak too high, so far does the limiter look and hold


def integrated_loudness(sound: Floats) -> float:
    """The loudness of a whole sound (samples, channels) in LUFS; minus infinity for silence and less than 0.4 s."""
    powers = _powers(sound)
    if len(powers) < 4:
        return -math.inf
    whole = np.convolve(powers, np.ones(4) / 4, "valid")
    heard = whole[whole > _power(_ABSOLUTE)]
    if not len(heard):
        return -math.inf
    heard = heard[heard > heard.mean() * 10 ** (_RELATIVE / 10)]
    return -0.691 + 10 * math.log10(heard.mean())


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _powers(sound: Floats) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The weighted power of every tenth of a second, all channels together."""
    powers = np.zeros(len(sound) // _STEP)
    for channel in range(sound.shape[1]):
        state = np.zeros((len(_WEIGHTING), 2))
        for first in range(0, len(powers), _BLOCK // _STEP):
            block = sound[first * _STEP :][:_BLOCK, channel].astype(np.float64)
            weighted, state = sosfilt(_WEIGHTING, block, zi=state)
            tenths = weighted[: len(weighted) // _STEP * _STEP].reshape(-1, _STEP)
            powers[first : first + len(tenths)] += np.einsum("ts,ts->t", tenths, tenths) / _STEP
    return powers


def true_peak(sound: Floats) -> float:
    """The highest level between the samples too, in dBTP; minus infinity for silence."""
    peak = 0.0
    for start in range(0, len(sound), _STEP):
        before = min(start, _TAPS)
        block = np.asarray(sound[start - before : start + _STEP + _TAPS])
        # Between samples a sound is at most so much higher than at the samples around: quiet blocks cannot be it.
        if float(np.abs(block).max(initial=0)) * _MOST > peak:
            peak = max(peak, float(_between(block)[before : before + _STEP].max(initial=0)))
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def _oversampler() -> Floats:
    """A low-pass for four times as many samples, (phases, taps)."""
    taps = firwin(_PHASES * _TAPS, 1 / _PHASES, window=("kaiser", 5.0)) * _PHASES
    return np.asarray(taps.reshape(_TAPS, _PHASES).T, np.float32)


_PHASE_TAPS = _oversampler()
_MOST = float(np.abs(_PHASE_TAPS).sum(axis=1).max())


def _between(block: Floats) -> Floats:
    """How high the sound is at and after each sample, whichever channel is the highest, (samples,)."""
    highest = _highest(block)
    for channel in block.T:
        for taps in _PHASE_TAPS:
            highest = np.maximum(highest, np.abs(np.convolve(channel, taps, "same")))
    return np.asarray(highest, np.float32)


def _highest(block: Floats) -> Floats:
    """The highest of all channels at each sample."""
    highest = np.abs(block[:, 0])
    for channel in block.T[1:]:
        np.maximum(highest, np.abs(channel), out=highest)
    return highest


def limit(sound: Floats, ceiling: float = CEILING) -> float:
    """Turn a sound down, in place, for the milliseconds in which its true peak would be above `ceiling` dBTP; how many
    dB of its energy it loses."""
    lost = 0.0
    most = 10 ** ((ceiling - 0.05) / 20)
    for start, stop in _loud_spans(sound, most):
        first = max(0, start - 4 * _REACH)
        block = np.asarray(sound[first : stop + 4 * _REACH])
        gain = np.ones(len(block), np.float32)
        near = slice(max(0, start - first - _TAPS), stop - first + _TAPS)
        gain[near] = np.minimum(1, most / np.maximum(_between(block[near]), 1e-9))
        if gain.min() == 1:
            continue
        gain = minimum_filter1d(gain, 2 * _REACH + 1, mode="constant", cval=1.0)
        gain = uniform_filter1d(gain, _REACH, mode="nearest").astype(np.float32)
        lost += float(np.einsum("tc,tc,t->", block, block, 1 - gain * gain))
        sound[first : first + len(block)] = block * gain[:, None]
    return 10 * math.log10(1 + lost / _energy(sound)) if lost else 0.0


def _energy(sound: Floats) -> float:
    return sum(float(np.dot(channel, channel)) for channel in np.asarray(sound).T)


def _loud_spans(sound: Floats, most: float) -> Iterator[tuple[int, int]]:
    """From where to where a sound may be too high: stretches that lie apart, or are as long as a block."""
    for start in range(0, len(sound), _SPAN):
        block = _highest(np.asarray(sound[start : start + _SPAN]))
        places = np.flatnonzero(block * _MOST > most) + start
        if len(places):
            ends = np.flatnonzero(np.diff(places) > 10 * _REACH)
            for first, last in zip([0, *(ends + 1)], [*ends, len(places) - 1], strict=True):
                yield int(places[first]), int(places[last]) + 1


def normalise(sound: Floats, loudness: float, ceiling: float = CEILING) -> float:
    """Make a sound so loud (LUFS), in place, with a true peak of at most `ceiling` dBTP; the gain in dB.

    What the limiter takes away is made up for, as far as that goes. Silence stays silent, and a sound too short to have
    a loudness keeps its own.
    """
    gain, change = 0.0, loudness - integrated_loudness(sound)
    if not math.isfinite(change):
        limit(sound, ceiling)
        return gain
    for _ in range(_ROUNDS):
        scale(sound, change)
        gain += change
        lost = limit(sound, ceiling)
        change = lost if lost < _LITTLE else loudness - integrated_loudness(sound)  # about so much was taken
        if abs(change) < _CLOSE:
            break
    return gain


def scale(sound: Floats, decibels: float) -> None:
    """Turn a sound up or down, in place."""
    factor = np.float32(10 ** (decibels / 20))
    for start in range(0, len(sound), _BLOCK):
        sound[start : start + _BLOCK] *= factor
