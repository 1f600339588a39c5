"""Ask for a job about files that are sent: once for each key, and no file is kept that no job is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import Header, Request
from pydantic import Field
from starlette.requests import ClientDisconnect

from ..errors import ApiError
from ..incoming.connected import in_thread
from ..incoming.uploads import Upload, delete_upload
from ..parts import Parts
from .rows import Job, list_jobs, submit
from .waiting import check_waiting
from .webhooks import check_webhook

__all__ = ["Asked", "IdempotencyKey", "WebhookUrl", "earlier", "in_words", "queued"]

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="A word of yours: sent again, it gives the same job.", max_length=255),
]
"""The header of a route that makes a job."""

WebhookUrl = Annotated[
    str | None, Field(description="An address that is told when the job has ended.", max_length=2000)
]
"""The field of a form that makes a job."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job is to be: a row of `tasks.TASKS`, the name that people read, what its task is told."""

    kind: str
    filename: str
    parameters: Mapping[str, Any]
    webhook_url: str | None


async def earlier(request: Request, parts: Parts, owner: str, *, key: str | None, kind: str) -> Job | None:
    """The job that was made with this key: what is sent with it again is read and not kept.

    ApiError 409 when that was something else; and where there is none, 429 when too many jobs of this user wait.
    """
    found = await run_sync(lambda: list_jobs(parts.engine, owner, idempotency_key=key, limit=1)) if key else []
    if not found:
        await run_sync(check_waiting, parts, owner)
        return None
    if found[0].kind != kind:
        raise ApiError(409, "this Idempotency-Key was used for something else; take a new one", "key_reused")
    with suppress(ClientDisconnect):
        async for _ in request.stream():  # an answer before the end would reach few clients
            pass
    return found[0]


async def queued(
    parts: Parts, uploads: Sequence[Upload], ask: Callable[[], Awaitable[Asked]], *, key: str | None
) -> Job:
    """The job about some uploads, which are deleted when there is none: when `ask` raises, or what it asks for cannot
    be. Of two requests with one key both get the job of the first."""
    job: Job | None = None
    first = uploads[0]

    def put(asked: Asked, webhook: str | None) -> Job:
        nonlocal job  # also when the request is cancelled meanwhile
        job = submit(
            parts.engine,
            kind=asked.kind,
            owner=first.owner,
            filename=asked.filename,
            parameters=asked.parameters,
            upload=first.id,
            idempotency_key=key or None,
            webhook=webhook,
        )
        return job

    try:
        asked = await ask()
        webhook = None if asked.webhook_url is None else check_webhook(asked.webhook_url, parts.settings)
        return await in_thread(partial(put, asked, webhook))
    finally:
        if job is None or job.upload != first.id:
            with CancelScope(shield=True):
                await run_sync(_delete, parts, uploads)


def in_words(job: Job) -> str:
    """The state of a job, as in "talk.mp4 is queued"."""
    return {"pending": "queued", "processing": "being looked at"}.get(job.state, job.state)


def _delete(parts: Parts, uploads: Sequence[Upload]) -> None:
    for upload in uploads:
        delete_upload(parts.settings, parts.engine, upload)
