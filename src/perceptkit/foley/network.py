"""The network that finds footsteps: a small temporal convolutional network, run in NumPy.

For each moment of each foot it says how likely a heel strike and a toe-off are just now, and whether the foot is on
the ground. It looks about half a second to both sides (Bai et al., arXiv:1803.01271, without their causality). The
weights come from training/footsteps, where the same function is written for gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats

__all__ = ["DILATIONS", "TAPS", "Network", "load_network"]

TAPS = 5
"""How many moments a convolution takes in."""

DILATIONS = (1, 2, 4, 8)
"""How far apart these are, layer by layer."""

_PATH = Path(__file__).with_name("footsteps.npz")


_REACH = sum(TAPS // 2 * dilation for dilation in DILATIONS)  # moments to each side that an answer depends on
_BLOCK = 4096  # moments worked on at once: hours need no more memory than minutes


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """The weights of a network: of each layer and of the `head` (in, out) and (out,).

    `delays` (2,) are the seconds by which its strikes and its toe-offs come late; `calibration` (2, K) is that of a
    `FootstepDetector`.
    """

    layers: tuple[tuple[Floats, Floats], ...]
    head: tuple[Floats, Floats]
    delays: Floats
    calibration: Floats | None

    def __call__(self, values: Floats) -> Floats:
        """Logits (F, N, 3) of heel strike, toe-off and contact, for signals (F, N, C) of F feet."""
        count = values.shape[1]
        if count <= _BLOCK:
            return self._run(values)
        pieces = []
        for start in range(0, count, _BLOCK):
            first, last = max(start - _REACH, 0), min(start + _BLOCK + _REACH, count)
            pieces.append(self._run(values[:, first:last])[:, start - first : start - first + _BLOCK])
        return np.concatenate(pieces, axis=1)

    def _run(self, values: Floats) -> Floats:
        state = values
        for index, (weights, bias) in enumerate(self.layers):
            change = np.maximum(_taps(state, DILATIONS[index]) @ weights + bias, 0)
            state = state + change if index else change
        weights, bias = self.head
        logits: Floats = state @ weights + bias
        return logits

    @classmethod
    def of(cls, arrays: Mapping[str, Any]) -> Network:
        """A network from the arrays of its file."""
        layers = tuple((_single(arrays, f"weights{n}"), _single(arrays, f"bias{n}")) for n in range(len(DILATIONS)))
        return cls(
            layers,
            (_single(arrays, "head"), _single(arrays, "head_bias")),
            _single(arrays, "delays") if "delays" in arrays else np.zeros(2, np.float32),
            _single(arrays, "calibration") if "calibration" in arrays else None,
        )


@cache
def load_network(path: Path = _PATH) -> Network:
    """The network that comes with the package, or another one of its kind."""
    with np.load(path) as file:
        return Network.of(file)


def _single(arrays: Mapping[str, Any], name: str) -> Floats:
    return np.asarray(arrays[name], np.float32)


def _taps(state: Floats, dilation: int) -> Floats:
    """Each moment with those around it, (F, N, TAPS * C); before the first and after the last it stays as there."""
    reach = TAPS // 2 * dilation
    count = state.shape[1]
    padded = np.pad(state, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    return np.concatenate([padded[:, tap * dilation : tap * dilation + count] for tap in range(TAPS)], axis=2)
