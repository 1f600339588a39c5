"""Whether the server is there, and whether it is ready."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ... import __version__
from ..answers import ErrorAnswer, documented, utc
from ..errors import request_id_of
from ..face_models import detector_name
from ..incoming.strict import StrictRoute
from ..parts import Given
from ..readiness import check
from ..settings import Settings

__all__ = ["router"]

router = APIRouter(tags=["server"], route_class=StrictRoute)

_EXAMPLE: dict[str, JsonValue] = {
    "timestamp": "2026-01-31T12:00:00.000Z",
    "version": __version__,
    "face_detection_model": "scrfd-500m",
}
_CHECKS: dict[str, JsonValue] = {"models": "ok", "database": "ok", "disk": "ok", "worker": "ok"}
_MISSING: dict[str, JsonValue] = {
    "error": "database: the database does not answer",
    "code": "not_ready",
    "request_id": "3f1c1e0a4b0d4b0c8f6c2f3a9d7e5b21",
    "status": "not ready",
    "checks": {**_CHECKS, "database": "the database does not answer"},
}

Checks = Annotated[dict[str, str], Field(description='By what was checked "ok", or why it is not.')]


class Health(BaseModel):
    """That the server is there."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "healthy", **_EXAMPLE}})

    status: Literal["healthy"]
    timestamp: str
    version: str
    face_detection_model: Annotated[str, Field(description="The detector that finds faces.")]


class Ready(BaseModel):
    """That requests can be answered."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ready", **_EXAMPLE, "checks": _CHECKS}})

    status: Literal["ready"]
    timestamp: str
    version: str
    face_detection_model: str
    checks: Checks


class NotReady(ErrorAnswer):
    """Why requests cannot be answered yet."""

    model_config = ConfigDict(json_schema_extra={"example": {**_MISSING, **_EXAMPLE}})

    status: Literal["not ready"]
    version: str
    face_detection_model: str
    checks: Checks


@router.get("/health", responses=documented())
@router.get("/api/health", responses=documented())
async def health(parts: Given) -> Health:
    """Whether the server is there. Loads no model."""
    return Health(
        status="healthy",
        timestamp=utc(time.time()),
        version=__version__,
        face_detection_model=_detector(parts.settings),
    )


@router.get(
    "/ready",
    response_model=Ready,
    responses={**documented(), 503: {"model": NotReady, "description": "Something is missing; `checks` says what."}},
)
async def ready(request: Request, parts: Given) -> Response:
    """Whether requests can be answered: the weights for faces are on this machine, the database answers, there is
    space left on the disk, and the worker runs. Loads no model."""
    checks = await check(parts, request.app.state.background, request.app.state.weights)
    now, detector = utc(time.time()), _detector(parts.settings)
    if all(each == "ok" for each in checks.values()):
        done = Ready(status="ready", timestamp=now, version=__version__, face_detection_model=detector, checks=checks)
        return Response(done.model_dump_json(), media_type="application/json")
    missing = NotReady(
        error="; ".join(f"{name}: {each}" for name, each in checks.items() if each != "ok"),
        code="not_ready",
        request_id=request_id_of(request.scope),
        status="not ready",
        timestamp=now,
        version=__version__,
        face_detection_model=detector,
        checks=checks,
    )
    return Response(missing.model_dump_json(), 503, media_type="application/json")


def _detector(settings: Settings) -> str:
    return Path(detector_name(settings)).name  # which may be a file of somebody's own
