"""The answers of the routes for footsteps in videos."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..jobs import State

__all__ = ["Begun", "Results", "StageStatus", "TaskStatus", "Uploaded"]

_TASK = "6a0c1a52-7b7e-4e0b-9a53-0d3a4d3c2b1e"
_JOB = "8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d"


class Uploaded(BaseModel):
    """That a video has come."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": _TASK,
                "status": "uploaded",
                "message": f"walk.mp4 is here; POST /api/process/{_TASK} begins the search for footsteps",
            }
        }
    )

    task_id: str
    status: Literal["uploaded"]
    message: str


class Begun(BaseModel):
    """That a job does it, or will."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": _TASK,
                "job_id": _JOB,
                "status": "pending",
                "message": f"walk.mp4 is queued; follow it at /api/jobs/{_JOB}/events",
            }
        }
    )

    task_id: str
    job_id: str
    status: State
    message: str


class StageStatus(BaseModel):
    """How far the making of a video is; `not_started` before it has been asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": _TASK,
                "job_id": _JOB,
                "status": "processing",
                "progress": 0.4,
                "message": "walk.mp4 is being worked on",
                "error": None,
                "warnings": [],
                "surface": None,
                "url": None,
            }
        }
    )

    task_id: str
    job_id: str | None
    status: State | Literal["not_started"]
    progress: float = Field(description="0 to 1.")
    message: str
    error: str | None
    warnings: list[str]
    surface: str | None = Field(description="What is heard under the feet, once the sound is made.")
    url: str | None = Field(description="Where the video can be fetched, once it is made.")


class Results(BaseModel):
    """What was found."""

    total_steps: int = Field(description="Heel strikes of everybody.")
    left_steps: int
    right_steps: int
    events: list[dict[str, Any]] = Field(description="Every heel strike and toe-off, as in the JSON export.")
    statistics: dict[str, Any] = Field(description="Of each person: steps, cadence, symmetry, spans.")
    detection: dict[str, Any] = Field(description="How many people, heel strikes, toe-offs, and how sure.")
    video: dict[str, Any] = Field(description="What its header says.")
    warnings: list[str]


class TaskStatus(BaseModel):
    """How far the search for footsteps is, and what was found."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": _TASK,
                "job_id": _JOB,
                "status": "processing",
                "progress": 0.4,
                "message": "walk.mp4 is being worked on",
                "error": None,
                "results": None,
            }
        }
    )

    task_id: str
    job_id: str | None
    status: State | Literal["uploaded"]
    progress: float = Field(description="0 to 1.")
    message: str
    error: str | None
    results: Results | None
