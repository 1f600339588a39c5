"""Fetches a photo from an address that a caller names, and lets nobody use us to reach what only we can reach.

A name is resolved once; every address that it leads to has to be public; the connection goes to an address that was
checked, so a second answer of the name server changes nothing. Each redirect is treated like the first address. No
cookies, no proxies, no credentials, nothing compressed; a limit of bytes and of time for all of it together.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence

import httpx2

from ... import __version__
from ...files import sniff
from .addresses import Address, is_public, read_address

__all__ = ["Blocked", "FetchError", "Resolve", "fetch"]

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a name and a port to addresses; OSError when there are none."""

_REDIRECTS = 3
_ADDRESSES = 4  # of a host that are tried
_LONGEST = 2048  # characters of an address
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)


class FetchError(Exception):
    """A photo could not be fetched. As text it is a sentence for the caller."""


class Blocked(FetchError):  # noqa: N818 - what happened to it
    """An address that nothing is fetched from; it was not contacted."""


async def resolve_name(name: str, port: int) -> list[str]:
    """The addresses of a name, as this machine resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


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

    `transport` makes the connections, to addresses only: the name is in the header Host and, for TLS, in the extension
    `sni_hostname`. Raises Blocked for an address that nothing is fetched from, FetchError when it cannot be had.
    """
    # Of httpx a transport alone: a client would follow, keep cookies, and read the environment.
    async with transport or httpx2.AsyncHTTPTransport(verify=_trusted(), trust_env=False) as opened:
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
        addresses = await _checked(where, resolve, public)
        response = await _ask(where, addresses, transport)
        try:
            if response.status_code not in _MOVED:
                return await _photo(response, limit)
            before, where = where.scheme, _read(_target(where, response))
        finally:
            await response.aclose()
    raise FetchError(f"the address leads on more than {_REDIRECTS} times")


def _read(url: str) -> httpx2.URL:
    """An address that may be fetched, as far as can be told from its text."""
    if len(url) > _LONGEST:
        raise Blocked(f"blocked: the address has more than {_LONGEST:,} characters")
    try:
        where = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Blocked("blocked: this is no address that can be used") from error
    if where.scheme not in _PORTS or not where.raw_host:
        raise Blocked("blocked: give an address that begins with http:// or https:// and a host")
    if where.port not in (None, *_PORTS.values()):
        raise Blocked("blocked: only the ports 80 and 443 may be used")
    if where.userinfo:
        raise Blocked("blocked: leave the user name and the password out of the address")
    return where


async def _checked(where: httpx2.URL, resolve: Resolve, public: Callable[[Address], bool]) -> list[Address]:
    """The addresses to connect to: those that a host has, when all of them are public.

    Who asks learns nothing about names and addresses that only we can see: all of them get the same answer.
    """
    host = where.raw_host.decode("ascii")
    try:
        literal = read_address(host)
        found = await resolve(host, _port(where)) if literal is None else [str(literal)]
        addresses = [read_address(each) for each in found]
    except (ValueError, OSError) as error:
        raise _not_public() from error
    usable = [address for address in addresses if address is not None and public(address)]
    if not usable or len(usable) < len(addresses):
        raise _not_public()
    return usable


async def _ask(
    where: httpx2.URL, addresses: Sequence[Address], transport: httpx2.AsyncBaseTransport
) -> httpx2.Response:
    """The answer of the first address that takes a connection."""
    *others, last = addresses[:_ADDRESSES]
    for address in others:
        try:
            return await transport.handle_async_request(_request(where, address))
        except httpx2.ConnectError:
            continue
    return await transport.handle_async_request(_request(where, last))


def _request(where: httpx2.URL, address: Address) -> httpx2.Request:
    return httpx2.Request(
        "GET",
        where.copy_with(host=str(address), fragment=None),
        headers={
            "Host": where.netloc.decode("ascii"),
            "User-Agent": f"perceptkit/{__version__}",
            "Accept": "image/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
        extensions={"sni_hostname": where.raw_host.decode("ascii")},
    )


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


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed; read once, as that takes longer than many a photo."""
    return httpx2.create_ssl_context(trust_env=False)


def _target(where: httpx2.URL, response: httpx2.Response) -> str:
    try:
        return str(where.join(response.headers.get("location", "")))
    except httpx2.InvalidURL as error:
        raise FetchError("the address leads on to nowhere") from error


def _port(where: httpx2.URL) -> int:
    return where.port or _PORTS[where.scheme]


def _not_public() -> Blocked:
    return Blocked("blocked: the address does not lead to a public host, or not only to public ones")
