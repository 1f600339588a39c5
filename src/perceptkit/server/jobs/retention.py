"""What is deleted by itself: uploads and results of long ago, and what was left behind half-done.

A job, its upload and its results go together, `retention_hours` after the last job about the same upload has ended. An
upload that no job is about goes so long after it came. Nothing that a job needs which has not ended is touched, nor are
recordings and galleries. A server that keeps nothing (`store` False) waits 15 minutes instead, in which results can be
fetched and the next stage of a job be asked for, deletes recordings too, and waits for nothing when it starts or stops.

Every age is the clock now less the clock then: what seems to come from the future is left until it is old. What cannot
be deleted is in the log and tried again the next time; the rest goes.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import sqlalchemy as sql

from ..database import jobs, uploads
from ..folders import ID, all_results_folder, uploads_folder
from ..incoming.uploads import Upload, upload_path
from ..recordings.recorded import delete_recording, list_recorded
from ..settings import Settings
from .removal import delete_folder, delete_job
from .rows import ACTIVE, Job, read_job

__all__ = ["forget_all", "sweep_files"]

log = logging.getLogger("perceptkit.server")

_BRIEFLY = 900.0  # seconds for which a server that keeps nothing has what it has made
_ABANDONED = 3600.0  # seconds without growth after which a file that belongs to nothing is nobody's
_NAME = re.compile(rf"({ID})(\.[a-z0-9]+)?")


def sweep_files(settings: Settings, engine: sql.Engine, *, now: Callable[[], float] = time.time) -> None:
    """Delete what is too old, and what belongs to nothing."""
    hours = settings.retention_hours * 3600.0
    before = now() - (hours if settings.store else min(hours, _BRIEFLY))
    _delete_all(settings, engine, before, abandoned=now() - _ABANDONED)


def forget_all(settings: Settings, engine: sql.Engine) -> None:
    """Delete whatever its age, for a server that keeps nothing and takes no requests now. What jobs need that have not
    ended stays."""
    try:
        _delete_all(settings, engine, math.inf, abandoned=math.inf)
    except (sql.exc.DBAPIError, OSError) as error:
        log.error("not all could be deleted, the next start tries again: %s", error)


def _delete_all(settings: Settings, engine: sql.Engine, before: float, *, abandoned: float) -> None:
    """Delete what is over since before a time, and what belongs to nothing since it was abandoned."""
    expired = _expired_jobs(engine, before)
    _delete_each("job", {job.id: partial(delete_job, settings, engine, job) for job in expired})
    unused = _unused_uploads(engine, before)
    _delete_each("upload", {upload.id: partial(_delete_unused, settings, engine, upload) for upload in unused})
    if not settings.store:
        old = list_recorded(engine, ended=True, before=before)
        _delete_each("recording", {each.id: partial(delete_recording, settings, engine, each) for each in old})
    leftovers = [
        *_without_row(uploads_folder(settings), engine, uploads.c.id, abandoned),
        *_without_row(all_results_folder(settings), engine, jobs.c.id, abandoned),
    ]
    _delete_each("leftover", {path.name: partial(_delete_path, path) for path in leftovers})


def _delete_each(what: str, deletions: Mapping[str, Callable[[], object]]) -> None:
    """Do all of these, by the names of what they delete, whatever becomes of the others."""
    failed = 0
    for name, delete in deletions.items():
        try:
            delete()
        except OSError as error:
            failed += 1
            log.warning("%s %s could not be deleted: %s", what, name, error)
    if len(deletions) > failed:
        log.info("deleted: %d of what was old or unused (%s)", len(deletions) - failed, what)


def _expired_jobs(engine: sql.Engine, before: float) -> list[Job]:
    """The jobs that go: all about the same upload have ended before then."""
    about = sql.func.coalesce(jobs.c.task, jobs.c.upload, jobs.c.id)
    ended = sql.case((jobs.c.state.in_(ACTIVE), None), else_=jobs.c.completed_at)
    # count() leaves out what is NULL: the groups in which one has not ended.
    over = (sql.func.count(ended) == sql.func.count()) & (sql.func.max(ended) < before)
    groups = sql.select(about).group_by(about).having(over)
    with engine.connect() as connection:
        found = [read_job(row) for row in connection.execute(sql.select(jobs).where(about.in_(groups)))]
    needed = _needed(engine)
    return [job for job in found if job.ended and job.id not in needed]


def _needed(engine: sql.Engine) -> str:
    """A text that holds the ids of all that the jobs need which have not ended: results of others, whatever their
    parameters name."""
    query = sql.select(jobs.c.id, jobs.c.upload, jobs.c.task, jobs.c.parameters).where(jobs.c.state.in_(ACTIVE))
    with engine.connect() as connection:
        return json.dumps([list(row) for row in connection.execute(query)])


def _unused_uploads(engine: sql.Engine, before: float) -> list[Upload]:
    query = sql.select(uploads).where(uploads.c.created_at < before, _no_job_has_it())
    with engine.connect() as connection:
        return [Upload(**row._mapping) for row in connection.execute(query)]


def _delete_unused(settings: Settings, engine: sql.Engine, upload: Upload) -> None:
    """Delete it, unless a job about it has come in between."""
    with engine.begin() as connection:
        query = sql.delete(uploads).where(uploads.c.id == upload.id, _no_job_has_it())
        deleted = connection.execute(query).rowcount == 1
    if deleted:
        upload_path(settings, upload).unlink(missing_ok=True)


def _no_job_has_it() -> sql.ColumnElement[bool]:
    """Of a job about several uploads, the parameters name those after the first."""
    named = sql.cast(jobs.c.parameters, sql.Text).contains(uploads.c.id)
    return ~sql.exists().where((jobs.c.upload == uploads.c.id) | named)


def _delete_path(path: Path) -> None:
    if path.is_dir():
        delete_folder(path)
    else:
        path.unlink(missing_ok=True)


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
