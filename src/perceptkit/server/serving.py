"""The two programs: the server with its worker, and a worker alone."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn

from ..errors import DeviceError
from .app import create_app
from .database import open_database
from .hands import Hands
from .settings import Settings
from .working import work

__all__ = ["run_worker", "serve"]


def serve(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises DeviceError when the address is taken."""
    settings.data.mkdir(parents=True, exist_ok=True)
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"perceptkit listens at http://{shown}:{port}/", file=sys.stderr)  # noqa: T201 - the program's own word
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=8,
        ws_max_size=1 << 20,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    """A socket at the address of the settings."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        where = f"{settings.host}, port {settings.port}"
        raise DeviceError(f"cannot listen at {where}: {error.strerror or error}; choose another --port") from error


def run_worker(settings: Settings) -> None:
    """Do jobs of a database until Ctrl-C or SIGTERM."""
    settings.data.mkdir(parents=True, exist_ok=True)
    engine, hands, stop = open_database(settings.database_url), Hands(settings, "jobs"), threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        work(settings, engine, hands, stop)
    finally:
        hands.close()
        engine.dispose()
