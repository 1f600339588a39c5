"""Who calls: a dependency of every route."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from ..errors import ApiError
from ..guards import host_allowed, origin_allowed
from ..parts import Parts, parts_of
from .principal import OWNER, Principal
from .session import session_of
from .tokens import Refused

__all__ = ["Caller", "User", "current_user", "possible_user", "socket_user", "unauthorized"]

_NOT_KNOWN, _NOT_ALLOWED, _TOO_MANY = 4401, 4403, 4429  # codes with which a WebSocket is closed
_PROTOCOL, _PROOF = "perceptkit", "bearer."  # subprotocols
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# For the documentation; what it finds is looked at below.
_Documented = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="The server's token, or one from /auth/login.")),
]


async def possible_user(request: Request, _documented: _Documented = None) -> Principal | None:
    """Who calls; None for somebody who does not say. ApiError 401 for somebody who says it wrongly, 429 for somebody
    who calls too often. However often it is asked about a request, that counts once."""
    state = request.scope["state"]
    if "principal" not in state:
        state["principal"] = await _counted(request)
    principal: Principal | None = state["principal"]
    return principal


Caller = Annotated[Principal | None, Depends(possible_user)]


async def current_user(caller: Caller) -> Principal:
    """Who calls; ApiError 401 for somebody who does not say."""
    if caller is None:
        raise unauthorized("say who you are: sign in, or send the header Authorization: Bearer TOKEN")
    return caller


User = Annotated[Principal, Depends(current_user)]


async def socket_user(websocket: WebSocket) -> Principal | None:
    """Who calls over a WebSocket, which is accepted by this.

    None when it was closed because that is not known (4401), because a page or a name is not allowed (4403), or because
    it is one call too many (4429). A caller says who it is by the header Authorization, by the subprotocol
    `bearer.TOKEN` beside `perceptkit`, by `?ticket=` (from POST /auth/ws-ticket), or by the cookie of its browser.
    """
    parts, offered = parts_of(websocket), websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol=_PROTOCOL if _PROTOCOL in offered else None)
    if not _from_here(parts, websocket):
        await websocket.close(_NOT_ALLOWED, "pages of this origin may not call")
        return None
    principal = await _by_socket(parts, websocket, offered)
    if principal is None:
        await websocket.close(_NOT_KNOWN, "say who you are")
        return None
    try:
        parts.limiter.check_user(principal.id)
    except ApiError:
        await websocket.close(_TOO_MANY, "too many requests")
        return None
    return principal


def unauthorized(message: str) -> ApiError:
    """The error 401."""
    return ApiError(401, message, "unauthorized", headers={"WWW-Authenticate": "Bearer"})


async def _counted(request: Request) -> Principal | None:
    """Who calls, counted as one request of his."""
    parts = parts_of(request)
    try:
        principal = await _by_header(parts, request) or await _by_session(parts, request)
    except Refused as error:
        raise unauthorized(f"what you send to say who you are is {error}; sign in again") from error
    if principal is None and not parts.settings.auth:
        principal = Principal(OWNER, "owner", "none")
    if principal is not None:
        parts.limiter.check_user(principal.id)
        if principal.proof == "session" and request.method not in _SAFE:
            _check_own_page(request)
    return principal


async def _by_socket(parts: Parts, websocket: WebSocket, offered: list[str]) -> Principal | None:
    ticket = websocket.query_params.get("ticket")
    proof = next((each.removeprefix(_PROOF) for each in offered if each.startswith(_PROOF)), None)
    try:
        if "authorization" in websocket.headers:
            return await _by_header(parts, websocket)
        if proof is not None:
            return await parts.keeper.by_bearer(proof)
        if ticket is not None:
            return parts.keeper.sockets.take(ticket)
        principal = await _by_session(parts, websocket)
    except Refused:
        return None
    return principal or (None if parts.settings.auth else Principal(OWNER, "owner", "none"))


async def _by_header(parts: Parts, connection: HTTPConnection) -> Principal | None:
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("not valid")
    return await parts.keeper.by_bearer(text.strip())


async def _by_session(parts: Parts, connection: HTTPConnection) -> Principal | None:
    value = session_of(connection)
    if value is None:
        return None
    try:
        return await parts.keeper.by_session(value)
    except Refused:
        # A browser sends the cookie of any server of this machine, whatever its port: nothing that a caller says.
        if parts.settings.auth:
            raise
        return None


def _from_here(parts: Parts, websocket: WebSocket) -> bool:
    """Whether no page of another site is behind it. Browsers always name the origin of the page."""
    origin, headers = websocket.headers.get("origin"), websocket.headers
    if not host_allowed(headers.get("host", ""), parts.settings):
        return False
    return origin is None or origin_allowed(origin, headers, parts.settings)


def _check_own_page(request: Request) -> None:
    """A browser sends its cookie by itself, so that something must show that our page asked for it; the guard has seen
    to it that an Origin is ours."""
    if "origin" not in request.headers and request.headers.get("sec-fetch-site") != "same-origin":
        said = "a session changes something only from the server's own page; programs send Authorization: Bearer TOKEN"
        raise ApiError(403, said, "cross_site")
