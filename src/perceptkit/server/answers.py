"""The shapes of answers that several routes share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from .jobs import Job, State

__all__ = ["ErrorAnswer", "JobInfo", "documented", "error_answers", "job_info", "utc"]


_REQUEST, _TIME = "3f1c1e0a4b0d4b0c8f6c2f3a9d7e5b21", "2026-01-31T12:00:00.000Z"


class ErrorAnswer(BaseModel):
    """What every error looks like."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "error": "there is no such job",
                "code": "not_found",
                "request_id": _REQUEST,
                "timestamp": _TIME,
            }
        }
    )

    error: Annotated[str, Field(description="What was wrong, and what to do about it.")]
    code: Annotated[str, Field(description="The same as a word for programs.")]
    request_id: Annotated[str, Field(description="Names this request in the log of the server.")]
    timestamp: Annotated[str, Field(description="When it was answered (UTC).")]


# By its status: what it means; for example a code, and a sentence.
_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("The request makes no sense.", "invalid_request", "the body is not JSON that can be used"),
    401: ("Say who you are: `Authorization: Bearer TOKEN`.", "unauthorized", "say who you are"),
    403: ("Not allowed from there, or for you.", "foreign_origin", "pages of this origin may not call"),
    404: ("There is no such thing, or it is somebody else's.", "not_found", "there is no such job"),
    408: (
        "It took longer than REQUEST_TIMEOUT and was stopped, or the body came too slowly.",
        "timeout",
        "this took longer than 180 seconds",
    ),
    409: ("Not in this state.", "not_finished", "the job is not finished: its status is processing"),
    413: ("Larger than allowed.", "too_large", "the file is larger than the limit of 1,073,741,824 bytes"),
    415: ("Not of a type that can be used here.", "unsupported_media_type", "a.pdf is a PDF document; send a video"),
    416: ("There is no such part of the file.", "no_such_range", "the file has 1,048,576 bytes"),
    422: ("The values or the media cannot be used.", "media_error", "talk.mp4: empty file"),
    429: ("Too many requests, or too many sessions at once.", "too_many_requests", "too often; try again in 3 s"),
    500: (
        "An error of ours.",
        "internal_error",
        "an error of ours; the log has it as 3f1c1e0a4b0d4b0c8f6c2f3a9d7e5b21",
    ),
    501: ("An optional package is not installed on the server.", "missing_extra", "HEIC photos need pi-heif"),
    503: ("Models, disk or database are not ready.", "disk_full", "there is not enough space left on the disk"),
}


def error_answers() -> dict[str, dict[str, Any]]:
    """The answers that are errors, by their status, for the documentation."""
    shape, rest = {"$ref": "#/components/schemas/ErrorAnswer"}, {"request_id": _REQUEST, "timestamp": _TIME}
    return {
        str(status): {
            "description": meaning,
            "content": {"application/json": {"schema": shape, "example": {"error": said, "code": code, **rest}}},
        }
        for status, (meaning, code, said) in _ERRORS.items()
    }


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route for its documentation, with those that every route may give. What all give that know who
    calls, that change something, or that read parameters or JSON, is added for all of them in `description.py`."""
    every = {400, 500, 503, *statuses}
    return {status: {"model": ErrorAnswer, "description": _ERRORS[status][0]} for status in sorted(every)}


class JobInfo(BaseModel):
    """A job, and how far it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_id": "8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d",
                "kind": "gaze",
                "status": "processing",
                "filename": "talk.mp4",
                "model": "mobileone-s0",
                "created_at": "2026-01-31T12:00:00.000Z",
                "started_at": "2026-01-31T12:00:01.000Z",
                "completed_at": None,
                "error": None,
                "code": None,
                "stage": "frames",
                "total_frames": 250,
                "processed_frames": 100,
                "progress_percentage": 40.0,
                "warnings": [],
            }
        }
    )

    job_id: str
    kind: str
    status: State
    filename: str
    model: str | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    error: str | None
    code: str | None
    stage: str
    total_frames: Annotated[
        int | None,
        Field(description="Frames; of faces, photos and frames of videos that are looked at. None: not known yet."),
    ]
    processed_frames: int
    progress_percentage: Annotated[float, Field(description="Of all that the job does.")]
    warnings: list[str]


def job_info(job: Job) -> JobInfo:
    """What callers see of a job."""
    return JobInfo(
        job_id=job.id,
        kind=job.kind,
        status=job.state,
        filename=job.filename,
        model=job.parameters.get("model"),
        created_at=utc(job.created_at),
        started_at=None if job.started_at is None else utc(job.started_at),
        completed_at=None if job.completed_at is None else utc(job.completed_at),
        error=job.error,
        code=job.code,
        stage=job.stage,
        total_frames=job.total,
        processed_frames=job.done,
        progress_percentage=round(job.share * 100, 1),
        warnings=list((job.result or {}).get("warnings", ())),
    )


def utc(seconds: float) -> str:
    """A time as text: 2026-01-31T12:00:00.000Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
