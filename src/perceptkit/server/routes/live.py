"""Footsteps while they happen: begin with the floor, send frame after frame, and fetch the sound of the steps."""

from __future__ import annotations

import base64
import time
from typing import Annotated, Any, Literal, TypeVar
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from ..answers import documented
from ..auth import User
from ..errors import ApiError
from ..footsteps.options import LiveOptions
from ..incoming.pictures import documented_picture, read_picture
from ..incoming.strict import StrictRoute
from ..parts import Given, Parts

__all__ = ["router"]

router = APIRouter(prefix="/api/live", tags=["live"], route_class=StrictRoute)

T = TypeVar("T", bound=BaseModel)

_SESSION = "6a0c1a52-7b7e-4e0b-9a53-0d3a4d3c2b1e"
_GONE = (
    "there is no such live session: it has been stopped, nobody has used it for 5 minutes, or the server has started "
    "anew; POST /api/live/capture-floor begins another"
)
_WAV: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            "X-Steps": {"description": "How many steps are heard in it.", "schema": {"type": "integer"}},
            "X-Start": {"description": "The time of its first sample, as in the events.", "schema": {"type": "number"}},
        },
    }
}


class Floor(LiveOptions):
    """How a session begins."""

    image: str | None = None


class Picture(BaseModel):
    """A frame, and when it was taken."""

    image: str
    timestamp: Annotated[
        float | None,
        Field(
            description="When it was taken, in seconds of a clock of yours. Else: when it has come.",
            ge=-1e11,
            le=1e11,
            allow_inf_nan=False,
        ),
    ] = None


class Session(BaseModel):
    """A session, and what people walk on."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "session_id": _SESSION,
                "surface": "grass",
                "environment": "outdoors",
                "weather": "unknown",
                "reasoning": "a guess: 90% of the patches in the lowest third are green and uneven",
                "suggestions": ["leaves", "mud"],
                "origin": "guess",
                "note": "no key for openrouter.ai; guessed grass from the colours in the lowest third",
            }
        }
    )

    session_id: str
    surface: str
    environment: str
    weather: str
    reasoning: str
    suggestions: list[str]
    origin: Literal["request", "model", "guess", "default"] = Field(description="Who says so.")
    note: str


class Event(BaseModel):
    """A foot that comes down, or leaves the ground."""

    number: int = Field(description="Counts the events of the session.")
    foot: Literal["left", "right"]
    event: Literal["heel_strike", "toe_off"]
    time: float = Field(description="Seconds, by the clock of the frames.")
    confidence: float
    person: int
    strength: float
    x: float = Field(description="Where in the picture, 0 to 1.")
    y: float


class Events(BaseModel):
    """What has become certain with a frame."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "events": [
                    {
                        "number": 3,
                        "foot": "left",
                        "event": "heel_strike",
                        "time": 1.292,
                        "confidence": 0.977,
                        "person": 1,
                        "strength": 0.76,
                        "x": 0.37,
                        "y": 0.45,
                    }
                ],
                "frame": 41,
                "time": 1.333,
                "people": 1,
            }
        }
    )

    events: list[Event]
    frame: int = Field(description="How many frames have come.")
    time: float = Field(description="Of this frame, in seconds.")
    people: int = Field(description="How many people are seen in it.")


class StoppedSession(BaseModel):
    """What a session saw."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "session_id": _SESSION,
                "status": "stopped",
                "frames": 230,
                "seconds": 7.63,
                "steps": 9,
                "left_steps": 5,
                "right_steps": 4,
                "people": 1,
                "surface": "grass",
            }
        }
    )

    session_id: str
    status: Literal["stopped"]
    frames: int
    seconds: float
    steps: int
    left_steps: int
    right_steps: int
    people: int
    surface: str


@router.post(
    "/capture-floor",
    responses=documented(408, 413, 422, 501),
    openapi_extra=documented_picture(LiveOptions.model_json_schema()["properties"], required=False),
)
async def capture_floor(request: Request, user: User, parts: Given) -> Session:
    """Begin a session with a picture of the floor, or with the name of the surface.

    What people walk on is seen from the colours; a vision model is asked only where the server was started with a key
    for one. A session ends 5 minutes after the last call.
    """
    floor = _checked(Floor, await read_picture(request))
    if floor.surface_type == "auto" and floor.image is None:
        raise ApiError(422, "send a picture of the floor, or name the surface (surface_type)", "missing_picture")
    asked = {**floor.model_dump(), "owner": user.id, "session_id": str(uuid4()), "most": parts.settings.max_sessions}
    made = await parts.live.perform("live-open", asked, timeout=parts.settings.request_timeout, owner=user.id)
    if "full" in made:
        raise ApiError(429, made["full"], "too_many_sessions", headers={"Retry-After": "60"})
    return Session(session_id=asked["session_id"], **made)


@router.post(
    "/detect-frame/{session_id}",
    responses=documented(404, 408, 413, 422, 501),
    openapi_extra=documented_picture(
        {"timestamp": Picture.model_json_schema()["properties"]["timestamp"]}, required=True
    ),
)
async def detect_frame(session_id: str, request: Request, user: User, parts: Given) -> Events:
    """The footsteps that have become certain with a frame. Each is given once, 0.03 to 0.13 seconds after it, or with
    the first frame after that.

    Send frames in order, one after another; leave out those for which there is no time. All have the same size, and
    all have a timestamp or none has. Times must increase. In a crowd the four highest people are followed.
    """
    picture = _checked(Picture, await read_picture(request))
    arrived = time.monotonic()
    seen = await _perform(parts, user.id, session_id, "live-frame", {**picture.model_dump(), "arrived": arrived})
    return Events(**seen)


@router.post("/generate-audio/{session_id}", response_class=Response, responses=_WAV | documented(404, 408, 422))
async def generate_audio(
    session_id: str,
    user: User,
    parts: Given,
    number: Annotated[
        int | None, Query(description="The number of a heel strike. Else: all since the last call.", ge=1)
    ] = None,
) -> Response:
    """The sound of the steps since the last call, as a WAV (48 kHz, stereo, 24 bits): as far apart as they happened,
    the first at its start, those of the last 10 seconds at the most; a moment of silence when there were none."""
    made = await _perform(parts, user.id, session_id, "live-sound", {"number": number})
    headers = {"X-Steps": str(made["steps"]), "Cache-Control": "no-store"}
    if made["start"] is not None:
        headers["X-Start"] = str(made["start"])
    return Response(base64.b64decode(made["wav"]), media_type="audio/wav", headers=headers)


@router.post("/stop-session/{session_id}", responses=documented(404, 408, 422))
async def stop_session(session_id: str, user: User, parts: Given) -> StoppedSession:
    """End a session; what it saw."""
    made = await _perform(parts, user.id, session_id, "live-stop", {})
    return StoppedSession(session_id=session_id, status="stopped", **made)


async def _perform(parts: Parts, owner: str, session_id: str, task: str, parameters: dict[str, Any]) -> Any:
    """Do a task with a session. ApiError 404 when it is over."""
    asked = {**parameters, "session_id": session_id, "owner": owner}
    made = await parts.live.perform(task, asked, timeout=parts.settings.request_timeout, owner=owner)
    if made is None:
        raise ApiError(404, _GONE, "session_gone")
    return made


def _checked(kind: type[T], given: dict[str, Any]) -> T:
    """What a request says, as it should be."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error
