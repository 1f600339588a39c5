"""What the routes work with: made once when the server starts, reached from every request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sql
from fastapi import Depends
from starlette.requests import HTTPConnection

from .jobs.events import Watch
from .limiting import Limiter
from .processes.quick import Quick
from .recordings.recording import Recorders
from .settings import Settings

if TYPE_CHECKING:
    from .auth import Keeper

__all__ = ["Given", "Parts", "parts_of"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What is set; the database; who may call, and how much; the processes for requests, uploads and live sessions; the
    events."""

    settings: Settings
    engine: sql.Engine
    keeper: Keeper
    limiter: Limiter
    recorders: Recorders
    quick: Quick
    looking: Quick
    live: Quick
    watch: Watch


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the server that a request came to."""
    parts: Parts = connection.app.state.parts
    return parts


Given = Annotated[Parts, Depends(parts_of)]
