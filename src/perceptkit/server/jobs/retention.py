"""What is deleted by itself: uploads and results of long ago, and what was left behind half-done.

A job, its upload and its results go together, `retention_hours` after the last job about the same upload has ended. An
upload that no job is about goes so long after it came. Nothing that a job needs which has not ended is touched, nor are
recordings and galleries. A server that keeps nothing (`store` False) waits 15 minutes instead, in which results can be
fetched and the next stage of a job be asked for.

Every age is the clock now less the clock then: what seems to come from the future is left until it is old.
"""

from __future__ import annotations

import json
import logging
import math
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sql

from ..database import jobs, uploads
from ..folders import all_results_folder, uploads_folder
from ..incoming.scratch import clear_scratch
from ..incoming.uploads import Upload, upload_path
from ..settings import Settings
from .removal import delete_job
from .rows import ACTIVE, Job, read_job

__all__ = ["Swept", "sweep_files"]

log = logging.getLogger("perceptkit.server")

_FORGOTTEN = 900.0  # seconds for which a server that keeps nothing has what it has made
_ABANDONED = 3600.0  # seconds without growth after which a file that belongs to nothing is nobody's
_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.[a-z0-9]+)?")


@dataclass(frozen=True, slots=True)
class Swept:
    """How many were deleted: jobs with their results, uploads that no job was about, leftovers."""

    jobs: int
    uploads: int
    leftovers: int


def sweep_files(settings: Settings, engine: sql.Engine, *, now: Callable[[], float] = time.time) -> Swept:
    """Delete what is too old, and what belongs to nothing."""
    clear_scratch(settings)
    hours = settings.retention_hours * 3600.0
    before = now() - (hours if settings.store else min(hours, _FORGOTTEN))
    expired = _expired_jobs(engine, before)
    for job in expired:
        delete_job(settings, engine, job)
    unused = _unused_uploads(engine, before)
    gone = sum(_delete_unused(settings, engine, upload) for upload in unused)
    abandoned = now() - _ABANDONED
    leftovers = [
        *_without_row(uploads_folder(settings), engine, uploads.c.id, abandoned),
        *_without_row(all_results_folder(settings), engine, jobs.c.id, abandoned),
    ]
    for path in leftovers:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # a worker may be deleting it too
        else:
            path.unlink(missing_ok=True)
    swept = Swept(len(expired), gone, len(leftovers))
    if any((swept.jobs, swept.uploads, swept.leftovers)):
        log.info("deleted: %d old jobs, %d unused uploads, %d leftovers", swept.jobs, swept.uploads, swept.leftovers)
    return swept


class _Needed:
    """What the jobs that have not ended need: uploads, results of others, whatever their parameters name."""

    def __init__(self, engine: sql.Engine) -> None:
        query = sql.select(jobs.c.id, jobs.c.upload, jobs.c.task, jobs.c.parameters).where(jobs.c.state.in_(ACTIVE))
        with engine.connect() as connection:
            self._text = json.dumps([list(row) for row in connection.execute(query)])

    def names(self, some_id: str) -> bool:
        """Whether one of them names this."""
        return some_id in self._text


def _expired_jobs(engine: sql.Engine, before: float) -> list[Job]:
    """The jobs that go: all about the same upload have ended before then."""
    about = sql.func.coalesce(jobs.c.task, jobs.c.upload, jobs.c.id)
    ended = sql.case((jobs.c.state.in_(ACTIVE), None), else_=jobs.c.completed_at)
    # count() leaves out what is NULL: the groups in which one has not ended.
    over = (sql.func.count(ended) == sql.func.count()) & (sql.func.max(ended) < before)
    groups = sql.select(about).group_by(about).having(over)
    with engine.connect() as connection:
        found = [read_job(row) for row in connection.execute(sql.select(jobs).where(about.in_(groups)))]
    needed = _Needed(engine)
    return [job for job in found if job.ended and not needed.names(job.id)]


def _unused_uploads(engine: sql.Engine, before: float) -> list[Upload]:
    query = sql.select(uploads).where(uploads.c.created_at < before, _no_job_has_it())
    with engine.connect() as connection:
        found = [Upload(**row._mapping) for row in connection.execute(query)]
    needed = _Needed(engine)
    return [upload for upload in found if not needed.names(upload.id)]


def _delete_unused(settings: Settings, engine: sql.Engine, upload: Upload) -> bool:
    """Delete it, unless a job about it has come in between."""
    with engine.begin() as connection:
        query = sql.delete(uploads).where(uploads.c.id == upload.id, _no_job_has_it())
        deleted = connection.execute(query).rowcount == 1
    if deleted:
        upload_path(settings, upload).unlink(missing_ok=True)
    return deleted


def _no_job_has_it() -> sql.ColumnElement[bool]:
    return ~sql.exists().where(jobs.c.upload == uploads.c.id)


def _without_row(folder: Path, engine: sql.Engine, column: sql.Column[str], before: float) -> list[Path]:
    """What in a folder is named after an id that the table does not have, and has not changed since then."""
    there = {path: found[1] for path in folder.glob("*") if (found := _NAME.fullmatch(path.name))}
    with engine.connect() as connection:
        known = set(connection.execute(sql.select(column)).scalars())
    return [path for path, name in there.items() if name not in known and _changed(path) < before]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # somebody else has deleted it
        return math.inf
