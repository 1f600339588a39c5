"""What every request passes before it reaches a route: its id, the host and origin it names, the size of its body."""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError, answer_error
from .settings import Settings

__all__ = ["SMALL", "Guard", "body_limit", "host_allowed", "origin_allowed"]

log = logging.getLogger("perceptkit.server")

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SMALL = 1 << 16
"""Bytes of a body that anybody may send."""

_PHOTOS, _PICTURE = 256 << 20, 32 << 20  # bytes of a body
_MEMORY = 1 << 30  # bytes of all bodies that are held; what is made of them takes twice as much again
_AROUND = 1 << 20  # bytes of a multipart body besides the file in it

_HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """The outermost layer of the app (ASGI)."""

    def __init__(self, app: ASGIApp, settings: Settings, *, memory: int = _MEMORY) -> None:
        self._app, self._settings, self._memory = app, settings, memory
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it when it must not go on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get("x-request-id", "")
        scope.setdefault("state", {})["request_id"] = asked if _ID.fullmatch(asked) else uuid4().hex
        if scope["type"] == "websocket":  # refused where it is accepted, with a code that says why
            await self._app(scope, receive, send)
            return
        await self._pass(scope, receive, send, headers)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        begun, name = time.monotonic(), scope["state"]["request_id"]
        status: int | None = None

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = MutableHeaders(scope=message)
                given["x-request-id"] = name
                for header, value in _HEADERS.items():
                    given.setdefault(header, value)
            await send(message)

        refusal = self._refuse(scope, headers)
        try:
            if refusal is not None:
                answer = answer_error(scope, refusal.status_code, str(refusal.detail), refusal.code)
                await answer(scope, receive, noted)
            else:
                with self._counted(scope, receive) as body:
                    await self._app(scope, body, noted)
        except Exception as error:  # a bug: the framework would answer it without the headers
            log.error("request %s: %s", name, error, exc_info=error)
            if status is None:  # else the connection is cut off, as the answer is not whole
                answer = answer_error(scope, 500, f"an error of ours; the log has it as {name}", "internal_error")
                await answer(scope, receive, noted)
        finally:
            took = (time.monotonic() - begun) * 1000
            log.info("%s %s %s %d %.0f ms", name, scope["method"], scope["path"], status or 500, took)

    @contextmanager
    def _counted(self, scope: Scope, receive: Receive) -> Iterator[Receive]:
        """The same body; ApiError as soon as more of it has come than allowed, whatever was announced, or more of all
        that are kept in memory until they are answered."""
        limit, kept, taken = body_limit(scope, self._settings), _is_kept(scope), 0

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            size = len(message.get("body", b"")) if message["type"] == "http.request" else 0
            taken += size
            self._held += size if kept else 0
            if taken > limit:
                raise _too_large(scope, self._settings)
            if self._held > self._memory and size and taken > SMALL and kept:
                said = "other large requests are being answered; try again"
                raise ApiError(503, said, "busy", headers={"Retry-After": "5"})
            return message

        try:
            yield receive_some
        finally:
            self._held -= taken if kept else 0

    def _refuse(self, scope: Scope, headers: Headers) -> ApiError | None:
        """Why a request must not go on."""
        if not host_allowed(headers.get("host", ""), self._settings):
            return ApiError(400, "the server does not answer to this host name; see ALLOWED_HOSTS", "unknown_host")
        origin = headers.get("origin")
        if scope["method"] in _CHANGING and origin is not None and not origin_allowed(origin, headers, self._settings):
            return ApiError(403, "pages of this origin may not call; see ALLOWED_ORIGINS", "foreign_origin")
        length = headers.get("content-length")
        if length is not None and (not length.isascii() or not length.isdigit()):
            return ApiError(400, "Content-Length is no number", "bad_request")
        if length is not None and int(length) > body_limit(scope, self._settings):
            return _too_large(scope, self._settings)
        return None


def body_limit(scope: Scope, settings: Settings) -> int:
    """How many bytes the body of a request may have."""
    if _is_form(scope):
        return settings.max_upload + _AROUND
    if scope["path"] == "/extract-faces":
        return _PHOTOS
    return _PICTURE if scope["path"].startswith("/api/live/") else SMALL


def host_allowed(host: str, settings: Settings) -> bool:
    """Whether a server may be called by this name. A page that points a name of its own at us (DNS rebinding) may not;
    an address cannot be pointed anywhere."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", settings.host.lower(), *map(str.lower, settings.allowed_hosts)):
        return bool(name)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def origin_allowed(origin: str, headers: Headers, settings: Settings) -> bool:
    """Whether pages of this origin may call: our own, and those that are named in the settings."""
    if origin in settings.allowed_origins:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == headers.get("host", "").lower()


def _is_form(scope: Scope) -> bool:
    return Headers(scope=scope).get("content-type", "").lower().startswith("multipart/form-data")


def _is_kept(scope: Scope) -> bool:
    """Whether a body is held in memory: the files of forms go to the disk, but for the pictures of live sessions."""
    return not _is_form(scope) or str(scope["path"]).startswith("/api/live/")


def _too_large(scope: Scope, settings: Settings) -> ApiError:
    if _is_form(scope):
        said = f"the form is larger than the limit of {settings.max_upload:,} bytes for its files"
    else:
        said = f"the request is larger than the limit of {body_limit(scope, settings):,} bytes"
    return ApiError(413, said, "too_large")
