"""Resonances, bands and shelves, as coefficients and as spectra that are computed once."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any

import numpy as np
from scipy.signal import butter, lfilter

from ...arrays import Floats
from .canvas import RATE

__all__ = ["HIGH_PASS", "Spectrum", "band", "band_pass", "resonance", "resonant", "room_for", "sole"]

Spectrum = np.ndarray[Any, np.dtype[np.complex64]]

Coefficients = tuple[Floats, Floats]
"""Numerator and denominator."""

_SIZES = (8192, 16384, 24576, 32768, 36864, 49152, 65536)  # samples of a spectrum: few, so that few are computed
_FINE = 24  # resonances an octave: a quarter of a tone

_EDGE = math.exp(-2 * math.pi * 25 / RATE)
HIGH_PASS: Coefficients = np.array([(1 + _EDGE) / 2, -(1 + _EDGE) / 2], np.float32), np.array([1, -_EDGE], np.float32)
"""Below 25 Hz nobody hears anything, and loudspeakers only move."""


def room_for(samples: int) -> int:
    """The size of the spectrum of a sound with what rings after it."""
    needed = samples + 1024
    return next((size for size in _SIZES if size >= needed), 1 << needed.bit_length())


def resonance(frequency: float, q: float, size: int) -> Spectrum:
    """A resonance at a frequency, to a quarter of a tone."""
    return _resonance(round(_FINE * math.log2(frequency)), q, size)


@lru_cache(512)
def _resonance(note: int, q: float, size: int) -> Spectrum:
    return _spectrum(_resonator(2 ** (note / _FINE), q), size)


@cache
def band(low: float, high: float, size: int) -> Spectrum:
    """What lies between two frequencies (Hz)."""
    return _spectrum(band_pass(low, high), size)


@cache
def sole(treble: float, bass: float, size: int) -> Spectrum:
    """More or less treble (dB above 2 kHz) and bass (below 150 Hz)."""
    return _spectrum(_shelf(2000.0, treble, True), size) * _spectrum(_shelf(150.0, bass, False), size)


def resonant(sound: Floats, frequency: float, q: float) -> Floats:
    """A sound through a resonance."""
    return np.asarray(lfilter(*_resonator(frequency, q), sound), np.float32)


@cache
def band_pass(low: float, high: float) -> Coefficients:
    """A Butterworth band of first order."""
    zeros, poles = butter(1, (low, high), "bandpass", fs=RATE)
    return zeros.astype(np.float32), poles.astype(np.float32)


def _resonator(frequency: float, q: float) -> Coefficients:
    """A band-pass of two poles (R. Bristow-Johnson's cookbook, constant peak)."""
    angle = 2 * math.pi * min(frequency, 0.45 * RATE) / RATE
    alpha = math.sin(angle) / (2 * q)
    poles = [1 + alpha, -2 * math.cos(angle), 1 - alpha]
    return np.array([alpha, 0, -alpha], np.float32), np.array(poles, np.float32)


def _shelf(frequency: float, decibels: float, high: bool) -> Coefficients:
    """A shelf of first order above (or below) a frequency."""
    gain, k = 10 ** (decibels / 20), 1 / math.tan(math.pi * frequency / RATE)
    zeros = (1 + gain * k, 1 - gain * k) if high else (gain + k, gain - k)
    return np.array(zeros, np.float32), np.array([1 + k, 1 - k], np.float32)


def _spectrum(coefficients: Coefficients, size: int) -> Spectrum:
    """The response of a filter of at most second order at the frequencies of `rfft`."""
    zeros, poles = (np.pad(each, (0, 3 - len(each))) for each in coefficients)
    z = _delays(size)
    response = (zeros[0] + z * (zeros[1] + z * zeros[2])) / (poles[0] + z * (poles[1] + z * poles[2]))
    return np.asarray(response, np.complex64)


@cache
def _delays(size: int) -> Spectrum:
    """What a delay of one sample is at the frequencies of `rfft`."""
    return np.asarray(np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size), np.complex64)
