"""Recordings that are being made: begun, left, taken up again, ended. Each goes on whatever becomes of the others."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

import sqlalchemy as sql
from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync

from ... import audio
from ...audio import defaults
from ...errors import DeviceError, PerceptkitError
from ..errors import ApiError
from ..limiting import Sessions
from ..settings import Settings
from .mending import mend
from .recorded import Recorded, add_recording, complete_recording, delete_recording, list_recorded, sound_path

__all__ = ["OpenRecording", "Recorders"]

log = logging.getLogger("perceptkit.server")

_EVERY = 1.0  # seconds between two looks for recordings that nobody goes on with
_LONGEST = 4 * 3600.0  # seconds of a recording
_CLEAN = (1000, 1005)  # how a WebSocket is closed by somebody who is done

T = TypeVar("T")


class OpenRecording:
    """A recording that is being made, by at most one connection at a time."""

    def __init__(self, recorded: Recorded, recorder: audio.Recorder) -> None:
        self.recorded, self.recorder = recorded, recorder
        self.outcome: Recorded | None = None
        """What was recorded, once it has ended."""
        self.connection: CancelScope | None = None
        """What goes on while somebody is connected; cancelled when the recording ends."""
        self.line = CapacityLimiter(1)
        """For the threads that write: one at a time, and none that others wait for."""
        self.ending = asyncio.Lock()
        self.left = time.monotonic()
        self._cleanly = False

    def join(self) -> CancelScope | None:
        """Connect: what to do within; None when somebody else is connected."""
        if self.connection is not None:
            return None
        self.connection = CancelScope()
        return self.connection

    def leave(self, code: int) -> None:
        """The connection is gone; the code tells how it was closed."""
        self.connection, self.left, self._cleanly = None, time.monotonic(), code in _CLEAN

    def unless_done(self, reason: str) -> str | None:
        """Why it was interrupted, when it ends now for this reason; None when its client was done with it."""
        return None if self._cleanly else reason


class Recorders:
    """The sessions of this server. To be used within the event loop, but for `find`, which any thread may call."""

    def __init__(self, settings: Settings, engine: sql.Engine, sessions: Sessions, *, patience: float = 60.0) -> None:
        self._settings, self._engine, self._sessions, self._patience = settings, engine, sessions, patience
        self._open: dict[str, OpenRecording] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tending: list[asyncio.Task[None]] = []
        self._stop = threading.Event()

    async def start(self) -> None:
        """Tend them from now on. What a server that was killed has left is made whole beside that."""
        found = await _apart(lambda: list_recorded(self._engine, ended=False))
        self._start(_apart(lambda: mend(self._settings, self._engine, found, stopped=self._stop.is_set)))
        self._tending = [asyncio.create_task(self._tend())]

    def find(self, session_id: str, owner: str) -> OpenRecording | None:
        """A session that goes on; None when there is none, or it is somebody else's."""
        session = self._open.get(session_id)
        return session if session is not None and session.recorded.owner == owner else None

    def of(self, owner: str) -> list[OpenRecording]:
        """The sessions of an owner that go on."""
        return [session for session in self._open.values() if session.recorded.owner == owner]

    async def begin(self, owner: str, *, sample_rate: int, channels: int, convention: str) -> OpenRecording:
        """A new session. ApiError 429 when the owner has too many, 503 when the disk is full; InputError."""
        session_id, now = str(uuid4()), time.time()
        name = f"recording_{datetime.fromtimestamp(now, UTC):%Y%m%d_%H%M%S}_{session_id[:8]}.wav"
        recorded = Recorded(session_id, owner, name, now, sample_rate, channels, convention, None, None, None)
        self._sessions.take(owner)
        try:
            self._open[session_id] = OpenRecording(recorded, await _apart(lambda: self._begin(recorded)))
        finally:
            if session_id not in self._open:
                self._sessions.give(owner)
        return self._open[session_id]

    async def end(self, session: OpenRecording, *, error: str | None = None) -> Recorded:
        """End a session, if it has not ended: what was recorded. `error` says why it was interrupted."""
        async with session.ending:
            if session.outcome is None:
                session.outcome = await _apart(lambda: self._end(session, error))
                del self._open[session.recorded.id]
                self._sessions.give(session.recorded.owner)
                if session.connection is not None:
                    session.connection.cancel()
        return session.outcome

    async def close(self) -> None:
        """End all of them, since the server stops."""
        self._stop.set()
        for task in self._tending:
            task.cancel()
        endings = (self.end(each, error=each.unless_done("the server was stopped")) for each in self._open.values())
        await asyncio.gather(*map(_noted, endings), *self._tasks)

    async def _tend(self) -> None:
        """End those that nobody goes on with, for ever."""
        while True:
            await asyncio.sleep(min(_EVERY, self._patience))
            due = time.monotonic() - self._patience
            for session in self._open.values():
                if session.connection is None and session.left < due and not session.ending.locked():
                    session.left = time.monotonic()  # when it fails, it is tried again after that
                    reason = session.unless_done(f"nobody was connected for {self._patience:g} seconds")
                    self._start(self.end(session, error=reason))

    def _start(self, work: Awaitable[object]) -> None:
        task = asyncio.create_task(_noted(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin(self, recorded: Recorded) -> audio.Recorder:
        room = max(self._settings.min_free, defaults.MIN_FREE)
        try:
            recorder = audio.Recorder(
                sound_path(self._settings, recorded),
                recorded.sample_rate,
                recorded.channels,
                convention=recorded.convention,
                max_duration=_LONGEST,
                min_free=room,
            )
        except DeviceError as error:
            log.error("%s", error)
            raise ApiError(503, "there is no room for a recording; delete some", "disk_full") from error
        try:
            add_recording(self._engine, recorded)
        except sql.exc.DBAPIError:
            recorder.close()
            delete_recording(self._settings, self._engine, recorded)
            raise
        return recorder

    def _end(self, session: OpenRecording, error: str | None) -> Recorded:
        try:
            recording = session.recorder.close(error=error)
        except PerceptkitError as failure:  # what was recorded before is in its files
            log.warning("recording %s: %s", session.recorded.id, failure)
            recording = session.recorder.close()
        return complete_recording(self._engine, session.recorded, recording)


async def _apart(work: Callable[[], T]) -> T:
    """Do something that may wait for a disk, in a thread that nothing else waits for."""
    return await run_sync(work, limiter=CapacityLimiter(1))


async def _noted(work: Awaitable[object]) -> None:
    """Do something that nobody waits for: what fails is in the log."""
    try:
        await work
    except (PerceptkitError, OSError, sql.exc.DBAPIError) as error:
        log.error("a recording: %s", error)
