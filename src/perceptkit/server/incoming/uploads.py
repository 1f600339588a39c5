"""Files that callers send: taken from the form to the disk, looked at in another process, and found again.

    received = await receive(request, parts, user.id, kinds="video")
    received.upload.facts["duration"], received.fields.get("model")

What is stored is `uploads/<id><suffix>`: the id is ours and the suffix is that of what the file is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from starlette.requests import ClientDisconnect, Request

from ..database import uploads
from ..errors import ApiError
from ..folders import upload_source
from ..parts import Parts
from ..processes.hands import Died, TaskError
from ..settings import Settings
from .connected import in_thread
from .files import Incoming, IncomingFile
from .kinds import Kinds
from .multipart import EXAMPLE, read_form

__all__ = [
    "Kinds",
    "Received",
    "ReceivedAll",
    "Refused",
    "Upload",
    "delete_upload",
    "documented_upload",
    "documented_uploads",
    "find_upload",
    "receive",
    "receive_all",
    "upload_path",
]

_LOOK = 20.0  # seconds for looking at a header, waiting included
_UNUSABLE = (413, 415, 422, 501)  # what is wrong with one file; anything else is with the server, or with all of them


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came: `filename` is for people, `suffix` (".mp4") and `facts` say what it is.

    Facts of a video: kind "video", width, height, frames, duration, rate, has_sound. Of a photo: kind "image", width,
    height, frames, format. What a header does not say is None.
    """

    id: str
    owner: str
    filename: str
    suffix: str
    bytes: int
    sha256: str
    facts: Mapping[str, Any]
    created_at: float


@dataclass(frozen=True, slots=True)
class Received:
    """What a form held: the file, and its other fields as text."""

    upload: Upload
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """A file of several that cannot be used, and is not kept. `error` and `code` are the sentence and the word of what
    would be the answer to it alone."""

    filename: str
    error: str
    code: str


@dataclass(frozen=True, slots=True)
class ReceivedAll:
    """What a form of several files held: the files as they were sent, one of them at least an upload, and its other
    fields as text."""

    files: Sequence[Upload | Refused]
    fields: Mapping[str, str]

    @property
    def uploads(self) -> list[Upload]:
        """Those that can be used."""
        return [each for each in self.files if isinstance(each, Upload)]


async def receive(request: Request, parts: Parts, owner: str, *, kinds: Kinds) -> Received:
    """Take the one file of a form, which must be a video, a photo ("image"), or either ("media").

    ApiError: 400 for what is no such form, 413 over the limits, 415 for another kind of file, 422 for one that cannot
    be read, 503 when the disk is full. Nothing of it is kept then, nor when the caller goes away.
    """
    received = await receive_all(request, parts, owner, kinds=kinds, most=1)
    return Received(received.uploads[0], received.fields)


async def receive_all(request: Request, parts: Parts, owner: str, *, kinds: Kinds, most: int) -> ReceivedAll:
    """Take one to `most` files of a form in their order, and its other fields.

    Files that cannot be used are left out, and said. ApiError as `receive` when there is no other one: that of the
    first; and, about all of them, for a form that is wrong, over the limits, and when the disk is full.
    """
    incoming = Incoming(parts.settings, kinds=kinds, most=most)
    try:
        await in_thread(lambda: incoming.check_space(int(request.headers.get("content-length", 0))))
        fields = await read_form(request.stream(), request.headers.get("content-type", ""), incoming)
        if not incoming.files:
            raise ApiError(400, f"there is no file in the form; {EXAMPLE}", "missing_file")
        received = ReceivedAll(await _look_at_all(parts, incoming.files, owner), fields)
        if not received.uploads:
            raise next(file.refusal for file in incoming.files if file.refusal is not None)
        await in_thread(lambda: incoming.keep(lambda: _insert(parts.engine, received.uploads)))
    except ClientDisconnect as error:
        await in_thread(incoming.abandon)
        raise ApiError(499, "the caller has gone", "gone") from error
    except BaseException:  # a request that is cancelled leaves nothing either
        await in_thread(incoming.abandon)
        raise
    return received


def find_upload(engine: sql.Engine, upload_id: str, *, owner: str | None = None) -> Upload | None:
    """An upload by its id; None when there is none, or it is somebody else's."""
    query = sql.select(uploads).where(uploads.c.id == upload_id)
    if owner is not None:
        query = query.where(uploads.c.owner == owner)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Upload(**row._mapping)


def upload_path(settings: Settings, upload: Upload) -> Path:
    """Where an upload lies."""
    return settings.data / upload_source(upload)


def delete_upload(settings: Settings, engine: sql.Engine, upload: Upload) -> None:
    """Delete an upload, if it is still there."""
    with engine.begin() as connection:
        connection.execute(sql.delete(uploads).where(uploads.c.id == upload.id))
    upload_path(settings, upload).unlink(missing_ok=True)


def documented_upload(description: str, *, fields: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a form with one file, and fields by their JSON schemas."""
    return _documented({"type": "string", "format": "binary", "description": description}, fields or {})


def documented_uploads(description: str, *, fields: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The same of a route that takes several files."""
    several = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    return _documented({**several, "description": description}, fields or {})


def _documented(file: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    properties = {"file": dict(file), **{name: _as_field(field) for name, field in fields.items()}}
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _as_field(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a value as that of a field: a form has no null, and an empty field says nothing."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == len(schema.get("anyOf", ())):
        return dict(schema)
    return {**schema, "anyOf": [*choices, {"const": ""}], "default": ""}


async def _look_at_all(parts: Parts, files: Sequence[IncomingFile], owner: str) -> list[Upload | Refused]:
    """What the files are, one after another. ApiError 408 when all of it takes too long: others wait in line."""
    seconds = parts.settings.request_timeout
    try:
        async with asyncio.timeout(seconds):
            return [await _look_or_refuse(parts, file, owner) for file in files]
    except TimeoutError as error:
        said = f"looking at the files took longer than {seconds:g} seconds; send fewer at once"
        raise ApiError(408, said, "timeout") from error


async def _look_or_refuse(parts: Parts, file: IncomingFile, owner: str) -> Upload | Refused:
    """An upload with what its header says; or why it cannot be used, when that is the file's own fault."""
    if file.refusal is None:
        try:
            return await _look(parts, file, owner)
        except ApiError as error:
            if error.status_code not in _UNUSABLE:
                raise
            await in_thread(partial(file.refuse, error))
    assert file.refusal is not None
    return Refused(file.filename, file.refusal.detail.removeprefix(f"{file.filename}: "), file.refusal.code)


async def _look(parts: Parts, file: IncomingFile, owner: str) -> Upload:
    """An upload with what its header says; nothing of it is opened in this process."""
    asked = {"path": file.relative_path, "filename": file.filename, "kind": file.kind}
    try:
        seen = await parts.looking.perform("look", asked, timeout=_LOOK, owner=owner)
    except Died as error:
        said = f"{file.filename}: what looked at it broke down; the file is damaged, or larger than the memory"
        raise ApiError(422, said, "media_error") from error
    except TaskError as error:
        raise ApiError(error.status, str(error), error.code) from error
    if "over" in seen:
        raise ApiError(413, seen["over"], "too_large")
    return Upload(file.id, owner, file.filename, file.suffix, file.bytes, file.sha256, seen["facts"], time.time())


def _insert(engine: sql.Engine, made: Sequence[Upload]) -> None:
    with engine.begin() as connection:
        connection.execute(sql.insert(uploads), [asdict(upload) for upload in made])
