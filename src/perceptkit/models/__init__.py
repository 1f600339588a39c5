"""Weights and the runtimes that run them: which files a model needs, where they are, how they get there.

A model is a row (`Model`) in a table beside the class it builds. `fetch` gives the paths of its files, looking in
the folder `PERCEPTKIT_MODELS`, then in the cache (`PERCEPTKIT_CACHE`), then downloading (from `PERCEPTKIT_MIRROR`
first). Every file is checked against its registered sha256, wherever it came from. `open_session` runs a file.
"""

from __future__ import annotations

from .check import FileState, verify
from .fetch import fetch
from .find import find_weights
from .places import cache_folder, locate, models_folder
from .presets import PRESETS, available_presets, preset_model
from .row import Model, WeightsFile
from .session import DEVICES, PRECISIONS, Session, check_device, check_precision, cpu_count, open_session

__all__ = [
    "DEVICES",
    "PRECISIONS",
    "PRESETS",
    "FileState",
    "Model",
    "Session",
    "WeightsFile",
    "available_presets",
    "cache_folder",
    "check_device",
    "check_precision",
    "cpu_count",
    "fetch",
    "find_weights",
    "locate",
    "models_folder",
    "open_session",
    "preset_model",
    "verify",
]
