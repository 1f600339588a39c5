"""What has to be there before requests can be answered, each with the reason when it is not."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from contextlib import suppress

import sqlalchemy as sql
from anyio.to_thread import run_sync

from .background import Background
from .errors import ApiError
from .parts import Parts
from .processes.hands import Died, TaskError
from .processes.quick import Quick
from .settings import Settings

__all__ = ["Weights", "check"]

_FINE = "ok"
_LOOK = 10.0  # seconds for looking for the weights, waiting included
_KEEP = 5.0  # seconds for which what was found counts
_PATIENCE = 1.0  # seconds after which what was found before that counts


class Weights:
    """Looks for the weights, once at a time however many ask, so that anybody may. To be used in the event loop."""

    def __init__(self, *, keep: float = _KEEP, patience: float = _PATIENCE) -> None:
        self._keep, self._patience = keep, patience
        self._asking: asyncio.Task[None] | None = None
        self._asked, self._said = 0.0, ""

    async def look(self, looking: Quick) -> str:
        """What is not there, or "ok". While the process has other things to do, what was found the last time; before
        the first time "ok", as it answers others."""
        if self._asking is None or (self._asking.done() and time.monotonic() > self._asked + self._keep):
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._ask(looking), name="perceptkit-weights")
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience if self._said else None):
                await asyncio.shield(self._asking)
        return self._said or _FINE

    async def _ask(self, looking: Quick) -> None:
        try:
            self._said = "; ".join(await looking.perform("missing_weights", {}, timeout=_LOOK)) or _FINE
        except (TaskError, Died) as error:
            self._said = str(error)
        except ApiError:  # it is busy
            pass


async def check(parts: Parts, background: Background, weights: Weights) -> dict[str, str]:
    """By what was checked "ok", or why it is not. Loads no model."""
    return {
        "models": await weights.look(parts.looking),
        "database": await run_sync(_database, parts.engine),
        "disk": await run_sync(_disk, parts.settings),
        "worker": "; ".join(f"{name} has stopped; restart the server" for name in background.broken) or _FINE,
    }


def _database(engine: sql.Engine) -> str:
    try:
        with engine.connect() as connection:
            connection.execute(sql.text("SELECT 1"))
    except sql.exc.DBAPIError:
        return "the database does not answer"
    return _FINE


def _disk(settings: Settings) -> str:
    try:
        free = shutil.disk_usage(settings.data).free
    except OSError as error:
        return f"the data folder cannot be used: {error.strerror}"
    if not os.access(settings.data, os.W_OK | os.X_OK):
        return "the data folder cannot be written to"
    if free < settings.min_free:
        return f"{free:,} bytes of the disk are free, {settings.min_free:,} have to be left (MIN_FREE_BYTES)"
    return _FINE
