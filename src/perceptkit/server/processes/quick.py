"""Tasks that a caller waits for: done at once in a process of their own, one after another, or stopped in time."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from anyio import CancelScope
from anyio.to_thread import run_sync

from ..errors import ApiError
from ..settings import Settings
from .hands import Hands, Stopped
from .line import Line

__all__ = ["Quick"]

_WAITING, _OWN = 64, 32  # requests: of all users, and of one


class Quick:
    """Hands for requests. Users have their turns one after another; a request that waits too long, or is cancelled, has
    the work stopped."""

    def __init__(self, settings: Settings, name: str, *, memory: int | None = None) -> None:
        self._hands = Hands(settings, name, memory=memory)
        self._line = Line()
        self._waiting: Counter[str] = Counter()

    @property
    def running(self) -> bool:
        """Whether there is a process: it is started with the first task."""
        return self._hands.process_id is not None

    async def perform(self, task: str, parameters: Mapping[str, Any], *, timeout: float, owner: str = "") -> Any:
        """Do a task for a user and give what comes of it. Without `owner` it is for somebody whom nobody knows.

        Raises ApiError 408 when it took longer than `timeout` seconds, waiting included, 429 when too many requests of
        this user wait, 503 when too many of all do; TaskError and Died as `Hands.perform`.
        """
        if self._waiting[owner] >= _OWN:
            said = f"{_OWN} requests of yours wait already; try again when they are answered"
            raise ApiError(429, said, "too_many_requests", headers={"Retry-After": "5"})
        if self._waiting.total() >= _WAITING:
            raise ApiError(503, "too many requests wait already; try again", "busy", headers={"Retry-After": "5"})
        stop = threading.Event()
        deadline = asyncio.get_running_loop().call_later(timeout, stop.set)
        self._waiting[owner] += 1
        try:
            async with asyncio.timeout(timeout):
                await self._line.acquire(owner)
            try:
                return await self._in_thread(task, parameters, stop)
            finally:
                self._line.release()
        except (TimeoutError, Stopped) as error:
            said = f"this took longer than {timeout:g} seconds and was stopped; send less at once"
            raise ApiError(408, said, "timeout") from error
        finally:
            deadline.cancel()
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                del self._waiting[owner]

    async def _in_thread(self, task: str, parameters: Mapping[str, Any], stop: threading.Event) -> Any:
        """Wait for the task; one that is cancelled has it stopped, and the line goes on only after that."""
        work = asyncio.ensure_future(run_sync(lambda: self._hands.perform(task, parameters, stopped=stop.is_set)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            with CancelScope(shield=True):
                await asyncio.gather(work, return_exceptions=True)  # how it ends is of no interest any more
            raise

    def close(self) -> None:
        """End the process for good; what is under way fails as when it dies."""
        self._hands.close()
