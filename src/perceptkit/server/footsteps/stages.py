"""What is done with a video that came for its footsteps: three stages, each a job that may be asked for again.

    the upload -> foley-detect -> foley-annotate    a video with what was found drawn into it
                               -> foley-sound       a video with the sound of the steps

A task is an upload: its id is that of the upload, and of all jobs about it. It is kept in the database only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql

from ..database import uploads
from ..errors import ApiError
from ..folders import attempt_folder
from ..incoming.uploads import Upload, find_upload
from ..jobs import Job, list_jobs, submit
from ..jobs.waiting import check_waiting
from ..parts import Parts
from ..tasks.foley import DRAWING, SEARCHING, SOUNDING
from .options import Options, Sound

__all__ = [
    "DETECTING",
    "DRAWN",
    "SOUNDED",
    "Stage",
    "Task",
    "begin",
    "completed",
    "find_task",
    "keep_options",
    "newest",
    "progress_of",
]


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEPT = "foley"  # among the facts of an upload: its options


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: the kind of its jobs, the option of an upload that makes it a part of the detection, how it is begun,
    and in words what it makes."""

    kind: str
    option: str | None
    asked: str
    what: str


DETECTING = Stage("foley-detect", None, "POST /api/process/{id}", "the footsteps have")
DRAWN = Stage("foley-annotate", "create_annotated", "POST /api/generate-video/{id}", "the annotated video has")
SOUNDED = Stage("foley-sound", "add_audio", "POST /api/generate-audio-video/{id}", "the video with sound has")


@dataclass(frozen=True, slots=True)
class Task:
    """A video that came for its footsteps, and what was said with it; `upload` is None when it has been deleted since,
    as a server does that keeps nothing."""

    id: str
    owner: str
    filename: str
    options: Options
    upload: Upload | None


def keep_options(engine: sql.Engine, upload: Upload, options: Options) -> None:
    """Keep with an upload what is to be done with it."""
    facts = {**upload.facts, _KEPT: options.model_dump()}
    with engine.begin() as connection:
        connection.execute(sql.update(uploads).where(uploads.c.id == upload.id).values(facts=facts))


def find_task(parts: Parts, task_id: str, owner: str) -> Task:
    """A task by its id. ApiError 404 for one that is not there, or is somebody else's."""
    known = _ID.fullmatch(task_id) is not None
    upload = find_upload(parts.engine, task_id, owner=owner) if known else None
    if upload is not None and _KEPT in upload.facts:
        return Task(task_id, owner, upload.filename, Options.model_validate(upload.facts[_KEPT]), upload)
    begun = list_jobs(parts.engine, owner, kinds=[DETECTING.kind], task=task_id, limit=1) if known else []
    if not begun:
        raise ApiError(404, "there is no such task; it may have been deleted: upload the video again", "not_found")
    return Task(task_id, owner, begun[0].filename, Options.model_validate(begun[0].parameters), None)


def newest(engine: sql.Engine, task: Task, stage: Stage, *, completed: bool = False) -> Job | None:
    """The newest job of a stage, or the newest completed one: its own, or a detection that includes it."""
    for job in list_jobs(engine, task.owner, kinds=(stage.kind, DETECTING.kind), task=task.id):
        includes = job.kind == stage.kind or (stage.option is not None and job.parameters[stage.option])
        if includes and (job.state == "completed" or not completed):
            return job
    return None


def begin(parts: Parts, task: Task, stage: Stage, sound: Sound | None = None) -> Job:
    """A new job of a stage; or the one that is under way or waits, so that nothing is done twice at a time.

    ApiError 409 for what needs footsteps before they have been found, while another sound is being made, and when the
    video has been deleted; 429 when too many jobs of this user wait.
    """
    before, upload, parameters = newest(parts.engine, task, stage), task.upload, _parameters(task.options, sound)
    if before is not None and not before.ended:
        if sound is not None and any(before.parameters[name] != parameters[name] for name in Sound.model_fields):
            said = f"another sound is being made; wait for it, or POST /api/jobs/{before.id}/cancel, and ask again"
            raise ApiError(409, said, "in_progress")
        return before
    if upload is None:
        raise ApiError(409, f"{task.filename} has been deleted since; upload it again", "upload_gone")
    if stage is not DETECTING:
        found = attempt_folder(parts.settings, completed(parts, task, DETECTING))
        parameters["detection"] = str(found.relative_to(parts.settings.data))
    check_waiting(parts, task.owner)
    return submit(
        parts.engine,
        kind=stage.kind,
        owner=upload.owner,
        filename=upload.filename,
        parameters={**parameters, "source": f"uploads/{upload.id}{upload.suffix}"},
        upload=upload.id,
        task=upload.id,
        # Two callers at once find the same one before, so that one of them gets the job of the other.
        idempotency_key=f"{stage.kind} {upload.id} after {before.number if before else 0}",
        webhook=task.options.webhook_url,
    )


def completed(parts: Parts, task: Task, stage: Stage) -> Job:
    """The newest job of a stage that has made something. ApiError 409 where there is none."""
    job = newest(parts.engine, task, stage, completed=True)
    if job is not None:
        return job
    last, how = newest(parts.engine, task, stage), stage.asked.format(id=task.id)
    if last is None:
        raise ApiError(409, f"{stage.what} not been asked for yet: {how} begins that", "not_started")
    if not last.ended:
        raise ApiError(409, f"{stage.what} not been finished: the job is {last.state}; ask again later", "not_finished")
    reason = f" ({last.error})" if last.error else ""
    raise ApiError(
        409, f"{stage.what} not been made, the job has {_ended(last)}{reason}; {how} tries again", "not_made"
    )


def progress_of(job: Job | None) -> float:
    """How far a job is, 0 to 1, over all that it does."""
    if job is None:
        return 0.0
    if job.state == "completed":
        return 1.0
    stages = _stages(job)
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    return round((stages.index(job.stage) + share) / len(stages), 4) if job.stage in stages else 0.0


def _parameters(options: Options, sound: Sound | None) -> dict[str, Any]:
    """What a job is told about how steps are found and what they sound like."""
    sound = sound or Sound()
    chosen = {**options.model_dump(exclude={"webhook_url"}), **sound.model_dump()}
    return {**chosen, "surface_type": sound.surface_type or options.surface_type}


def _stages(job: Job) -> list[str]:
    if job.kind == DRAWN.kind:
        return [DRAWING]
    if job.kind == SOUNDED.kind:
        return [SOUNDING]
    wanted = ((SEARCHING, True), (DRAWING, job.parameters["create_annotated"]), (SOUNDING, job.parameters["add_audio"]))
    return [name for name, there in wanted if there]


def _ended(job: Job) -> str:
    return {"failed": "failed", "cancelled": "been cancelled"}.get(job.state, "been interrupted")
