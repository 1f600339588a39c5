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

from ..database import jobs
from .rows import Job, State, read_job

__all__ = ["ATTEMPTS", "Sweeper", "beat", "claim", "end", "give_up", "release"]

ATTEMPTS = 2
"""How often a job is begun at the most, when its workers die."""

_GONE = "the worker that had it stopped without a word twice, as one does that is killed or runs out of memory"

# A job that waits shows nothing of an attempt at it.
_FRESH: dict[str, Any] = {"claim": None, "started_at": None, "done": 0, "total": None, "stage": "", "share": 0.0}


def claim(engine: sql.Engine) -> Job | None:
    """Take the oldest job that waits, of the user whose turn it is, with a new claim; None when none waits."""
    mine = (jobs.c.state == "pending") & (jobs.c.owner == _next_owner())
    oldest = sql.select(jobs.c.number).where(mine).order_by(jobs.c.number).limit(1)
    values = {
        **_FRESH,
        "state": "processing",
        "claim": str(uuid4()),
        "started_at": time.time(),
        "attempts": jobs.c.attempts + 1,
        "beat": jobs.c.beat + 1,
        "revision": jobs.c.revision + 1,
    }
    # SKIP LOCKED lets workers on PostgreSQL pass each other; SQLite has one writer at a time and leaves it out.
    chosen = oldest.with_for_update(skip_locked=True).scalar_subquery()
    taking = sql.update(jobs).where(jobs.c.number == chosen, jobs.c.state == "pending").values(values).returning(jobs)
    with engine.begin() as connection:
        row = connection.execute(taking).one_or_none()
    return None if row is None else read_job(row)


def beat(
    engine: sql.Engine, job: Job, *, done: int, total: int | None, stage: str, share: float = 0.0
) -> Literal["go on", "cancel", "lost"]:
    """Say that the job is still worked on and how far it is, `share` of all that it does; what its worker should do."""
    changed = (jobs.c.done != done) | (sql.func.coalesce(jobs.c.total, -1) != (-1 if total is None else total))
    changed |= (jobs.c.stage != stage[:64]) | (jobs.c.share != share)
    values = {
        "beat": jobs.c.beat + 1,
        "done": done,
        "total": total,
        "stage": stage[:64],
        "share": share,
        "revision": jobs.c.revision + sql.case((changed, 1), else_=0),
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
    last: tuple[int, int | None, str] | None = None,
) -> bool:
    """End a job: whether it was still this worker's. May be called again when no answer came from the database.

    `last` is how far it came: what is done, of how many, the stage; without it that is what its last beat said.
    """
    values: dict[str, Any] = {
        "state": state,
        "completed_at": time.time(),
        "result": None if result is None else dict(result),
        "error": None if error is None else _storable(error),
        "code": code,
        "revision": jobs.c.revision + 1,
    }
    if state == "completed":
        values["share"] = 1.0
    if last is not None:
        values |= {"done": last[0], "total": last[1], "stage": last[2][:64]}
    elif state == "completed":
        values |= {"done": sql.func.coalesce(jobs.c.total, jobs.c.done)}
    ended_so = sql.select(jobs.c.id).where(jobs.c.id == job.id, jobs.c.claim == job.claim, jobs.c.state == state)
    with engine.begin() as connection:
        if connection.execute(sql.update(jobs).where(_ours(job)).values(values)).rowcount:
            return True
        return connection.execute(ended_so).one_or_none() is not None


def release(engine: sql.Engine, job: Job) -> State | None:
    """Leave a job that was stopped: cancelled where that was wanted, else it waits again as if it had not been begun.

    What it is now; None: it was another's already.
    """
    return _leave(engine, job, (jobs.c.cancel, "cancelled"), otherwise="pending", attempts=jobs.c.attempts - 1)


