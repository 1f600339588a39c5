"""Jobs of every feature: list, look, cancel, delete, follow, and fetch what they have made."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict
from starlette.responses import FileResponse, StreamingResponse

from ..answers import JobInfo, documented, job_info
from ..auth import User
from ..downloads import FileAnswer, answer_result, list_results
from ..errors import ApiError
from ..footsteps.stages import FoleyVideo, find_video
from ..incoming.strict import StrictRoute
from ..jobs import Job, cancel, list_jobs
from ..jobs.events import stream_events
from ..jobs.owned import Asked, Owned, find_own
from ..jobs.removal import stop_and_delete, stop_and_delete_all
from ..parts import Given

__all__ = ["FILE_ANSWERS", "PART_ANSWERS", "router"]

router = APIRouter(tags=["jobs"], route_class=StrictRoute)

PART_ANSWERS: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part of the file that `Range` asks for."},
    304: {"description": "It is what you have (`If-None-Match`)."},
}
"""What answers with a file may be besides the whole file."""

FILE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"*/*": {}}},
    **PART_ANSWERS,
}
"""What answers with a file of any kind may be."""

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events as they happen; the data of each is a JobInfo as JSON.",
        "content": {
            "text/event-stream": {
                "example": 'id: 7\nevent: progress\ndata: {"job_id": "8a1f9f1e-...", "status": "processing", ...}\n\n',
            }
        },
    },
    204: {"description": "The job has ended, and `Last-Event-ID` is the event that told of it: nothing more comes."},
}
_LastEvent = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The id of the last event that you have had.")
]


def _job_or_video(
    job_id: Annotated[str, PathParameter(description="The id of a job of yours, or the task_id of a footsteps video.")],
    user: User,
    parts: Given,
) -> Job | FoleyVideo:
    with suppress(ApiError):
        return find_video(parts, job_id, user.id)
    return find_own(parts, user.id, job_id)


_JobOrVideo = Annotated[Job | FoleyVideo, Depends(_job_or_video)]


class FileInfo(BaseModel):
    """A file that a job has made."""

    name: str
    bytes: int
    url: str
    type: str


class Files(BaseModel):
    """The files that a job has made."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "files": [
                    {
                        "name": "annotated.mp4",
                        "bytes": 1048576,
                        "url": "/api/jobs/8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d/files/annotated.mp4",
                        "type": "video/mp4",
                    }
                ]
            }
        }
    )

    files: list[FileInfo]


class Span(BaseModel):
    """Something that lasts; times in seconds."""

    start: float
    end: float
    label: str


class Mark(BaseModel):
    """Something that happens at a time in seconds."""

    time: float
    label: str


class Lane(BaseModel):
    """What belongs together: a person, a foot."""

    name: str
    spans: list[Span]
    marks: list[Mark]


class Timeline(BaseModel):
    """What happens in a video and when; times in seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "start": 0.0,
                "end": 10.0,
                "lanes": [{"name": "track 1", "spans": [{"start": 0.0, "end": 4.2, "label": "visible"}], "marks": []}],
            }
        }
    )

    start: float
    end: float
    lanes: list[Lane]


@router.get("/api/jobs/all", responses=documented(422))
def all_jobs(
    user: User, parts: Given, limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100
) -> list[JobInfo]:
    """Your jobs, the newest first."""
    return [job_info(job) for job in list_jobs(parts.engine, user.id, limit=limit)]


@router.get("/api/jobs/{job_id}", responses=documented(404, 422))
def one_job(job: Owned) -> JobInfo:
    """A job, and how far it is."""
    return job_info(job)


@router.post("/api/jobs/{job_id}/cancel", responses=documented(404, 409, 422))
def cancel_job(job: Owned, parts: Given) -> JobInfo:
    """Cancel a job. One that waits is cancelled at once, one that runs within 8 seconds; doing it again changes
    nothing. A job that has completed, failed or been interrupted stays as it is: 409."""
    now = cancel(parts.engine, job.id) or job
    if now.ended and now.state != "cancelled":
        raise ApiError(409, f"there is nothing to cancel: the status of the job is {now.state} already", "job_ended")
    return job_info(now)


@router.delete("/api/jobs/{job_id}", status_code=204, responses=documented(404, 409, 422))
async def delete_job(asked: _JobOrVideo, parts: Given) -> Response:
    """Delete a job with its results, and the file that you sent unless another of your jobs needs it. A job that runs
    is cancelled first; 409 when it has not stopped within 10 seconds. The task_id of a footsteps video deletes the
    video with all jobs about it."""
    if isinstance(asked, Job):
        await stop_and_delete(parts, asked)
    else:
        await stop_and_delete_all(parts, asked.owner, task=asked.id, upload=asked.upload)
    return Response(status_code=204)


@router.get("/api/jobs/{job_id}/events", response_class=StreamingResponse, responses=_EVENTS | documented(404, 422))
async def events(job: Owned, parts: Given, last_event_id: _LastEvent = None) -> Response:
    """Follow a job (server-sent events): `progress` now and whenever something has changed, and at last `completed`,
    `failed`, `cancelled` or `interrupted`. With `Last-Event-ID` only what is new; browsers send it by themselves."""
    return stream_events(parts.watch, job, last_event_id)


@router.get("/api/progress", response_class=StreamingResponse, responses=_EVENTS | documented(404, 422))
async def progress(job: Asked, parts: Given, last_event_id: _LastEvent = None) -> Response:
    """Follow a job; the same as `/api/jobs/{job_id}/events`."""
    return stream_events(parts.watch, job, last_event_id)


@router.get("/api/jobs/{job_id}/files", responses=documented(404, 409, 422))
def files(job: Owned, parts: Given) -> Files:
    """The files that a job has made."""
    return Files(
        files=[
            FileInfo(name=file.name, bytes=file.bytes, url=f"/api/jobs/{job.id}/files/{file.name}", type=file.type)
            for file in list_results(parts.settings, job)
        ]
    )


@router.get(
    "/api/jobs/{job_id}/files/{name}",
    response_class=FileResponse,
    responses=FILE_ANSWERS | documented(404, 409, 416, 422),
)
@router.head("/api/jobs/{job_id}/files/{name}", include_in_schema=False)
def file(job: Owned, name: str, parts: Given) -> FileAnswer:
    """One of the files that a job has made, or a part of it (`Range`)."""
    return answer_result(parts.settings, job, name)


@router.get(
    "/api/jobs/{job_id}/timeline",
    response_model=Timeline,
    responses=PART_ANSWERS | documented(404, 409, 416, 422),
)
def timeline(job: Owned, parts: Given) -> FileAnswer:
    """What happens in the video and when, to be drawn under its player: for gaze, when each person was visible and
    looked at the camera; for footsteps, the steps."""
    return answer_result(parts.settings, job, "timeline.json")
