"""What the routes work with: made once when the server starts, reached from every request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sql
from fastapi import Depends
from starlette.requests import HTTPConnection

from .auth import Keeper
from .requests import Quick
from .settings import Settings

__all__ = ["Given", "Parts", "parts_of"]


@dataclass(frozen=True, slots=True)
class Parts:
    """The settings; the database; who may call; the processes that answer requests and look at uploads."""

    settings: Settings
    engine: sql.Engine
    keeper: Keeper
    quick: Quick
    looking: Quick


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the server that a request came to."""
    parts: Parts = connection.app.state.parts
    return parts


Given = Annotated[Parts, Depends(parts_of)]
