"""The loop of a worker: claim a job, have it done, end it. The server runs one; `perceptkit worker` is nothing else."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import sqlalchemy as sql

from ..folders import attempt_folder, results_folder
from ..processes.hands import Died, Hands, Stopped, TaskError
from ..processes.performing import Progressed
from ..settings import Settings
from . import claims
from .rows import Job, State, find

__all__ = ["work"]

log = logging.getLogger("perceptkit.server")

_IDLE = 0.5  # seconds between two looks for a job
_BEAT = 0.5  # seconds between two heartbeats
_RETRY = 2.0  # seconds between two attempts to write to a database that does not answer

T = TypeVar("T")


def work(settings: Settings, engine: sql.Engine, *, hands: Hands, stop: threading.Event) -> None:
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
        else:
            _do(settings, engine, hands=hands, stop=stop, job=job)


def _do(settings: Settings, engine: sql.Engine, *, hands: Hands, stop: threading.Event, job: Job) -> None:
    """Do a job, and end it in the way that it ended."""
    log.info("job %s (%s): begun", job.id, job.kind)
    outcome = _attempt(settings, engine, hands=hands, stop=stop, job=job)
    if outcome.way != "completed":  # first, as a disk that is full has no place for the row either
        shutil.rmtree(attempt_folder(settings, job), ignore_errors=True)
    try:
        state = _insist(lambda: _record(engine, job, outcome), stop)
        if state is None:
            _clean(settings, engine, job)
    except sql.exc.DBAPIError as error:  # whose the job is then is found out by the next who looks
        log.warning("job %s: left as it is, the database does not answer: %s", job.id, error.orig)
        return
    log.info("job %s (%s): %s", job.id, job.kind, state or "deleted, or another worker's")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """In which way an attempt at a job ended, and what there is to say about it."""

    way: Literal["completed", "failed", "stopped", "died"]
    result: Mapping[str, Any] | None = None
    error: str | None = None
    code: str | None = None
    last: Progressed | None = None


def _attempt(settings: Settings, engine: sql.Engine, *, hands: Hands, stop: threading.Event, job: Job) -> _Outcome:
    folder = attempt_folder(settings, job)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        reason = f"there is no place for the results: {error.strerror}"
        return _Outcome("failed", error=reason, code="device_error")
    pulse = _Pulse(engine, job, stop)
    parameters = {**job.parameters, "folder": str(folder.relative_to(settings.data)), "filename": job.filename}
    try:
        result = hands.perform(job.kind, parameters, progress=pulse.note, stopped=pulse)
        return _Outcome("completed", result, last=pulse.last)
    except TaskError as error:
        return _Outcome("failed", error=str(error), code=error.code)
    except Stopped:
        return _Outcome("stopped")
    except Died as died:
        log.warning("job %s: %s", job.id, died)
        return _Outcome("stopped" if stop.is_set() else "died")


def _record(engine: sql.Engine, job: Job, outcome: _Outcome) -> State | None:
    """Write down how an attempt ended: the state of the job now; None when it is no longer this worker's."""
    if outcome.way == "stopped":
        return claims.release(engine, job)
    if outcome.way == "died":
        return claims.give_up(engine, job)
    last = None if outcome.last is None else (outcome.last.done, outcome.last.total, outcome.last.stage)
    ours = claims.end(
        engine, job, outcome.way, result=outcome.result, error=outcome.error, code=outcome.code, last=last
    )
    return outcome.way if ours else None


def _clean(settings: Settings, engine: sql.Engine, job: Job) -> None:
    """Remove what was made for a job that was taken away: all there is of it when it was deleted."""
    shutil.rmtree(attempt_folder(settings, job), ignore_errors=True)
    if find(engine, job.id) is None:
        shutil.rmtree(results_folder(settings, job.id), ignore_errors=True)


class _Pulse:
    """The heartbeat of a job; called ten times a second, it beats twice, and says whether to stop."""

    def __init__(self, engine: sql.Engine, job: Job, stop: threading.Event) -> None:
        self._engine, self._job, self._stop = engine, job, stop
        self.last = Progressed(0, None, "", 0.0)
        """How far the job is."""
        self._next = time.monotonic() + _BEAT
        self._on, self._told = True, False

    def note(self, progressed: Progressed) -> None:
        """How far the job is."""
        self.last = progressed

    def __call__(self) -> bool:
        if self._stop.is_set():
            if not self._told:
                log.info("stopping; the job under way is put back")
            self._told = True
            return True
        if self._on and time.monotonic() >= self._next:
            try:
                said = claims.beat(self._engine, self._job, **asdict(self.last))
                self._on = said == "go on"
            except sql.exc.DBAPIError as error:  # nothing is lost yet: whose the job is, its end will tell
                log.warning("job %s: the database does not answer: %s", self._job.id, error.orig)
            self._next = time.monotonic() + _BEAT
        return not self._on


def _insist(write: Callable[[], T], stop: threading.Event) -> T:
    """Write, however long the database takes to answer: a result is not thrown away. After `stop`, one more try."""
    while True:
        last = stop.is_set()
        try:
            return write()
        except sql.exc.DBAPIError as error:
            if last:
                raise
            log.warning("the database does not answer: %s", error.orig)
            stop.wait(_RETRY)
