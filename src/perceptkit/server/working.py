"""The loop of a worker: claim a job, have it done, end it. The server runs one; `perceptkit worker` is nothing else."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sql

from . import claims
from .folders import attempt_folder
from .hands import Died, Hands, Stopped, TaskError
from .jobs import Job, State
from .settings import Settings
from .webhooks import announce

__all__ = ["work"]

log = logging.getLogger("perceptkit.server")

_IDLE = 0.5  # seconds between two looks for a job
_BEAT = 0.5  # seconds between two heartbeats
_RETRY = 2.0  # seconds between two attempts to write to a database that does not answer

T = TypeVar("T")


def work(settings: Settings, engine: sql.Engine, hands: Hands, stop: threading.Event) -> None:
    """Do jobs until `stop` is set. The job that is under way then is put back, for the next worker."""
    while not stop.is_set():
        try:
            job = claims.claim(engine)
        except sql.exc.DBAPIError as error:
            log.warning("the database does not answer: %s", error.orig)
            stop.wait(_RETRY)
            continue
        if job is None:
            stop.wait(_IDLE)
            continue
        _do(settings, engine, hands, stop, job)


def _do(settings: Settings, engine: sql.Engine, hands: Hands, stop: threading.Event, job: Job) -> None:
    """Do a job, and end it in the way that it ended."""
    folder = attempt_folder(settings, job)
    pulse = _Pulse(engine, job, stop)
    ending: Callable[[], State | None]
    keep = False
    try:
        folder.mkdir(parents=True)
        result = hands.perform(
            job.kind,
            {**job.parameters, "folder": str(folder.relative_to(settings.data)), "filename": job.filename},
            progress=pulse.note,
            stopped=pulse,
        )
        keep = True
        ending = lambda: _if(claims.end(engine, job, "completed", result=result), "completed")  # noqa: E731
    except TaskError as failed:
        said, code = str(failed), failed.code
        ending = lambda: _if(claims.end(engine, job, "failed", error=said, code=code), "failed")  # noqa: E731
    except Stopped:
        ending = lambda: _stopped(engine, job, pulse)  # noqa: E731
    except Died as died:
        log.warning("job %s: %s", job.id, died)
        ending = lambda: claims.give_up(engine, job)  # noqa: E731
    except OSError as error:
        reason = f"there is no place for the results: {error.strerror}"
        ending = lambda: _if(claims.end(engine, job, "failed", error=reason, code="device_error"), "failed")  # noqa: E731
    state = _insist(ending, stop)
    log.info("job %s (%s): %s", job.id, job.kind, state or "now another worker's")
    if not keep or state != "completed":
        shutil.rmtree(folder, ignore_errors=True)
    if state in ("completed", "failed", "cancelled", "interrupted"):
        announce(settings, engine, job.id)


class _Pulse:
    """The heartbeat of a job; called ten times a second, it beats twice, and says whether to stop."""

    def __init__(self, engine: sql.Engine, job: Job, stop: threading.Event) -> None:
        self._engine, self._job, self._stop = engine, job, stop
        self._done, self._total, self._stage = 0, None, ""  # type: tuple[int, int | None, str]
        self._next = time.monotonic() + _BEAT
        self.said: str = "go on"

    def note(self, done: int, total: int | None, stage: str) -> None:
        """How far the job is."""
        self._done, self._total, self._stage = done, total, stage

    def __call__(self) -> bool:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _BEAT
            try:
                self.said = claims.beat(self._engine, self._job, done=self._done, total=self._total, stage=self._stage)
            except sql.exc.DBAPIError as error:  # nothing is lost yet: whose the job is, its end will tell
                log.warning("job %s: the database does not answer: %s", self._job.id, error.orig)
        return self.said != "go on" or self._stop.is_set()


def _stopped(engine: sql.Engine, job: Job, pulse: _Pulse) -> State | None:
    """End a job that was stopped: cancelled, or put back when it is the worker that stops."""
    if pulse.said == "lost":
        return None
    if pulse.said != "cancel" and claims.release(engine, job):
        return "pending"
    return _if(claims.end(engine, job, "cancelled"), "cancelled")


def _if(done: bool, state: State) -> State | None:
    return state if done else None


def _insist(ending: Callable[[], T], stop: threading.Event) -> T | None:
    """End a job, however long the database takes to answer: a result is not thrown away. One more try after `stop`."""
    while True:
        last = stop.is_set()
        try:
            return ending()
        except sql.exc.DBAPIError as error:
            log.warning("the database does not answer: %s", error.orig)
            if last:
                return None
            stop.wait(_RETRY)
