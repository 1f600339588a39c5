"""Numbers about the server."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from ..answers import documented
from ..auth import User
from ..incoming.strict import StrictRoute
from ..metrics import write_metrics
from ..parts import Given

__all__ = ["router"]

router = APIRouter(tags=["server"], route_class=StrictRoute)


@router.get(
    "/metrics",
    response_class=Response,
    responses=documented() | {200: {"content": {CONTENT_TYPE_LATEST: {"example": "perceptkit_jobs_waiting 0.0\n"}}}},
)
def metrics(request: Request, parts: Given, _user: User) -> Response:
    """Requests, jobs, uploads and recordings in numbers, for Prometheus."""
    return Response(write_metrics(request.app.state.metrics, parts.engine), media_type=CONTENT_TYPE_LATEST)
