"""POST /extract-faces, and whether the server says truly that it is ready."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import math
import stat
import struct
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from fastapi import Request
from starlette.testclient import TestClient

from perceptkit.server import read_settings
from perceptkit.server.errors import ApiError
from perceptkit.server.incoming.connected import while_connected
from perceptkit.server.incoming.fetching import Blocked, FetchError
from perceptkit.server.incoming.photos import Refused, collect
from perceptkit.server.incoming.scratch import scratch
from perceptkit.server.jobs.retention import sweep_files
from perceptkit.server.parts import Parts
from perceptkit.server.readiness import Weights
from perceptkit.server.settings import Settings
from serving import client_of
from shared_data import faces_file

PHOTO = b"\xff\xd8\xff a photo"


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Quick:
    """Does what it is told, and notes what it was asked and which photos it was given."""

    def __init__(self, data: Path, answer: Callable[[dict[str, Any]], Any]) -> None:
        self._data, self._answer = data, answer
        self.asked: list[dict[str, Any]] = []
        self.photos: list[tuple[int, bytes]] = []
        self.modes: set[int] = set()

    async def perform(self, _task: str, parameters: Mapping[str, Any], *, timeout: float, owner: str = "") -> Any:
        self.asked.append({**parameters, "timeout": timeout})
        for index, path in parameters.get("photos", ()):
            file = self._data / path
            self.photos.append((index, file.read_bytes()))
            self.modes.add(stat.S_IMODE(file.parent.stat().st_mode))
        return self._answer(dict(parameters))

    def close(self) -> None:
        pass


def found(parameters: dict[str, Any]) -> dict[str, Any]:
    """One person in the first photo; the second cannot be used."""
    (first, _), *others = parameters["photos"]
    face = {
        "embedding": [0.6, 0.8],
        "headshot_base64": "data:image/jpeg;base64,/9j/",
        "confidence": 0.9,
        "face_id": "ab" * 8,
        "source_index": first,
        "box": [1.0, 2.0, 3.0, 4.0],
    }
    errors = [{"index": index, "error": "damaged"} for index, _ in others[:1]]
    return {"faces": [face], "seen": 3, "errors": errors, "notes": []}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("extraction"), max_images=5) as opened:
        yield opened


def told(client: TestClient, answer: Callable[[dict[str, Any]], Any] = found) -> Quick:
    """The fake that the client's server asks from now on."""
    quick = Quick(data_of(client), answer)
    state = client.app.state  # type: ignore[attr-defined] # of a FastAPI
    state.parts = replace(state.parts, quick=quick)
    return quick


def data_of(client: TestClient) -> Path:
    parts: Parts = client.app.state.parts  # type: ignore[attr-defined] # of a FastAPI
    return parts.settings.data


def left_in(data: Path) -> list[Path]:
    return list((data / "scratch").iterdir())


def test_the_answer_is_about_the_photos_as_they_were_sent(client: TestClient) -> None:
    quick = told(client)
    images = ["!", f"data:image/jpeg;base64,{coded(PHOTO)}", "", f" {coded(PHOTO)[:8]}\r\n {coded(PHOTO)[8:]} "]

    answer = client.post("/extract-faces", json={"images": [{"image_base64": text} for text in images]})

    assert answer.status_code == 200
    said = answer.json()
    assert (said["total_faces_detected"], said["unique_faces"], said["images_processed"]) == (3, 1, 1)
    assert [face["source_index"] for face in said["faces"]] == [1]
    assert said["faces"][0]["embedding"] == [0.6, 0.8]
    assert said["errors"] == [
        {"index": 0, "error": "this is not base64"},
        {"index": 2, "error": "there is no photo in it: it is empty"},
        {"index": 3, "error": "damaged"},
    ]
    assert said["request_id"] == answer.headers["x-request-id"]
    assert 0 < said["processing_time_ms"] < 60_000
    assert quick.photos == [(1, PHOTO), (3, PHOTO)]
    assert quick.modes == {0o700}
    assert (quick.asked[0]["threshold"], quick.asked[0]["min_face"]) == (0.4, 20)
    assert quick.asked[0]["timeout"] == 180
    assert left_in(data_of(client)) == []