def give_up(engine: sql.Engine, job: Job, *, last_beat: int | None = None) -> State | None:
    """The attempt at a job has died: the job waits again, is cancelled where that was wanted, or is over when that was
    its last. What it is now; None: it is another's, or with `last_beat`, its heart has beaten since.
    """
    again = jobs.c.attempts < ATTEMPTS
    return _leave(
        engine, job, (jobs.c.cancel, "cancelled"), (again, "pending"), otherwise="interrupted", last_beat=last_beat
    )


class Sweeper:
    """Finds jobs whose worker has gone. Call `sweep` every few seconds."""

    def __init__(self, engine: sql.Engine, *, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._patience, self._clock = engine, patience, clock
        self._seen: dict[str, tuple[int, float]] = {}  # of each claim: its last beat, and when it was first seen
        self._looked = clock()

    def sweep(self) -> list[tuple[Job, State]]:
        """Give up the attempts whose heart has not beaten for `patience` seconds; the jobs as they were, and what
        became of them."""
        running = sql.select(jobs).where(jobs.c.state == "processing")
        # Nothing is kept of a look that fails: while the database does not answer, no heart can beat.
        before, self._seen = self._seen, {}
        with self._engine.connect() as connection:
            found = [read_job(row) for row in connection.execute(running)]
        now = self._clock()
        if now - self._looked > self._patience / 2:  # this process stood still, and so may have what it watches
            before = {}
        self._looked = now
        gone, seen = [], {}
        for job in found:
            name = job.claim or ""
            beats, since = before.get(name, (job.beat, now))
            seen[name] = (beats, since) if beats == job.beat else (job.beat, now)
            if now - seen[name][1] >= self._patience:
                state = give_up(self._engine, job, last_beat=job.beat)
                if state is not None:
                    gone.append((job, state))
        self._seen = seen
        return gone


def _next_owner() -> sql.ScalarSelect[str]:
    """Of those whose jobs wait the one whose last job was begun the longest ago, so that nobody waits for all jobs of
    somebody else."""
    rows, others = jobs.alias(), jobs.alias()
    waiting = sql.select(others.c.owner).where(others.c.state == "pending")
    begun = sql.func.coalesce(sql.func.max(rows.c.started_at), 0.0)
    first = sql.func.min(sql.case((rows.c.state == "pending", rows.c.number)))
    of_each = sql.select(rows.c.owner).where(rows.c.owner.in_(waiting)).group_by(rows.c.owner)
    return of_each.order_by(begun, first).limit(1).scalar_subquery()


def _ours(job: Job) -> sql.ColumnElement[bool]:
    return (jobs.c.id == job.id) & (jobs.c.claim == job.claim) & (jobs.c.state == "processing")


def _leave(
    engine: sql.Engine,
    job: Job,
    *cases: tuple[sql.ColumnElement[bool], State],
    otherwise: State,
    attempts: sql.ColumnElement[int] = jobs.c.attempts,
    last_beat: int | None = None,
) -> State | None:
    """End the attempt at a job in the state of the first case that holds, told by the row itself: a cancel that comes
    at the same moment is not overlooked."""
    state = sql.case(*cases, else_=otherwise)
    waits = state == "pending"
    values = {
        "state": state,
        "attempts": sql.case((waits, attempts), else_=jobs.c.attempts),
        "completed_at": sql.case((waits, sql.null()), else_=time.time()),
        "error": sql.case((state == "interrupted", _GONE), else_=sql.null()),
        "code": sql.case((state == "interrupted", "worker_gone"), else_=sql.null()),
        "revision": jobs.c.revision + 1,
    } | {name: sql.case((waits, value), else_=jobs.c[name]) for name, value in _FRESH.items()}
    theirs = [] if last_beat is None else [jobs.c.beat == last_beat]
    leaving = sql.update(jobs).where(_ours(job), *theirs).values(values).returning(jobs.c.state)
    with engine.begin() as connection:
        now: State | None = connection.execute(leaving).scalar_one_or_none()
    return now


def _storable(text: str) -> str:
    """The text as any database takes it: without what is no character, and without NUL."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "")
