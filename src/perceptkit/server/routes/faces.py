"""Faces: send photos and videos; see the people in them. The work is a job."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from ..answers import documented
from ..auth import User
from ..downloads import FileAnswer, result_file
from ..errors import ApiError
from ..face_models import embedder_name
from ..folders import attempt_folder
from ..incoming.connected import in_thread
from ..incoming.forms import read_fields
from ..incoming.strict import StrictRoute
from ..incoming.uploads import Upload, delete_upload, documented_uploads, receive_all
from ..jobs import Job, list_jobs, submit
from ..jobs.owned import Owned
from ..jobs.webhooks import check_webhook
from ..parts import Given, Parts
from ..settings import Settings
from .jobs import FILE_ANSWERS

__all__ = ["router"]

router = APIRouter(prefix="/api/faces", tags=["faces"], route_class=StrictRoute)

_MOST = 500  # files of one form
_FACE = re.compile(r"[0-9a-f]{16}(-[0-9]{1,9})?")


class FacesForm(BaseModel):
    """What a form may say besides the files."""

    similarity_threshold: Annotated[
        float | None,
        Field(ge=-1, le=1, description="Two faces are the same person from here on. Without it: the embedder's own."),
    ] = None
    min_face: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Smaller faces are dropped (pixels). Without it: 20.")
    ] = None
    webhook_url: Annotated[
        str | None, Field(description="An address that is told when the job has ended.", max_length=2000)
    ] = None


class Accepted(BaseModel):
    """That the files will be looked at."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_id": "8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d",
                "message": "party.jpg and 3 more files are queued; "
                "follow them at /api/jobs/8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d/events",
            }
        }
    )

    job_id: str
    message: str


class FoundFace(BaseModel):
    """A face of a person."""

    face_id: str
    source: Annotated[str, Field(description="The name of the file.")]
    time: Annotated[float | None, Field(description="When in a video (seconds); None in a photo.")]
    box: Annotated[list[float], Field(description="x1, y1, x2, y2 in pixels.")]
    score: Annotated[float, Field(description="How certain it is that this is a face, 0 to 1.")]
    quality: Annotated[float, Field(description="How usable it is, 0 to 1.")]
    best: Annotated[bool, Field(description="Whether it stands for the person.")]
    headshot: Annotated[str, Field(description="Address of a JPEG.")]


class FoundPerson(BaseModel):
    """A person with all faces, the best first."""

    person: int
    faces: list[FoundFace]


class UnusedFile(BaseModel):
    """A file that could not be used."""

    source: str
    error: str


