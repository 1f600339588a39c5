"""Forms: what they may hold, how they may come, and what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from perceptkit.server.errors import ApiError
from perceptkit.server.incoming.multipart import read_form
from receiving import Receiver, emptied, form, jpeg, receiver


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def server(shared: Receiver) -> Iterator[Receiver]:
    with emptied(shared):
        yield shared


def test_a_form_without_a_file_is_told_so(server: Receiver) -> None:
    nothing_chosen = form(("name=note", b"x"), ('name="file"; filename=""', b""))

    for answer in (server.client.post("/take/media", files={"note": (None, "x")}), server.post(nothing_chosen)):
        assert (answer.status_code, answer.json()["code"]) == (400, "missing_file")


def test_names_that_are_not_ascii_come_in_three_ways(server: Receiver) -> None:
    ways = [
        'name="f"; filename="B\u00fccher.jpg"',
        'name="f"; filename="x.jpg"; filename*=UTF-8\'\'B%C3%BCcher.jpg',
        "name=\"f\"; filename*=iso-8859-1'de'..%2FB%FCcher.jpg",
    ]
    answers = [server.post(form((way, jpeg()))) for way in ways]

    assert [answer.json()["filename"] for answer in answers] == ["Bücher.jpg"] * 3


_WRONG: list[tuple[bytes, str]] = [
    (form(("x=1", b"")), "a part of the form has no name"),
    (form(("name=a", b"1"), ("name=a", b"2")), "the field 'a' is there twice"),
    (form(("name=a", b"\xff")), "not text in UTF-8"),
    (form(("name=a", b"a\0b")), "holds a zero byte"),
    (form(("name=a", b"x" * 65_537)), "more than 65,536 bytes"),
    (form((f"name={'n' * 101}", b"")), "more than 100 characters"),
    (form(*((f"name=f{number}", b"") for number in range(65))), "more than 64 fields"),
    (form((f'name=a; filename="{"n" * 9000}"', b"x")), "the form cannot be read"),
    (b"--line\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(100)), "the form cannot be read"),
    (form(('name="a"; filename="a.jpg"', jpeg()))[:-12], "the form stops before its end"),
    (b"no form", "the form cannot be read"),
    (b"", "the form stops before its end"),
]


@pytest.mark.parametrize(("body", "said"), _WRONG)
def test_forms_that_are_wrong_are_refused(server: Receiver, body: bytes, said: str) -> None:
    answer = server.post(body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_form"), answer.text
    assert said in answer.json()["error"]
    assert "curl -F file=@talk.mp4" in answer.json()["error"]
    assert server.left() == []


@pytest.mark.parametrize(
    ("content_type", "status", "code"),
    [
        ("application/json", 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("", 415, "unsupported_media_type"),
        ("multipart/form-data", 400, "invalid_form"),
        ("multipart/form-data; boundary=", 400, "invalid_form"),
        (f"multipart/form-data; boundary={'b' * 71}", 400, "invalid_form"),
    ],
)
def test_other_bodies_are_refused_with_an_example(server: Receiver, content_type: str, status: int, code: str) -> None:
    answer = server.post(b"{}", content_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "curl -F file=@talk.mp4" in answer.json()["error"]


def test_a_form_may_come_in_any_pieces() -> None:
    body = form(("name=a", b"1"), ('name=f; filename="x"', b"\r\n--lin\r\n--line-\r\n" * 9), ("name=b", b"2"))
    for size in (1, 7, len(body)):
        sink = _Kept()
        fields = asyncio.run(read_form(_pieces(body, size), "multipart/form-data; boundary=line", sink))

        assert fields == {"a": "1", "b": "2"}
        assert sink.taken == ["x", b"\r\n--lin\r\n--line-\r\n" * 9, None]


def test_who_sends_too_slowly_is_sent_away() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"--line\r\n"
        await asyncio.sleep(30)

    with pytest.raises(ApiError, match="comes too slowly") as raised:
        asyncio.run(read_form(stalled(), "multipart/form-data; boundary=line", _Kept(), patience=0.05))
    assert raised.value.status_code == 408


class _Kept:
    """A sink that keeps what comes."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def begin(self, filename: str) -> None:
        self.taken += [filename, b""]

    def write(self, data: memoryview) -> None:
        self.taken[-1] += bytes(data)

    def end(self) -> None:
        self.taken.append(None)


async def _pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
