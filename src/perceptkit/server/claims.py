"""Jobs as workers see them: claim one, keep it by a heartbeat, end it; and find those whose worker has gone.

A claim is a word that only its worker knows: what a worker does to a row happens only while its claim is in it, so a
worker that was taken for dead and lives cannot end a job twice. Whether a heart still beats is told by a number that
goes up, watched by the clock of the watcher, so that no two clocks need to agree and none may be set back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import uuid4

import sqlalchemy as sql

from .database import jobs
from .jobs import Job, State, read_job

__all__ = ["ATTEMPTS", "PATIENCE", "Sweeper", "beat", "claim", "end", "give_up", "release"]

ATTEMPTS = 2
"""How often a job is begun at the most, when its workers die."""

PATIENCE = 15.0
"""Seconds without a heartbeat after which a worker counts as gone."""

_GONE = "the worker that had it stopped without a word {times}, as one does that is killed or runs out of memory"


def claim(engine: sql.Engine) -> Job | None:
    """Take the oldest job that waits, with a new claim; None when none waits."""
    oldest = sql.select(jobs.c.number).where(jobs.c.state == "pending").order_by(jobs.c.number).limit(1)
    values = {
        "state": "processing",
        "claim": str(uuid4()),
        "started_at": time.time(),
        "attempts": jobs.c.attempts + 1,
        "beat": jobs.c.beat + 1,
        "done": 0,
        "total": None,
        "stage": "",
        "revision": jobs.c.revision + 1,
    }
    # SKIP LOCKED lets workers on PostgreSQL pass each other; SQLite has one writer at a time and leaves it out.
    chosen = oldest.with_for_update(skip_locked=True).scalar_subquery()
    taking = sql.update(jobs).where(jobs.c.number == chosen, jobs.c.state == "pending").values(values).returning(jobs)
    with engine.begin() as connection:
        row = connection.execute(taking).one_or_none()
    return None if row is None else read_job(row)


def beat(
    engine: sql.Engine, job: Job, *, done: int, total: int | None, stage: str
) -> Literal["go on", "cancel", "lost"]:
    """Say that the job is still worked on and how far it is; what its worker should do."""
    changed = (jobs.c.done != done) | (sql.func.coalesce(jobs.c.total, -1) != (-1 if total is None else total))
    values = {
        "beat": jobs.c.beat + 1,
        "done": done,
        "total": total,
        "stage": stage[:64],
        "revision": jobs.c.revision + sql.case((changed | (jobs.c.stage != stage[:64]), 1), else_=0),
    }
    with engine.begin() as connection:
        row = connection.execute(
            sql.update(jobs).where(_ours(job)).values(values).returning(jobs.c.cancel)
        ).one_or_none()
    if row is None:
        return "lost"
    return "cancel" if row.cancel else "go on"


def end(
    engine: sql.Engine,
    job: Job,
    state: State,
    *,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
    code: str | None = None,
) -> bool:
    """End a job: whether it was still this worker's."""
    values: dict[str, Any] = {
        "state": state,
        "completed_at": time.time(),
        "result": None if result is None else dict(result),
        "error": error,
        "code": code,
        "revision": jobs.c.revision + 1,
    }
    if state == "completed":
        values |= {"done": sql.func.coalesce(jobs.c.total, jobs.c.done)}
    with engine.begin() as connection:
        return connection.execute(sql.update(jobs).where(_ours(job)).values(values)).rowcount == 1


def release(engine: sql.Engine, job: Job) -> bool:
    """Put a job back as if it had not been begun, by a worker that stops: whether it was still this worker's."""
    values = {"state": "pending", "claim": None, "attempts": jobs.c.attempts - 1, "revision": jobs.c.revision + 1}
    with engine.begin() as connection:
        return connection.execute(sql.update(jobs).where(_ours(job), ~jobs.c.cancel).values(values)).rowcount == 1


def give_up(engine: sql.Engine, job: Job, *, last_beat: int | None = None) -> State | None:
    """The attempt at a job has died: the job waits again, or is over when that was its last; None: it is another's.

    With `last_beat`, also None when its heart has beaten since.
    """
    if job.cancel:
        state, error = "cancelled", None
    elif job.attempts < ATTEMPTS:
        state, error = "pending", None
    else:
        state, error = "interrupted", _GONE.format(times="twice" if job.attempts == 2 else f"{job.attempts} times")
    values = {
        "state": state,
        "error": error,
        "code": None if error is None else "worker_gone",
        "completed_at": None if state == "pending" else time.time(),
        "revision": jobs.c.revision + 1,
    } | ({"claim": None} if state == "pending" else {})
    same = [_ours(job), jobs.c.cancel == job.cancel]
    if last_beat is not None:
        same.append(jobs.c.beat == last_beat)
    with engine.begin() as connection:
        changed = connection.execute(sql.update(jobs).where(*same).values(values)).rowcount
    return state if changed else None  # type: ignore[return-value] # one of the three above


class Sweeper:
    """Finds jobs whose worker has gone. Call `sweep` every few seconds."""

    def __init__(
        self, engine: sql.Engine, *, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._patience, self._clock = engine, patience, clock
        self._seen: dict[str, tuple[int, float]] = {}  # of each claim: its last beat, and when it was first seen

    def sweep(self) -> list[Job]:
        """Give up the attempts whose heart has not beaten for `patience` seconds; the jobs, as they were."""
        with self._engine.connect() as connection:
            running = [
                read_job(row) for row in connection.execute(sql.select(jobs).where(jobs.c.state == "processing"))
            ]
        now = self._clock()
        before, self._seen = self._seen, {}
        gone = []
        for job in running:
            beats, since = before.get(job.claim or "", (job.beat, now))
            if beats != job.beat:
                beats, since = job.beat, now
            self._seen[job.claim or ""] = beats, since
            if now - since >= self._patience and give_up(self._engine, job, last_beat=beats):
                gone.append(job)
        return gone


def _ours(job: Job) -> sql.ColumnElement[bool]:
    return (jobs.c.id == job.id) & (jobs.c.claim == job.claim) & (jobs.c.state == "processing")
