"""Numbers about the server."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from ..answers import documented
from ..auth import OWNER, User
from ..errors import ApiError
from ..incoming.strict import StrictRoute
from ..metrics import write_metrics
from ..parts import Given

__all__ = ["router"]

router = APIRouter(tags=["server"], route_class=StrictRoute)


@router.get(
    "/metrics",
    response_class=Response,
    responses=documented(403) | {200: {"content": {CONTENT_TYPE_LATEST: {"example": "perceptkit_jobs_waiting 0.0\n"}}}},
)
def metrics(request: Request, parts: Given, user: User) -> Response:
    """Requests, jobs, uploads and recordings in numbers, for Prometheus. They are about what all users do, and only for
    those who have the server's token."""
    if user.id != OWNER:
        said = "the numbers are about all users: only those who have the server's token may see them"
        raise ApiError(403, said, "not_yours")
    return Response(write_metrics(request.app.state.metrics, parts.engine), media_type=CONTENT_TYPE_LATEST)
