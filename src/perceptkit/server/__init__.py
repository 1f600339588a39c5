"""The server: `perceptkit serve` and `perceptkit worker`. Needs the extra `serve`.

It parses, stores, queues and streams; everything about faces, gaze, footsteps and sound is the library's.
"""

from __future__ import annotations

from .app import create_app
from .serving import run_worker, serve
from .settings import Settings, read_settings

__all__ = ["Settings", "create_app", "read_settings", "run_worker", "serve"]
