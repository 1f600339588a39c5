"""Tickets: a word in an address that stands for a caller, once and for a short time."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from .principal import Principal

__all__ = ["Tickets"]


class Tickets:
    """Those that were given out and not yet used; each is good for `seconds`."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[float, Principal]] = {}  # in the order in which they end

    def give(self, principal: Principal) -> str:
        """A new ticket of this caller."""
        ticket, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            while self._waiting and next(iter(self._waiting.values()))[0] <= now:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[ticket] = (now + self._seconds, principal)
        return ticket

    def take(self, ticket: str) -> Principal | None:
        """Whose ticket it is; None when there is none, when it was used, or when it is too old."""
        with self._lock:
            ends, principal = self._waiting.pop(ticket, (0.0, None))
        return principal if self._clock() < ends else None
