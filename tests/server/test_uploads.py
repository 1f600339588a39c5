"""Files that callers send: what is taken, what is refused with which words, and that nothing is left of it then."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import Request

from clips import write_clip
from perceptkit.arrays import Picture
from perceptkit.server.errors import ApiError
from perceptkit.server.folders import uploads_folder
from perceptkit.server.incoming.uploads import (
    ReceivedAll,
    Refused,
    Upload,
    delete_upload,
    find_upload,
    receive,
    receive_all,
    upload_path,
)
from perceptkit.server.processes.hands import Died, TaskError
from perceptkit.server.processes.performing import Failure
from receiving import LIMIT, Receiver, emptied, form, jpeg, receiver
from systems import linux, posix, root, small_disk


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def server(shared: Receiver) -> Iterator[Receiver]:
    with emptied(shared):
        yield shared


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, count=10)
    return path.read_bytes()


def _png(width: int, height: int) -> bytes:
    """A PNG with a header only, and a few bytes that claim to be all its pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(99)))]
    chunks = [struct.pack(">I", len(data)) + name + data for name, data in [*parts, (b"IEND", b"")]]
    sums = [struct.pack(">I", zlib.crc32(chunk[4:])) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(bytes.__add__, chunks, sums))


def _black(_number: int, size: tuple[int, int]) -> Picture:
    return np.zeros((size[1], size[0], 3), np.uint8)


def test_a_video_is_stored_under_a_name_of_ours(server: Receiver, clip: bytes) -> None:
    answer = server.send(("../../x\u202e.avi", clip), kinds="video", model="fast", note="über")

    said = answer.json()
    assert answer.status_code == 200, answer.text
    assert (said["filename"], said["suffix"], said["bytes"]) == ("x.avi", ".mp4", len(clip))
    assert said["sha256"] == hashlib.sha256(clip).hexdigest()
    assert said["fields"] == {"model": "fast", "note": "über"}
    assert said["facts"] == {
        **{"kind": "video", "width": 160, "height": 96, "frames": 10},
        **{"duration": 0.4, "rate": 25.0, "has_sound": False},
    }
    upload = find_upload(server.parts.engine, said["id"], owner="somebody")
    assert upload is not None
    path = upload_path(server.parts.settings, upload)
    assert path.read_bytes() == clip
    assert server.left() == [f"{upload.id}.mp4", upload.id]
    assert find_upload(server.parts.engine, said["id"], owner="somebody else") is None

    delete_upload(server.parts.settings, server.parts.engine, upload)
    assert server.left() == []


@posix
def test_only_the_server_may_read_it(server: Receiver) -> None:
    server.send(("a.jpg", jpeg()))

    modes = [stat.S_IMODE(path.stat().st_mode) for path in uploads_folder(server.parts.settings).iterdir()]
    assert modes == [0o600]


def test_a_photo_says_its_size(server: Receiver) -> None:
    said = server.send(("a.png", jpeg(40, 30)), kinds="image").json()

    assert said["suffix"] == ".jpg"
    assert said["facts"] == {"kind": "image", "width": 40, "height": 30, "frames": 1, "format": "JPEG"}


def test_several_files_come_in_their_order(server: Receiver) -> None:
    files = [("photos", (f"{number}.jpg", jpeg(8 + number))) for number in range(3)]

    answer = server.client.post("/all", files=files, data={"name": "Ada"})

    assert answer.json() == {"names": ["0.jpg", "1.jpg", "2.jpg"], "refused": [], "fields": {"name": "Ada"}}
    refused = server.client.post("/all", files=[*files, files[0]])
    assert (refused.status_code, refused.json()["code"]) == (400, "too_many_files")
    assert len(server.left()) == 6, "the three of the first form, and their rows"


_UNUSABLE: list[tuple[bytes, int, str, str]] = [
    (b"only some words" * 9, 415, "unsupported_media_type", "b.jpg is a text file; send a photo (JPEG, PNG, WebP)"),
    (b"short", 415, "unsupported_media_type", "b.jpg is a text file; send a photo (JPEG, PNG, WebP)"),
    (b"", 422, "media_error", "empty file"),
    (_png(50_000, 50_000), 413, "too_large", "50000 x 50000 pixels is over the limit of 100,000,000"),
    (jpeg()[:90], 422, "media_error", "the JPEG header is damaged"),
]


