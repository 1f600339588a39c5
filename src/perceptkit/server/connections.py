"""Connections to the server: so many at once, and none that asks for nothing.

uvicorn itself waits for ever for the first line of a request, and for all of its headers.
"""

from __future__ import annotations

import asyncio
import sys

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["MOST", "Connection", "allow_connections"]

MOST = 1000
"""Connections at once; one more is closed unheard. Each takes up to 200 kB while its request comes."""

_HEADERS = 10.0  # seconds within which the headers of a request have to come
_REST = 600.0  # and what is left of its body, when it was answered before that had come
_FILES = 4 * MOST  # that this process may have open


class Connection(H11Protocol):
    """A connection, closed when the headers of a request do not come in time.

    The body is waited for by who reads it.
    """

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Somebody has connected."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Some of a request has come."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)
        self._forget()

    def _watch(self) -> None:
        """Wait for headers, unless a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if answering or self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._forget()
        elif self._due is None:
            patience = _REST if self.conn.their_state is h11.SEND_BODY else _HEADERS
            self._due = self.loop.call_later(patience, self.transport.abort)

    def _forget(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


def allow_connections() -> None:
    """Let this process have as many files open as that many connections take, if the system lets it."""
    if sys.platform == "win32":
        return
    import resource

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
