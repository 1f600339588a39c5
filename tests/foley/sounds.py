"""What is measured of the sound of a footstep, and lists of footsteps to make sound of."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.signal import find_peaks

from perceptkit.arrays import Floats
from perceptkit.foley import Footstep
from perceptkit.foley.types import Foot

RATE = 48_000

Doubles = np.ndarray[Any, np.dtype[np.float64]]


def features(sound: Floats) -> dict[str, float]:
    """Numbers that tell surfaces apart, of a mono sound at 48 kHz: of its power spectrum (Hz, shares) and of its course
    (seconds, dB)."""
    samples = sound.astype(np.float64)
    power = np.abs(np.fft.rfft(samples)) ** 2
    power /= power.sum()
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    centroid = float((hertz * power).sum())
    rough = power[: len(power) // 64 * 64].reshape(64, -1).mean(axis=1) + 1e-15
    energy = np.cumsum(samples**2)
    width = round(0.004 * RATE)
    course = np.sqrt(np.convolve(samples**2, np.ones(width) / width, "same"))[:: width // 4]
    peaks, _ = find_peaks(course, height=0.1 * course.max(), prominence=0.08 * course.max())
    return {
        "centroid": centroid,
        "spread": float(np.sqrt(((hertz - centroid) ** 2 * power).sum())),
        "flatness": float(np.exp(np.log(rough).mean()) / rough.mean()),
        "low200": float(power[hertz < 200].sum()),
        "hi2k": float(power[hertz > 2000].sum()),
        "t60": t60(samples),
        "energy90": float(np.searchsorted(energy, 0.9 * energy[-1])) / RATE,
        "crest": float(20 * np.log10(np.abs(samples).max() / np.sqrt((samples**2).mean()))),
        "peaks": float(len(peaks)),
        "rolloff85": float(hertz[np.searchsorted(np.cumsum(power), 0.85)]),
    }


def t60(samples: Doubles) -> float:
    """The reverberation time of the first 350 ms, from -5 to -25 dB of Schroeder's integral."""
    left = np.cumsum((samples[: round(0.35 * RATE)] ** 2)[::-1])[::-1]
    decibels = 10 * np.log10(left / left[0] + 1e-12)
    begins, ends = (int(np.argmax(decibels <= level)) for level in (-5, -25))
    return 3 * (ends - begins) / RATE


def level(sound: Floats) -> float:
    """Energy in dB."""
    return float(10 * np.log10(np.square(sound, dtype=np.float64).sum()))


def onset(sound: Floats, share: float = 0.05) -> int:
    """The first sample that is so loud against the peak."""
    loud = np.abs(sound)
    return int(np.argmax(loud >= share * loud.max()))


def walk(
    seconds: float,
    *,
    person: int = 1,
    seed: int = 0,
    pace: float = 0.53,
    height: float | None = 0.5,
    across: bool = True,
) -> list[Footstep]:
    """Somebody who walks from image-left to image-right, from 0.5 s to a second before the end."""
    random = np.random.default_rng(seed)
    steps = []
    time, number = 0.5, 0
    while time < seconds - 1:
        foot: Foot = "left" if number % 2 == 0 else "right"
        x = round(0.1 + 0.8 * time / seconds, 3) if across else 0.5
        strength = float(np.clip(random.normal(0.5, 0.04), 0.2, 1))
        steps.append(Footstep(time, foot, "heel_strike", 0.9, strength, person, x, 0.9, height=height))
        steps.append(Footstep(time + 1.2 * pace, foot, "toe_off", 0.9, strength, person, x, 0.9, height=height))
        time += pace + float(random.normal(0, 0.012))
        number += 1
    return sorted(steps, key=lambda step: step.time)


def strikes(steps: list[Footstep]) -> list[Footstep]:
    return [step for step in steps if step.event == "heel_strike"]
