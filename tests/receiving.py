"""A server that only takes uploads, within the process of the tests, and forms to send to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sql
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from perceptkit import images
from perceptkit.server import Settings, read_settings
from perceptkit.server.database import open_database, uploads
from perceptkit.server.errors import handle_errors
from perceptkit.server.folders import uploads_folder
from perceptkit.server.guards import Guard
from perceptkit.server.incoming.uploads import Kinds, Refused, receive, receive_all
from perceptkit.server.processes.quick import Quick

__all__ = ["LIMIT", "Receiver", "emptied", "form", "jpeg", "receiver"]

LIMIT = 3_000_000
"""Bytes of an upload."""


@dataclass(frozen=True)
class _Parts:
    """What receiving needs of the parts of a server."""

    settings: Settings
    engine: sql.Engine
    looking: Quick


@dataclass(frozen=True)
class Receiver:
    """A server, a client of it, and its parts."""

    client: TestClient
    parts: Any

    def send(self, *files: Any, kinds: str = "media", **fields: str) -> Any:
        """Send files: (name, bytes), in a form with some fields."""
        several = [(f"part{number}", file) for number, file in enumerate(files)]
        return self.client.post(f"/take/{kinds}", files=several, data=fields)

    def post(self, body: bytes | Iterator[bytes], content_type: str = "multipart/form-data; boundary=line") -> Any:
        """Send a body as it is."""
        return self.client.post("/take/media", content=body, headers={"Content-Type": content_type})

    def left(self) -> list[str]:
        """What there is of uploads: files, rows."""
        with self.parts.engine.connect() as connection:
            rows = [row.id for row in connection.execute(sql.select(uploads))]
        return sorted(path.name for path in uploads_folder(self.parts.settings).iterdir()) + rows


@contextmanager
def receiver(data: Path) -> Iterator[Receiver]:
    """A server that takes uploads and does nothing with them."""
    settings = read_settings({}, data=data, auth=False, min_free=1, max_upload=LIMIT)
    uploads_folder(settings).mkdir(parents=True)
    parts = _Parts(settings, open_database(settings.database_url), Quick(settings, "uploads"))
    with TestClient(_application(parts), base_url="http://127.0.0.1") as client:
        yield Receiver(client, parts)
    parts.looking.close()
    parts.engine.dispose()


@contextmanager
def emptied(server: Receiver) -> Iterator[Receiver]:
    """The same for one test, after which nothing is left in it."""
    yield server
    with server.parts.engine.begin() as connection:
        connection.execute(sql.delete(uploads))
    for path in uploads_folder(server.parts.settings).iterdir():
        path.unlink()


def form(*parts: tuple[str, bytes], boundary: str = "line") -> bytes:
    """A form by hand: the Content-Disposition after `form-data; `, and the data, of each part."""
    lines = [
        f"--{boundary}\r\nContent-Disposition: form-data; {options}\r\n\r\n".encode() + data + b"\r\n"
        for options, data in parts
    ]
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def jpeg(width: int = 40, height: int = 30) -> bytes:
    """A black photo."""
    return images.encode_jpeg(np.zeros((height, width, 3), np.uint8))


def _application(parts: Any) -> FastAPI:
    app = FastAPI()
    handle_errors(app)
    app.add_middleware(Guard, settings=parts.settings)

    @app.post("/take/{kinds}")
    async def take(kinds: Kinds, request: Request) -> dict[str, Any]:
        received = await receive(request, parts, "somebody", kinds=kinds)
        return {**asdict(received.upload), "fields": received.fields}

    @app.post("/all")
    async def take_all(request: Request) -> dict[str, Any]:
        received = await receive_all(request, parts, "somebody", kinds="image", most=3)
        refused = [asdict(each) for each in received.files if isinstance(each, Refused)]
        return {"names": [each.filename for each in received.uploads], "refused": refused, "fields": received.fields}

    return app
