"""Download one URL into a file that keeps what has arrived, whatever interrupts it."""

from __future__ import annotations

import errno
import itertools
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, HTTPResponse, IncompleteRead, InvalidURL
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ..errors import ModelError

__all__ = ["MAXIMUM_BYTES", "Downloader", "Opener", "Progress", "download"]

log = logging.getLogger("perceptkit")

Progress = Callable[[int, int | None], None]
"""Called with the bytes there are and the bytes there will be (None: not known)."""

Opener = Callable[[Request, float], HTTPResponse]
"""Sends a request with a time limit in seconds; raises what `urllib.request.urlopen` raises."""

MAXIMUM_BYTES = 4 << 30  # No weights are larger: an endless answer must not fill the disk.
_CHUNK_BYTES = 256 << 10
_ATTEMPTS = 5  # in a row that bring less than a chunk
_SLOWEST_RATE = 1024  # bytes per second; below it a server is as good as silent
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_BROKEN = (TimeoutError, ConnectionAbortedError, ConnectionResetError, BrokenPipeError, IncompleteRead, BadStatusLine)


class Downloader(Protocol):
    """What `download` is to those who call it; tests pass one with short times."""

    def __call__(self, url: str, part: Path, *, expected: int | None, progress: Progress | None) -> None:
        """See `download`."""


class _TransferError(Exception):
    """The transfer ended early; another attempt may bring the rest."""


class _NoConnectionError(_TransferError):
    """The host was not reached at all: worth another attempt only where an earlier one got through."""


def open_url(request: Request, timeout: float) -> HTTPResponse:
    """Send a request over the network, through the proxies that the environment names."""
    response: HTTPResponse = urlopen(request, timeout=timeout)
    return response


def download(
    url: str,
    part: Path,
    *,
    expected: int | None = None,
    progress: Progress | None = None,
    opener: Opener = open_url,
    sleep: Callable[[float], None] = time.sleep,
    timeout: float = 30.0,
) -> None:
    """Download `url` into `part`, going on where an earlier call was interrupted.

    `expected` is the size in bytes where it is known; no more than that is read. A connection that breaks off,
    stalls for `timeout` seconds or meets a busy server is tried again, after pauses of 1, 2, 4 and 8 seconds, for
    as long as attempts bring something. `part` is kept after a failure. What the bytes are is for the caller to
    check.

    Raises ModelError when this URL does not give the file, OSError when `part` cannot be written.
    """
    farthest = _size(part)
    fruitless = 0
    for attempt in itertools.count():
        try:
            return _attempt(url, part, expected=expected, progress=progress, opener=opener, timeout=timeout)
        except _TransferError as error:
            if isinstance(error, _NoConnectionError) and attempt == 0:
                raise ModelError(str(error)) from error
            if _size(part) - farthest >= _CHUNK_BYTES:
                farthest = _size(part)
                fruitless = 0
            fruitless += 1
            if fruitless == _ATTEMPTS:
                raise ModelError(f"{error}, {_ATTEMPTS} times in a row") from error
            pause = 2.0 ** (fruitless - 1)
            log.info("%s: %s; trying again in %g s", url, error, pause)
            sleep(pause)


def _attempt(
    url: str, part: Path, *, expected: int | None, progress: Progress | None, opener: Opener, timeout: float
) -> None:
    """One request: for the rest of the file when `part` has its beginning, else for all of it."""
    held = _size(part)
    if held == expected:
        return
    try:
        response = opener(_request(url, part, held), timeout)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and held:
            if error.headers.get("Content-Range") == f"bytes */{held}":
                return  # There is nothing left to send: an earlier call was killed after the last byte.
            part.unlink()
            raise _TransferError("the file on the server has changed") from error
        reason = f"HTTP {error.code} {str(error.reason).partition(chr(10))[0]}"
        raise (_TransferError(reason) if error.code in _BUSY else ModelError(reason)) from error
    except (OSError, HTTPException, ValueError) as error:  # ValueError: no address at all
        cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
        reason = _reason(cause, timeout)
        raise (_TransferError(reason) if isinstance(cause, _BROKEN) else _NoConnectionError(reason)) from error
    with response:
        _receive(response, part, held, expected=expected, progress=progress, timeout=timeout)


def _request(url: str, part: Path, held: int) -> Request:
    # Compression on the way would make ranges and sizes meaningless.
    headers = {"User-Agent": "perceptkit", "Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
        # The rest is wanted only of the same version. A server that names no version is asked anyway: the hash of
        # the whole file tells in the end.
        version = _version_file(part)
        if version.exists():
            headers["If-Range"] = version.read_text("latin-1")
    return Request(url, headers=headers)


def _receive(
    response: HTTPResponse,
    part: Path,
    held: int,
    *,
    expected: int | None,
    progress: Progress | None,
    timeout: float,
) -> None:
    """Write the body of an answer to `part`, behind the `held` bytes it has if the answer continues them."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        if not re.match(rf"bytes {held}-", response.headers.get("Content-Range", "")):
            part.unlink()
            raise _TransferError("the server sent another range than the one asked for")
    else:
        held = 0
        part.write_bytes(b"")
        _remember_version(response, part)
    declared = None if response.length is None else held + response.length
    most = expected or MAXIMUM_BYTES
    with part.open("ab") as file:
        for chunk in _chunks(response, timeout):
            file.write(chunk[: most - held])
            held = min(held + len(chunk), most)
            if progress is not None:
                progress(held, expected or declared)
            if held == most:
                return
    if declared is not None and held < declared:
        raise _TransferError(f"the connection ended after {held} of {declared} bytes")


def _chunks(response: HTTPResponse, timeout: float) -> Iterator[bytes]:
    """The body as it arrives; _TransferError when it breaks off, stalls or trickles."""
    since, received = time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(_CHUNK_BYTES)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: the framing of a chunked body is broken
            raise _TransferError(_reason(error, timeout)) from error
        if not chunk:
            return
        yield chunk
        received += len(chunk)
        elapsed = time.monotonic() - since
        if elapsed > timeout:
            if received < _SLOWEST_RATE * elapsed:
                raise _TransferError(f"the server sends less than {_SLOWEST_RATE} bytes a second")
            since, received = time.monotonic(), 0


def _reason(error: Exception, timeout: float) -> str:
    """A network error in words that say what to look at."""
    if isinstance(error, socket.gaierror):
        return "the name of the host cannot be resolved (is there a network?)"
    if isinstance(error, TimeoutError):
        return f"the server was silent for {timeout:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of the server is not trusted ({error.verify_message}); behind a proxy that opens "
            "connections, set SSL_CERT_FILE to its certificates"
        )
    if isinstance(error, InvalidURL):
        return f"the address is not valid ({error})"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "there is no route to the host (is there a network?)"
    detail = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return f"the connection failed ({detail})"


def _remember_version(response: HTTPResponse, part: Path) -> None:
    """Keep what If-Range needs beside `part`: a strong ETag, else the date of the last change (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag", "")
    version = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    if version:
        _version_file(part).write_text(version, "latin-1")
    else:
        _version_file(part).unlink(missing_ok=True)


def _version_file(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
