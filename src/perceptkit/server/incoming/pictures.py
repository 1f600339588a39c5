"""A picture in a request: the file of a form, or base64 in JSON. It is looked at in another process only.

What comes is plain data either way: the fields, and the picture as `image`, in base64.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect, Request

from ..errors import ApiError
from .multipart import read_form

__all__ = ["LARGEST", "PIXEL", "documented_picture", "read_picture"]

LARGEST = 24 << 20
"""Bytes of a picture at the most."""

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)
"""A grey picture of one pixel, for examples that can be sent as they are."""


async def read_picture(request: Request) -> dict[str, Any]:
    """The fields of a request, with the picture as `image` where there is one.

    ApiError: 400 for what is neither such a form nor JSON, 413 for a picture that is too large.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _read_json(request)
    picture = _Picture()
    try:
        fields = await read_form(request.stream(), request.headers["content-type"], picture)
    except ClientDisconnect as error:
        raise ApiError(400, "the connection ended before the picture did", "client_gone") from error
    given: dict[str, Any] = {name: text for name, text in fields.items() if text}
    if picture.data is not None:
        given["image"] = (await run_sync(base64.b64encode, picture.data)).decode()
    return given


async def _read_json(request: Request) -> dict[str, Any]:
    if not await request.body():
        return {}
    try:
        given = await request.json()
    except ValueError as error:
        raise ApiError(400, f"the body is not JSON that can be used: {error}", "invalid_request") from error
    if not isinstance(given, dict):
        raise ApiError(400, 'the body is no JSON object; send for example {"image": BASE64}', "invalid_request")
    return given


class _Picture:
    """The one file of a form, in memory. A `multipart.Sink`."""

    def __init__(self) -> None:
        self.data: bytearray | None = None

    def begin(self, filename: str) -> None:
        """It begins."""
        if self.data is not None:
            raise ApiError(400, "there are several files in the form; send one picture", "too_many_files")
        self.data = bytearray()

    def write(self, data: memoryview) -> None:
        """Some of it comes."""
        assert self.data is not None
        if len(self.data) + len(data) > LARGEST:
            raise ApiError(413, f"the picture is larger than the limit of {LARGEST:,} bytes", "too_large")
        self.data += data

    def end(self) -> None:
        """It has come."""


def documented_picture(fields: Mapping[str, Mapping[str, Any]], *, required: bool) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a picture and fields by their JSON schemas, as a form or as JSON."""
    text = {"type": "string", "description": "The picture in base64, or as a data URI."}
    file = {"type": "string", "format": "binary", "description": "The picture: JPEG, PNG, WebP."}
    form = {"type": "object", "properties": {"file": file, **fields}, **({"required": ["file"]} if required else {})}
    plain = {"type": "object", "properties": {"image": text, **fields}, **({"required": ["image"]} if required else {})}
    content = {
        "application/json": {"schema": plain, "example": {"image": PIXEL}},
        "multipart/form-data": {"schema": form},
    }
    return {"requestBody": {"required": required, "content": content}}
