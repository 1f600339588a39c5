"""From the logits of a binned regression to degrees, and how sure they are."""

from __future__ import annotations

import numpy as np

from ..arrays import Floats

__all__ = ["BINS", "decode"]

BINS = 90
_WIDTH, _FIRST = 4.0, -180.0  # degrees: of a bin, and of bin 0


def decode(logits: Floats) -> tuple[Floats, Floats]:
    """Angles and standard deviations in degrees, (N,) each, of logits (N, 90).

    The angle is the mean of the softmax over bins of 4 degrees from -180 on, as in L2CS-Net (Abdelrahman et al.,
    arXiv:2203.03339). The bins are a circle: the mean is taken over the 90 bins around the likeliest one, so that mass
    at both ends is read as "behind" and not as 0. Angles lie in [-180, 180). Logits that are no numbers give NaN.
    """
    shifted = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits; the caller sees NaN
        shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    likely = shifted / shifted.sum(axis=1, keepdims=True)
    peak = likely.argmax(axis=1)[:, None]
    away = (np.arange(BINS) - peak + BINS // 2) % BINS - BINS // 2
    mean = (likely * away).sum(axis=1, keepdims=True)
    spread = np.sqrt((likely * (away - mean) ** 2).sum(axis=1)) * _WIDTH
    degrees = (peak + mean)[:, 0] * _WIDTH + _FIRST
    turned = np.asarray((degrees + 180) % 360 - 180, np.float32)
    turned[turned >= 180] = -180  # rounded up
    return turned, np.asarray(spread, np.float32)
