"""What goes on beside the requests: the worker and the search for jobs whose worker has gone; in the server also the
search for files of old and the telling of jobs that have ended."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable

import sqlalchemy as sql

from .folders import attempt_folder
from .jobs.claims import Sweeper
from .jobs.retention import sweep_files
from .jobs.webhooks import announce_all
from .jobs.working import work
from .processes.hands import Hands
from .processes.performing import Tasks
from .settings import Settings

__all__ = ["Background"]

log = logging.getLogger("perceptkit.server")

_SWEEP = 2.0  # seconds
_NICE = 5  # those who wait for an answer come first; more would leave nothing to jobs beside other busy programs
_RETENTION, _FORGETTING = 3600.0, 60.0  # seconds between two searches for what is to be deleted


class Background:
    """Threads that are started with a program and stopped with it.

    With `serves` they do also what is the server's alone, as it goes by its settings: delete files, call webhooks.
    """

    def __init__(
        self, settings: Settings, engine: sql.Engine, *, worker: bool, serves: bool = False, tasks: Tasks | None = None
    ) -> None:
        self._stop = threading.Event()
        self._hands = Hands(settings, "jobs", tasks=tasks, nice=_NICE)
        sweeper = Sweeper(engine, patience=settings.patience)
        targets: dict[str, Callable[[], None]] = {
            "sweeper": lambda: self._repeat(min(_SWEEP, settings.patience / 4), lambda: _sweep(settings, sweeper)),
        }
        if serves:
            often = _RETENTION if settings.store else _FORGETTING
            targets["retention"] = lambda: self._repeat(often, lambda: sweep_files(settings, engine))
            targets["webhooks"] = lambda: announce_all(settings, engine, stop=self._stop)
        if worker:
            targets["worker"] = lambda: work(settings, engine, hands=self._hands, stop=self._stop)
        self._threads = [threading.Thread(target=target, name=f"perceptkit-{name}") for name, target in targets.items()]
        for thread in self._threads:
            thread.start()

    @property
    def broken(self) -> list[str]:
        """The names of what an error of ours has ended, which nobody told to stop."""
        if self._stop.is_set():
            return []
        return [thread.name for thread in self._threads if not thread.is_alive()]

    def begin_stop(self) -> None:
        """Tell everything to stop, without waiting for it. A signal handler may do so."""
        self._stop.set()

    def stop(self) -> None:
        """Stop what goes on: the job under way is put back. Takes up to 8 seconds."""
        self.begin_stop()
        for thread in self._threads:
            thread.join()
        self._hands.close()

    def _repeat(self, seconds: float, chore: Callable[[], object]) -> None:
        while True:
            try:
                chore()
            except sql.exc.DBAPIError as error:
                log.warning("the database does not answer: %s", error.orig)
            except OSError as error:
                log.warning("files could not be deleted: %s", error)
            if self._stop.wait(seconds):
                return


def _sweep(settings: Settings, sweeper: Sweeper) -> None:
    for job, state in sweeper.sweep():
        log.warning("job %s: its worker has gone; now it is %s", job.id, state)
        shutil.rmtree(attempt_folder(settings, job), ignore_errors=True)
