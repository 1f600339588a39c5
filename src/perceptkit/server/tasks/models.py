"""The models of a process, loaded when they are first needed and then kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..settings import Settings

if TYPE_CHECKING:
    pass

__all__ = ["Models"]


class Models:
    """Loaded models, each once. ModelError or DeviceError when one cannot be had."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
