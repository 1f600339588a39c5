"""The browser's session: a cookie that scripts cannot read and other sites cannot send."""

from __future__ import annotations

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ..parts import Parts
from .tokens import LIFETIME

__all__ = ["clear_session", "session_from_ticket", "session_of", "set_session"]

_COOKIE = "perceptkit_session"


def session_from_ticket(parts: Parts, ticket: str) -> str | None:
    """The session that the ticket of a sign-in link opens, once; None when it opens none."""
    principal = parts.keeper.sign_ins.take(ticket)
    return None if principal is None else parts.keeper.session(principal.id)


def set_session(response: Response, value: str, request: Request) -> None:
    """Let the browser keep a session."""
    response.set_cookie(
        _COOKIE,
        value,
        max_age=LIFETIME,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def clear_session(response: Response, request: Request) -> None:
    """Let the browser forget its session."""
    secure = request.url.scheme == "https"
    response.delete_cookie(_COOKIE, path="/", secure=secure, httponly=True, samesite="strict")


def session_of(connection: HTTPConnection) -> str | None:
    """What a browser sent as its session."""
    return connection.cookies.get(_COOKIE)