@pytest.mark.parametrize(
    "text", ["data:image/jpeg,abc", "data:image/jpeg;base64", "\u00e9", "abc", "a===", "-_-_", "x\0y"]
)
def test_when_no_photo_can_be_used_there_are_no_faces(client: TestClient, text: str) -> None:
    quick = told(client)
    said = client.post("/extract-faces", json={"images": [{"image_base64": text}]}).json()
    assert (said["faces"], said["images_processed"], len(said["errors"])) == ([], 0, 1)
    assert quick.asked == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"images": []}, "at least 1 item"),
        ({}, "images: Field required"),
        ({"images": [{}]}, "give either image_base64 or image_url"),
        ({"images": [{"image_base64": "", "image_url": "http://a.example/"}]}, "give either"),
        ({"images": [{"image_base64": 5}]}, "valid string"),
        ({"images": [{"image_base64": "a"}] * 6}, "6 photos are too many; send at most 5"),
        ({"images": [{"image_base64": "a"}], "similarity_threshold": 1.01}, "less than or equal to 1"),
        ({"images": [{"image_base64": "a"}], "similarity_threshold": -1.01}, "greater than or equal to -1"),
        ({"images": [{"image_base64": "a"}], "similarity_threshold": math.nan}, "NaN is no number"),
        ({"images": [{"image_base64": "a"}], "min_face_size": 0}, "greater than or equal to 1"),
        ({"images": [{"image_base64": "a"}], "min_face_size": 20.5}, "valid integer"),
        ({"images": [{"image_url": "http://a.example/"}]}, "image_url is off on this server"),
    ],
)
def test_a_request_that_makes_no_sense(client: TestClient, body: dict[str, Any], said: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/extract-faces", content=json.dumps(body), headers=headers)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_only_json_is_taken(client: TestClient) -> None:
    answer = client.post("/extract-faces", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_where_addresses_are_off_the_other_photos_go_on(client: TestClient) -> None:
    told(client)
    images = [{"image_url": "http://a.example/"}, {"image_base64": coded(PHOTO)}]
    said = client.post("/extract-faces", json={"images": images}).json()
    assert (said["unique_faces"], said["errors"][0]["index"]) == (1, 0)
    assert "image_url is off" in said["errors"][0]["error"]


def test_an_address_inside_is_refused(tmp_path: Path) -> None:
    with client_of(tmp_path, allow_image_url=True) as client:
        for url in ("http://127.0.0.1:80/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"):
            answer = client.post("/extract-faces", json={"images": [{"image_url": url}]})
            assert (answer.status_code, answer.json()["code"]) == (400, "image_url_refused")
            assert answer.json()["error"].startswith("blocked: ")


def test_what_takes_too_long_leaves_nothing_behind(client: TestClient) -> None:
    def late(_: dict[str, Any]) -> Any:
        raise ApiError(408, "this took longer than 180 seconds and was stopped; send less at once", "timeout")

    told(client, late)
    answer = client.post("/extract-faces", json={"images": [{"image_base64": coded(PHOTO)}]})
    assert (answer.status_code, answer.json()["code"]) == (408, "timeout")
    assert left_in(data_of(client)) == []


def settings_of(data: Path, **given: Any) -> Settings:
    return read_settings({}, data=data, **given)


def collected(
    sent: list[tuple[str | None, str | None]], data: Path, get: Callable[[str, int], Awaitable[bytes]], **given: Any
) -> Any:
    settings = settings_of(data, allow_image_url=True, **given)
    return asyncio.run(collect(sent, data, settings, get=get))


def test_photos_are_fetched_side_by_side_and_fail_one_by_one(tmp_path: Path) -> None:
    met = asyncio.Barrier(2)

    async def get(url: str, limit: int) -> bytes:
        assert limit == 500
        if url == "bad":
            raise FetchError("the address answers with the status 404")
        await asyncio.wait_for(met.wait(), 5)
        return url.encode()

    paths, errors = collected(
        [(None, "one"), (None, "bad"), (None, "two"), (coded(PHOTO), None)], tmp_path, get, max_upload=2000
    )

    assert [(index, path.read_bytes()) for index, path in paths] == [(0, b"one"), (2, b"two"), (3, PHOTO)]
    assert errors == [{"index": 1, "error": "the address answers with the status 404"}]


def test_when_all_addresses_are_blocked_the_request_is(tmp_path: Path) -> None:
    async def get(url: str, _limit: int) -> bytes:
        raise Blocked(f"blocked: {url}") if url != "gone" else FetchError("gone")

    with pytest.raises(Refused, match="blocked: first"):
        collected([(None, "first"), (None, "second")], tmp_path, get)
    _, errors = collected([(None, "first"), (None, "gone")], tmp_path, get)
    assert [each["index"] for each in errors] == [0, 1]


def test_a_caller_who_goes_away_has_the_work_stopped(tmp_path: Path) -> None:
    complaints: list[dict[str, Any]] = []

    async def scenario() -> str:
        begun, ended = asyncio.Event(), "not ended"
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

        async def receive() -> dict[str, Any]:
            await begun.wait()
            return {"type": "http.disconnect"}

        async def work() -> None:
            nonlocal ended
            async with scratch(settings_of(tmp_path)) as folder:
                (folder / "photo").write_bytes(PHOTO)
                begun.set()
                try:
                    await asyncio.sleep(60)
                finally:
                    ended = "stopped"
                    raise ValueError("as what is stopped may fail")

        with pytest.raises(ApiError, match="has gone"):
            await while_connected(Request({"type": "http"}, receive), work())
        return ended

    assert asyncio.run(scenario()) == "stopped"
    assert left_in(tmp_path) == []
    gc.collect()
    assert complaints == []  # nobody waits for how it ended, so that is no news


def test_photos_that_a_killed_server_left_go_at_the_start_and_those_of_a_request_stay(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    left = tmp_path / "scratch" / str(uuid4())
    left.mkdir(parents=True)
    (left / "photo").write_bytes(PHOTO)

    async def scenario() -> None:
        async with scratch(settings) as folder:
            (folder / "photo").write_bytes(PHOTO)
            sweep_files(settings, engine)  # a worker, or an hour later
            assert (folder / "photo").read_bytes() == PHOTO

    with client_of(tmp_path) as client:
        assert not left.exists()
        parts: Parts = client.app.state.parts  # type: ignore[attr-defined] # of a FastAPI
        engine = parts.engine
        asyncio.run(scenario())
    assert left_in(tmp_path) == []


def test_whether_it_is_there_and_whether_it_is_ready(tmp_path: Path) -> None:
    missing: list[str] = []
    with client_of(tmp_path, detector="OpenCV") as client:
        state = client.app.state  # type: ignore[attr-defined] # of a FastAPI
        state.parts = replace(state.parts, looking=Quick(tmp_path, lambda _: missing))
        health, ready = client.get("/health").json(), client.get("/ready")
        assert (health["status"], health["face_detection_model"]) == ("healthy", "yunet")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert set(ready.json()["checks"].values()) == {"ok"}

        missing.append("the weights of yunet are not on this machine")
        assert client.get("/ready").status_code == 200  # it has looked just now
        state.weights = Weights()
        state.parts = replace(state.parts, settings=replace(state.parts.settings, min_free=1 << 60))
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
        assert ready.json()["status"] == "not ready"
        assert ready.json()["checks"]["models"] == missing[0]
        assert "MIN_FREE_BYTES" in ready.json()["checks"]["disk"]
        assert ready.json()["checks"]["database"] == "ok"


def test_however_many_ask_whether_it_is_ready_the_weights_are_looked_for_once() -> None:
    class Slow(Quick):
        async def perform(self, *task: Any, **given: Any) -> Any:
            await asyncio.sleep(0.05)
            return await super().perform(*task, **given)

    def busy(_: dict[str, Any]) -> Any:
        raise ApiError(503, "too many requests wait already; try again", "busy")

    async def main() -> None:
        slow, weights = Slow(Path(), lambda _: ["yunet is not there"]), Weights()
        said = await asyncio.gather(*(weights.look(cast(Any, slow)) for _ in range(100)))
        assert said == ["yunet is not there"] * 100
        assert len(slow.asked) == 1
        assert await Weights().look(cast(Any, Quick(Path(), busy))) == "ok"

    asyncio.run(main())


def test_what_was_found_counts_while_the_process_has_other_things_to_do() -> None:
    class Stuck(Quick):
        async def perform(self, *_task: Any, **_given: Any) -> Any:
            await asyncio.sleep(60)

    async def main() -> None:
        weights = Weights(keep=0, patience=0.01)
        assert await weights.look(cast(Any, Quick(Path(), lambda _: ["yunet is not there"]))) == "yunet is not there"
        assert await weights.look(cast(Any, Stuck(Path(), lambda _: []))) == "yunet is not there"

    asyncio.run(main())


def test_it_is_not_ready_without_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERCEPTKIT_MODELS", raising=False)
    monkeypatch.setenv("PERCEPTKIT_CACHE", str(tmp_path / "empty"))
    with client_of(tmp_path / "data", face_model="ArcFace", detector="nonsense") as client:
        checks = client.get("/ready").json()["checks"]
    assert "there is no detector 'nonsense'; choose one of: scrfd-500m" in checks["models"]
    assert "run: perceptkit models pull arcface-mbf" in checks["models"]
    assert checks["disk"] == "ok"


def bomb() -> bytes:
    """A PNG of 50,000 x 50,000 pixels, as far as it says."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@pytest.mark.weights
def test_real_photos(tmp_path: Path) -> None:
    names = ("person01_01.jpg", "person01_02.jpg", "person02_01.jpg")
    photos = [faces_file(f"people/{name}").read_bytes() for name in names]
    video = b"\0\0\0\x20ftypisom" + bytes(100)
    images = [{"image_base64": coded(data)} for data in (*photos, photos[0][:9000], bomb(), b"text", video)]

    with client_of(tmp_path) as client:

        def ask(**options: Any) -> Any:
            answer = client.post("/extract-faces", json={"images": images, **options})
            assert answer.status_code == 200, answer.text
            return answer.json()

        usual, lenient, strict = ask(), ask(similarity_threshold=-1), ask(similarity_threshold=0.9)
        large = ask(min_face_size=400)
        assert [face["source_index"] for face in usual["faces"]] == [0, 2]
        assert [face["source_index"] for face in lenient["faces"]] == [0]
        assert [face["source_index"] for face in strict["faces"]] == [0, 1, 2]
        assert large["total_faces_detected"] < usual["total_faces_detected"] == 3
        for face in usual["faces"]:
            assert math.hypot(*face["embedding"]) == pytest.approx(1, abs=1e-3)
        assert usual["faces"] == ask()["faces"]  # the same again
        assert [each["index"] for each in usual["errors"]] == [3, 4, 5, 6]
        assert usual["images_processed"] == 3
        said = " ".join(each["error"] for each in usual["errors"])
        assert "over the limit of" in said
        assert "scratch" not in said
        assert str(tmp_path) not in said
    assert left_in(tmp_path) == []


@pytest.mark.weights
def test_the_work_stops_when_its_time_is_over(tmp_path: Path) -> None:
    photo = coded(faces_file("people/person01_01.jpg").read_bytes())
    before = threading.active_count()
    with client_of(tmp_path, request_timeout=0.5) as client:
        answer = client.post("/extract-faces", json={"images": [{"image_base64": photo}] * 40})
        assert (answer.status_code, answer.json()["code"]) == (408, "timeout")
        assert left_in(tmp_path) == []
    assert threading.active_count() <= before + 3
