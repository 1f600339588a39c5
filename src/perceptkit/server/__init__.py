"""The server: `perceptkit serve` and `perceptkit worker`. Needs the extra `serve`.

It parses, stores, queues and streams; everything about faces, gaze, footsteps and sound is the library's.

Names are loaded when they are first used: the processes that hold the models need none of what answers requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names

if TYPE_CHECKING:
    from .app import create_app
    from .serving import run_worker, serve
    from .settings import Settings, read_settings

_HOMES = {
    "app": ("create_app",),
    "serving": ("run_worker", "serve"),
    "settings": ("Settings", "read_settings"),
}

__all__ = ["Settings", "create_app", "read_settings", "run_worker", "serve"]

__getattr__, __dir__ = load_names(__name__, _HOMES)
