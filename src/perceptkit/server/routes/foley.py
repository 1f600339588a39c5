"""Footsteps: upload a video, have them found, drawn and heard, and fetch what came of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePath
from typing import Annotated, Any, Literal

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from ..answers import documented
from ..auth import User
from ..downloads import FileAnswer, answer_result, result_file
from ..errors import ApiError
from ..footsteps.options import Options, Sound
from ..footsteps.stages import (
    DETECTING,
    DRAWN,
    SOUNDED,
    FoleyVideo,
    Stage,
    begin,
    completed,
    find_video,
    keep_options,
    newest,
)
from ..incoming.forms import checked
from ..incoming.names import content_disposition
from ..incoming.strict import StrictRoute, parse_json
from ..incoming.uploads import delete_upload, documented_upload, receive
from ..jobs import Job
from ..jobs.webhooks import check_webhook
from ..parts import Given, Parts
from ..tasks.foley import ANNOTATED, EVENTS, HEARD, TABLE
from .foley_answers import Begun, Results, StageStatus, TaskStatus, Uploaded
from .jobs import FILE_ANSWERS, PART_ANSWERS

__all__ = ["router"]

router = APIRouter(tags=["foley"], route_class=StrictRoute)

_COLUMNS = 6  # frame, timecode, foot, event, time_seconds, confidence; those after them are ours
_CONFIG = {
    "type": "string",
    "default": "",
    "description": "All of these in one JSON object; fields of the form go before it.",
}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"example": "frame,timecode,foot,event,time_seconds,confidence\n"}}},
    **PART_ANSWERS,
}
_STEP = {"time": 1.292, "foot": "left", "event": "heel_strike", "confidence": 0.977, "person": 1}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The footsteps; more is said of each than in the example.",
        "content": {"application/json": {"example": {"source": "walk.mp4", "rate": 25.0, "events": [_STEP]}}},
    },
    **PART_ANSWERS,
}


def _own(task_id: str, user: User, parts: Given) -> FoleyVideo:
    return find_video(parts, task_id, user.id)


Own = Annotated[FoleyVideo, Depends(_own)]


@router.post(
    "/api/upload-video",
    responses=documented(408, 413, 415, 422),
    openapi_extra=documented_upload(
        "A video: .mp4, .mov, .avi, .mkv, .webm.",
        fields={**Options.model_json_schema()["properties"], "config": _CONFIG},
    ),
)
async def upload_video(request: Request, user: User, parts: Given, asked: Annotated[Options, Query()]) -> Uploaded:
    """Send a video whose footsteps are to be found. Nothing is done yet: POST /api/process/{task_id} begins.

    The options are fields of the form, or of the address where the form does not have them.
    """
    received = await receive(request, parts, user.id, kinds="video")
    upload, kept = received.upload, False
    try:
        options = _options({name: text for name, text in received.fields.items() if text}, asked)
        if options.webhook_url is not None:
            check_webhook(options.webhook_url, parts.settings)
        await run_sync(keep_options, parts.engine, upload, options)
        kept = True
    finally:
        if not kept:
            with CancelScope(shield=True):
                await run_sync(delete_upload, parts.settings, parts.engine, upload)
    said = f"{upload.filename} is here; POST /api/process/{upload.id} begins the search for footsteps"
    return Uploaded(task_id=upload.id, status="uploaded", message=said)


@router.post("/api/process/{task_id}", responses=documented(404, 409, 422))
def process(video: Own, parts: Given) -> Begun:
    """Find the footsteps of a video, and make the videos that were chosen with it. While that goes on, the same job is
    given again."""
    return _begun(video, begin(parts, video, DETECTING))


@router.get("/api/status/{task_id}", responses=documented(404, 422))
def status(video: Own, parts: Given) -> TaskStatus:
    """How far the search for footsteps is, and what was found."""
    job = newest(parts.engine, video, DETECTING)
    return TaskStatus(
        task_id=video.id,
        job_id=job.id if job else None,
        status=job.state if job else "uploaded",
        progress=round(job.share, 4) if job else 0.0,
        message=_words(video, job),
        error=job.error if job else None,
        results=_results(parts, video, job) if job and job.state == "completed" else None,
    )


@router.post("/api/generate-video/{task_id}", responses=documented(404, 409, 422))
def generate_video(video: Own, parts: Given) -> Begun:
    """Make the video with skeletons, foot contacts and counters drawn into it. 409 before the footsteps are found."""
    return _begun(video, begin(parts, video, DRAWN))


@router.get("/api/video-status/{task_id}", responses=documented(404, 422))
def video_status(video: Own, parts: Given) -> StageStatus:
    """How far the video with skeletons is."""
    return _status(parts, video, DRAWN, f"/api/download-video/{video.id}")


@router.get(
    "/api/download-video/{task_id}",
    response_class=FileResponse,
    responses=FILE_ANSWERS | documented(404, 409, 416, 422),
)
@router.head("/api/download-video/{task_id}", include_in_schema=False)
def download_video(video: Own, parts: Given) -> FileAnswer:
    """The video with skeletons, to be saved."""
    job = completed(parts, video, DRAWN)
    return answer_result(parts.settings, job, ANNOTATED, save_as=_name(video, "annotated.mp4"))


@router.post("/api/generate-audio-video/{task_id}", responses=documented(404, 409, 422))
def generate_audio_video(
    video: Own, parts: Given, asked: Annotated[Sound, Query()], body: Sound | None = None
) -> Begun:
    """Make the video with the sound of the footsteps; the options are JSON, or in the address. 409 before they are
    found, and while a video with another sound is being made."""
    given = body.model_dump(exclude_unset=True) if body else {}
    sound = Sound.model_validate(asked.model_dump(exclude_unset=True) | given)
    return _begun(video, begin(parts, video, SOUNDED, sound))


@router.get("/api/audio-video-status/{task_id}", responses=documented(404, 422))
def audio_video_status(video: Own, parts: Given) -> StageStatus:
    """How far the video with sound is."""
    return _status(parts, video, SOUNDED, f"/api/download-audio-video/{video.id}")


@router.get(
    "/api/download-audio-video/{task_id}",
    response_class=FileResponse,
    responses=FILE_ANSWERS | documented(404, 409, 416, 422),
)
@router.head("/api/download-audio-video/{task_id}", include_in_schema=False)
def download_audio_video(video: Own, parts: Given) -> FileAnswer:
    """The video with the sound of the footsteps, to be saved."""
    job = completed(parts, video, SOUNDED)
    return answer_result(parts.settings, job, HEARD, save_as=_name(video, "footsteps.mp4"))


@router.get("/api/export-csv/{task_id}", response_class=Response, responses=_CSV | documented(404, 409, 416, 422))
def export_csv(
    video: Own,
    parts: Given,
    columns: Annotated[
        Literal["usual", "all"],
        Query(description="all: also person, strength, inferred, x, y and height."),
    ] = "usual",
) -> Response:
    """The footsteps as a table, an event a line: frame, timecode, foot, event, time_seconds, confidence."""
    job = completed(parts, video, DETECTING)
    if columns == "all":
        return answer_result(parts.settings, job, TABLE, save_as=_name(video, "events.csv"))
    text = result_file(parts.settings, job, TABLE).read_text(encoding="utf-8")
    named = {"Content-Disposition": content_disposition(_name(video, "events.csv"))}
    return Response(_first_columns(text), media_type="text/csv", headers=named)


@router.get(
    "/api/export-json/{task_id}", response_class=FileResponse, responses=_EVENTS | documented(404, 409, 416, 422)
)
def export_json(video: Own, parts: Given) -> FileAnswer:
    """The footsteps as JSON: every event with all that is known of it, and the frame rate."""
    job = completed(parts, video, DETECTING)
    return answer_result(parts.settings, job, EVENTS, save_as=_name(video, "events.json"))


def _options(fields: dict[str, str], asked: Options) -> Options:
    """What was chosen: in the address, over that in `config`, over that in fields. ApiError 422 for what cannot be."""
    try:
        config = parse_json(fields.pop("config", "{}"))
    except ValueError as error:
        raise ApiError(422, f"config: this is not JSON that can be used: {error}", "invalid_request") from error
    if not isinstance(config, dict):
        raise ApiError(422, "config: give one JSON object", "invalid_request")
    return checked(Options, asked.model_dump(exclude_unset=True) | config | fields)


def _begun(video: FoleyVideo, job: Job) -> Begun:
    said = f"{_words(video, job)}; follow it at /api/jobs/{job.id}/events"
    return Begun(task_id=video.id, job_id=job.id, status=job.state, message=said)


def _status(parts: Parts, video: FoleyVideo, stage: Stage, url: str) -> StageStatus:
    job = newest(parts.engine, video, stage)
    made = (job.result or {}) if job else {}
    return StageStatus(
        task_id=video.id,
        job_id=job.id if job else None,
        status=job.state if job else "not_started",
        progress=round(job.share, 4) if job else 0.0,
        message=_words(video, job),
        error=job.error if job else None,
        warnings=list(made.get("warnings", ())),
        surface=made.get("surface") if stage is SOUNDED else None,
        url=url if job and job.state == "completed" else None,
    )


def _words(video: FoleyVideo, job: Job | None) -> str:
    """How it is, for people."""
    how = {
        "pending": "is queued",
        "processing": "is being worked on",
        "completed": "is done",
        "failed": "could not be worked on",
        "cancelled": "was cancelled",
        "interrupted": "was interrupted",
    }
    return f"{video.filename} {how[job.state] if job else 'is here, and nothing has been begun'}"


def _results(parts: Parts, video: FoleyVideo, job: Job) -> Results:
    """What a detection has found. The events are in its files only."""
    events = json.loads(result_file(parts.settings, job, EVENTS).read_bytes())["events"]
    found = job.result or {}
    steps = found["statistics"]["steps"]
    return Results(
        total_steps=steps["all"],
        left_steps=steps["left"],
        right_steps=steps["right"],
        events=events,
        statistics=found["statistics"],
        detection=found["detection"],
        video={"filename": video.filename, **found["video"]},
        warnings=list(found["warnings"]),
    )


def _first_columns(text: str) -> str:
    table = io.StringIO(newline="")
    rows = csv.reader(io.StringIO(text, newline=""))
    csv.writer(table, lineterminator="\n").writerows(row[:_COLUMNS] for row in rows)
    return table.getvalue()


def _name(video: FoleyVideo, ending: str) -> str:
    return f"{PurePath(video.filename).stem}-{ending}"
