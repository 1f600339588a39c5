"""Faces: send photos and videos; see the people in them. The work is a job."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from ..answers import documented
from ..auth import User
from ..downloads import FileAnswer, result_file
from ..errors import ApiError
from ..face_models import embedder_name
from ..folders import attempt_folder, upload_source
from ..incoming.forms import read_fields
from ..incoming.names import distinct
from ..incoming.strict import StrictRoute
from ..incoming.uploads import ReceivedAll, Upload, documented_uploads, receive_all
from ..jobs import Job
from ..jobs.asking import Asked, IdempotencyKey, earlier, in_words, queued
from ..jobs.owned import Owned
from ..parts import Given
from ..settings import Settings
from .faces_answers import AcceptedFiles, FacesForm, FoundFace, FoundPerson, People, RefusedFile, UnusedFile
from .jobs import FILE_ANSWERS

__all__ = ["router"]

router = APIRouter(prefix="/api/faces", tags=["faces"], route_class=StrictRoute)

_MOST = 500  # files of one form
_FACE = re.compile(r"[0-9a-f]{16}(-[0-9]{1,9})?")


@router.post(
    "",
    responses=documented(408, 409, 413, 415, 422, 501),
    openapi_extra=documented_uploads(
        "Photos and videos, each a field `file`.", fields=FacesForm.model_json_schema()["properties"]
    ),
)
async def upload(
    request: Request,
    user: User,
    parts: Given,
    idempotency_key: IdempotencyKey = None,
) -> AcceptedFiles:
    """Find the people in photos and videos. The answer comes when all of them have arrived; the work is a job.

    A file that cannot be used is named in `refused` and not kept, and the others go on; when none can be used, the
    status and the error are those of the first. What is over a limit for all files together is refused as a whole.
    """
    job = await earlier(request, parts, user.id, key=idempotency_key, kind="faces")
    if job is None:
        received = await receive_all(request, parts, user.id, kinds="media", most=_MOST)
        job = await queued(parts, received.uploads, partial(_ask, parts.settings, received), key=idempotency_key)
    return _accepted(job)


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


async def _ask(settings: Settings, received: ReceivedAll) -> Asked:
    """The job for what was received. RequestValidationError for what the form cannot say."""
    form, uploads = read_fields(FacesForm, received.fields), received.uploads
    more = len(uploads) - 1
    return Asked(
        kind="faces",
        filename=uploads[0].filename + (f" and {more} more file{'s' if more > 1 else ''}" if more else ""),
        parameters={
            "files": _files(received),
            "uploads": [each.id for each in uploads],
            "threshold": form.similarity_threshold,
            "min_face": form.min_face or settings.min_face,
            "model": Path(embedder_name(settings)).name,
        },
        webhook_url=form.webhook_url,
    )


def _files(received: ReceivedAll) -> list[dict[str, str]]:
    """All files as they were sent, each under a name of its own: where it is, or why it is not kept."""
    names = distinct(each.filename for each in received.files)
    return [
        {"filename": name, "path": upload_source(each)}
        if isinstance(each, Upload)
        else {"filename": name, "error": each.error, "code": each.code}
        for name, each in zip(names, received.files, strict=True)
    ]


def _accepted(job: Job) -> AcceptedFiles:
    """What is said of a job that was made now, or before with the same key."""
    files = job.parameters["files"]
    refused = [RefusedFile(**file) for file in files if "error" in file]
    said = f"{job.filename} {'is' if len(files) - len(refused) == 1 else 'are'} {in_words(job)}"
    if refused:
        said += f"; {len(refused)} of {len(files)} files could not be used"
    return AcceptedFiles(job_id=job.id, message=f"{said}; follow the job at /api/jobs/{job.id}/events", refused=refused)


def _lines(settings: Settings, job: Job, name: str) -> list[dict[str, Any]]:
    text = Path(result_file(settings, job, name)).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _require(job: Job) -> None:
    if job.kind != "faces":
        raise ApiError(404, "this job is not about faces", "not_found")
