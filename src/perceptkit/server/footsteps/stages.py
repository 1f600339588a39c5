"""What is done with a video that came for its footsteps: three stages, each a job that may be asked for again.

    the upload -> foley-detect -> foley-annotate    a video with what was found drawn into it
                               -> foley-sound       a video with the sound of the steps

The id of such a video is that of its upload; callers know it as their task, and all jobs about it have it. It is kept
in the database only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql

from ..database import uploads
from ..errors import ApiError
from ..folders import attempt_folder, is_id, upload_source
from ..incoming.uploads import Upload, find_upload
from ..jobs import Job, list_jobs, submit
from ..jobs.waiting import check_waiting
from ..parts import Parts
from .options import Options, Sound

__all__ = [
    "DETECTING",
    "DRAWN",
    "SOUNDED",
    "FoleyVideo",
    "Stage",
    "begin",
    "completed",
    "find_video",
    "keep_options",
    "newest",
]


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
class FoleyVideo:
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


def find_video(parts: Parts, task_id: str, owner: str) -> FoleyVideo:
    """A video by its id. ApiError 404 for one that is not there, or is somebody else's."""
    known = is_id(task_id)
    upload = find_upload(parts.engine, task_id, owner=owner) if known else None
    if upload is not None and _KEPT in upload.facts:
        return FoleyVideo(task_id, owner, upload.filename, Options.model_validate(upload.facts[_KEPT]), upload)
    begun = list_jobs(parts.engine, owner, kinds=[DETECTING.kind], task=task_id, limit=1) if known else []
    if not begun:
        raise ApiError(404, "there is no such task; it may have been deleted: upload the video again", "not_found")
    return FoleyVideo(task_id, owner, begun[0].filename, Options.model_validate(begun[0].parameters), None)


def newest(engine: sql.Engine, video: FoleyVideo, stage: Stage, *, completed: bool = False) -> Job | None:
    """The newest job of a stage, or the newest completed one: its own, or a detection that includes it."""
    for job in list_jobs(engine, video.owner, kinds=(stage.kind, DETECTING.kind), task=video.id):
        includes = job.kind == stage.kind or (stage.option is not None and job.parameters[stage.option])
        if includes and (job.state == "completed" or not completed):
            return job
    return None


def begin(parts: Parts, video: FoleyVideo, stage: Stage, sound: Sound | None = None) -> Job:
    """A new job of a stage; or the one that is under way or waits, so that nothing is done twice at a time.

    ApiError 409 for what needs footsteps before they have been found, while another sound is being made, and when the
    video has been deleted; 429 when too many jobs of this user wait.
    """
    before, upload, parameters = newest(parts.engine, video, stage), video.upload, _parameters(video.options, sound)
    if before is not None and not before.ended:
        if sound is not None and any(before.parameters[name] != parameters[name] for name in Sound.model_fields):
            said = f"another sound is being made; wait for it, or POST /api/jobs/{before.id}/cancel, and ask again"
            raise ApiError(409, said, "in_progress")
        return before
    if upload is None:
        raise ApiError(409, f"{video.filename} has been deleted since; upload it again", "upload_gone")
    if stage is not DETECTING:
        found = attempt_folder(parts.settings, completed(parts, video, DETECTING))
        parameters["detection"] = str(found.relative_to(parts.settings.data))
    check_waiting(parts, video.owner)
    return submit(
        parts.engine,
        kind=stage.kind,
        owner=upload.owner,
        filename=upload.filename,
        parameters={**parameters, "source": upload_source(upload)},
        upload=upload.id,
        task=upload.id,
        # Two callers at once find the same one before, so that one of them gets the job of the other.
        idempotency_key=f"{stage.kind} {upload.id} after {before.number if before else 0}",
        webhook=video.options.webhook_url,
    )


def completed(parts: Parts, video: FoleyVideo, stage: Stage) -> Job:
    """The newest job of a stage that has made something. ApiError 409 where there is none."""
    job = newest(parts.engine, video, stage, completed=True)
    if job is not None:
        return job
    last, how = newest(parts.engine, video, stage), stage.asked.format(id=video.id)
    if last is None:
        raise ApiError(409, f"{stage.what} not been asked for yet: {how} begins that", "not_started")
    if not last.ended:
        raise ApiError(409, f"{stage.what} not been finished: the job is {last.state}; ask again later", "not_finished")
    reason = f" ({last.error})" if last.error else ""
    raise ApiError(
        409, f"{stage.what} not been made, the job has {_ended(last)}{reason}; {how} tries again", "not_made"
    )


def _parameters(options: Options, sound: Sound | None) -> dict[str, Any]:
    """What a job is told about how steps are found and what they sound like."""
    sound = sound or Sound()
    chosen = {**options.model_dump(exclude={"webhook_url"}), **sound.model_dump()}
    return {**chosen, "surface_type": sound.surface_type or options.surface_type}


def _ended(job: Job) -> str:
    return {"failed": "failed", "cancelled": "been cancelled"}.get(job.state, "been interrupted")
