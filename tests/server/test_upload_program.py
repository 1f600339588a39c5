"""The real program while files come: too large, broken off, and how much memory it takes for that."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from serving import TOKEN, Program, program, wait_for
from systems import linux

LIMIT = 24_000_000
MEBIBYTE = 1 << 20

# A film whose pictures never end: nothing after them says what they are.
_HEAD = (
    b'--line\r\nContent-Disposition: form-data; name="file"; filename="long.mp4"\r\n\r\n'
    b"\0\0\0\x18ftypisom\0\0\0\0isommp42\0\0\0\0mdat"
)
_LARGE = _HEAD + bytes(LIMIT + 2 * MEBIBYTE) + b"\r\n--line--\r\n"
_FORM = {"Content-Type": "multipart/form-data; boundary=line"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(tmp_path_factory.mktemp("server") / "data", MAX_UPLOAD_BYTES=str(LIMIT)) as running:
        yield running


@pytest.fixture
def kept(server: Program) -> Iterator[Path]:
    """The folder of the uploads, in which nothing may be left."""
    folder = server.log.parent / "data" / "uploads"
    yield folder
    wait_for(lambda: not list(folder.iterdir()), seconds=5)
    with server.client() as client:
        assert client.get("/api/jobs/all").json() == []


def _connect(server: Program) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=20)


def _ask(*headers: str) -> bytes:
    lines = ["POST /api/upload HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}", *headers]
    return "\r\n".join([*lines, "Content-Type: multipart/form-data; boundary=line", "", ""]).encode()


def _answer(connection: socket.socket) -> tuple[int, Any]:
    """The status and the JSON of the next answer."""
    with connection.makefile("rb") as reading:
        status = int(reading.readline().split()[1])
        length = 0
        while (line := reading.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
        return status, json.loads(reading.read(length))


def _is_usable(connection: socket.socket) -> bool:
    connection.sendall(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    return _answer(connection)[0] == 200


def _chunks(data: bytes, size: int = 65_536) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def test_what_is_announced_too_large_is_refused_unread(server: Program, kept: Path) -> None:
    with _connect(server) as connection:
        connection.sendall(_ask(f"Content-Length: {len(_LARGE)}"))
        status, said = _answer(connection)

        assert (status, said["code"]) == (413, "too_large")
        assert said["error"] == f"the form is larger than the limit of {LIMIT:,} bytes for its files"
        connection.sendall(_LARGE)  # as somebody does who does not listen while he talks
        assert _is_usable(connection)


def test_what_is_too_large_unannounced_is_refused(server: Program, kept: Path) -> None:
    with _connect(server) as connection:
        connection.sendall(_ask("Transfer-Encoding: chunked"))
        for chunk in _chunks(_LARGE):
            connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        connection.sendall(b"0\r\n\r\n")
        status, said = _answer(connection)

        assert (status, said["code"], said["error"]) == (
            413,
            "too_large",
            f"the file is larger than the limit of {LIMIT:,} bytes",
        )
        assert _is_usable(connection)


def test_a_client_sees_that_it_sends_too_much(server: Program, kept: Path) -> None:
    with server.client() as client:
        announced = client.post("/api/upload", content=_LARGE, headers=_FORM)
        chunked = client.post("/api/upload", content=_chunks(_LARGE), headers=_FORM)

        assert [answer.status_code for answer in (announced, chunked)] == [413, 413]
        assert client.get("/health").status_code == 200


def test_a_length_that_lies_is_found_out(server: Program, kept: Path) -> None:
    with _connect(server) as less:
        less.sendall(_ask("Content-Length: 200") + _LARGE[:200])
        status, said = _answer(less)
        assert (status, said["error"].split(";")[0]) == (400, "the form stops before its end")
        assert _is_usable(less)
    for length in ("-1", "1e3", "many"):
        with _connect(server) as connection:
            connection.sendall(_ask(f"Content-Length: {length}") + _LARGE[:200])
            assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_nothing_is_left_of_who_goes_away(server: Program, kept: Path) -> None:
    with _connect(server) as connection:
        connection.sendall(_ask("Content-Length: 1900000") + _LARGE[:950_000])
        wait_for(lambda: any(path.stat().st_size for path in kept.glob("*.part")), seconds=10, every=0.02)
    wait_for(lambda: not list(kept.iterdir()), seconds=5, every=0.02)

    assert "Traceback" not in server.log.read_text()


@linux
def test_memory_stays_flat(server: Program, kept: Path) -> None:
    with server.client() as client:
        for size in (1, 20):  # what is loaded at the first does not count
            memory = _Memory(server)
            answer = client.post("/api/upload", content=_film(size), headers=_FORM)
            assert (answer.status_code, answer.json()["code"]) == (422, "media_error")

    assert memory.taken() < 8 * MEBIBYTE


@linux
def test_a_form_is_not_read_where_none_is_taken(server: Program) -> None:
    memory = _Memory(server)

    with server.client() as client:
        answer = client.post("/auth/login", content=_film(20), headers=_FORM)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert memory.taken() < 8 * MEBIBYTE


class _Memory:
    """How much more memory a server has taken since this was made, at its peak."""

    def __init__(self, server: Program) -> None:
        self._process = Path(f"/proc/{server.process.pid}")
        (self._process / "clear_refs").write_text("5")  # the peak begins anew
        self._before = self._read("VmRSS")

    def taken(self) -> int:
        """Bytes."""
        return self._read("VmHWM") - self._before

    def _read(self, what: str) -> int:
        lines = (self._process / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(what)).split()[1]) << 10


def _film(mebibytes: int) -> Iterator[bytes]:
    yield from (_HEAD, *[bytes(MEBIBYTE)] * mebibytes, b"\r\n--line--\r\n")
