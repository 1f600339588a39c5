"""What goes on beside the requests: the worker, and the search for jobs whose worker has gone and for files of old."""

from __future__ import annotations

import logging
import threading

import sqlalchemy as sql

from .claims import Sweeper
from .hands import Hands
from .settings import Settings
from .working import work

__all__ = ["Background"]

log = logging.getLogger("perceptkit.server")

_SWEEP = 2.0  # seconds


class Background:
    """Threads that are started with the server and stopped with it."""

    def __init__(self, settings: Settings, engine: sql.Engine, *, worker: bool) -> None:
        self._stop = threading.Event()
        self._hands = Hands(settings, "jobs")
        self._threads = [threading.Thread(target=self._sweep, args=(engine,), name="perceptkit-sweeper")]
        if worker:
            arguments = (settings, engine, self._hands, self._stop)
            self._threads.append(threading.Thread(target=work, args=arguments, name="perceptkit-worker"))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop what goes on: the job under way is put back. Takes up to 8 seconds."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._hands.close()

    def _sweep(self, engine: sql.Engine) -> None:
        sweeper = Sweeper(engine)
        while not self._stop.wait(_SWEEP):
            try:
                for job in sweeper.sweep():
                    log.warning("job %s: its worker has gone", job.id)
            except sql.exc.DBAPIError as error:
                log.warning("the database does not answer: %s", error.orig)
