"""The photos of a request, from base64 or from addresses, as files in a folder."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import DeviceError
from ..settings import Settings
from .connected import in_thread
from .fetching import Blocked, FetchError, fetch

__all__ = ["Refused", "collect"]

_SECONDS = 15.0  # for fetching one photo
_AT_ONCE = 8  # photos that are fetched or decoded
_LARGEST = 64 << 20  # bytes of a photo that is fetched

Fetch = Callable[[str, int], Awaitable[bytes]]


class Refused(Exception):  # noqa: N818 - what happened
    """All photos are addresses that nothing is fetched from."""


async def fetch_photo(url: str, limit: int) -> bytes:
    """A photo of the internet."""
    return await fetch(url, limit=limit, seconds=_SECONDS)


async def collect(
    sent: Sequence[tuple[str | None, str | None]], folder: Path, settings: Settings, *, get: Fetch = fetch_photo
) -> tuple[list[tuple[int, Path]], list[dict[str, Any]]]:
    """Write photos, pairs of base64 and address of which one is there, to `folder`: index and path of each, and
    index and error of those that are none.

    Raises Refused when all of them are addresses that are refused.
    """
    limit, turns = min(_LARGEST, settings.max_upload // len(sent)), asyncio.Semaphore(_AT_ONCE)

    async def one(index: int, text: str | None, url: str | None) -> Path:
        path = folder / f"{index:06}.jpg"  # a photo, whatever it is: what it really is, its bytes say
        if url is not None and not settings.allow_image_url:
            raise Blocked("image_url is off on this server; send the photo as image_base64")
        async with turns:
            data = None if url is None else await get(url, limit)
            await in_thread(lambda: _write(path, _decoded(text or "") if data is None else data))
        return path

    tasks = [asyncio.ensure_future(one(index, *each)) for index, each in enumerate(sent)]
    try:
        done = [await _outcome(task) for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if all(isinstance(each, Blocked) for each in done):
        raise Refused(str(done[0]))
    paths = [(index, each) for index, each in enumerate(done) if isinstance(each, Path)]
    return paths, [
        {"index": index, "error": str(each)} for index, each in enumerate(done) if not isinstance(each, Path)
    ]


async def _outcome(task: asyncio.Future[Path]) -> Path | FetchError | _NotBase64:
    try:
        return await task
    except (FetchError, _NotBase64) as error:
        return error


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise DeviceError(f"the photos cannot be written to the disk of the server: {error.strerror}") from error


class _NotBase64(Exception):  # noqa: N818
    pass


def _decoded(text: str) -> bytes:
    """What base64 stands for. Spaces and line breaks in it do not count."""
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise _NotBase64("this data URI is not in base64")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _NotBase64("this is not base64") from error
    if not data:
        raise _NotBase64("there is no photo in it: it is empty")
    return data
