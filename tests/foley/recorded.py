"""Recordings of footsteps whose moments and levels are known: bursts of noise in noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import fftconvolve

from perceptkit.arrays import Floats

RATE = 48000


def hit(
    level: float, *, seed: int = 0, rate: int = RATE, decay: float = 0.025, length: float = 0.4, click: bool = False
) -> Floats:
    """A burst of noise that decays, with a peak of `level` dB; all at once, or a ground that gives way."""
    clock = np.arange(round(length * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=len(clock))
    sound = noise * np.exp(-clock / decay) * (1 if click else np.minimum(clock / 0.002, 1))
    sound *= 10 ** (level / 20) / np.abs(sound).max()
    burst: Floats = sound.astype(np.float32)
    return burst


def recording(
    hits: Sequence[tuple[float, float]], *, length: float, noise: float = -75.0, rate: int = RATE, click: bool = True
) -> Floats:
    """Hits at (seconds, dB) in noise (RMS, dB)."""
    sound = np.random.default_rng(9).normal(size=round(length * rate)) * 10 ** (noise / 20)
    for number, (at, level) in enumerate(hits):
        burst = hit(level, seed=number, rate=rate, click=click)
        start = round(at * rate)
        sound[start : start + len(burst)] += burst[: len(sound) - start]
    return sound.astype(np.float32)


def walk(count: int = 6, level: float = -6.0) -> list[tuple[float, float]]:
    return [(0.3 + 0.55 * number + 0.01 * (number % 3), level) for number in range(count)]


def beginnings(sound: Floats, steps: Sequence[Floats]) -> list[float]:
    """When the steps were in the sound they were cut from, in seconds (their lead of half a millisecond left out)."""
    power = np.square(sound, dtype=np.float64)
    times: list[float] = []
    for step in steps:
        part = step[24 : -len(step) // 3]
        energy = np.maximum(fftconvolve(power, np.ones(len(part)), "valid"), 1e-9)
        times.append(int(np.argmax(fftconvolve(sound, part[::-1], "valid") / np.sqrt(energy))) / RATE)
    return times
