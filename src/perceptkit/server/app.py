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
from .folders import make_folders
from .guards import Guard
from .incoming.scratch import clear_scratch
from .jobs.events import Watch
from .jobs.retention import forget_all
from .limiting import Limiter, Sessions
from .metrics import Measured, Metrics
from .parts import Parts
from .processes.performing import Tasks
from .processes.quick import Quick
from .readiness import Weights
from .recordings.recording import Recorders
from .routes import ROUTERS
from .settings import Settings
from .tidying import tidy_live

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
        make_folders(settings)
        await asyncio.to_thread(clear_scratch, settings)
        engine = open_database(settings.database_url)
        if not settings.store:
            await asyncio.to_thread(forget_all, settings, engine)  # what one that was killed has left
        parts = Parts(
            settings,
            engine,
            Keeper(settings, engine),
            Limiter(settings),
            Recorders(settings, engine, Sessions(settings)),
            quick=Quick(settings, "requests"),
            looking=Quick(settings, "uploads", memory=_LOOKING),
            live=Quick(settings, "live"),
            watch=Watch(engine),
        )
        app.state.parts, app.state.weights = parts, Weights()
        tidying = asyncio.create_task(tidy_live(parts.live))
        background = app.state.background = Background(settings, engine, worker=worker, serves=True, tasks=tasks)
        try:
            await parts.recorders.start()
            if started is not None:
                started(parts)
            yield
        finally:
            tidying.cancel()
            await parts.watch.stop()
            await parts.recorders.close()
            ends = (background.stop, parts.quick.close, parts.looking.close, parts.live.close)
            await asyncio.gather(*map(asyncio.to_thread, ends))  # each takes seconds when something is under way
            if not settings.store:
                await asyncio.to_thread(forget_all, settings, engine)
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
