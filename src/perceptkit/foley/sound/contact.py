"""How a foot presses on the ground from heel strike to toe-off: the force that drives every sound of a step."""

from __future__ import annotations

import numpy as np

from ...arrays import Floats

__all__ = ["CURVE", "RUN_CONTACT", "WALK_CONTACT", "ground_reaction"]

CURVE = 1000
"""Points a second in which forces are told."""

WALK_CONTACT, RUN_CONTACT = 0.65, 0.24
"""Seconds on the ground of a step of somebody who walks, and who runs."""


def ground_reaction(points: int, *, running: bool, heel: float = 0.35) -> Floats:
    """The vertical force of a step over its contact in body weights, (points,).

    Who walks presses twice, with the heel at a quarter and with the ball at three quarters of the contact, about 1.1
    body weights with 0.75 between; who runs once, 2.2 body weights. `heel` is the short peak of the heel strike, at 7 %
    of the contact. After Winter, "Biomechanics and Motor Control of Human Movement" (2009), chapter 5, and Visell et
    al. (2009).
    """
    phase = np.linspace(0, 1, points)
    strike = heel * np.exp(-(((phase - 0.07) / 0.025) ** 2))
    if running:
        return np.asarray(2.2 * np.sin(np.pi * phase**0.85).clip(0) ** 1.3 + strike, np.float32)
    edges = np.minimum(1, np.minimum(phase / 0.12, (1 - phase) / 0.12))  # on and off the ground
    humps = 0.72 + 0.38 * np.exp(-(((phase - 0.25) / 0.1) ** 2)) + 0.38 * np.exp(-(((phase - 0.75) / 0.1) ** 2))
    return np.asarray(np.sin(0.5 * np.pi * edges) * humps + strike, np.float32)
