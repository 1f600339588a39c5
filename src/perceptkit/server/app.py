"""The web application: its parts, its routes, and what happens when it starts and stops."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from .. import __version__
from .auth import Keeper
from .background import Background
from .database import open_database
from .errors import handle_errors
from .folders import uploads_folder
from .guards import Guard
from .parts import Parts
from .requests import Quick
from .routes import ROUTERS
from .settings import Settings

__all__ = ["create_app"]

log = logging.getLogger("perceptkit.server")


def create_app(settings: Settings, *, worker: bool = True) -> FastAPI:
    """The application. Without `worker` it does no jobs itself, and leaves them to `perceptkit worker`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        uploads_folder(settings).mkdir(parents=True, exist_ok=True)
        engine = open_database(settings.database_url)
        parts = Parts(
            settings, engine, Keeper(settings, engine), Quick(settings, "requests"), Quick(settings, "uploads")
        )
        app.state.parts = parts
        background = Background(settings, engine, worker=worker)
        try:
            yield
        finally:
            background.stop()
            parts.quick.close()
            parts.looking.close()
            engine.dispose()

    app = FastAPI(
        title="perceptkit",
        version=__version__,
        description="Perception data from photos, video and sound.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    handle_errors(app)
    for router in ROUTERS:
        app.include_router(router)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=True,
            expose_headers=["X-Request-ID"],
        )
    app.add_middleware(Guard, settings=settings)
    return app
