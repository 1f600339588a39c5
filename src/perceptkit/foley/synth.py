"""The sound of one step: layers that one curve of force drives, no two alike.

    sound = foley.step_sound("gravel", "boot", seed=7)      # float32 (samples,), 48 kHz, the foot comes down at 0

The heel strikes, then the ball; both make the surface ring (modal synthesis). The weight crushes its grains, the sole
rubs over it, and some surfaces creak, rattle, squeak, suck or bubble. All that is random comes from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

import numpy as np
from scipy.signal import butter, lfilter

from ..arrays import Floats
from ..errors import InputError
from .contact import RUN_CONTACT, WALK_CONTACT, ground_reaction
from .surfaces import Grains, Scuff, Shoe, Surface, choose_shoe, choose_surface

__all__ = ["RATE", "Gait", "make_step", "step_sound"]

RATE = 48_000
"""Samples a second."""

Gait = Literal["walk", "run"]

_CURVE = 1000  # points a second in which forces are told
_BANDS = 3  # in which the grains of a step ring
_COARSE = 4  # samples: grains begin no finer
_WEIGHT, _PUSH = 0.05, 0.25  # how many grains the resting weight moves, and the push-off, against the landing
_APART = 997  # samples of noise from one band to the next
_TAIL = 0.12  # seconds after the foot has left the ground in which what it moved comes to rest
_RELEASE = 0.02  # seconds over which the end fades
_LEVEL_SD, _LAYER_SD, _MODE_SD = 0.8, 1.0, 3.0  # dB from step to step: of the whole, of each layer, of each mode
_RUN_LEVEL = 4.0  # dB
_LOUDEST = 12.0  # dB that strength makes a step louder or softer, at most
_ENERGY = 40.0  # of a step of strength 0.5: its peak is then between 0.3 and 1


def step_sound(
    surface: str = "concrete",
    shoe: str = "sneaker",
    *,
    gait: Gait = "walk",
    strength: float = 0.5,
    contact: float | None = None,
    seed: int = 0,
) -> Floats:
    """The sound of a step, float32 (samples,) at 48 kHz; the foot comes down at the first sample.

    `strength` 0..1 is how hard (0.5: as usual), `contact` how long the foot is on the ground in seconds. The same seed
    gives the same sound, sample for sample. Raises InputError for unknown names and values that make no sense.
    """
    if gait not in ("walk", "run"):
        raise InputError(f"unknown gait {gait!r}; choose walk or run")
    if not 0 <= strength <= 1:
        raise InputError(f"strength is {strength}; it must lie between 0 and 1")
    if contact is not None and not 0.02 <= contact <= 10:
        raise InputError(f"contact is {contact} s; it must lie between 0.02 and 10 seconds")
    return make_step(
        choose_surface(surface),
        choose_shoe(shoe),
        running=gait == "run",
        strength=strength,
        contact=contact,
        random=np.random.default_rng(seed),
    )


def make_step(
    surface: Surface,
    shoe: Shoe,
    *,
    running: bool,
    strength: float,
    contact: float | None,
    random: np.random.Generator,
    tune: float = 1.0,
) -> Floats:
    """A step with rows instead of names; `tune` multiplies the frequencies of what rings, as each foot has its own."""
    usual = RUN_CONTACT if running else WALK_CONTACT
    seconds = min(max(contact or usual * random.uniform(0.95, 1.05), 0.12), 1.2)
    force = ground_reaction(round(seconds * _CURVE), running=running)
    tune *= float(np.exp(random.normal(0, 0.025)))
    layers = [(0.0, _impact(surface, shoe, running, strength, tune, random))]
    if surface.grains:
        layers.append((surface.grains.level, _grains(surface.grains, force, tune, random)))
    layers.append((surface.scuff.level, _scuff(surface.scuff, force, random)))
    if shoe.slap is not None:
        layers.append((shoe.slap, _slap(random)))
    layers.extend(_extras(surface, force, tune, random))
    sound = _sum(layers, random)
    sound = _through_sole(_softened(sound, surface.soft_ms), shoe)
    level = surface.level + (_RUN_LEVEL if running else 0.0) + random.normal(0, _LEVEL_SD)
    louder = 20 * math.log10(max(strength, 0.01) / 0.5)
    level += min(max(louder, -_LOUDEST), _LOUDEST)
    return _finished(sound) * np.float32(math.sqrt(_ENERGY) * 10 ** (level / 20))


def _impact(
    surface: Surface, shoe: Shoe, running: bool, strength: float, tune: float, random: np.random.Generator
) -> Floats:
    """Heel and ball, through what they make ring."""
    milliseconds = surface.contact_ms * shoe.contact * (0.7 if running else 1.0) * (0.5 / max(strength, 0.1)) ** 0.3
    milliseconds *= random.uniform(0.85, 1.15)
    length = max(3, round(milliseconds * RATE / 1000))
    gap = random.uniform(0, 20) if running else random.uniform(*shoe.gap_ms)
    ball = round(gap * RATE / 1000)
    blows = np.zeros(ball + 2 * length, np.float32)
    hard = min(surface.hard * shoe.hard, 1.0)
    for start, loud, slow in ((0, 1.0, 1.0), (ball, shoe.ball * random.uniform(0.8, 1.2), 1.3)):
        blow = _blow(round(length * slow), hard, random)
        blows[start : start + len(blow)] += np.float32(loud) * blow
    longest = max(t60 for _, t60 in surface.modes)
    sound = np.zeros(len(blows) + round(longest * RATE), np.float32)
    sound[: len(blows)] = np.float32(0.3 * hard) * blows
    for frequency, t60 in surface.modes:
        loud = 10 ** ((surface.tilt * math.log2(frequency / surface.modes[0][0]) + random.normal(0, _MODE_SD)) / 20)
        detuned = frequency * tune * math.exp(random.normal(0, 0.03))
        t60 *= random.uniform(0.9, 1.1)
        ring = _ringing(blows, detuned, t60)
        sound[: len(ring)] += np.float32(loud) * ring[: len(sound)]
    return np.asarray(lfilter(*_HIGH_PASS, sound), np.float32)


_EDGE = math.exp(-2 * math.pi * 25 / RATE)  # below 25 Hz nobody hears anything, and loudspeakers only move
_HIGH_PASS = np.array([1 + _EDGE, -1 - _EDGE], np.float32) / 2, np.array([1, -_EDGE], np.float32)


def _blow(length: int, hard: float, random: np.random.Generator) -> Floats:
    """A contact: a raised cosine, with as much of a click of noise in it as it is hard."""
    shape = np.hanning(length + 2)[1:-1].astype(np.float32)
    shape *= np.float32(48 / length)
    return np.asarray(shape * (1 + hard * random.standard_normal(length, np.float32)), np.float32)


def _ringing(blows: Floats, frequency: float, t60: float) -> Floats:
    """A mode: a resonance of two poles, which the blows excite."""
    angle = 2 * math.pi * min(frequency, 0.45 * RATE) / RATE
    radius = 10 ** (-3 / (t60 * RATE))
    padded = np.zeros(len(blows) + round(t60 * RATE), np.float32)
    padded[: len(blows)] = blows
    ring = lfilter([math.sin(angle)], [1, -2 * radius * math.cos(angle), radius * radius], padded)
    return np.asarray(ring, np.float32)


def _grains(grains: Grains, force: Floats, tune: float, random: np.random.Generator) -> Floats:
    """Small impacts at random moments, the more the harder the foot presses (a Poisson process), in a few bands."""
    samples = _length(force) + round(6 * grains.decay_ms * RATE / 1000)
    bins = samples // _COARSE + 1
    time = np.arange(len(force)) / _CURVE
    pressed = force * (np.exp(-time / grains.settle) + _WEIGHT + _PUSH * _push_off(force, random))
    rate = grains.density * (pressed + grains.crush * np.exp(-time / 0.03))
    total = np.concatenate([[0.0], np.cumsum(rate)]) / _CURVE
    count = 1 + random.poisson(total[-1])  # one of them when the foot comes down
    moments = np.interp(random.uniform(0, total[-1], count), total, np.arange(len(total)) / _CURVE)
    places = (moments * (RATE / _COARSE)).astype(np.int64)
    places[0] = random.integers(0, 3)
    loud = np.exp(random.normal(0, grains.sigma, count))
    loud[0] = max(loud[0], 1.0)
    blows = np.bincount(random.integers(0, _BANDS, count) * bins + places, loud, _BANDS * bins)
    decay = math.exp(-1000 * _COARSE / (grains.decay_ms * RATE))
    poles = np.array([1, -decay], np.float32)  # of the same kind as the blows: that is three times as fast
    bursts = lfilter(np.ones(1, np.float32), poles, blows.astype(np.float32).reshape(_BANDS, bins))
    noise = _white(samples + _BANDS * _APART, random)
    sound = np.zeros(samples, np.float32)
    for band, burst in enumerate(np.repeat(bursts, _COARSE, axis=1)[:, :samples]):
        share = (band + random.uniform(0.2, 0.8)) / _BANDS * 2 - 1  # from low to high, each its part of the spread
        frequency = grains.frequency * tune * math.exp(1.6 * share * grains.spread)
        sound += _resonant(burst * noise[band * _APART :][:samples], frequency, grains.q)
    return sound


def _white(samples: int, random: np.random.Generator) -> Floats:
    """White noise, of equally likely values: they are made much faster than normal ones, and sound the same."""
    noise = random.random(samples, np.float32)
    noise -= np.float32(0.5)
    return noise


def _resonant(sound: Floats, frequency: float, q: float) -> Floats:
    """A band-pass of two poles (R. Bristow-Johnson's cookbook, constant peak)."""
    angle = 2 * math.pi * min(frequency, 0.45 * RATE) / RATE
    alpha = math.sin(angle) / (2 * q)
    poles = [1 + alpha, -2 * math.cos(angle), 1 - alpha]
    return np.asarray(lfilter(np.array([alpha, 0, -alpha], np.float32), np.array(poles, np.float32), sound), np.float32)


def _scuff(scuff: Scuff, force: Floats, random: np.random.Generator) -> Floats:
    """The sole rubs where the force grows, and where the foot pushes off."""
    growing = np.maximum(np.gradient(force), 0) * np.exp(-np.arange(len(force)) / (0.2 * _CURVE))
    rubbing = growing / growing.max() + random.uniform(0.15, 0.35) * _push_off(force, random)
    rubbing = lfilter([0.4], [1, -0.6], rubbing)
    return _noise(_length(force), scuff.low, scuff.high, random) * _drawn(rubbing, force)


def _push_off(force: Floats, random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Where the toes push the ground back, near the end of the contact: 0 to 1."""
    phase = np.linspace(0, 1, len(force))
    return np.asarray(np.exp(-(((phase - random.uniform(0.8, 0.88)) / 0.05) ** 2)), np.float64)


def _length(force: Floats) -> int:
    """The samples of a contact."""
    return round(len(force) * RATE / _CURVE)


def _drawn(curve: np.ndarray[Any, Any], force: Floats) -> Floats:
    """A curve over the contact, a value a sample."""
    places = np.linspace(0, len(curve) - 1, _length(force))
    return np.asarray(np.interp(places, np.arange(len(curve)), curve), np.float32)


def _noise(samples: int, low: float, high: float, random: np.random.Generator) -> Floats:
    return np.asarray(lfilter(*_band(low, high), _white(samples, random)), np.float32)


@cache
def _band(low: float, high: float) -> tuple[Floats, Floats]:
    zeros, poles = butter(1, (low, high), "bandpass", fs=RATE)
    return zeros.astype(np.float32), poles.astype(np.float32)


def _slap(random: np.random.Generator) -> Floats:
    samples = round(0.06 * RATE)
    decay = np.exp(-np.arange(samples, dtype=np.float32) / np.float32(0.008 * RATE))
    return np.asarray(_noise(samples, 800, 3000, random) * decay, np.float32)


Layer = tuple[float, Floats]
"""A level in dB, and the sound."""


def _extras(surface: Surface, force: Floats, tune: float, random: np.random.Generator) -> Iterable[Layer]:
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
    sound[start:] = _resonant(slips, 620 * tune, 6) + _resonant(slips, 1400 * tune, 8)
    return sound


def _rattle(surface: Surface, tune: float, random: np.random.Generator) -> Floats:
    """What lies loose hits again, softer and softer."""
    hits = np.sort(random.uniform(0.03, 0.25, random.integers(2, surface.rattle + 1)))
    sound = np.zeros(round(0.5 * RATE), np.float32)
    for number, hit in enumerate(hits):
        start = round(hit * RATE)
        blow = _blow(24, 0.6, random) * np.float32(0.7**number)
        for frequency, t60 in surface.modes[2:]:
            ring = _ringing(blow, frequency * tune * random.uniform(0.97, 1.03), 0.3 * t60)[: len(sound) - start]
            sound[start : start + len(ring)] += ring
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
    return _noise(_length(force), 200, 900, random) * _drawn(_push_off(force, random), force)


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


def _sum(layers: Iterable[Layer], random: np.random.Generator) -> Floats:
    """The layers together, each of its own energy."""
    leveled = []
    for level, sound in layers:
        energy = float(np.dot(sound, sound))
        if energy > 0:
            leveled.append(sound * np.float32(10 ** ((level + random.normal(0, _LAYER_SD)) / 20) / math.sqrt(energy)))
    whole = np.zeros(max(map(len, leveled)), np.float32)
    for sound in leveled:
        whole[: len(sound)] += sound
    return whole


def _softened(sound: Floats, milliseconds: float) -> Floats:
    """The first moments held back."""
    samples = round(milliseconds * RATE / 1000)
    if samples:
        sound[:samples] *= np.linspace(0.15, 1, samples, dtype=np.float32)
    return sound


def _through_sole(sound: Floats, shoe: Shoe) -> Floats:
    """With more bass or less treble, as the sole makes it."""
    for frequency, decibels, high in ((2000.0, shoe.treble, True), (150.0, shoe.bass, False)):
        if decibels:
            sound = np.asarray(lfilter(*_shelf(frequency, decibels, high), sound), np.float32)
    return sound


@cache
def _shelf(frequency: float, decibels: float, high: bool) -> tuple[Floats, Floats]:
    """A shelf of first order above (or below) a frequency: numerator and denominator."""
    gain, k = 10 ** (decibels / 20), 1 / math.tan(math.pi * frequency / RATE)
    zeros = (1 + gain * k, 1 - gain * k) if high else (gain + k, gain - k)
    return np.array(zeros, np.float32) / np.float32(1 + k), np.array([1, (1 - k) / (1 + k)], np.float32)


def _finished(sound: Floats) -> Floats:
    """Of unit energy, faded where it has become silent."""
    loud = np.abs(sound)
    audible = np.flatnonzero(loud > loud.max() * 1e-3)
    sound = sound[: min(len(sound), audible[-1] + 1 + round(_RELEASE * RATE))].copy()
    fade = min(round(_RELEASE * RATE), len(sound))
    sound[len(sound) - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    return sound / np.float32(math.sqrt(float(np.dot(sound, sound))))
