"""What has to be there before requests can be answered, each with the reason when it is not."""

from __future__ import annotations

import os
import shutil

import sqlalchemy as sql
from anyio.to_thread import run_sync

from .background import Background
from .errors import ApiError
from .parts import Parts
from .processes.hands import Died, TaskError
from .settings import Settings

__all__ = ["check"]

_FINE = "ok"
_LOOK = 10.0  # seconds for looking for the weights, waiting included


async def check(parts: Parts, background: Background) -> dict[str, str]:
    """By what was checked "ok", or why it is not. Loads no model."""
    return {
        "models": await _models(parts),
        "database": await run_sync(_database, parts.engine),
        "disk": await run_sync(_disk, parts.settings),
        "worker": "; ".join(f"{name} has stopped; restart the server" for name in background.broken) or _FINE,
    }


async def _models(parts: Parts) -> str:
    try:
        return "; ".join(await parts.looking.perform("missing_weights", {}, timeout=_LOOK)) or _FINE
    except (TaskError, Died) as error:
        return str(error)
    except ApiError as error:
        return f"cannot be looked for now: {error.detail}"


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
