"""The two programs: the server with its worker, and a worker alone."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import sqlalchemy as sql
import uvicorn
from fastapi import FastAPI

from ..errors import DeviceError, InputError, write_error
from ..locks import take
from .app import create_app
from .auth.greeting import greeting
from .auth.secret import read_secret
from .background import Background
from .connections import Connection, allow_connections
from .database import open_database
from .folders import check_used, lock_file, make_folders, mark_forgetful
from .logs import log_to_stderr
from .parts import Parts
from .processes.performing import Tasks
from .settings import Settings

__all__ = ["run_worker", "serve"]

log = logging.getLogger("perceptkit.server")

_GRACE = 4  # seconds that requests have to end when the server is stopped; what works on them needs some more


def serve(settings: Settings, *, tasks: Tasks | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; a second one ends it at once. Its worker knows the `tasks` of the package, unless
    others are given.

    Raises DeviceError when the address is taken, the database does not answer or it does not start, InputError when
    another server has the data folder or nothing can be written there.
    """
    make_folders(settings)
    log_to_stderr(settings.log_level)
    with _alone(settings):
        mark_forgetful(settings)
        read_secret(settings)  # what is wrong with these is said here, not from within the server
        engine = open_database(settings.database_url)
        _say_where(settings, engine)
        engine.dispose()
        allow_connections()
        listening = _listen(settings)
        host, port = listening.getsockname()[:2]

        def greet(parts: Parts) -> None:
            print(greeting(parts.keeper, host, port), file=sys.stderr, flush=True)  # noqa: T201 - the program's word

        app = create_app(settings, started=greet, tasks=tasks)
        config = uvicorn.Config(
            app,
            http=Connection,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_GRACE,
            ws_max_size=1 << 20,
            proxy_headers=False,
        )
        server = _Server(config, app)
        try:
            server.run(sockets=[listening])
        except SystemExit as error:  # as uvicorn ends when the application did not start
            raise DeviceError("the server did not start; the lines above say why") from error
        if server.broken:
            raise _broken()
        log.info("stopped")


def run_worker(settings: Settings, *, tasks: Tasks | None = None) -> None:
    """Do jobs of a server until Ctrl-C or SIGTERM; a second one ends it at once.

    Raises InputError when the data folder is not that of a server, DeviceError when the database does not answer.
    """
    check_used(settings)
    make_folders(settings)
    log_to_stderr(settings.log_level)
    engine = open_database(settings.database_url)
    _say_where(settings, engine)
    signals: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        if signals:
            _end_at_once(number)
        signals.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    background = Background(settings, engine, worker=True, tasks=tasks)
    log.info("waiting for jobs")
    try:
        while not signals and not background.broken:
            time.sleep(0.1)
        if background.broken:
            raise _broken()
    finally:
        background.stop()
        engine.dispose()
    log.info("stopped")


class _Server(uvicorn.Server):
    """A server that ends what would keep it as soon as it is told to stop, and then returns."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app, self.broken = app, False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop: streams of events end, and the worker puts its job back while requests are still answered."""
        if self.should_exit:
            _end_at_once(sig)
        self.should_exit = True
        parts: Parts | None = getattr(self._app.state, "parts", None)
        if parts is not None:
            parts.watch.close()
        background: Background | None = getattr(self._app.state, "background", None)
        if background is not None:
            background.begin_stop()

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop: also when an error of ours has ended the worker, as the server would take jobs in vain."""
        self.broken = bool(self._app.state.background.broken)
        return await super().on_tick(counter) or self.broken


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the data folder. Jobs could be shared (`perceptkit worker` does), but a server holds recordings and sessions
    that a second one would take for those of one that was killed."""
    path = lock_file(settings)
    try:
        file = path.open("ab")
    except OSError as error:
        raise write_error(path, error) from error
    with file:
        if not take(path, file.fileno()):
            said = f"another server has the folder {settings.data}; give this one another --data"
            raise InputError(f"{said}, or start a perceptkit worker if jobs are to be done faster")
        yield


def _say_where(settings: Settings, engine: sql.Engine) -> None:
    """Not the URL of the database, which may hold a password."""
    kind = "PostgreSQL" if engine.dialect.name == "postgresql" else "SQLite"
    log.info("the data folder is %s, the database is %s", settings.data, kind)


def _listen(settings: Settings) -> socket.socket:
    """A socket at the address of the settings."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
        # What it accepts inherits this. asyncio asks for it only where a socket names its protocol, which this one does
        # not; without it an answer waits 40 ms for the caller's acknowledgement of its headers.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, UnicodeError) as error:  # the latter about what can be no name of a host
        where, reason = f"{settings.host}, port {settings.port}", getattr(error, "strerror", None) or error
        option = "--port" if getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise DeviceError(f"cannot listen at {where}: {reason}; choose another {option}") from error


def _end_at_once(number: int) -> None:
    """End without tidying up. The processes that do the work watch for that, and the next start finds their jobs."""
    os._exit(128 + number)


def _broken() -> DeviceError:
    return DeviceError("what does the jobs has stopped by an error of ours; the lines above say which")
