"""Requests to hosts that callers name, so that nobody uses us to reach what only we can reach.

A name is resolved once; every address that it leads to has to be public; the connection goes to an address that was
checked, so that a second answer of the name server changes nothing. No cookies, no proxies, no credentials; nothing is
followed by itself.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

import httpx2

from ... import __version__
from .addresses import Address, is_public, read_address

__all__ = ["NotPublic", "Resolve", "ask", "checked", "host_of", "open_transport", "read_url", "resolve_name"]

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a name and a port to addresses; OSError when there are none."""

_ADDRESSES = 4  # of a host that are tried
_LONGEST = 2048  # characters of an address
_PORTS = {"http": 80, "https": 443}


class NotPublic(Exception):  # noqa: N818 - what it is
    """A host is not a public one, or not only."""


async def resolve_name(name: str, port: int) -> list[str]:
    """The addresses of a name, as this machine resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def read_url(url: str) -> httpx2.URL:
    """An address of http or https that may be used, as far as its text tells. ValueError says what is wrong."""
    if len(url) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST:,} characters")
    try:
        where = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ValueError("it is no address that can be used") from error
    if where.scheme not in _PORTS or not where.raw_host:
        raise ValueError("give an address that begins with https:// or http:// and a host")
    if where.userinfo:
        raise ValueError("leave the user name and the password out of it")
    return where


def host_of(where: httpx2.URL) -> str:
    """The name or the address of a host, as it is resolved."""
    return where.raw_host.decode("ascii").lower()


async def checked(
    where: httpx2.URL, resolve: Resolve, *, public: Callable[[Address], bool] = is_public
) -> list[Address]:
    """The addresses to connect to: those that a host has, when all of them are public.

    Raises NotPublic otherwise, and when they are not written as addresses are; OSError when the name leads nowhere.
    """
    host = host_of(where)
    try:
        literal = read_address(host)
        found = await resolve(host, where.port or _PORTS[where.scheme]) if literal is None else [str(literal)]
        addresses = [read_address(each) for each in found]
    except ValueError as error:
        raise NotPublic from error
    usable = [address for address in addresses if address is not None and public(address)]
    if not usable or len(usable) < len(addresses):
        raise NotPublic
    return usable


def open_transport() -> httpx2.AsyncBaseTransport:
    """What makes the connections. Of httpx a transport alone: a client would follow, keep cookies, and read the
    environment."""
    return httpx2.AsyncHTTPTransport(verify=_trusted(), trust_env=False)


async def ask(
    method: str,
    where: httpx2.URL,
    addresses: Sequence[Address],
    transport: httpx2.AsyncBaseTransport,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
) -> httpx2.Response:
    """The answer of the first of a host's addresses that takes a connection; it is to be closed.

    `transport` connects to addresses only: the name is in the header Host and, for TLS, in the extension
    `sni_hostname`.
    """

    def request(address: Address) -> httpx2.Request:
        return httpx2.Request(
            method,
            where.copy_with(host=str(address), fragment=None),
            headers={
                "Host": where.netloc.decode("ascii"),
                "User-Agent": f"perceptkit/{__version__}",
                "Connection": "close",
                **headers,
            },
            content=content,
            extensions={"sni_hostname": where.raw_host.decode("ascii")},
        )

    *others, last = addresses[:_ADDRESSES]
    for address in others:
        try:
            return await transport.handle_async_request(request(address))
        except httpx2.ConnectError:
            continue
    return await transport.handle_async_request(request(last))


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed; read once, as that takes longer than many a photo."""
    return httpx2.create_ssl_context(trust_env=False)
