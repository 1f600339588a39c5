"""Perception data from photos, video and sound.

Each feature is a namespace, loaded when it is first used:

    perceptkit.audio    sound recordings that know the direction they come from
    perceptkit.face     find faces in photos and videos, embed them, find the unique people
    perceptkit.foley    footsteps in a video
    perceptkit.gaze     where every face in a video looks
    perceptkit.video    read and write videos, frame by frame

`import perceptkit` itself loads no heavy library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import audio, errors, face, foley, gaze, images, models, video

__version__ = "0.1.0"
__all__ = ["__version__", "audio", "errors", "face", "foley", "gaze", "images", "models", "video"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
