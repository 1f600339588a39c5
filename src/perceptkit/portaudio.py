"""The library that microphones and loudspeakers are reached with, loaded where it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .errors import MissingExtraError

__all__ = ["load_portaudio"]

_PORTAUDIO = "PortAudio, a library of the system that was not found ({}); on Debian or Ubuntu: apt-get install -y {}"


def load_portaudio(purpose: str, load: Callable[[], Any] | None = None) -> Any:
    """The module sounddevice; `purpose` is what it is for, as in "purpose needs ...", `load` another way to get it.

    Raises MissingExtraError when it is not installed, or when the system has no PortAudio.
    """
    try:
        return (load or _sounddevice)()
    except ImportError as error:
        raise MissingExtraError("mic", purpose) from error
    except OSError as error:
        raise MissingExtraError("mic", purpose, system=_PORTAUDIO.format(error, "libportaudio2")) from error


def _sounddevice() -> Any:
    return importlib.import_module("sounddevice")
