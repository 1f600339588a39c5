"""Sound from known directions, made here: delays are exact, made in the frequency domain."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from perceptkit.arrays import Floats
from perceptkit.audio.angles import Doubles

__all__ = [
    "AZIMUTHS",
    "PAIR",
    "SOURCES",
    "SPEED",
    "SQUARE",
    "TRIANGLE",
    "Source",
    "clicks",
    "delayed",
    "plane_wave",
    "room_answers",
    "scene",
    "speech",
    "towards",
    "white",
]

SPEED = 343.0
PAIR = np.array([[0, -0.1], [0, 0.1]])
TRIANGLE = np.array([[0.1, 0], [-0.05, 0.087], [-0.05, -0.087]])
SQUARE = np.array([[0.05, 0.05], [0.05, -0.05], [-0.05, 0.05], [-0.05, -0.05]])
AZIMUTHS = (-60, -35, 0, 20, 50)


def white(random: np.random.Generator, seconds: float, rate: int) -> Doubles:
    return random.normal(size=round(seconds * rate))


def speech(random: np.random.Generator, seconds: float, rate: int) -> Doubles:
    """Harmonics of a voice that rises and falls, with breath, from 100 to 4000 Hz, in syllables."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = 140 * 2 ** (0.3 * np.sin(4.4 * time + random.uniform(0, 6)) + 0.1 * np.sin(14.5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    wave = sum(np.cos(order * phase + random.uniform(0, 6)) / order**0.7 for order in range(1, 28))
    wave = wave + 0.3 * random.normal(size=len(time))
    band = butter(4, [100, 4000], "bandpass", fs=rate, output="sos")
    tilt = butter(1, 800, fs=rate, output="sos")
    syllables = np.maximum(np.sin(19.5 * time + random.uniform(0, 6)) + 0.5, 0.02)
    return np.asarray(sosfilt(tilt, sosfilt(band, wave)) * syllables)


def clicks(random: np.random.Generator, seconds: float, rate: int) -> Doubles:
    """Eight clicks a second, a few milliseconds each."""
    wave = np.zeros(round(seconds * rate))
    wave[((np.arange(0.05, seconds - 0.05, 0.12) + random.uniform(-0.03, 0.03)) * rate).astype(int)] = 1
    length = round(0.01 * rate)
    click = np.exp(-np.arange(length) / (0.0015 * rate)) * random.normal(size=length)
    return fftconvolve(wave, click)[: len(wave)]


Source = Callable[[np.random.Generator, float, int], Doubles]
SOURCES: tuple[Source, ...] = (white, speech, clicks)


def delayed(wave: Doubles, delays: Doubles, rate: int) -> Doubles:
    """A wave at each microphone, (M, samples), with delays in seconds, to fractions of a sample."""
    length = len(wave) + 2048
    turns = np.fft.rfftfreq(length, 1 / rate) * delays[:, None]
    return np.fft.irfft(np.fft.rfft(wave, length) * np.exp(-2j * np.pi * turns), length)[:, : len(wave)]


def towards(azimuth: float) -> Doubles:
    return np.array([math.cos(math.radians(azimuth)), math.sin(math.radians(azimuth))])


def plane_wave(wave: Doubles, azimuth: float, rate: int, microphones: Doubles = PAIR) -> Doubles:
    """What far away sound is at each microphone, (M, samples)."""
    return delayed(wave, -microphones @ towards(azimuth) / SPEED, rate)


def room_answers(
    random: np.random.Generator, azimuth: float, rate: int, reverberation: float, microphones: Doubles = PAIR
) -> Doubles:
    """Impulse responses (M, samples) of a room of 6 x 5 x 2.8 m with a source at 1.5 m: image sources for the first 30
    ms (Allen and Berkley, JASA 65, 1979), then plane waves from all around that die down by 60 dB in `reverberation`
    seconds."""
    size, middle = np.array([6, 5, 2.8]), np.array([2.6, 2.2, 1.4])
    places = middle + np.pad(microphones, ((0, 0), (0, 1)))
    source = middle + 1.5 * np.append(towards(azimuth), 0)
    volume, walls = size.prod(), 2 * (size * np.roll(size, 1)).sum()
    reflected = math.exp(-0.161 * volume / (walls * reverberation) / 2)  # Eyring
    length = 1 << math.ceil(math.log2(rate * (0.9 * reverberation + 0.1)))
    frequencies = np.fft.rfftfreq(length, 1 / rate)
    spectra = np.zeros((len(places), len(frequencies)), complex)
    rooms = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3)
    for mirrored in np.ndindex(2, 2, 2):
        images = (1 - 2 * np.array(mirrored)) * source + 2 * rooms * size
        bounces = np.abs(rooms - mirrored).sum(axis=1) + np.abs(rooms).sum(axis=1)
        ways = np.linalg.norm(images[:, None] - places, axis=-1)
        early = ways[:, 0] < 0.03 * SPEED
        for way, bounced in zip(ways[early], bounces[early], strict=True):
            spectra += reflected**bounced / way[:, None] * np.exp(-2j * np.pi * frequencies * way[:, None] / SPEED)
    time = np.arange(length) / rate
    tail = np.sqrt(4 * np.pi * SPEED / volume / rate) * 10 ** (-3 * time / reverberation)
    tail *= (time > 0.03) & (time < 0.9 * reverberation + 0.03)
    for _ in range(64):
        way = random.normal(size=3)
        leads = (places - middle) @ way / np.linalg.norm(way) / SPEED
        wave = np.fft.rfft(tail * random.normal(size=length) / 8)
        spectra += wave * np.exp(2j * np.pi * frequencies * leads[:, None])
    return np.fft.irfft(spectra, length)


def scene(
    seed: int,
    rate: int,
    source: Source,
    azimuth: float,
    *,
    noise: float = 20.0,
    reverberation: float = 0.0,
    seconds: float = 2.0,
    microphones: Doubles = PAIR,
) -> Floats:
    """Sound from an azimuth, (samples, M), `noise` dB above independent white noise."""
    random = np.random.default_rng(seed)
    wave = source(random, seconds, rate)
    if reverberation:
        answers = room_answers(random, azimuth, rate, reverberation, microphones)
        sound = fftconvolve(wave[None], answers, axes=1)[:, : len(wave)]
    else:
        sound = plane_wave(wave, azimuth, rate, microphones)
    sound *= 0.1 / math.sqrt(np.square(sound).mean())
    return (sound + 0.1 * 10 ** (-noise / 20) * random.normal(size=sound.shape)).T.astype(np.float32)
