"""Fetches a photo from an address that a caller names, and lets nobody use us to reach what only we can reach.

Where a request may go, `pinning` says; each redirect is treated like the first address. Nothing compressed; a limit of
bytes and of time for all of it together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx2

from ...files import sniff
from .addresses import Address, is_public
from .pinning import NotPublic, Resolve, ask, checked, open_transport, read_url, resolve_name

__all__ = ["Blocked", "FetchError", "fetch"]

_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity"}


class FetchError(Exception):
    """A photo could not be fetched. As text it is a sentence for the caller."""


class Blocked(FetchError):  # noqa: N818 - what happened to it
    """An address that nothing is fetched from; it was not contacted."""


async def fetch(
    url: str,
    *,
    limit: int,
    seconds: float,
    resolve: Resolve = resolve_name,
    public: Callable[[Address], bool] = is_public,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> bytes:
    """The bytes of the photo at `url`, at most `limit`, within `seconds`.

    `transport` makes the connections, as `pinning.ask` says. Raises Blocked for an address that nothing is fetched
    from, FetchError when it cannot be had.
    """
    async with transport or open_transport() as opened:
        try:
            async with asyncio.timeout(seconds):
                return await _follow(url, opened, limit, resolve, public)
        except TimeoutError as error:
            raise FetchError(f"the photo did not come within {seconds:g} seconds") from error
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise FetchError(f"the photo could not be fetched ({type(error).__name__})") from error


async def _follow(
    url: str,
    transport: httpx2.AsyncBaseTransport,
    limit: int,
    resolve: Resolve,
    public: Callable[[Address], bool],
) -> bytes:
    where, before = _read(url), ""
    for _ in range(_REDIRECTS + 1):
        if before == "https" and where.scheme == "http":
            raise FetchError("the address leads on from https to http")
        addresses = await _addresses(where, resolve, public)
        response = await ask("GET", where, addresses, transport, headers=_HEADERS)
        try:
            if response.status_code not in _MOVED:
                return await _photo(response, limit)
            before, where = where.scheme, _read(_target(where, response))
        finally:
            await response.aclose()
    raise FetchError(f"the address leads on more than {_REDIRECTS} times")


def _read(url: str) -> httpx2.URL:
    """An address that may be fetched, as far as can be told from its text."""
    try:
        where = read_url(url)
    except ValueError as error:
        raise Blocked(f"blocked: {error}") from error
    if where.port not in (None, 80, 443):
        raise Blocked("blocked: only the ports 80 and 443 may be used")
    return where


async def _addresses(where: httpx2.URL, resolve: Resolve, public: Callable[[Address], bool]) -> list[Address]:
    """Where to connect to. Who asks learns nothing about names and addresses that only we can see: all of them get the
    same answer."""
    try:
        return await checked(where, resolve, public=public)
    except (NotPublic, OSError) as error:
        said = "blocked: the address does not lead to a public host, or not only to public ones"
        raise Blocked(said) from error


async def _photo(response: httpx2.Response, limit: int) -> bytes:
    """The photo that an answer holds."""
    if response.status_code != 200:
        raise FetchError(f"the address answers with the status {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError("the photo comes compressed, which was not asked for")
    data = bytearray()
    async for part in response.aiter_raw():
        data += part
        if len(data) > limit:
            raise FetchError(f"the photo is larger than the limit of {limit:,} bytes")
    found = sniff(bytes(data[:64]))
    if "image" not in found:
        raise FetchError(f"what is at the address is {found}, not a photo")
    return bytes(data)


def _target(where: httpx2.URL, response: httpx2.Response) -> str:
    try:
        return str(where.join(response.headers.get("location", "")))
    except httpx2.InvalidURL as error:
        raise FetchError("the address leads on to nowhere") from error
