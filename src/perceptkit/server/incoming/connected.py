"""Work for a caller, as long as the caller is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from anyio.to_thread import run_sync
from fastapi import Request

from ..errors import ApiError

__all__ = ["in_thread", "while_connected"]

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What comes of `work`, which is cancelled when the caller goes away. The body of the request must have been read.

    Raises ApiError 499, which nobody sees, when the caller has gone.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
    raise ApiError(499, "the caller has gone", "gone")


async def in_thread(work: Callable[[], T]) -> T:
    """Do something in a thread. When this is cancelled meanwhile it ends after the work, so that nothing is still
    under way when what the work needs is cleared away."""
    working = asyncio.ensure_future(run_sync(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
