"""Jobs as those who ask for them see them: submit, find, list, cancel, delete.

    pending -> processing -> completed | failed | cancelled | interrupted

A job is a row. Every change is one statement, so that two processes never see half of one. What the workers do with the
rows is in `claims`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import sqlalchemy as sql

from ..database import jobs

__all__ = ["ACTIVE", "Job", "State", "cancel", "delete", "find", "list_jobs", "read_job", "submit"]

State = Literal["pending", "processing", "completed", "failed", "cancelled", "interrupted"]

ACTIVE: tuple[State, ...] = ("pending", "processing")


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the table `jobs`. Times are seconds since 1970, UTC."""

    number: int
    id: str
    owner: str
    kind: str
    task: str | None
    upload: str | None
    filename: str
    parameters: Mapping[str, Any]
    state: State
    created_at: float
    started_at: float | None
    completed_at: float | None
    done: int
    total: int | None
    stage: str
    share: float
    error: str | None
    code: str | None
    result: Mapping[str, Any] | None
    attempts: int
    claim: str | None
    beat: int
    cancel: bool
    revision: int
    idempotency_key: str | None
    webhook: str | None
    announced: bool

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in ACTIVE


def read_job(row: sql.Row[Any]) -> Job:
    """The job that a row holds."""
    return Job(**row._mapping)


def submit(
    engine: sql.Engine,
    *,
    kind: str,
    owner: str,
    filename: str,
    parameters: Mapping[str, Any],
    upload: str | None = None,
    task: str | None = None,
    idempotency_key: str | None = None,
    webhook: str | None = None,
) -> Job:
    """A new pending job; or, with an `idempotency_key` that its owner has used, the job that it made then."""
    row = {
        "id": str(uuid4()),
        "kind": kind,
        "owner": owner,
        "filename": filename,
        "parameters": dict(parameters),
        "upload": upload,
        "task": task,
        "state": "pending",
        "created_at": time.time(),
        "idempotency_key": idempotency_key,
        "webhook": webhook,
        "announced": webhook is None,
    }
    same = (jobs.c.owner == owner) & (jobs.c.idempotency_key == idempotency_key)
    while True:
        try:
            with engine.begin() as connection:
                return read_job(connection.execute(sql.insert(jobs).values(row).returning(jobs)).one())
        except sql.exc.IntegrityError:
            if idempotency_key is None:
                raise
        with engine.connect() as connection:
            made = connection.execute(sql.select(jobs).where(same)).one_or_none()
        if made is not None:  # else it was deleted in this moment
            return read_job(made)


def find(engine: sql.Engine, job_id: str, *, owner: str | None = None) -> Job | None:
    """A job by its id; None when there is none, or it is somebody else's."""
    query = sql.select(jobs).where(jobs.c.id == job_id)
    if owner is not None:
        query = query.where(jobs.c.owner == owner)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else read_job(row)


def list_jobs(
    engine: sql.Engine,
    owner: str,
    *,
    kinds: Sequence[str] = (),
    task: str | None = None,
    upload: str | None = None,
    idempotency_key: str | None = None,
    limit: int = 1000,
) -> list[Job]:
    """The jobs of an owner, the newest first."""
    query = sql.select(jobs).where(jobs.c.owner == owner).order_by(jobs.c.number.desc()).limit(limit)
    if kinds:
        query = query.where(jobs.c.kind.in_(kinds))
    for column, wanted in ((jobs.c.task, task), (jobs.c.upload, upload), (jobs.c.idempotency_key, idempotency_key)):
        if wanted is not None:
            query = query.where(column == wanted)
    with engine.connect() as connection:
        return [read_job(row) for row in connection.execute(query)]


def cancel(engine: sql.Engine, job_id: str) -> Job | None:
    """Cancel a job: one that waits at once, one that runs as soon as its worker sees it. Others stay as they are."""
    waits = jobs.c.state == "pending"
    values = {
        "state": sql.case((waits, "cancelled"), else_=jobs.c.state),
        "completed_at": sql.case((waits, time.time()), else_=jobs.c.completed_at),
        "revision": jobs.c.revision + sql.case((waits, 1), else_=0),
        "cancel": True,
    }
    with engine.begin() as connection:
        connection.execute(sql.update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(ACTIVE)).values(values))
    return find(engine, job_id)


def delete(engine: sql.Engine, job_id: str) -> bool:
    """Delete the row of a job, whatever its state: whether it was there. A worker that has it stops as soon as it sees
    that, and removes what it has made."""
    with engine.begin() as connection:
        return connection.execute(sql.delete(jobs).where(jobs.c.id == job_id)).rowcount == 1
