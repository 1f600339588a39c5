"""The WebSocket that sound comes through."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import Any

import sqlalchemy as sql
from anyio import CancelScope, WouldBlock, create_memory_object_stream, create_task_group, current_time
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..auth import socket_user
from ..parts import parts_of
from ..recordings.hearing import hear
from ..recordings.recording import OpenRecording, Recorders
from .audio_answers import stopped

__all__ = ["router"]

router = APIRouter()

log = logging.getLogger("perceptkit.server")

_NO_SUCH, _CONNECTED, _DONE, _BROKEN = 4404, 4409, 1000, 1011  # codes with which it is closed
_REPLIES = 64  # that wait for a client which does not read them
_PATIENCE = 5.0  # seconds for the last ones

_Replies = MemoryObjectSendStream[dict[str, Any]]


@router.websocket("/ws/audio/{session_id}")
async def hear_audio(websocket: WebSocket, session_id: str) -> None:
    """Sound for a recording that has begun; what may be said, and what is answered, is in `hearing`.

    Closed with 1000 when the recording ends, 4404 when there is no such session, 4409 when somebody is connected to it,
    1011 when its end cannot be noted in the database yet.
    """
    user = await socket_user(websocket)
    if user is None:
        return
    recorders = parts_of(websocket).recorders
    session = recorders.find(session_id, user.id)
    if session is None:
        await websocket.close(_NO_SUCH, "there is no such session; it may have ended")
        return
    while_recording = session.join()
    if while_recording is None:
        await websocket.close(_CONNECTED, "somebody is connected to this session already")
        return
    await _converse(websocket, recorders, session, while_recording)


async def _converse(
    websocket: WebSocket, recorders: Recorders, session: OpenRecording, while_recording: CancelScope
) -> None:
    """Record what comes until the session ends or the client goes away."""
    code, (replies, waiting) = _BROKEN, create_memory_object_stream[dict[str, Any]](_REPLIES)
    async with create_task_group() as group:
        group.start_soon(_answer, websocket, waiting)
        with replies:  # what waits when it is closed is sent still
            try:
                with while_recording:
                    code = await _listen(websocket, recorders, session, replies)
            except sql.exc.DBAPIError as error:  # its files are whole; that it has ended is noted later
                log.error("recording %s: the database does not answer: %s", session.recorded.id, error.orig)
            finally:
                session.leave(code)
            if session.outcome is None and code != _BROKEN:
                group.cancel_scope.cancel()  # the client has gone
            group.cancel_scope.deadline = current_time() + _PATIENCE
            if session.outcome is not None:
                await replies.send(stopped(session.outcome).model_dump(exclude={"ok"}))
    with suppress(WebSocketDisconnect, RuntimeError):
        if session.outcome is not None:
            await websocket.close(_DONE)
        elif code == _BROKEN:
            await websocket.close(_BROKEN, "the database does not answer; what was recorded is kept")


async def _listen(websocket: WebSocket, recorders: Recorders, session: OpenRecording, replies: _Replies) -> int:
    """Record what comes: the code with which the client closed the connection."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return int(message.get("code") or 1005)
        said = message.get("bytes")
        said = message["text"] if said is None else said
        heard = await run_sync(hear, session, said, limiter=session.line)
        if heard.reply is not None and not session.ending.locked():
            # Who does not read is not waited for: the next reply tells all that this one does.
            with suppress(WouldBlock):
                replies.send_nowait(heard.reply)
        if heard.ends:
            await recorders.end(session, error=heard.interrupted)


async def _answer(websocket: WebSocket, waiting: MemoryObjectReceiveStream[dict[str, Any]]) -> None:
    """Send the replies."""
    async with waiting:
        async for reply in waiting:
            try:
                await websocket.send_text(json.dumps(reply))
            except (WebSocketDisconnect, RuntimeError):  # who listens learns of it too; the others are for nobody
                continue
