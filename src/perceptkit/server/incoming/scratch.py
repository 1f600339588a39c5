"""Folders for what is there only as long as a request: photos that somebody has sent and that nobody is to keep."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from ..folders import scratch_folder
from ..settings import Settings
from .connected import in_thread

__all__ = ["clear_scratch", "scratch"]

log = logging.getLogger("perceptkit.server")


@asynccontextmanager
async def scratch(settings: Settings) -> AsyncIterator[Path]:
    """An empty folder that nobody else may look into, gone after the block with all that is in it."""
    folder = scratch_folder(settings) / str(uuid4())
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        await in_thread(lambda: shutil.rmtree(folder, ignore_errors=True))


def clear_scratch(settings: Settings) -> None:
    """Remove what a server that was killed has left. To be called by the one server of a data folder as it starts."""
    folder = scratch_folder(settings)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        log.warning("%s: what requests have left there could not be deleted; delete it", folder)
