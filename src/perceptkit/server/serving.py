"""The two programs: the server with its worker, and a worker alone."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import uvicorn

from .app import create_app
from .database import open_database
from .hands import Hands
from .settings import Settings
from .working import work

__all__ = ["run_worker", "serve"]


def serve(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    settings.data.mkdir(parents=True, exist_ok=True)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=8,
        ws_max_size=1 << 20,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


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