@pytest.mark.parametrize(("data", "status", "code", "said"), _UNUSABLE)
def test_of_several_files_a_bad_one_is_named_and_the_others_are_taken(
    server: Receiver, data: bytes, status: int, code: str, said: str
) -> None:
    bad = ("photos", ("../b.jpg", data))
    answer = server.client.post("/all", files=[("photos", ("a.jpg", jpeg())), bad, ("photos", ("c.jpg", jpeg(8)))])

    assert (answer.status_code, answer.json()["names"]) == (200, ["a.jpg", "c.jpg"]), answer.text
    (refused,) = answer.json()["refused"]
    assert (refused["filename"], refused["code"]) == ("b.jpg", code)
    assert refused["error"].startswith(said)
    assert len(server.left()) == 4, "the two good ones, and their rows"

    words = ("photos", ("notes.txt", b"words"))
    none = server.client.post("/all", files=[bad, words])
    assert (none.status_code, none.json()["code"]) == (status, code), "that of the first"
    assert said in none.json()["error"]
    assert server.client.post("/all", files=[words, bad]).status_code == 415
    assert server.client.post("/all", files=[words, words, bad, words]).json()["code"] == "too_many_files"
    assert len(server.left()) == 4


class Looking:
    """Looks at files as the names of the files say."""

    async def perform(self, _task: str, parameters: Mapping[str, Any], *, timeout: float, owner: str = "") -> Any:
        assert timeout == 20
        match parameters["filename"]:
            case "deadly.jpg":
                raise Died("killed")
            case "busy.jpg":
                raise ApiError(503, "too many wait", "busy")
            case "bug.jpg":
                raise TaskError(Failure("an error of ours", 500, "internal_error"))
            case "slow.jpg":
                await asyncio.sleep(30)
        return {"facts": {"kind": "image"}}


def _take(server: Receiver, *names: str) -> ReceivedAll:
    body = form(*((f'name=f; filename="{name}"', jpeg()) for name in names))
    pieces = [{"type": "http.request", "body": body, "more_body": False}]

    async def come() -> Any:
        return pieces.pop()

    settings = replace(server.parts.settings, request_timeout=0.2)
    parts = replace(server.parts, looking=Looking(), settings=settings)
    headers = [(b"content-type", b"multipart/form-data; boundary=line")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, come)
    return asyncio.run(receive_all(request, parts, "somebody", kinds="image", most=9))


def test_a_file_that_kills_what_looks_at_it_is_refused_alone(server: Receiver) -> None:
    a, deadly, b = _take(server, "a.jpg", "deadly.jpg", "b.jpg").files

    assert [each.filename for each in (a, b) if isinstance(each, Upload)] == ["a.jpg", "b.jpg"]
    assert isinstance(deadly, Refused)
    assert (deadly.code, deadly.error.partition(";")[0]) == ("media_error", "what looked at it broke down")
    assert len(server.left()) == 4


@pytest.mark.parametrize(("name", "status"), [("busy.jpg", 503), ("bug.jpg", 500), ("slow.jpg", 408)])
def test_what_is_not_the_fault_of_a_file_refuses_all(server: Receiver, name: str, status: int) -> None:
    with pytest.raises(ApiError, match=r"too many wait|error of ours|longer than 0\.2 seconds") as caught:
        _take(server, "a.jpg", name)

    assert caught.value.status_code == status
    assert server.left() == []