class People(BaseModel):
    """The people in the files of a job."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "people": [
                    {
                        "person": 0,
                        "faces": [
                            {
                                "face_id": "4f0c9a1be8d2a7c3",
                                "source": "party.jpg",
                                "time": None,
                                "box": [120.5, 80.25, 260.0, 250.75],
                                "score": 0.93,
                                "quality": 0.88,
                                "best": True,
                                "headshot": "/api/faces/8a1f9f1e-.../headshots/4f0c9a1be8d2a7c3",
                            }
                        ],
                    }
                ],
                "photos": 1,
                "videos": 0,
                "errors": [],
                "notes": [],
            }
        }
    )

    people: list[FoundPerson]
    photos: int
    videos: int
    errors: list[UnusedFile]
    notes: list[str]


@router.post(
    "",
    responses=documented(408, 409, 411, 413, 415, 422),
    openapi_extra=documented_uploads(
        "Photos and videos, each a field `file`.", fields=FacesForm.model_json_schema()["properties"]
    ),
)
async def upload(
    request: Request,
    user: User,
    parts: Given,
    idempotency_key: Annotated[
        str | None, Header(description="A word of yours: sent again, it gives the same job.", max_length=255)
    ] = None,
) -> Accepted:
    """Find the people in photos and videos. The answer comes when all of them have arrived; the work is a job."""
    job = await run_sync(_earlier, parts, user.id, idempotency_key)
    if job is not None:
        async for _ in request.stream():  # an answer before the end would reach few clients
            pass
    else:
        uploads, fields = await receive_all(request, parts, user.id, kinds="media", most=_MOST)
        job = await in_thread(lambda: _queue(parts, uploads, fields, idempotency_key))
    one = len(job.parameters["uploads"]) == 1
    said = f"{job.filename} {'is' if one else 'are'} {_words(job)}; follow {'it' if one else 'them'}"
    return Accepted(job_id=job.id, message=f"{said} at /api/jobs/{job.id}/events")


@router.get("/{job_id}/people", responses=documented(404, 409, 422))
def people(job: Owned, parts: Given) -> People:
    """The people in the files of a job, those who were seen first before the others."""
    _require(job)
    settings = parts.settings
    run = json.loads(result_file(settings, job, "run.json").read_text(encoding="utf-8"))
    faces: dict[int, list[FoundFace]] = {}
    for line in _lines(settings, job, "faces.jsonl"):
        headshot = f"{router.prefix}/{job.id}/headshots/{line['face_id']}"
        faces.setdefault(line["person"], []).append(FoundFace(headshot=headshot, **{key: line[key] for key in _KEPT}))
    return People(
        people=[
            FoundPerson(person=person, faces=sorted(theirs, key=lambda face: (not face.best, -face.quality)))
            for person, theirs in sorted(faces.items())
        ],
        photos=run["photos"],
        videos=run["videos"],
        errors=[
            UnusedFile(source=line["source"], error=line["message"].removeprefix(f"{line['source']}: "))
            for line in _lines(settings, job, "errors.jsonl")
        ],
        notes=[f"{each['source']}: {each['note']}" for each in run["notes"]],
    )


@router.get(
    "/{job_id}/headshots/{face_id}",
    response_class=FileResponse,
    responses=FILE_ANSWERS | documented(404, 409, 416, 422),
)
def headshot(job: Owned, face_id: str, parts: Given) -> FileAnswer:
    """The headshot of a face, a JPEG of 160 x 160 pixels."""
    _require(job)
    if job.state != "completed":
        raise ApiError(409, f"the job is not finished: its status is {job.state}", "not_finished")
    if not _FACE.fullmatch(face_id):
        raise ApiError(404, "the job has no such face", "not_found")
    path = attempt_folder(parts.settings, job) / "headshots" / f"{face_id.partition('-')[0]}.jpg"
    return FileAnswer(path, path.name, disposition="inline")


_KEPT = ("face_id", "source", "time", "box", "score", "quality", "best")


def _earlier(parts: Parts, owner: str, key: str | None) -> Job | None:
    """The job that was made with this key. Raises ApiError 409 when that was about something else."""
    found = list_jobs(parts.engine, owner, idempotency_key=key, limit=1) if key else []
    if found and found[0].kind != "faces":
        raise ApiError(409, "this Idempotency-Key was used for something else; take a new one", "key_reused")
    return found[0] if found else None


def _queue(parts: Parts, uploads: list[Upload], fields: dict[str, str], key: str | None) -> Job:
    """The job for what was received, which is not kept when there is none: ApiError 422 for what the form says."""
    job, more = None, len(uploads) - 1
    try:
        form = read_fields(FacesForm, fields)
        job = submit(
            parts.engine,
            kind="faces",
            owner=uploads[0].owner,
            filename=uploads[0].filename + (f" and {more} more file{'s' if more > 1 else ''}" if more else ""),
            parameters={
                "files": [{"path": f"uploads/{each.id}{each.suffix}", "filename": each.filename} for each in uploads],
                "uploads": [each.id for each in uploads],
                "threshold": form.similarity_threshold,
                "min_face": form.min_face or parts.settings.min_face,
                "model": Path(embedder_name(parts.settings)).name,
            },
            upload=uploads[0].id,
            idempotency_key=key or None,
            webhook=None if form.webhook_url is None else check_webhook(form.webhook_url, parts.settings),
        )
        return job
    finally:
        if job is None or job.upload != uploads[0].id:  # another request with the same key was quicker
            for each in uploads:
                delete_upload(parts.settings, parts.engine, each)


def _lines(settings: Settings, job: Job, name: str) -> list[dict[str, Any]]:
    text = Path(result_file(settings, job, name)).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _require(job: Job) -> None:
    if job.kind != "faces":
        raise ApiError(404, "this job is not about faces", "not_found")


def _words(job: Job) -> str:
    return {"pending": "queued", "processing": "being looked at"}.get(job.state, job.state)
