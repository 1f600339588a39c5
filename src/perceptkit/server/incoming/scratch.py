"""Folders for what is there only as long as a request: photos that somebody has sent and that nobody is to keep.

A folder has a lock beside it, held as long as the request. The system frees the lock when its holder is killed, so
that what is left then is known from what another server has in use.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ...locks import locked, take
from ..folders import scratch_folder
from ..settings import Settings
from .connected import in_thread

__all__ = ["clear_scratch", "scratch"]


@asynccontextmanager
async def scratch(settings: Settings) -> AsyncIterator[Path]:
    """An empty folder that nobody else may look into, gone after the block with all that is in it."""
    scratch_folder(settings).mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = scratch_folder(settings) / str(uuid4())
    lock = folder.with_suffix(".lock")
    try:
        with locked(lock):
            try:
                folder.mkdir(mode=0o700)
                yield folder
            finally:
                await in_thread(lambda: shutil.rmtree(folder, ignore_errors=True))
    finally:
        with suppress(OSError):  # Windows removes nothing that somebody looks at; `clear_scratch` will
            lock.unlink()


def clear_scratch(settings: Settings) -> None:
    """Remove what servers that were killed have left."""
    for folder in scratch_folder(settings).glob("*-*"):
        lock = folder.with_suffix(".lock")
        with suppress(OSError), lock.open("ab") as file:  # it may go just now
            if not take(lock, file.fileno()):
                continue
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
            os.remove(lock)  # noqa: PTH107
