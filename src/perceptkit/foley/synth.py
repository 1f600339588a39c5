"""The sound of one step: layers that one curve of force drives, no two alike.

    sound = foley.step_sound("gravel", "boot", seed=7)      # float32 (samples,), 48 kHz, the foot comes down at 0

The heel strikes, then the ball; both make the surface ring (modal synthesis). The weight crushes its grains, the sole
rubs over it, and some surfaces creak, rattle, squeak, suck or bubble. All that is random comes from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.fft import irfft, rfft
from scipy.signal import lfilter

from ..arrays import Floats
from ..errors import InputError
from .sound.canvas import RATE
from .sound.contact import CURVE, RUN_CONTACT, WALK_CONTACT, ground_reaction
from .sound.filters import Spectrum, band, band_pass, resonance, room_for, sole
from .sound.layers import BANDS, Layer, crush, rub, slap, sounds_of, strike
from .surfaces import Shoe, Surface, choose_shoe, choose_surface

__all__ = ["Gait", "make_step", "step_sound"]

Gait = Literal["walk", "run"]

_RELEASE = 0.02  # seconds over which the end fades
_LEVEL_SD, _LAYER_SD = 0.8, 1.0  # dB from step to step: of the whole, of each layer
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
    force = ground_reaction(round(seconds * CURVE), running=running)
    tune *= float(np.exp(random.normal(0, 0.025)))
    sounds = [(0.0, strike(surface, shoe, running, strength, tune, random)), *sounds_of(surface, force, tune, random)]
    if shoe.slap is not None:
        sounds.append((shoe.slap, np.asarray(lfilter(*band_pass(800, 3000), slap(random)), np.float32)))
    noises = [_sum(sounds, random), rub(force, random)]
    if surface.grains:
        noises.extend(crush(surface.grains, force, random))
    sound = _heard_through(noises, surface, shoe, tune, random)
    level = surface.level + (_RUN_LEVEL if running else 0.0) + random.normal(0, _LEVEL_SD)
    louder = 20 * math.log10(max(strength, 0.01) / 0.5)
    level += min(max(louder, -_LOUDEST), _LOUDEST)
    return _finished(_softened(sound, surface.soft_ms)) * np.float32(math.sqrt(_ENERGY) * 10 ** (level / 20))


def _sum(layers: Sequence[Layer], random: np.random.Generator) -> Floats:
    """The layers together, each of its own energy."""
    leveled = []
    for level, sound in layers:
        energy = float(np.dot(sound, sound))
        if energy > 0:
            leveled.append(sound * np.float32(_share(level, random) / math.sqrt(energy)))
    whole = np.zeros(max(map(len, leveled)), np.float32)
    for sound in leveled:
        whole[: len(sound)] += sound
    return whole


def _share(level: float, random: np.random.Generator) -> float:
    """How much of a layer there is in this step."""
    return float(10 ** ((level + random.normal(0, _LAYER_SD)) / 20))


def _heard_through(
    noises: Sequence[Floats], surface: Surface, shoe: Shoe, tune: float, random: np.random.Generator
) -> Floats:
    """All layers together: the first one as it is, the rubbing in its band, grains through their resonances, each of
    its own energy, and the whole as the sole lets it through.

    That is one product of spectra: a filter after the other over all samples takes twice as long.
    """
    samples = max(map(len, noises))
    size = room_for(samples)
    padded = np.zeros((len(noises), size), np.float32)
    for row, noise in zip(padded, noises, strict=True):
        row[: len(noise)] = noise
    spectra = rfft(padded)
    whole = spectra[0]
    _add(whole, spectra[1] * band(surface.scuff.low, surface.scuff.high, size), surface.scuff.level, size, random)
    if surface.grains:
        grains = surface.grains
        for place in range(BANDS):
            share = (place + random.uniform(0.2, 0.8)) / BANDS * 2 - 1  # from low to high, each its part of the spread
            frequency = grains.frequency * tune * math.exp(1.6 * share * grains.spread)
            spectra[2 + place] *= resonance(frequency, grains.q, size)
        _add(whole, spectra[2:].sum(axis=0), grains.level, size, random)
    if shoe.treble or shoe.bass:
        whole *= sole(shoe.treble, shoe.bass, size)
    return np.asarray(irfft(whole, size)[: samples + _AFTER], np.float32)


_AFTER = 480  # samples that resonances ring on


def _add(whole: Spectrum, layer: Spectrum, level: float, size: int, random: np.random.Generator) -> None:
    """Add a layer of so many dB against the energy of 1, in place."""
    energy = 2 * float(np.vdot(layer, layer).real) / size  # Parseval
    whole += layer * np.float32(_share(level, random) / math.sqrt(energy))


def _softened(sound: Floats, milliseconds: float) -> Floats:
    """The first moments held back."""
    samples = round(milliseconds * RATE / 1000)
    if samples:
        sound[:samples] *= np.linspace(0.15, 1, samples, dtype=np.float32)
    return sound


def _finished(sound: Floats) -> Floats:
    """Of unit energy, faded where it has become silent."""
    loud = np.abs(sound)
    audible = np.flatnonzero(loud > loud.max() * 1e-3)
    sound = sound[: min(len(sound), audible[-1] + 1 + round(_RELEASE * RATE))].copy()
    fade = min(round(_RELEASE * RATE), len(sound))
    sound[len(sound) - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    return sound / np.float32(math.sqrt(float(np.dot(sound, sound))))
