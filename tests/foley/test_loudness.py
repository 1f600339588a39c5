"""Loudness and true peak against another implementation, known answers of the standards, and the limiter."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import resample_poly
from sounds import RATE

from perceptkit.arrays import Floats
from perceptkit.foley import integrated_loudness, true_peak
from perceptkit.foley.sound.loudness import limit, normalise


def sine(level: float, seconds: float = 5, hertz: float = 997.0, phase: float = 0.0) -> Floats:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 10 ** (level / 20) * np.sin(2 * np.pi * hertz * time + phase)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def bursts(seed: int, seconds: float = 12) -> Floats:
    random = np.random.default_rng(seed)
    sound = np.zeros((round(seconds * RATE), 2), np.float32)
    for start in random.integers(0, len(sound) - RATE, 15):
        length = int(random.integers(200, RATE))
        decay = np.exp(-np.arange(length) / (0.2 * length))[:, None]
        sound[start : start + length] += (random.normal(0, random.uniform(0.02, 0.5), (length, 2)) * decay).astype("f4")
    return sound


def test_a_sine_in_both_channels_is_as_loud_as_the_standard_says() -> None:
    """BS.1770: 997 Hz at 0 dBFS in one channel is -3.01 LUFS; two of them are 3.01 dB more."""
    assert integrated_loudness(sine(-23)) == pytest.approx(-23, abs=0.05)
    assert integrated_loudness(sine(-23)[:, :1]) == pytest.approx(-26.01, abs=0.05)


def test_silence_does_not_count_and_quiet_parts_are_left_out() -> None:
    """EBU Tech 3341, case 3: 10 s at -36, 60 s at -23 and 10 s at -36 dBFS are -23 LUFS."""
    parts = [sine(-36, 10), sine(-23, 60), sine(-36, 10), np.zeros((20 * RATE, 2), np.float32)]
    assert integrated_loudness(np.concatenate(parts)) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_loudness_is_that_of_another_implementation(seed: int) -> None:
    sound = bursts(seed, 70 if seed == 0 else 12)  # more than a block at a time
    theirs = pyloudnorm.Meter(RATE).integrated_loudness(sound.astype(np.float64))
    assert integrated_loudness(sound) == pytest.approx(theirs, abs=0.1)


def test_what_cannot_be_measured_has_no_loudness() -> None:
    assert integrated_loudness(np.zeros((RATE, 2), np.float32)) == -math.inf
    assert integrated_loudness(np.ones((100, 2), np.float32)) == -math.inf
    assert true_peak(np.zeros((RATE, 2), np.float32)) == -math.inf


def test_the_true_peak_is_between_the_samples() -> None:
    """EBU Tech 3341, cases 15 to 18: a quarter of the sample rate, 45 degrees off, peaks 3 dB above its samples."""
    sound = sine(-6, 1, RATE / 4, math.pi / 4)[500:-500]
    assert 20 * math.log10(np.abs(sound).max()) == pytest.approx(-9, abs=0.05)
    assert true_peak(sound) == pytest.approx(-6, abs=0.2)


@pytest.mark.parametrize("seed", range(4))
def test_the_true_peak_is_that_of_sixteen_times_as_many_samples(seed: int) -> None:
    sound = bursts(seed)
    # White noise is the worst case: four times as many samples may read 0.6 dB too little at its highest frequencies.
    fine = 20 * math.log10(np.abs(resample_poly(sound.astype(np.float64), 16, 1, axis=0)).max())
    assert true_peak(sound) == pytest.approx(fine, abs=0.6)


def test_the_limiter_holds_the_ceiling_and_leaves_the_rest_alone() -> None:
    sound = bursts(3) * np.float32(0.5)
    sound[100_000:100_200] *= 12
    before = sound.copy()
    assert limit(sound)
    assert true_peak(sound) <= -1
    changed = np.flatnonzero((sound != before).any(axis=1))
    assert len(changed) < len(sound) / 4
    assert not limit(sound)


def test_the_limiter_makes_no_click() -> None:
    sound = sine(-3, 1, 100)
    sound[20_000:28_000] *= 1.5
    gain = sound.copy()
    limit(sound)
    heard = np.abs(gain[:, 0]) > 0.05
    gains = (sound[:, 0] / np.where(heard, gain[:, 0], 1))[heard]
    assert np.abs(np.diff(gains)).max() < 0.03


@pytest.mark.parametrize("loudness", [-23.0, -16.0])
def test_a_sound_is_made_as_loud_as_wanted_below_the_ceiling(loudness: float) -> None:
    for seed in range(4):
        sound = bursts(seed)
        gain = normalise(sound, loudness)
        assert integrated_loudness(sound) == pytest.approx(loudness, abs=0.5)
        assert true_peak(sound) <= -1
        assert math.isfinite(gain)


def test_the_ceiling_holds_for_what_is_as_loud_as_wanted_already_and_for_what_is_too_short() -> None:
    loud = bursts(2)
    loud *= np.float32(10 ** ((-23 - integrated_loudness(loud)) / 20))
    loud[RATE] = 3
    normalise(loud, integrated_loudness(loud))
    assert true_peak(loud) <= -1
    short = np.full((1000, 2), 2, np.float32)
    normalise(short, -23)
    assert true_peak(short) <= -1


def test_silence_stays_silent() -> None:
    sound = np.zeros((RATE, 2), np.float32)
    assert normalise(sound, -23) == 0
    assert not sound.any()
