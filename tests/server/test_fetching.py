"""Photos from addresses that callers name: which are fetched, and that nothing else is ever contacted."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from perceptkit.server.incoming.addresses import Address, is_public
from perceptkit.server.incoming.fetching import Blocked, FetchError, fetch

PHOTO = b"\xff\xd8\xff\xe0" + b"a photo, as far as its first bytes say" * 10
PUBLIC = "93.184.216.34"


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name, _, target = self.path.partition("?")
        getattr(self, "send_" + name.strip("/"))(target)

    def send_photo(self, _: str) -> None:
        self.answer(200, PHOTO, **{"Set-Cookie": "a=b", "Content-Length": str(len(PHOTO))})

    def send_to(self, target: str) -> None:
        self.answer(302, b"", Location=target, **{"Content-Length": "0"})

    def send_missing(self, _: str) -> None:
        self.answer(404, b"", **{"Content-Length": "0"})

    def send_secret(self, _: str) -> None:
        self.answer(200, b"root:x:0:0", **{"Content-Length": "10"})

    def send_lying(self, _: str) -> None:
        self.answer(200, PHOTO, **{"Content-Length": "999999999"})

    def send_zipped(self, _: str) -> None:
        data = gzip.compress(PHOTO * 100_000)
        self.answer(200, data, **{"Content-Encoding": "gzip", "Content-Length": str(len(data))})

    def send_endless(self, _: str) -> None:
        self.answer(200, PHOTO)
        while True:
            self.wfile.write(PHOTO * 100)

    def send_drip(self, _: str) -> None:
        self.answer(200, PHOTO[:8])
        for byte in PHOTO[8:]:
            time.sleep(0.05)
            self.wfile.write(bytes([byte]))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.server.asked.append(dict(self.headers))  # type: ignore[attr-defined] # put there by the fixture
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # the other side has had enough
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Net:
    """All of the internet: whatever address is contacted, the local site answers, and it is noted."""

    port: int
    asked: list[dict[str, str]]
    contacted: list[tuple[str, int | None, str]] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=lambda: {"photos.example": [PUBLIC]})

    def fetch(self, url: str, *, limit: int = 100_000, seconds: float = 5.0) -> bytes:
        async def resolve(name: str, _port: int) -> list[str]:
            self.resolved.append(name)
            if name not in self.names:
                raise OSError("no such name")
            return self.names[name]

        return asyncio.run(fetch(url, limit=limit, seconds=seconds, resolve=resolve, transport=Rerouted(self)))


class Rerouted(httpx2.AsyncHTTPTransport):
    def __init__(self, net: Net) -> None:
        super().__init__(verify=False, trust_env=False)
        self._net = net

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._net.contacted.append((request.url.host, request.url.port, str(request.extensions["sni_hostname"])))
        if request.url.host == "93.184.216.99":
            raise httpx2.ConnectError("nobody is there")
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._net.port)
        return await super().handle_async_request(request)


@pytest.fixture
def net() -> Iterator[Net]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked = []  # type: ignore[attr-defined] # for the site to note what it was asked
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield Net(server.server_port, server.asked)  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


def test_a_photo_is_fetched_from_the_address_that_was_checked(net: Net) -> None:
    assert net.fetch("http://photos.example/photo?size=1#part") == PHOTO

    assert net.contacted == [(PUBLIC, None, "photos.example")]
    (asked,) = net.asked
    assert asked["Host"] == "photos.example"
    assert asked["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Authorization"} & asked.keys()


def test_of_a_host_that_is_partly_down_the_next_address_is_taken(net: Net) -> None:
    net.names["photos.example"] = ["93.184.216.99", PUBLIC]
    assert net.fetch("https://photos.example/photo") == PHOTO
    assert [address for address, _, _ in net.contacted] == ["93.184.216.99", PUBLIC]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/photo",
        "http://127.1/photo",
        "http://2130706433/photo",
        "http://0x7f000001/photo",
        "http://0x7f.0.0.1/photo",
        "http://0177.0.0.1/photo",
        "http://127.0.0.1./photo",
        "http://127。0。0。1/photo",  # the full stops of another script
        "http://0.0.0.0/photo",
        "http://0/photo",
        "http://10.1.2.3/photo",
        "http://172.16.0.1/photo",
        "http://192.168.1.1/photo",
        "http://100.64.0.1/photo",
        "http://169.254.169.254/latest/meta-data",
        "http://192.0.0.8/photo",
        "http://198.18.0.1/photo",
        "http://224.0.0.1/photo",
        "http://239.1.1.1/photo",
        "http://240.0.0.1/photo",
        "http://255.255.255.255/photo",
        "http://[::1]/photo",
        "http://[::]/photo",
        "http://[::ffff:127.0.0.1]/photo",
        "http://[::ffff:93.184.216.34]/photo",
        "http://[::127.0.0.1]/photo",
        "http://[64:ff9b::7f00:1]/photo",
        "http://[64:ff9b:1::7f00:1]/photo",
        "http://[2002:7f00:1::]/photo",
        "http://[2001:0:53aa:64c:0:0:80ff:fffe]/photo",
        "http://[2001:db8::1]/photo",
        "http://[fe80::1]/photo",
        "http://[fe80::1%25eth0]/photo",
        "http://[fc00::1]/photo",
        "http://[fec0::1]/photo",
        "http://[ff02::1]/photo",
        "http://photos.example:22/photo",
        "http://photos.example:8080/photo",
        "http://user:word@photos.example/photo",
        "http://photos.example@127.0.0.1/photo",
        "http://photos.example\\@127.0.0.1/photo",
        "file:///etc/passwd",
        "ftp://photos.example/photo",
        "gopher://photos.example/photo",
        "//photos.example/photo",
        "photo.jpg",
        "http://",
        "http:///photo",
        "http://photos.example:99999/photo",
        "http://nobody.example/photo",
        "http://photos.example/" + "a" * 3000,
        "",
    ],
)
def test_nothing_else_is_contacted(net: Net, url: str) -> None:
    with pytest.raises(Blocked, match=r"^blocked: "):
        net.fetch(url)
    assert (net.contacted, net.asked) == ([], [])


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1", PUBLIC], ["fe80::1%eth0"], []])
def test_a_name_whose_addresses_are_not_all_public_is_not_contacted(net: Net, addresses: list[str]) -> None:
    net.names["inside.example"] = addresses
    with pytest.raises(Blocked, match="does not lead to a public host") as inside:
        net.fetch("http://inside.example/photo")
    with pytest.raises(Blocked) as nobody:
        net.fetch("http://nobody.example/photo")
    assert str(inside.value) == str(nobody.value)  # which names there are inside cannot be told apart
    assert net.contacted == []


def test_a_name_that_changes_its_address_is_resolved_once(net: Net) -> None:
    class Rebinding(dict[str, list[str]]):
        def __getitem__(self, name: str) -> list[str]:
            return [PUBLIC] if net.resolved == [name] else ["127.0.0.1"]

    net.names = Rebinding({"photos.example": []})
    assert net.fetch("http://photos.example/photo") == PHOTO
    assert net.resolved == ["photos.example"]
    assert net.contacted == [(PUBLIC, None, "photos.example")]


def test_redirects_are_followed_three_times_and_checked_each_time(net: Net) -> None:
    net.names["other.example"] = ["93.184.216.35"]
    assert net.fetch("http://photos.example/to?http://other.example/to?/photo") == PHOTO
    assert [address for address, _, _ in net.contacted] == [PUBLIC, "93.184.216.35", "93.184.216.35"]
    assert all("Cookie" not in asked for asked in net.asked)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1/photo", "http://[::1]/", "http://photos.example:22/", "file:///etc"]
)
def test_a_redirect_leads_nowhere_else(net: Net, target: str) -> None:
    with pytest.raises(Blocked, match=r"^blocked: "):
        net.fetch(f"http://photos.example/to?{target}")
    assert len(net.contacted) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("to?/to?/to?/to?/photo", "leads on more than 3 times"),
        ("missing", "answers with the status 404"),
        ("secret", "is a text file, not a photo"),
        ("zipped", "comes compressed"),
        ("endless", "larger than the limit of 100,000 bytes"),
        ("lying", "could not be fetched"),
    ],
)
def test_what_is_no_photo_is_said(net: Net, path: str, said: str) -> None:
    with pytest.raises(FetchError, match=said):
        net.fetch(f"http://photos.example/{path}")


def test_a_redirect_to_less_security_is_not_followed(net: Net) -> None:
    with pytest.raises(FetchError, match="from https to http"):
        net.fetch("https://photos.example/to?http://photos.example/photo")
    assert len(net.contacted) == 1


def test_a_photo_that_comes_byte_by_byte_is_given_up(net: Net) -> None:
    begun = time.monotonic()
    with pytest.raises(FetchError, match=r"within 0\.3 seconds"):
        net.fetch("http://photos.example/drip", seconds=0.3)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_what_counts_as_public_can_be_said() -> None:
    allowed: Callable[[Address], bool] = lambda address: str(address) == "127.0.0.1"  # noqa: E731
    with pytest.raises(FetchError, match="ConnectError"):  # it was tried, and nobody listens
        asyncio.run(fetch("http://127.0.0.1/photo", limit=1, seconds=5, public=allowed, transport=Closed()))


class Closed(httpx2.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("nobody listens")
