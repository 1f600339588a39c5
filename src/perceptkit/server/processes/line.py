"""Who waits for a process that does one thing after another."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Line"]


class Line:
    """Gives turns to users one after another, and to the requests of each as they came: who asks for much waits for
    himself. To be used within the event loop."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # of each user, who is next before the others

    async def acquire(self, owner: str) -> None:
        """Wait for a turn of this user. It must be given back."""
        if not self._taken:
            self._taken = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in this moment, and is for the next one
                self.release()
            raise

    def release(self) -> None:
        """Give a turn back: the next user has it."""
        for owner in list(self._waiting):
            turns = self._waiting.pop(owner)
            while turns:
                turn = turns.popleft()
                if not turn.done():  # else nobody waits for it any more
                    if turns:
                        self._waiting[owner] = turns  # behind all others
                    turn.set_result(None)
                    return
        self._taken = False
