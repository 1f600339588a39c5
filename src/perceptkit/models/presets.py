"""Presets: one word that chooses a model for every role."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import InputError
from .places import locate
from .row import Model

__all__ = ["PRESETS", "available_presets", "preset_model"]

PRESETS: dict[str, dict[str, str]] = {
    # Small and fast; for research and private use.
    "default": {
        "detector": "scrfd-500m",
        "embedder": "arcface-mbf",
        "gaze": "mobileone-s0",
        "people": "yolox-nano",
        "pose": "lite",
    },
    # The largest models that still run on a laptop; for research and private use.
    "accurate": {
        "detector": "scrfd-10g",
        "embedder": "arcface-r50",
        "gaze": "resnet34",
        "people": "yolox-tiny",
        "pose": "heavy",
    },
    # Commercial use is allowed from end to end.
    "permissive": {
        "detector": "yunet",
        "embedder": "mobilefacenet",
        "gaze": "adas",
        "people": "yolox-nano",
        "pose": "lite",
    },
}


def preset_model(role: str, preset: str | None = None) -> str:
    """The name of the model that a preset gives to `role` ("detector", "embedder", "gaze", "people", "pose").

    Without `preset`, the environment variable PERCEPTKIT_PRESET chooses it, else it is "default".
    Raises InputError for a preset that does not exist.
    """
    chosen = preset or os.environ.get("PERCEPTKIT_PRESET") or "default"
    if chosen not in PRESETS:
        origin = "" if preset else " (from PERCEPTKIT_PRESET)"
        raise InputError(f"unknown preset {chosen!r}{origin}; choose one of: {', '.join(PRESETS)}")
    return PRESETS[chosen][role]


def available_presets(rows: Mapping[str, Model]) -> list[str]:
    """The presets that need no download: the files of each of their models that is in `rows` are on this machine.

    A preset none of whose models is in `rows` is left out. Nothing is hashed: the right size is enough.
    """
    available = []
    for preset, roles in PRESETS.items():
        known = [rows[name] for name in roles.values() if name in rows]
        if known and all(locate(model) is not None for model in known):
            available.append(preset)
    return available
