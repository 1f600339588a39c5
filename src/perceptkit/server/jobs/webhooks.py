"""Tells an address that was given with a job that the job has ended.

Callers name the addresses, and must not use us to reach what only we can reach: public hosts are called by https on
port 443, at an address that was checked; hosts of one's own network only when the settings name them (WEBHOOK_HOSTS).
Nothing is followed that an answer leads on to.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Sequence

import httpx2
import sqlalchemy as sql

from ..answers import job_info
from ..database import jobs
from ..errors import ApiError
from ..incoming.addresses import Address, is_public, read_address
from ..incoming.pinning import NotPublic, Resolve, ask, checked, host_of, open_transport, read_url, resolve_name
from ..settings import Settings
from .rows import ACTIVE, Job, read_job

__all__ = ["announce_all", "check_webhook"]

log = logging.getLogger("perceptkit.server")

_EVERY = 0.5  # seconds between two looks for jobs that have ended
_AT_ONCE = 16  # calls
_SECONDS = 10.0  # that a call may take
_PAUSES = (0.0, 2.0, 10.0)  # seconds before each attempt
_DISCORD = ("discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com")


def check_webhook(url: str, settings: Settings) -> str:
    """The address, when it may be told that a job has ended. Raises ApiError 422 otherwise."""
    try:
        where = read_url(url)
    except ValueError as error:
        raise _refused(str(error)) from error
    if _host(where) in settings.webhook_hosts:
        return url
    if where.scheme != "https" or where.port not in (None, 443):
        raise _refused("only https on port 443 is used, except for the hosts that WEBHOOK_HOSTS names")
    try:
        address = read_address(_host(where))
    except ValueError as error:
        raise _refused("its host is not written as a name or an address") from error
    if _host(where) == "localhost" or (address is not None and not is_public(address)):
        raise _refused("its host is not public, and WEBHOOK_HOSTS does not name it")
    return url


def announce_all(
    settings: Settings,
    engine: sql.Engine,
    *,
    stop: threading.Event,
    resolve: Resolve = resolve_name,
    transport: Callable[[], httpx2.AsyncBaseTransport] = open_transport,
    pauses: Sequence[float] = _PAUSES,
) -> None:
    """Tell of the jobs that end, whoever ended them, until `stop` is set.

    Each is told once; up to three times when nothing comes back, with growing pauses. What could not be told before
    `stop` is told by the next who does this.
    """
    asyncio.run(_announce_all(engine, stop, _Call(settings, resolve, transport), pauses))


async def _announce_all(engine: sql.Engine, stop: threading.Event, call: _Call, pauses: Sequence[float]) -> None:
    under_way: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        try:
            for job in _take(engine, limit=_AT_ONCE - len(under_way)):
                under_way.add(asyncio.create_task(_announce(engine, job, call, pauses)))
        except sql.exc.DBAPIError as error:
            log.warning("the database does not answer: %s", error.orig)
        await asyncio.to_thread(stop.wait, _EVERY)
        under_way = {task for task in under_way if not task.done()}
    for task in under_way:
        task.cancel()
    if under_way:
        await asyncio.wait(under_way)


def _take(engine: sql.Engine, *, limit: int) -> list[Job]:
    """Jobs that have ended and were not told of, which nobody else tells of from now on."""
    waiting = (
        sql.select(jobs.c.id).where(~jobs.c.announced, jobs.c.state.not_in(ACTIVE)).order_by(jobs.c.number).limit(limit)
    )
    with engine.connect() as connection:
        found = list(connection.execute(waiting).scalars())
    return [job for each in found if (job := _mark(engine, each, announced=True)) is not None]


def _mark(engine: sql.Engine, job_id: str, *, announced: bool) -> Job | None:
    query = sql.update(jobs).where(jobs.c.id == job_id, jobs.c.announced != announced).values(announced=announced)
    with engine.begin() as connection:
        row = connection.execute(query.returning(jobs)).one_or_none()
    return None if row is None else read_job(row)


async def _announce(engine: sql.Engine, job: Job, call: _Call, pauses: Sequence[float]) -> None:
    """Tell of one job. The address is not written to the log: who knows it may write to where it leads."""
    try:
        for pause in pauses:
            await asyncio.sleep(pause)
            said = await call(job)
            if said is None:
                return
            log.warning("job %s: its webhook: %s", job.id, said)
    except asyncio.CancelledError:
        try:
            _mark(engine, job.id, announced=False)
        except sql.exc.DBAPIError as error:
            log.warning("job %s: its webhook was not called: %s", job.id, error.orig)
        raise


class _Call:
    """Calls the webhook of a job: None when that is over, or why it is to be called again."""

    def __init__(
        self, settings: Settings, resolve: Resolve, transport: Callable[[], httpx2.AsyncBaseTransport]
    ) -> None:
        self._settings, self._resolve, self._transport = settings, resolve, transport

    async def __call__(self, job: Job) -> str | None:
        try:
            where = read_url(check_webhook(job.webhook or "", self._settings))  # these may be other settings now
        except ApiError as error:
            log.warning("job %s: %s", job.id, error.detail)
            return None
        try:
            async with asyncio.timeout(_SECONDS):
                status = await self._post(where, _body(where, job))
        except NotPublic:
            log.warning("job %s: its webhook is not called: the host is not public", job.id)
            return None
        except TimeoutError:
            return f"no answer within {_SECONDS:g} seconds"
        except (OSError, httpx2.TransportError) as error:
            return f"it could not be called ({type(error).__name__})"
        if 200 <= status < 300:
            return None
        if status in (408, 429) or status >= 500:
            return f"it answers with the status {status}"
        log.warning("job %s: its webhook answers with the status %d", job.id, status)
        return None

    async def _post(self, where: httpx2.URL, body: bytes) -> int:
        own = _host(where) in self._settings.webhook_hosts
        addresses = await checked(where, self._resolve, public=_anywhere if own else is_public)
        async with self._transport() as opened:
            response = await ask(
                "POST", where, addresses, opened, headers={"Content-Type": "application/json"}, content=body
            )
            await response.aclose()
            return response.status_code


def _body(where: httpx2.URL, job: Job) -> bytes:
    """What is told, in the shape that Discord wants where it is told to Discord."""
    if _host(where) in _DISCORD and where.path.startswith("/api/webhooks/"):
        name = job.filename.replace("`", "'")[:200]
        said = f"`{name}` ({job.kind}): {job.state}" + (f"\n{job.error[:1500]}" if job.error else "")
        return json.dumps({"content": said, "allowed_mentions": {"parse": []}}).encode()
    return json.dumps({"event": f"job.{job.state}", **job_info(job).model_dump()}).encode()


def _host(where: httpx2.URL) -> str:
    return host_of(where).rstrip(".")


def _anywhere(_address: Address) -> bool:
    return True


def _refused(why: str) -> ApiError:
    return ApiError(422, f"the webhook cannot be used: {why}", "bad_webhook")
