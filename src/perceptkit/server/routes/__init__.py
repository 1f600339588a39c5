"""The routes: a module a feature, a row a router. A route parses, calls once, answers."""

from __future__ import annotations

from fastapi import APIRouter

from . import (
    audio,
    audio_socket,
    authentication,
    documentation,
    enrolment,
    extraction,
    faces,
    foley,
    gaze,
    health,
    jobs,
    live,
    metrics,
    page,
)

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    audio.router,
    audio_socket.router,
    authentication.router,
    health.router,
    extraction.router,
    enrolment.router,
    faces.router,
    gaze.router,
    foley.router,
    jobs.router,
    live.router,
    metrics.router,
    documentation.router,
    page.router,
)
