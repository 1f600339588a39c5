"""The web application: its parts, its routes, and what happens when it starts and stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from .. import __version__
from .auth import Keeper
from .background import Background
from .database import open_database
from .description import ABOUT, DescribedApp
from .errors import handle_errors
from .folders import uploads_folder
from .guards import Guard
from .jobs.events import Watch
from .limiting import Limiter, Sessions
from .metrics import Measured, Metrics
from .parts import Parts
from .processes.performing import Tasks
from .processes.quick import Quick
from .recordings.recording import Recorders
from .routes import ROUTERS
from .settings import Settings

__all__ = ["create_app"]

log = logging.getLogger("perceptkit.server")

_LOOKING = 2 << 30  # bytes of memory: a header of 600 bytes can promise more frames than any machine could list


def create_app(
    settings: Settings,
    *,
    worker: bool = True,
    started: Callable[[Parts], None] | None = None,
    tasks: Tasks | None = None,
) -> FastAPI:
    """The application. Without `worker` it does no jobs itself, and leaves them to `perceptkit worker`; `started` is
    called once it can answer. Its worker knows the `tasks` of the package, unless others are given."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        uploads_folder(settings).mkdir(parents=True, exist_ok=True)
        engine = open_database(settings.database_url)
        sessions = Sessions(settings)
        parts = Parts(
            settings,
            engine,
            Keeper(settings, engine),
            Limiter(settings),
            sessions,
            Recorders(settings, engine, sessions),
            quick=Quick(settings, "requests"),
            looking=Quick(settings, "uploads", memory=_LOOKING),
            live=Quick(settings, "live"),
            watch=Watch(engine),
        )
        app.state.parts = parts
        background = app.state.background = Background(settings, engine, worker=worker, tasks=tasks)
        try:
            await parts.recorders.start()
            if started is not None:
                started(parts)
            yield
        finally:
            await parts.watch.stop()
            await parts.recorders.close()
            ends = (background.stop, parts.quick.close, parts.looking.close, parts.live.close)
            await asyncio.gather(*map(asyncio.to_thread, ends))  # each takes seconds when something is under way
            engine.dispose()

    app = DescribedApp(
        title="perceptkit",
        version=__version__,
        description=ABOUT,
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
    app.state.metrics = Metrics()
    app.add_middleware(Measured, metrics=app.state.metrics)
    return app
