"""People known by name: a gallery for each user, made from photos and videos, and used to say who is in others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request

from ..answers import documented
from ..auth import User
from ..auth.principal import Principal
from ..errors import ApiError
from ..folders import gallery_folder, upload_source
from ..incoming.connected import in_thread, while_connected
from ..incoming.forms import read_fields
from ..incoming.strict import StrictRoute
from ..incoming.uploads import Kinds, Received, delete_upload, documented_upload, receive
from ..parts import Given, Parts
from .enrolment_answers import EnrolForm, Enrolled, Identified, IdentifyForm, Known

__all__ = ["router"]

router = APIRouter(prefix="/api/face", tags=["people"], route_class=StrictRoute)

_LOOK_UP = 20.0  # seconds for what needs no model, waiting included


_ENROL_FIELDS = EnrolForm.model_json_schema()["properties"]


@router.post(
    "/upload-video",
    responses=documented(408, 409, 413, 415, 422),
    openapi_extra=documented_upload("A video in which the head turns.", fields=_ENROL_FIELDS),
)
async def upload_video(request: Request, user: User, parts: Given) -> Enrolled:
    """Make somebody known with a video in which the head turns. The video is deleted; embeddings are kept.

    It is refused (422) when no face is good enough, or when it is not clear who is meant.
    """
    return await _enrol(request, user, parts, "video")


@router.post(
    "/upload-image",
    responses=documented(408, 409, 413, 415, 422, 501),
    openapi_extra=documented_upload("A photo.", fields=_ENROL_FIELDS),
)
async def upload_image(request: Request, user: User, parts: Given) -> Enrolled:
    """Make somebody known with a photo, in which the largest face counts. The photo is deleted; the embedding is kept.

    It is refused (422) when no face is good enough.
    """
    return await _enrol(request, user, parts, "image")


@router.get("/cache-status", responses=documented(408, 422))
async def cache_status(user: User, parts: Given) -> Known:
    """Whom you have made known."""
    asked = {"gallery": _gallery(parts, user)}
    found = await parts.looking.perform("known_people", asked, timeout=_LOOK_UP, owner=user.id)
    known = bool(found["people"])
    return Known(has_embedding=known, cached=known, **found)


@router.post(
    "/identify",
    responses=documented(408, 409, 413, 415, 422, 501),
    openapi_extra=documented_upload("A photo or a video.", fields=IdentifyForm.model_json_schema()["properties"]),
)
async def identify(request: Request, user: User, parts: Given) -> Identified:
    """Say who is in a photo or a video, of those whom you have made known. Nothing of it is kept."""
    async with _received(request, parts, user, "media") as received:
        form = read_fields(IdentifyForm, received.fields)
        asked = {**_source(received, parts, user), "threshold": form.threshold}
        timeout = parts.settings.request_timeout
        found = await while_connected(
            request, parts.quick.perform("identify_faces", asked, timeout=timeout, owner=user.id)
        )
    if found is None:
        raise ApiError(409, "nobody is known yet; send a photo to /api/face/upload-image first", "nobody_known")
    return Identified(**found)


@router.delete("", status_code=204, responses=documented(408))
async def forget_everybody(user: User, parts: Given) -> None:
    """Delete every trace of everybody whom you have made known: what is kept is overwritten first."""
    asked = {"gallery": _gallery(parts, user), "name": None}
    await parts.looking.perform("forget_faces", asked, timeout=_LOOK_UP, owner=user.id)


@router.delete("/{name:path}", status_code=204, responses=documented(404, 408, 422))
async def forget(name: str, user: User, parts: Given) -> None:
    """Delete every trace of one of those whom you have made known."""
    asked = {"gallery": _gallery(parts, user), "name": name}
    if not await parts.looking.perform("forget_faces", asked, timeout=_LOOK_UP, owner=user.id):
        raise ApiError(404, "you have made nobody of this name known", "not_found")


async def _enrol(request: Request, user: Principal, parts: Parts, kinds: Kinds) -> Enrolled:
    if not parts.settings.store:
        raise ApiError(
            409, "this server keeps nothing (--no-store), so nobody can be made known to it", "keeps_nothing"
        )
    async with _received(request, parts, user, kinds) as received:
        form = read_fields(EnrolForm, received.fields)
        asked = {**_source(received, parts, user), "name": form.name or user.name, "again": form.again}
        timeout = parts.settings.request_timeout
        found = await while_connected(request, parts.quick.perform("enrol_face", asked, timeout=timeout, owner=user.id))
    return Enrolled(**found)


@asynccontextmanager
async def _received(request: Request, parts: Parts, user: Principal, kinds: Kinds) -> AsyncIterator[Received]:
    """What a form holds; the file is deleted after the block, however that ends: it is biometric data."""
    received = await receive(request, parts, user.id, kinds=kinds)
    try:
        yield received
    finally:
        await in_thread(lambda: delete_upload(parts.settings, parts.engine, received.upload))


def _source(received: Received, parts: Parts, user: Principal) -> dict[str, Any]:
    upload = received.upload
    return {
        "source": upload_source(upload),
        "filename": upload.filename,
        "gallery": _gallery(parts, user),
    }


def _gallery(parts: Parts, user: Principal) -> str:
    return str(gallery_folder(parts.settings, user.id).relative_to(parts.settings.data))
