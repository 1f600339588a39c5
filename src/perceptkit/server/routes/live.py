"""Footsteps while they happen: begin with the floor, send frame after frame, and fetch the sound of the steps."""

from __future__ import annotations

import base64
import time
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ..answers import documented
from ..auth import User
from ..errors import ApiError
from ..footsteps.options import LiveOptions
from ..incoming.forms import checked
from ..incoming.pictures import documented_picture, read_picture
from ..incoming.strict import StrictRoute
from ..parts import Given, Parts
from .live_answers import Events, Floor, Picture, Session, StoppedSession

__all__ = ["router"]

router = APIRouter(prefix="/api/live", tags=["live"], route_class=StrictRoute)

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


_NAMED: dict[str, Any] = {
    "environment": "unknown",
    "weather": "unknown",
    "reasoning": "you have named it",
    "suggestions": [],
    "origin": "request",
}


@router.post(
    "/capture-floor",
    responses=documented(408, 413, 422, 501),
    openapi_extra=documented_picture(LiveOptions.model_json_schema()["properties"], required=False),
)
async def capture_floor(request: Request, user: User, parts: Given) -> Session:
    """Begin a session with a picture of the floor, or with the name of the surface.

    What people walk on is seen from the colours; a vision model is asked only where the server was started with a key
    for one. A session ends 5 minutes after the last call; you may have two at a time.
    """
    floor = checked(Floor, await read_picture(request))
    if floor.surface_type == "auto" and floor.image is None:
        raise ApiError(422, "send a picture of the floor, or name the surface (surface_type)", "missing_picture")
    timeout = parts.settings.request_timeout
    if floor.surface_type == "auto":
        seen = await parts.quick.perform("live-floor", {"image": floor.image}, timeout=timeout, owner=user.id)
    else:
        seen = {"surface": floor.surface_type, **_NAMED, "note": f"{floor.surface_type}, as you have named it"}
    asked = floor.model_dump(include={"shoe", "sensitivity"}) | {"surface": seen["surface"], "session_id": str(uuid4())}
    most = {"owner": user.id, "most": parts.settings.max_sessions}
    full = await parts.live.perform("live-open", asked | most, timeout=timeout, owner=user.id)
    if full is not None:
        raise ApiError(429, full, "too_many_sessions", headers={"Retry-After": "60"})
    return Session(session_id=asked["session_id"], **seen)


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
    picture = checked(Picture, await read_picture(request))
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
