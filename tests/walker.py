"""Somebody who walks, from the side, as landmarks: every strike and toe-off is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perceptkit.foley import Pose, to_poses

__all__ = ["Walk"]

_THIGH, _SHANK, _ANKLE, _FOOT = 0.43, 0.42, 0.08, 0.2  # metres
_HIPS = 0.9


@dataclass(frozen=True)
class Walk:
    """A walk of `length` seconds; before `start` and after `stop` the person stands.

    `stride` is in seconds, `stance` its share on the ground, `speed` in metres a second, `scale` in pixels a metre.
    """

    length: float = 6.0
    start: float = 1.0
    stop: float = 5.0
    stride: float = 1.1
    stance: float = 0.62
    speed: float = 1.2
    scale: float = 300.0
    origin: tuple[float, float] = (200.0, 650.0)

    @property
    def strikes(self) -> list[tuple[float, str]]:
        """When which foot comes down."""
        half = self.stride / 2
        times = np.arange(self.start + half, self.stop + 1e-9, half)
        return [(float(time), "right" if number % 2 else "left") for number, time in enumerate(times)]

    @property
    def toe_offs(self) -> list[tuple[float, str]]:
        """When which foot leaves the ground: a swing before it comes down."""
        swing = (1 - self.stance) * self.stride
        return [(time - swing, foot) for time, foot in self.strikes]

    def landmarks(self, times: Any) -> Any:
        """Landmarks (T, 33, 3) in pixels at some times."""
        times = np.asarray(times, np.float64)
        going = np.clip(times, self.start, self.stop) - self.start
        hips = np.stack([self.speed * going, np.full(len(times), _HIPS)], axis=1)
        hips[:, 1] += 0.02 * np.cos(4 * np.pi * going / self.stride)
        points = np.zeros((len(times), 33, 3))
        points[:, :11, :2] = hips[:, None] + (0.05, 0.7)
        points[:, 11:23, :2] = hips[:, None] + (0, 0.45)
        for side, foot in enumerate(("left", "right")):
            heel, pitch = self._foot(times, foot)
            ankle = heel + np.stack([0.05 * np.cos(pitch), np.full(len(times), _ANKLE)], axis=1)
            toe = heel + _FOOT * np.stack([np.cos(pitch), np.sin(pitch)], axis=1)
            points[:, 23 + side, :2] = hips
            points[:, 25 + side, :2] = _knee(hips, ankle)
            points[:, 27 + side, :2], points[:, 29 + side, :2], points[:, 31 + side, :2] = ankle, heel, toe
            points[:, 23 + side :: 2, 2][:, :5] = -0.1 if side else 0.1
        points[..., 0] = self.origin[0] + self.scale * points[..., 0]
        points[..., 1] = self.origin[1] - self.scale * points[..., 1]
        points[..., 2] *= self.scale
        return points.astype(np.float32)

    def poses(self, times: Any, *, noise: float = 1.0, person: int = 1) -> list[Pose]:
        """The same as poses, shaken by `noise` pixels."""
        points = self.landmarks(times)
        points[..., :2] += np.random.default_rng(0).normal(0, noise, points[..., :2].shape)
        return to_poses(list(times), points, np.full(points.shape[:2], 0.95, np.float32), person=person)

    def _foot(self, times: Any, foot: str) -> tuple[Any, Any]:
        """Where the heel is, (T, 2) in metres, and the pitch of the foot in radians."""
        down = [time for time, which in self.strikes if which == foot]
        swing = (1 - self.stance) * self.stride
        heel, pitch = np.zeros((len(times), 2)), np.zeros(len(times))
        place = 0.0 if foot == "left" else 0.02
        heel[:, 0] = place
        for strike in down:
            # The foot comes down a quarter of a stride's way before the hips.
            target = self.speed * (strike - self.start) + 0.25 * self.speed * self.stride
            share = ((times - strike + swing) / swing).clip(0, 1)
            moved = share * share * (3 - 2 * share)
            flying = (share > 0) & (share < 1)
            heel[:, 0] = np.where(share > 0, place + (target - place) * moved, heel[:, 0])
            heel[flying, 1] = 0.12 * np.sin(np.pi * share[flying]) ** 0.7
            pitch[flying] = (-0.7 + 1.0 * share[flying]).clip(-0.6, 0.3)
            place = target
        return heel, pitch


def _knee(hips: Any, ankle: Any) -> Any:
    """Where the knee is, before the line from the hips to the ankle."""
    way = ankle - hips
    length = np.linalg.norm(way, axis=1).clip(0.1, _THIGH + _SHANK - 1e-3)
    along = (length**2 + _THIGH**2 - _SHANK**2) / (2 * length)
    aside = np.sqrt(np.maximum(_THIGH**2 - along**2, 0))
    unit = way / np.linalg.norm(way, axis=1, keepdims=True)
    across = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    return hips + along[:, None] * unit + aside[:, None] * across
