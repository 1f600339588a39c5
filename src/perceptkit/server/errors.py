"""Every error in one shape: {error, code, request_id, timestamp}."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus

import sqlalchemy as sql
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from ..errors import PerceptkitError
from .answers import utc
from .processes.hands import Died, TaskError
from .processes.performing import status_of

__all__ = ["ApiError", "answer_error", "handle_errors", "request_id_of"]

log = logging.getLogger("perceptkit.server")

_CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class ApiError(HTTPException):
    """An answer that is an error: its HTTP status, a sentence for people, a word for programs."""

    def __init__(self, status: int, message: str, code: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.code = code


def request_id_of(scope: Scope) -> str:
    """What this request is called in the log."""
    return str(scope.get("state", {}).get("request_id", ""))


def answer_error(
    scope: Scope, status: int, message: str, code: str, *, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to a request that failed."""
    content = {"error": message, "code": code, "request_id": request_id_of(scope), "timestamp": utc(time.time())}
    return JSONResponse(content, status, dict(headers or {}))


def handle_errors(app: FastAPI) -> None:
    """Give the app its handlers; what they do not know is a bug, which the guard answers."""

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = getattr(error, "code", None) or _CODES.get(error.status_code, "error")
        if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:
            return answer_error(request.scope, 404, "there is nothing at this address", code)
        if error.status_code == 405:
            allowed = ", ".join(_methods(request))
            said = f"{request.method} does nothing at this address; there is {allowed}"
            return answer_error(request.scope, 405, said, code, headers={"Allow": allowed})
        return answer_error(request.scope, error.status_code, str(error.detail), code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        said = "; ".join(_sentence(each) for each in error.errors()[:5])
        unreadable = any(each["type"] == "json_invalid" for each in error.errors())
        status = 400 if unreadable or request.url.path == "/extract-faces" else 422
        return answer_error(request.scope, status, said, "invalid_request")

    @app.exception_handler(PerceptkitError)
    async def _ours(request: Request, error: PerceptkitError) -> JSONResponse:
        status, code = status_of(error)
        return answer_error(request.scope, status, str(error), code)

    @app.exception_handler(TaskError)
    async def _task(request: Request, error: TaskError) -> JSONResponse:
        return answer_error(request.scope, error.status, str(error), error.code)

    @app.exception_handler(Died)
    async def _died(request: Request, error: Died) -> JSONResponse:
        log.error("request %s: %s", request_id_of(request.scope), error)
        return answer_error(request.scope, 503, "what worked on this was stopped; try again", "worker_gone")

    @app.exception_handler(sql.exc.DBAPIError)
    async def _database(request: Request, error: sql.exc.DBAPIError) -> JSONResponse:
        log.error("request %s: the database: %s", request_id_of(request.scope), error.orig)
        message, headers = "the database does not answer; try again", {"Retry-After": "2"}
        return answer_error(request.scope, 503, message, "database_unavailable", headers=headers)


def _methods(request: Request) -> list[str]:
    """What may be asked at the address of a request. What the framework says is that of one of its routes."""
    routes = request.app.routes

    def is_there(method: str) -> bool:
        return any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)

    return [method for method in _METHODS if is_there(method)]


def _sentence(error: Mapping[str, object]) -> str:
    """What pydantic found, as in `images: too many items`."""
    place = ".".join(str(part) for part in error.get("loc", ()) if part not in ("body", "query", "path"))  # type: ignore[attr-defined] # a tuple
    message = str(error.get("msg", "is wrong")).removeprefix("Value error, ")
    if error.get("type") == "json_invalid":
        return "the body is not JSON that can be used: " + str(error.get("ctx", {}).get("error", message))  # type: ignore[attr-defined] # a dict
    return f"{place}: {message}" if place else message
