"""Deletes a job with all that there is of it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import anyio
import sqlalchemy as sql
from anyio.to_thread import run_sync

from ..errors import ApiError
from ..folders import results_folder
from ..incoming.uploads import Upload, delete_upload, find_upload
from ..parts import Parts
from ..settings import Settings
from . import rows as jobs
from .rows import Job

__all__ = ["PATIENCE", "delete_folder", "delete_job", "stop_and_delete", "stop_and_delete_all"]

PATIENCE = 10.0
"""Seconds that a worker has to let a job go."""

_EVERY = 0.1  # seconds between two looks whether it has


async def stop_and_delete(parts: Parts, job: Job, *, patience: float = PATIENCE) -> None:
    """Cancel a job, wait until its worker has let it go, and delete it. Raises ApiError 409 when it does not."""
    end = time.monotonic() + patience
    now: Job | None = job
    if not job.ended:
        now = await run_sync(jobs.cancel, parts.engine, job.id)
    while now is not None and not now.ended:
        if time.monotonic() > end:
            raise ApiError(409, "the job is being cancelled but has not stopped yet; try again", "still_running")
        await anyio.sleep(_EVERY)
        now = await run_sync(jobs.find, parts.engine, job.id)
    await run_sync(delete_job, parts.settings, parts.engine, job)


async def stop_and_delete_all(parts: Parts, owner: str, *, task: str, upload: Upload | None) -> None:
    """Cancel and delete the jobs of a task, and then its upload, also one that no job is about yet. Raises ApiError 409
    when a worker does not let its job go."""
    # Again, as another job may have been asked for while these were waited for.
    while found := await run_sync(lambda: jobs.list_jobs(parts.engine, owner, task=task)):
        for job in found:  # all at once, so that they are waited for together
            await run_sync(jobs.cancel, parts.engine, job.id)
        for job in found:
            await stop_and_delete(parts, job)
    if upload is not None:
        await run_sync(delete_upload, parts.settings, parts.engine, upload)


def delete_job(settings: Settings, engine: sql.Engine, job: Job) -> None:
    """Delete a job that has ended: its results, its row, and its uploads unless another job needs them.

    The row goes after the files: whatever happens in between, the job can be deleted again.
    """
    delete_folder(results_folder(settings, job.id))
    jobs.delete(engine, job.id)
    for upload_id in uploads_of(job):
        upload = find_upload(engine, upload_id)
        if upload is not None and not jobs.list_jobs(engine, job.owner, upload=upload_id, limit=1):
            delete_upload(settings, engine, upload)


def uploads_of(job: Job) -> list[str]:
    """The ids of all uploads that a job is about: of several, its parameters name them."""
    named: list[str] = job.parameters.get("uploads", [])
    return named if job.upload is None or job.upload in named else [job.upload, *named]


def delete_folder(folder: Path) -> None:
    """Delete a folder of results, if it is still there. The worker of a cancelled job deletes it at the same time: what
    one of both does not find, the other had."""
    while True:
        try:
            shutil.rmtree(folder)
            return
        except FileNotFoundError:
            if not folder.exists():
                return
