"""What the sound of a step is the sum of: blows that ring, grains that are crushed, soles that rub, and what only some
surfaces do.

What is made of noise comes out as it is before the resonance or band that it is heard through (see `filters`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from scipy.signal import lfilter

from ...arrays import Floats
from ..surfaces import Grains, Shoe, Surface
from .canvas import RATE
from .contact import CURVE
from .filters import HIGH_PASS, band_pass, resonant

__all__ = ["BANDS", "Layer", "crush", "rub", "slap", "sounds_of", "strike"]

BANDS = 3
"""Bands in which the grains of a step ring."""

_COARSE = 4  # samples: grains begin no finer
_WEIGHT, _PUSH = 0.05, 0.25  # how many grains the resting weight moves, and the push-off, against the landing
_RAREST = 2.2  # standard deviations: no grain is louder, or it would be all that is heard of a step
_APART = 997  # samples of noise from one band to the next
_MODE_SD = 3.0  # dB from step to step of what rings

Curve = np.ndarray[Any, np.dtype[np.float64]]

Complexes = np.ndarray[Any, np.dtype[np.complex128]]

Mode = tuple[float, float, float]
"""Hertz, T60 in seconds, how loud."""

Layer = tuple[float, Floats]
"""A level in dB, and the sound."""


def strike(
    surface: Surface, shoe: Shoe, running: bool, strength: float, tune: float, random: np.random.Generator
) -> Floats:
    """Heel and ball, through what they make ring."""
    milliseconds = surface.contact_ms * shoe.contact * (0.7 if running else 1.0) * (0.5 / max(strength, 0.1)) ** 0.3
    milliseconds *= random.uniform(0.85, 1.15)
    length = max(3, round(milliseconds * RATE / 1000))
    gap = random.uniform(0, 20) if running else random.uniform(*shoe.gap_ms)
    ball = round(gap * RATE / 1000)
    hard = min(surface.hard * shoe.hard, 1.0)
    heel = _blow(length, hard, random)
    toes = np.float32(shoe.ball * random.uniform(0.8, 1.2)) * _blow(round(length * 1.3), hard, random)
    longest = max(t60 for _, t60 in surface.modes)
    sound = np.zeros(ball + len(toes) + round(1.1 * longest * RATE), np.float32)
    for start, blow in ((0, heel), (ball, toes)):
        sound[start : start + len(blow)] += np.float32(0.3 * hard) * blow
    modes = []
    for frequency, t60 in surface.modes:
        loud = 10 ** ((surface.tilt * math.log2(frequency / surface.modes[0][0]) + random.normal(0, _MODE_SD)) / 20)
        detuned = frequency * tune * math.exp(random.normal(0, 0.03))
        modes.append((detuned, t60 * random.uniform(0.9, 1.1), loud))
    _ring(sound, ((0, heel), (ball, toes)), modes)
    return np.asarray(lfilter(*HIGH_PASS, sound), np.float32)


def _blow(length: int, hard: float, random: np.random.Generator) -> Floats:
    """A contact: a raised cosine, with as much of a click of noise in it as it is hard."""
    shape = np.hanning(length + 2)[1:-1].astype(np.float32)
    shape *= np.float32(48 / length)
    return np.asarray(shape * (1 + hard * random.standard_normal(length, np.float32)), np.float32)


def _ring(sound: Floats, blows: Iterable[tuple[int, Floats]], modes: Iterable[Mode]) -> None:
    """Add modes to a sound, in place: resonances of two poles, which blows excite, each from its own sample on."""
    frequencies, t60s, loud = np.array([*modes]).T
    turns = 2 * math.pi * np.minimum(frequencies, 0.45 * RATE) / RATE
    poles = (10 ** (-3 / (t60s * RATE)) * np.exp(1j * turns))[:, None]
    for start, blow in blows:
        powers = np.cumprod(np.repeat(poles, len(blow), axis=1), axis=1)
        rung = loud[:, None] * powers * np.cumsum(blow * poles / powers, axis=1)
        end = start + len(blow)
        sound[start:end] += rung.imag.sum(axis=0)
        sound[end:] += _freely(rung[:, -1:] * poles, poles, len(sound) - end)


def _freely(first: Complexes, poles: Complexes, count: int) -> Floats:
    """What rings after a blow: all modes together, each a power of its pole from sample to sample, (count,).

    That is the product of two matrices, of every 128th power and of those between; real ones, which is faster.
    """
    fine = np.cumprod(np.hstack([np.ones_like(poles), np.repeat(poles, 127, axis=1)]), axis=1)
    coarse = np.cumprod(np.hstack([first, np.repeat(poles**128, count // 128, axis=1)]), axis=1)
    left = np.concatenate([coarse.imag, coarse.real]).astype(np.float32)
    right = np.concatenate([fine.real, fine.imag]).astype(np.float32)
    return np.asarray((left.T @ right).ravel()[:count])


def crush(grains: Grains, force: Floats, random: np.random.Generator) -> Floats:
    """Small impacts at random moments, the more the harder the foot presses (a Poisson process), as bursts of noise in
    a few bands: (BANDS, samples)."""
    samples = _length(force) + round(6 * grains.decay_ms * RATE / 1000)
    bins = samples // _COARSE + 1
    time = np.arange(len(force)) / CURVE
    # Squared, because the level of many grains is the root of their number.
    pressed = force * (np.exp(-time / grains.settle) + _WEIGHT + _PUSH * _push_off(force, random)) ** 2
    rate = grains.density * (pressed + grains.crush * np.exp(-time / 0.03))
    total = np.concatenate([[0.0], np.cumsum(rate)]) / CURVE
    count = 1 + random.poisson(total[-1])  # one of them when the foot comes down
    moments = np.interp(random.uniform(0, total[-1], count), total, np.arange(len(total)) / CURVE)
    places = (moments * (RATE / _COARSE)).astype(np.int64)
    places[0] = random.integers(0, 3)
    loud = np.exp(grains.sigma * np.minimum(random.normal(0, 1, count), _RAREST))
    loud[0] = max(loud[0], 1.0)
    blows = np.bincount(random.integers(0, BANDS, count) * bins + places, loud, BANDS * bins)
    decay = math.exp(-1000 * _COARSE / (grains.decay_ms * RATE))
    poles = np.array([1, -decay], np.float32)  # of the same kind as the blows: that is three times as fast
    bursts = lfilter(np.ones(1, np.float32), poles, blows.astype(np.float32).reshape(BANDS, bins))
    noise = _white(samples + BANDS * _APART, random)
    return np.stack(
        [
            burst * noise[band * _APART :][:samples]
            for band, burst in enumerate(np.repeat(bursts, _COARSE, axis=1)[:, :samples])
        ]
    )


def rub(force: Floats, random: np.random.Generator) -> Floats:
    """Noise where the force grows, and where the foot pushes off: the sole on the ground."""
    growing = np.maximum(np.gradient(force), 0) * np.exp(-np.arange(len(force)) / (0.2 * CURVE))
    rubbing = growing / growing.max() + random.uniform(0.15, 0.35) * _push_off(force, random)
    rubbing = lfilter([0.4], [1, -0.6], rubbing)
    return _white(_length(force), random) * _drawn(rubbing, force)


def slap(random: np.random.Generator) -> Floats:
    """Noise that decays at once: skin."""
    samples = round(0.06 * RATE)
    decay = np.exp(-np.arange(samples) / (0.008 * RATE))
    return np.asarray(_white(samples, random) * decay, np.float32)


def sounds_of(surface: Surface, force: Floats, tune: float, random: np.random.Generator) -> Iterator[Layer]:
    """What only some surfaces do."""
    if random.random() < surface.creak:
        yield random.uniform(-22, -14), _creak(force, tune, random)
    if surface.rattle:
        yield random.uniform(-12, -6), _rattle(surface, tune, random)
    if surface.squeak is not None:
        yield surface.squeak, _squeak(force, tune, random)
    if surface.suction is not None:
        yield surface.suction, _suction(force, random)
    if surface.bubbles:
        yield -3.0, _bubbles(surface.bubbles, force, random)


def _creak(force: Floats, tune: float, random: np.random.Generator) -> Floats:
    """Boards that stick and slip, 150 to 300 times a second, while the weight goes over them."""
    start, length = round(random.uniform(0.2, 0.5) * _length(force)), round(random.uniform(0.1, 0.25) * RATE)
    pitch = random.uniform(150, 300) * np.linspace(1, random.uniform(0.85, 1.2), length)
    turns = np.cumsum(pitch * (1 + 0.05 * random.standard_normal(length))) / RATE
    slips = np.diff(np.floor(turns), prepend=0.0).astype(np.float32) * np.hanning(length).astype(np.float32)
    sound = np.zeros(start + length, np.float32)
    sound[start:] = resonant(slips, 620 * tune, 6) + resonant(slips, 1400 * tune, 8)
    return sound


def _rattle(surface: Surface, tune: float, random: np.random.Generator) -> Floats:
    """What lies loose hits again, softer and softer."""
    moments = np.sort(random.uniform(0.03, 0.25, random.integers(2, surface.rattle + 1)))
    hits = [
        (round(moment * RATE), np.float32(0.7**number) * _blow(24, 0.6, random))
        for number, moment in enumerate(moments)
    ]
    sound = np.zeros(round(0.5 * RATE), np.float32)
    loose = surface.modes[2:]
    _ring(sound, hits, [(frequency * tune * random.uniform(0.97, 1.03), 0.3 * t60, 1.0) for frequency, t60 in loose])
    return sound


def _squeak(force: Floats, tune: float, random: np.random.Generator) -> Floats:
    """Grains of cold snow that slip on each other: short chirps while the weight grows."""
    sound = np.zeros(_length(force), np.float32)
    for _ in range(random.integers(2, 6)):
        length = round(random.uniform(0.02, 0.06) * RATE)
        start = round(random.uniform(0.05, 0.7) * (len(sound) - length))
        pitch = random.uniform(700, 1500) * tune * np.linspace(1, random.uniform(0.9, 1.15), length)
        rough = np.repeat(random.uniform(0.3, 1, length // 48 + 1), 48)[:length]
        chirp = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.hanning(length) * rough
        sound[start : start + length] += chirp.astype(np.float32)
    return sound


def _suction(force: Floats, random: np.random.Generator) -> Floats:
    """The ground lets go of the foot at the end."""
    noise = _white(_length(force), random) * _drawn(_push_off(force, random), force)
    return np.asarray(lfilter(*band_pass(200, 900), noise), np.float32)


def _bubbles(many: int, force: Floats, random: np.random.Generator) -> Floats:
    """Air bubbles, which ring and rise in pitch (van den Doel 2005)."""
    sound = np.zeros(_length(force) + round(0.06 * RATE), np.float32)
    length = round(0.05 * RATE)
    time = np.arange(length, dtype=np.float32) / RATE
    for _ in range(max(3, random.poisson(many))):
        start = round(random.beta(1.2, 2.5) * (_length(force) - 1))
        pitch = math.exp(random.uniform(math.log(500), math.log(2200)))
        ring = np.sin(2 * np.pi * pitch * time * (1 + time)) * np.exp(-time / np.float32(random.uniform(0.004, 0.012)))
        sound[start : start + length] += np.float32(math.exp(random.normal(0, 0.6))) * ring
    return sound


def _push_off(force: Floats, random: np.random.Generator) -> Curve:
    """Where the toes push the ground back, near the end of the contact: 0 to 1."""
    phase = np.linspace(0, 1, len(force))
    return np.asarray(np.exp(-(((phase - random.uniform(0.8, 0.88)) / 0.05) ** 2)), np.float64)


def _length(force: Floats) -> int:
    """The samples of a contact."""
    return round(len(force) * RATE / CURVE)


def _drawn(curve: Curve, force: Floats) -> Floats:
    """A curve over the contact, a value a sample."""
    places = np.linspace(0, len(curve) - 1, _length(force))
    return np.asarray(np.interp(places, np.arange(len(curve)), curve), np.float32)


def _white(samples: int, random: np.random.Generator) -> Floats:
    """White noise, of equally likely values: they are made much faster than normal ones, and sound the same."""
    noise = random.random(samples, np.float32)
    noise -= np.float32(0.5)
    return noise
