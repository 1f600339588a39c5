from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from perceptkit.server import read_settings
from perceptkit.server.errors import ApiError
from perceptkit.server.guards import SMALL, Guard


def test_bodies_take_so_much_memory_together_until_they_are_answered(tmp_path: Path) -> None:
    async def main() -> list[Any]:
        answered, outcomes = asyncio.Event(), list[Any]()

        async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
            try:
                outcomes.append(len((await receive())["body"]))
            except ApiError as error:
                outcomes.append((error.status_code, error.code))
            await answered.wait()

        guard = Guard(app, read_settings({}, data=tmp_path), memory=1_000_000)
        photos, form = b"application/json", b"multipart/form-data; boundary=x"
        asked = [(photos, 900_000), (photos, 900_000), (photos, SMALL // 2), (form, 9_000_000)]
        begun = [asyncio.create_task(_ask(guard, *each)) for each in asked]
        await asyncio.sleep(0.05)
        answered.set()
        await asyncio.gather(*begun)
        await _ask(guard, photos, 900_000)
        return outcomes

    # The second is one too many; small ones go on, and files that go to the disk do not count.
    assert asyncio.run(main()) == [900_000, (503, "busy"), SMALL // 2, 9_000_000, 900_000]


async def _ask(guard: Guard, kind: bytes, size: int) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    async def send(_message: Any) -> None:
        pass

    headers = [(b"host", b"127.0.0.1"), (b"content-type", kind)]
    scope = {"type": "http", "method": "POST", "path": "/extract-faces", "headers": headers}
    await guard(scope, receive, send)
