"""Tells listeners how far jobs are (server-sent events): one query every half second, however many listen.

Each change of a job that callers see raises its revision, which is the id of the event that tells of it. A listener
that comes back says the last one that it got, and hears only what has changed since.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import sqlalchemy as sql
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.responses import Response, StreamingResponse

from ..answers import job_info
from ..database import jobs
from ..errors import ApiError
from .rows import Job, read_job

__all__ = ["Watch", "stream_events"]

log = logging.getLogger("perceptkit.server")

_NUMBER = re.compile("[0-9]{1,18}")

_EVERY = 0.5  # seconds between two looks at the jobs
_QUIET = 15.0  # seconds without a word after which a connection could be taken for dead
_OWN = 100  # listeners of one user
_RETRY = 2000  # milliseconds after which a listener that lost us comes back


class Watch:
    """Looks at the jobs that somebody listens to, while somebody does. Holds a thread for the length of a query."""

    def __init__(self, engine: sql.Engine, *, every: float = _EVERY, quiet: float = _QUIET) -> None:
        self._engine, self._every, self._quiet = engine, every, quiet
        self._listeners: set[_Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closing = False

    def check_room(self, owner: str) -> None:
        """Raises ApiError 429 when this user listens so often already that nobody else could: each is a connection."""
        if sum(listener.owner == owner for listener in self._listeners) >= _OWN:
            said = f"you follow {_OWN} jobs already; stop following some of them"
            raise ApiError(429, said, "too_many_listeners", headers={"Retry-After": "5"})

    async def follow(self, job: Job, *, seen: int | None = None) -> AsyncGenerator[Job | None, None]:
        """The job, and again whenever it has changed, to its end; None as a sign of life when long nothing did.

        The revision that was `seen` is left out. Also ends when the job is deleted, and when the server stops.
        """
        if job.revision != seen:
            yield job
        listener = _Listener(job.id, job.owner, job.revision)
        self._listeners.add(listener)
        try:
            while not job.ended and not self._closing:
                self._look_on()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._quiet):
                        await listener.news.wait()
                if not listener.news.is_set():
                    yield None
                    continue
                listener.news.clear()
                if listener.latest is None:
                    return
                job = listener.latest
                yield job
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Let all listeners go soon. Only notes it, so that a signal handler can call it."""
        self._closing = True

    async def stop(self) -> None:
        """Let all listeners go, and stop looking."""
        self.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    def _look_on(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="perceptkit-watch")

    async def _look(self) -> None:
        """Look at the jobs again and again, until nobody listens any more."""
        thread = CapacityLimiter(1)  # of its own: a look must not wait for the requests that are in the others
        try:
            while self._listeners and not self._closing:
                await asyncio.sleep(self._every)
                wanted = {listener.job_id for listener in self._listeners}
                try:
                    found = await run_sync(self._read, wanted, limiter=thread)
                except sql.exc.DBAPIError as error:
                    log.warning("the database does not answer: %s", error.orig)
                    continue
                for listener in self._listeners:
                    if listener.job_id in wanted:
                        listener.tell(found.get(listener.job_id))
        finally:
            for listener in self._listeners:
                listener.tell(None)

    def _read(self, wanted: Iterable[str]) -> dict[str, Job]:
        with self._engine.connect() as connection:
            rows = connection.execute(sql.select(jobs).where(jobs.c.id.in_(wanted)))
            return {row.id: read_job(row) for row in rows}


@dataclass(slots=True, eq=False)
class _Listener:
    """Somebody who listens: what he has, and what is there for him."""

    job_id: str
    owner: str
    revision: int
    latest: Job | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, job: Job | None) -> None:
        """What the job is now; None when there is no more to come. What he did not hear in time is left out."""
        if job is None or job.revision != self.revision:
            self.latest = job
            self.revision = -1 if job is None else job.revision
            self.news.set()


def stream_events(watch: Watch, job: Job, last_event_id: str | None) -> Response:
    """The answer that tells of a job until it has ended; `last_event_id` is what the listener has heard. 204 when that
    was the end: a browser would come back for ever otherwise. ApiError 429 for one listener too many."""
    seen = int(last_event_id) if last_event_id and _NUMBER.fullmatch(last_event_id) else None
    if job.ended and job.revision == seen:
        return Response(status_code=204)
    watch.check_room(job.owner)
    # Proxies would hold back what comes slowly.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(watch, job, seen), media_type="text/event-stream", headers=headers)


async def _lines(watch: Watch, job: Job, seen: int | None) -> AsyncGenerator[str, None]:
    yield f"retry: {_RETRY}\n\n"
    async with aclosing(watch.follow(job, seen=seen)) as states:
        async for state in states:
            yield ": still here\n\n" if state is None else _event(state)


def _event(job: Job) -> str:
    name = job.state if job.ended else "progress"
    return f"id: {job.revision}\nevent: {name}\ndata: {job_info(job).model_dump_json()}\n\n"
