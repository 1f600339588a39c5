"""Gaze: send a video; fetch it with what was seen drawn into it, and the data."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, Response, StreamingResponse

from ...gaze import defaults
from ..answers import documented
from ..auth import User
from ..downloads import FileAnswer, answer_result, result_file
from ..errors import ApiError
from ..folders import upload_source
from ..incoming.forms import read_fields
from ..incoming.names import content_disposition
from ..incoming.strict import StrictRoute
from ..incoming.uploads import Received, documented_upload, find_upload, receive, upload_path
from ..jobs import Job
from ..jobs.asking import Asked, IdempotencyKey, WebhookUrl, earlier, in_words, queued
from ..jobs.owned import Owned
from ..parts import Given, Parts
from ..tasks.gaze import ANNOTATED, DATA, SUMMARY, TABLE
from .jobs import FILE_ANSWERS, PART_ANSWERS

__all__ = ["router"]

router = APIRouter(tags=["gaze"], route_class=StrictRoute)

_LOOK_UP = 20.0  # seconds for finding a model by its name, waiting included
_CHUNK = 1 << 18  # bytes
_SEEN = {
    "frame": 0,
    "time": 0.0,
    "faces": [{"track": 1, "box": [120.5, 80.2, 260.0, 250.8], "yaw": -3.1, "pitch": 4.7}],
}
_DATA: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What was found; more is said of each face than in the example.",
        "content": {
            "application/json": {"example": {"summary": {"attention": {"ever": 1, "rate": 0.8}}, "frames": [_SEEN]}},
            "application/x-ndjson": {"example": f"{json.dumps(_SEEN)}\n"},
            "text/csv": {"example": "frame,time,track,x1,y1,x2,y2,score,yaw,pitch\n"},
        },
    },
    **PART_ANSWERS,
}


class GazeForm(BaseModel):
    """What a form may say besides the file."""

    model: Annotated[
        str | None, Field(description="A gaze model, such as mobileone-s0 or adas; else the server chooses.")
    ] = None
    detect_every: Annotated[
        int,
        Field(
            description="Search for faces on every n-th frame, and follow them in between.",
            ge=1,
            le=defaults.MAX_DETECT_EVERY,
        ),
    ] = defaults.DETECT_EVERY
    smooth: Annotated[bool, Field(description="Smooth the directions over time.")] = True
    camera_angle: Annotated[
        float, Field(description="Looking at the camera: within this angle of the lens (degrees).", gt=0, le=180)
    ] = defaults.CAMERA_ANGLE
    webhook_url: WebhookUrl = None


class Accepted(BaseModel):
    """That a video will be looked at."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_id": "8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d",
                "message": "talk.mp4 is queued; follow it at /api/jobs/8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d/events",
            }
        }
    )

    job_id: str
    message: str


@router.post(
    "/api/upload",
    responses=documented(408, 409, 413, 415, 422),
    openapi_extra=documented_upload(
        "A video: .mp4, .mov, .avi, .mkv, .webm.", fields=GazeForm.model_json_schema()["properties"]
    ),
)
async def upload(
    request: Request,
    user: User,
    parts: Given,
    model: Annotated[str | None, Query(description="A gaze model, where the form names none.")] = None,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Find where everybody in a video looks. The answer comes when the video has arrived; the work is a job."""
    job = await earlier(request, parts, user.id, key=idempotency_key, kind="gaze")
    if job is None:
        received = await receive(request, parts, user.id, kinds="video")
        job = await queued(parts, [received.upload], partial(_ask, parts, received, model), key=idempotency_key)
    return Accepted(job_id=job.id, message=f"{job.filename} is {in_words(job)}; follow it at /api/jobs/{job.id}/events")


@router.get(
    "/api/download/{job_id}", response_class=FileResponse, responses=FILE_ANSWERS | documented(404, 409, 416, 422)
)
@router.head("/api/download/{job_id}", include_in_schema=False)
def download(job: Owned, parts: Given) -> FileAnswer:
    """The video with boxes and arrows drawn into it, to be saved."""
    return answer_result(parts.settings, job, ANNOTATED, save_as=_name(job, ".mp4"))


@router.get("/api/download-data/{job_id}", response_class=Response, responses=_DATA | documented(404, 409, 416, 422))
def download_data(
    job: Owned,
    parts: Given,
    format: Annotated[
        Literal["json", "jsonl", "csv"], Query(description="jsonl: a line a frame. csv: a line a face.")
    ] = "json",
) -> Response:
    """All that was found: `{"summary": {...}, "frames": [...]}`, to be saved."""
    if format == "json":
        summary, frames = (result_file(parts.settings, job, name) for name in (SUMMARY, DATA))
        return _join(summary.read_bytes().strip(), frames, _name(job, ".json"))
    wanted = {"jsonl": DATA, "csv": TABLE}[format]
    return answer_result(parts.settings, job, wanted, save_as=_name(job, f".{format}"))


@router.get(
    "/api/play_video/{job_id}", response_class=FileResponse, responses=FILE_ANSWERS | documented(404, 409, 416, 422)
)
@router.head("/api/play_video/{job_id}", include_in_schema=False)
def play_video(job: Owned, parts: Given) -> FileAnswer:
    """The video with boxes and arrows drawn into it, for a player (`Range`)."""
    return answer_result(parts.settings, job, ANNOTATED)


@router.get(
    "/api/play_original/{job_id}", response_class=FileResponse, responses=FILE_ANSWERS | documented(404, 416, 422)
)
@router.head("/api/play_original/{job_id}", include_in_schema=False)
def play_original(job: Owned, parts: Given) -> FileAnswer:
    """The video as you sent it, for a player (`Range`)."""
    sent = None if job.upload is None else find_upload(parts.engine, job.upload, owner=job.owner)
    if sent is None:
        raise ApiError(404, "the file that was sent has been deleted", "not_found")
    return FileAnswer(upload_path(parts.settings, sent), sent.filename, disposition="inline")


async def _ask(parts: Parts, received: Received, model: str | None) -> Asked:
    """The job for what was received. RequestValidationError for what the form cannot say, TaskError for the model."""
    form, sent = read_fields(GazeForm, {"model": model or "", **received.fields}), received.upload
    named = await parts.looking.perform("gaze_model", {"model": form.model}, timeout=_LOOK_UP, owner=sent.owner)
    options = form.model_dump(exclude={"model", "webhook_url"})
    parameters = {"source": upload_source(sent), "model": named["model"], **options}
    return Asked("gaze", sent.filename, parameters, form.webhook_url)


def _join(summary: bytes, frames: Path, name: str) -> StreamingResponse:
    """The summary and the frames in one. A line of the frames is JSON, so that a comma for its end is enough."""
    before, after = b'{"summary": ' + summary + b', "frames": [', b"]}\n"
    size = max(frames.stat().st_size - 1, 0)  # without the end of the last line

    async def parts() -> AsyncGenerator[bytes, None]:
        yield before
        with frames.open("rb") as file:
            left = size
            while left and (read := await run_sync(file.read, min(left, _CHUNK))):
                left -= len(read)
                yield read.replace(b"\n", b",")
        yield after

    headers = {
        "Content-Length": str(len(before) + size + len(after)),
        "Content-Disposition": content_disposition(name),
        "Cache-Control": "private, no-cache",
    }
    return StreamingResponse(parts(), media_type="application/json", headers=headers)


def _name(job: Job, suffix: str) -> str:
    """What a result is saved as."""
    return f"{PurePath(job.filename).stem}-gaze{suffix}"
