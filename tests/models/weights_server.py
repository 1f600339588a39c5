"""A local web server that serves weights, well or badly, and remembers what it was asked."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from perceptkit.models import Model, WeightsFile

# Two and a half chunks of the downloader, and not the same anywhere.
WEIGHTS = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(20_000))
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:5e4447f5\nsize 640000\n"
HTML = b"<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n"


@dataclass
class Answer:
    """How one path is served. The lists give one entry to each request, in order; later requests are served well."""

    body: bytes = WEIGHTS
    etag: str | None = '"first"'
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    """Refuse the request with this status; 0 does not."""
    breaks: list[int] = field(default_factory=list)
    """Close the connection after so many bytes of the body."""
    declared: int | None = None
    """Declare this Content-Length in the place of the right one."""
    chunked: bool = False
    pause: float = 0.0
    """Seconds to wait before each piece of the body."""
    piece: int = 64 << 10
    redirect: str | None = None


@dataclass(frozen=True)
class Asked:
    """One request, and the status it was answered with."""

    path: str
    status: int
    range: str | None
    if_range: str | None


@dataclass
class Server:
    url: str
    answers: dict[str, Answer]
    asked: list[Asked] = field(default_factory=list)

    def statuses(self) -> list[int]:
        return [asked.status for asked in self.asked]


@contextmanager
def serving(**answers: Answer) -> Iterator[Server]:
    """Serve each answer under its name while the block runs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _serve(self, server)

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    listener.block_on_close = False
    server = Server(f"http://127.0.0.1:{listener.server_address[1]}", answers)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _serve(request: http.server.BaseHTTPRequestHandler, server: Server) -> None:
    path = urlsplit(request.path).path
    answer = server.answers.get(path.lstrip("/"), Answer(b"", statuses=[404]))
    status, start = _status(request, answer)
    server.asked.append(Asked(path, status, request.headers["Range"], request.headers["If-Range"]))
    request.send_response(status)
    if status in (200, 206):
        _send_body(request, answer, start)
        return
    if answer.redirect:
        request.send_header("Location", answer.redirect)
    if status == 416:
        request.send_header("Content-Range", f"bytes */{len(answer.body)}")
    request.send_header("Content-Length", "0")
    request.end_headers()


def _send_body(request: http.server.BaseHTTPRequestHandler, answer: Answer, start: int) -> None:
    """The rest of the header, and the body from `start`, with everything that is wrong with it."""
    body = answer.body[start:]
    if answer.chunked:
        request.send_header("Transfer-Encoding", "chunked")
    else:
        request.send_header("Content-Length", str(len(body) if answer.declared is None else answer.declared))
    if answer.etag:
        request.send_header("ETag", answer.etag)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}")
    request.end_headers()
    end = answer.breaks.pop(0) if answer.breaks else len(body)
    with suppress(ConnectionError):  # The client gives up, as some tests want it to.
        for position in range(0, end, answer.piece):
            time.sleep(answer.pause)
            piece = body[position : min(position + answer.piece, end)]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
        if answer.chunked and end == len(body):
            request.wfile.write(b"0\r\n\r\n")


def _status(request: http.server.BaseHTTPRequestHandler, answer: Answer) -> tuple[int, int]:
    """The status of the answer and where in the body it starts."""
    if answer.statuses and (status := answer.statuses.pop(0)):
        return status, 0
    if answer.redirect:
        return 302, 0
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers["Range"] or "")
    if asked is None or not answer.ranges or request.headers["If-Range"] not in (None, answer.etag):
        return 200, 0
    start = int(asked[1])
    return (206, start) if start < len(answer.body) else (416, 0)


def weights_file(*urls: str, name: str = "tiny.onnx", body: bytes = WEIGHTS, size_known: bool = True) -> WeightsFile:
    """A row for a file of `body`."""
    return WeightsFile(name, urls, hashlib.sha256(body).hexdigest(), len(body) if size_known else None)


def model_of(*files: WeightsFile, commercial: bool | None = True) -> Model:
    return Model(Path, files, "MIT", commercial, "https://example.org/tiny")


def use_folders(
    monkeypatch: pytest.MonkeyPatch, *, cache: Path | None, models: Path | None = None, mirror: str | None = None
) -> None:
    """Point the environment variables of perceptkit to these, and the network to this machine."""
    for name, value in {"CACHE": cache, "MODELS": models, "MIRROR": mirror, "PRESET": None}.items():
        if value is None:
            monkeypatch.delenv(f"PERCEPTKIT_{name}", raising=False)
        else:
            monkeypatch.setenv(f"PERCEPTKIT_{name}", str(value))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