def test_the_limit_is_about_all_files_together(server: Receiver) -> None:
    half = b"GIF89a" + bytes(LIMIT // 2)

    answer = server.client.post("/all", files=[("photos", (name, half)) for name in ("a.gif", "b.gif")])
    words = server.client.post("/all", files=[("photos", ("a.jpg", jpeg())), ("photos", ("b.txt", b"a" * LIMIT))])

    for refused in (answer, words):
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
        assert refused.json()["error"] == f"the files together are larger than the limit of {LIMIT:,} bytes"
    assert server.left() == []


_REFUSED: list[tuple[str, bytes, int, str]] = [
    ("media", b"", 422, "v.mp4: empty file"),
    ("media", b"only some words", 415, "v.mp4 is a text file; send a video or a photo"),
    ("media", b"<!DOCTYPE html><p>", 415, "an HTML page"),
    ("media", b"<?xml version='1.0'?><MPD>", 415, "an XML or SVG file"),
    ("media", b"%PDF-1.7\n", 415, "a PDF document"),
    ("media", b"PK\x03\x04" + bytes(80), 415, "a ZIP archive"),
    ("media", b"\x1f\x8b\x08" + bytes(80), 415, "a gzip archive"),
    ("media", b"version https://git-lfs.github.com/spec/v1\n", 415, "a Git LFS pointer"),
    ("media", b"RIFF\0\0\0\0WAVEfmt ", 415, "a WAV sound"),
    ("media", b"\x01\x02\x03\x04" * 20, 415, "a file of unknown type"),
    ("video", jpeg(), 415, "v.mp4 is a JPEG image; send a video"),
    ("image", b"\0\0\0\x18ftypisom" + bytes(80), 415, "v.mp4 is a video (MP4 or MOV); send a photo"),
    ("image", b"\0\0\x01\xba" + bytes(80), 415, "v.mp4 is a video; send a photo"),
    ("image", _png(50_000, 50_000), 413, "50000 x 50000 pixels is over the limit of 100,000,000"),
    ("image", b"\x89PNG\r\n\x1a\n" + bytes(80), 422, "header is damaged"),
    ("media", b"\0" * 1_000_000, 415, "unknown type"),
    ("media", b"GIF89a" + bytes(LIMIT), 413, f"larger than the limit of {LIMIT:,} bytes"),
]


@pytest.mark.parametrize(("kinds", "data", "status", "said"), _REFUSED)
def test_other_files_are_refused(server: Receiver, kinds: str, data: bytes, status: int, said: str) -> None:
    answer = server.send(("v.mp4", data), kinds=kinds)

    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text
    assert "uploads" not in answer.text
    assert server.left() == []


def test_a_video_that_is_cut_before_its_index_is_refused(server: Receiver, clip: bytes) -> None:
    cut = clip[: clip.index(b"moov") - 4]

    answer = server.send(("talk.mp4", cut), kinds="video")

    assert answer.status_code == 422
    assert answer.json()["code"] == "media_error"
    assert answer.json()["error"].startswith("talk.mp4: cannot be read")
    assert server.left() == []


def test_a_film_of_too_many_pixels_is_refused_undecoded(server: Receiver, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.avi", count=1, codec="mjpeg", pix_fmt="yuvj420p", size=(8000, 5000), paint=_black)

    answer = server.send(("large.avi", path.read_bytes()), kinds="video")

    assert answer.status_code == 413
    assert "large.avi: 8000 x 5000 pixels is over the limit of 36,000,000" in answer.json()["error"]


def test_playlists_open_nothing(server: Receiver, tmp_path: Path, clip: bytes) -> None:
    canary = tmp_path / "canary.mp4"
    canary.write_bytes(clip)
    os.utime(canary, (1000, 2_000_000_000))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        playlists = [
            f"ffconcat version 1.0\nfile {canary}\n",
            f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n",
            f"\ufeff#EXTM3U\n#EXTINF:1,\nfile://{canary}\n",
            f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=video {port} RTP/AVP 96\r\n",
            f"<MPD><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>",
            f"G#EXTM3U\0\nhttp://127.0.0.1:{port}/a.ts\n",  # passes for a broadcast at first
        ]
        answers = [server.send(("v.mp4", text.encode()), kinds="video") for text in playlists]

        assert [answer.status_code for answer in answers] == [415, 415, 415, 415, 415, 422]
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert canary.stat().st_atime == 1000, "nobody has read it"
    assert server.left() == []


def test_two_files_where_one_is_meant_are_refused(server: Receiver) -> None:
    answer = server.send(("a.jpg", jpeg()), ("b.jpg", jpeg()))

    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")
    assert server.left() == []


@root
@linux
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    large = b"GIF89a" + bytes(2_000_000)
    unannounced = iter([form(('name=f; filename="a.gif"', large))])
    with small_disk(tmp_path / "small", "900k") as disk, receiver(disk / "data") as server:
        answers = [server.send(("a.gif", large)), server.post(unannounced)]  # an iterator tells no length
        left = server.left()

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
    assert left == []


def test_a_request_that_is_cancelled_leaves_nothing(server: Receiver) -> None:
    body = form(('name=f; filename="a.gif"', b"GIF89a" + bytes(400_000)))
    pieces = [{"type": "http.request", "body": body[:300_000], "more_body": True}]

    async def come() -> Any:
        return pieces.pop() if pieces else await asyncio.sleep(30)

    async def cancel() -> list[str]:
        headers = [(b"content-type", b"multipart/form-data; boundary=line")]
        request = Request({"type": "http", "method": "POST", "headers": headers}, come)
        taking = asyncio.ensure_future(receive(request, server.parts, "somebody", kinds="image"))
        while not server.left():
            await asyncio.sleep(0.01)
        there = server.left()
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        return there

    assert [name[-5:] for name in asyncio.run(cancel())] == [".part"]
    assert server.left() == []
