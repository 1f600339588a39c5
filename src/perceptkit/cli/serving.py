"""`perceptkit serve` and `perceptkit worker`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from ..errors import MissingExtraError
from .options import Device, Preset

__all__ = ["serve", "worker"]

_PACKAGES = (
    *("fastapi", "fastapi_offline", "httpx2", "jwt", "limits", "prometheus_client", "python_multipart"),
    *("sqlalchemy", "uvicorn", "websockets"),
)

Data = Annotated[
    Path,
    typer.Option(
        envvar="PERCEPTKIT_DATA", help="The folder for uploads, results, recordings, galleries and the database."
    ),
]
Db = Annotated[
    str | None,
    typer.Option(help="postgresql://USER:PASSWORD@HOST/NAME. Without it: PERCEPTKIT_DATABASE, else SQLite in --data."),
]


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            help="The address to listen at. Without it: one that only this machine reaches.", show_default=False
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Without it: PORT, else 8000; 0 takes a free one.", show_default=False)
    ] = None,
    data: Data = Path("perceptkit-data"),
    db: Db = None,
    token: Annotated[
        str | None,
        typer.Option(help="What programs send as Authorization: Bearer. Without it: PERCEPTKIT_TOKEN, else a new one."),
    ] = None,
    auth: Annotated[bool, typer.Option("--auth/--no-auth", help="Whether callers must say who they are.")] = True,
    open_registration: Annotated[
        bool, typer.Option("--open-registration", help="Let anybody who reaches the server register.")
    ] = False,
    store: Annotated[
        bool,
        typer.Option(
            "--store/--no-store",
            help="Keep uploads and results for FILE_RETENTION_HOURS (24); else for 15 minutes, and no galleries.",
        ),
    ] = True,
    allow_image_url: Annotated[
        bool, typer.Option("--allow-image-url", help="Fetch photos from public addresses that callers name.")
    ] = False,
    preset: Preset = None,
    device: Device = "auto",
) -> None:
    """Serve the library and its page to browsers and programs.

    Prints a link that signs a browser in, and a token for programs. /docs has every call. Ctrl-C stops it; the job
    under way is done when it is started again. Limits and more are environment variables: see docs/server.md.
    """
    server = _server()
    settings = server.read_settings(
        host=host,
        port=port,
        data=data,
        db=db,
        token=token,
        auth=auth,
        open_registration=open_registration,
        store=store,
        allow_image_url=allow_image_url or None,
        preset=preset,
        device=device,
    )
    server.serve(settings)


def worker(data: Data = Path("perceptkit-data"), db: Db = None, preset: Preset = None, device: Device = "auto") -> None:
    """Do jobs of a server, on this machine or another one: they share the database and the folder.

    More than one machine needs a PostgreSQL database, and --data on a folder that all of them see.
    """
    server = _server()
    server.run_worker(server.read_settings(data=data, db=db, preset=preset, device=device))


def _server() -> ModuleType:
    """The server's package; MissingExtraError when what it stands on is not installed."""
    if not all(map(find_spec, _PACKAGES)):
        raise MissingExtraError("serve", "the server")
    from .. import server

    return server
