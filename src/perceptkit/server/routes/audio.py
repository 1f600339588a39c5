"""Recordings: sessions begun and ended, what was recorded listed, fetched and deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from ..answers import documented
from ..auth import User
from ..downloads import FileAnswer
from ..errors import ApiError
from ..incoming.forms import checked
from ..incoming.strict import StrictRoute
from ..parts import Given
from ..recordings.recorded import Recorded, angles_json, delete_recording, find_recording, list_recorded, sound_path
from .audio_answers import (
    ActiveSessions,
    Form,
    RecordingFacts,
    Recordings,
    Started,
    StoppedRecording,
    active_session,
    recording_facts,
    recording_info,
    stopped,
)
from .jobs import PART_ANSWERS

__all__ = ["router"]

router = APIRouter(prefix="/api/audio", tags=["audio"], route_class=StrictRoute)

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_LONGEST = 1 << 12  # bytes of a field
_PATIENCE = 10.0  # seconds within which a form has to come


_ANGLES: dict[str, Any] = {
    "text/csv": {"example": "timestamp,angle\n0.000,45.50\n"},
    "application/json": {"example": {"convention": "azimuth", "angles": [{"timestamp": 0.0, "angle": 45.5}]}},
}


def _ended(recording_id: str, user: User, parts: Given) -> Recorded:
    """A recording that has ended. ApiError 404 when there is none, or it is somebody else's; 409 while it goes on."""
    recorded = find_recording(parts.engine, recording_id, owner=user.id)
    if recorded is None:
        raise ApiError(404, "there is no such recording; it may have been deleted", "not_found")
    if recorded.completed_at is None:
        raise ApiError(409, "this is still being recorded; stop it first", "not_finished")
    return recorded


Ended = Annotated[Recorded, Depends(_ended)]


@router.post(
    "/start-stream",
    responses=documented(408, 413, 415, 422),
    openapi_extra={"requestBody": {"content": {kind: {"schema": Form.model_json_schema()} for kind in _FORMS}}},
)
async def start_stream(request: Request, user: User, parts: Given, query: Annotated[Form, Query()]) -> Started:
    """Begin a recording: its session, for `/ws/audio/{session_id}`.

    The values are those of the form, or of the query. Send to the WebSocket:

    * binary: samples, 16 bit, little endian, interleaved
    * `{"audio_data": BASE64, "angle": 45.5, "seq": 7}`: the same with the direction it comes from, and its number
      (both may be left out); numbered chunks may come late, twice or never
    * `{"angle": 45.5}`: the direction of what comes next
    * `{"command": "stop"}`: the end

    Each is answered: `{"status": "received", "bytes", "duration", "seq"}`, `{"status": "error", "code", "error"}` after
    which the recording goes on, or at the end `{"status": "stopped", ...}`. A session to which nobody is connected for
    60 seconds ends, and so does one after 4 hours, or when the disk is full; what came until then is kept. A server
    that was started with `--no-store` deletes it after 15 minutes, or when it stops.
    """
    wanted = await _with_form(request, query)
    session = await parts.recorders.begin(user.id, **wanted.model_dump())
    made = session.recorded
    return Started(
        ok=True,
        session_id=made.id,
        filename=made.filename,
        sample_rate=made.sample_rate,
        channels=made.channels,
    )


@router.post("/stop-stream/{session_id}", responses=documented(404, 409))
async def stop_stream(session_id: str, user: User, parts: Given) -> StoppedRecording:
    """End a recording: what was recorded. One that has ended already is answered the same."""
    session = parts.recorders.find(session_id, user.id)
    if session is not None:
        return stopped(await parts.recorders.end(session))
    return stopped(await run_sync(_ended, session_id, user, parts))


@router.get("/active-sessions", responses=documented())
async def active_sessions(user: User, parts: Given) -> ActiveSessions:
    """Your sessions that go on."""
    return ActiveSessions(sessions=[active_session(session) for session in parts.recorders.of(user.id)])


@router.get("/recordings", responses=documented())
def recordings(user: User, parts: Given) -> Recordings:
    """Your recordings, the newest first; those that go on are among them."""
    found = list_recorded(parts.engine, owner=user.id)
    return Recordings(recordings=[recording_info(each, parts.recorders.find(each.id, user.id)) for each in found])


@router.get(
    "/recordings/{recording_id}",
    response_class=Response,
    responses=PART_ANSWERS
    | documented(404, 409, 416)
    | {200: {"content": {"audio/wav": {}}, "description": "The WAV."}},
)
def recording(recorded: Ended, parts: Given, download: bool = False) -> FileAnswer:
    """The sound, as WAV, or a part of it (Range). With `?download=1` it is to be saved."""
    kind: Literal["attachment", "inline"] = "attachment" if download else "inline"
    return FileAnswer(sound_path(parts.settings, recorded), recorded.filename, disposition=kind)


@router.get(
    "/recordings/{recording_id}/angles",
    response_class=Response,
    responses=PART_ANSWERS | documented(404, 409, 416) | {200: {"content": _ANGLES, "description": "The angles."}},
)
def angles(recorded: Ended, parts: Given, format: Literal["csv", "json"] = "csv") -> Response:
    """The angles: `timestamp,angle` as CSV, or JSON. An angle holds from its time (seconds) on; it is as it was said,
    in the convention of the session."""
    path = sound_path(parts.settings, recorded).with_suffix(".csv")
    if format == "json":
        return StreamingResponse(angles_json(recorded, path), media_type="application/json")
    return FileAnswer(path, recorded.filename.replace(".wav", ".csv"), disposition="attachment")


@router.get("/recordings/{recording_id}/facts", responses=documented(404, 409))
def facts(recorded: Ended) -> RecordingFacts:
    """All that is known of a recording that has ended: gaps, counts, why it was interrupted."""
    return recording_facts(recorded)


@router.delete("/recordings/{recording_id}", status_code=204, responses=documented(404, 409))
def delete(recorded: Ended, parts: Given) -> None:
    """Delete a recording that has ended: sound, angles, facts, every byte."""
    delete_recording(parts.settings, parts.engine, recorded)


async def _with_form(request: Request, query: Form) -> Form:
    """What the form of a request says, over what its query says."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        if await request.body():
            raise ApiError(415, f"send a form ({' or '.join(_FORMS)}), or a query", "unsupported_type")
        return query
    try:
        async with (
            asyncio.timeout(_PATIENCE),
            request.form(max_files=0, max_fields=16, max_part_size=_LONGEST) as form,
        ):
            given = query.model_dump() | dict(form)
    except TimeoutError as error:
        raise ApiError(408, "the form comes too slowly; try again", "timeout") from error
    return checked(Form, given)
