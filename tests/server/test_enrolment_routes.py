"""People known by name: kept, used, and forgotten without a trace; for each user by himself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from galleries import add
from perceptkit.server.auth.principal import Principal
from perceptkit.server.auth.who import current_user
from perceptkit.server.folders import gallery_folder
from perceptkit.server.settings import Settings
from scans import scan_video, turning_head
from serving import client_of
from shared_data import faces_file

PHOTO = b"\xff\xd8\xff\xe0 a photo, as far as its first bytes say"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("enrolment")) as opened:
        yield opened


def settings_of(client: TestClient) -> Settings:
    settings: Settings = client.app.state.parts.settings  # type: ignore[attr-defined] # of a FastAPI
    return settings


def be(client: TestClient, name: str) -> Path:
    """Call as this user from now on; the folder of the gallery."""

    async def user() -> Principal:
        return Principal(f"id of {name}", name, "jwt")

    client.app.dependency_overrides[current_user] = user  # type: ignore[attr-defined] # of a FastAPI
    return gallery_folder(settings_of(client), f"id of {name}")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_everybody_has_a_gallery_of_his_own(client: TestClient) -> None:
    nobody = {"has_embedding": False, "cached": False, "people": [], "model": None}
    add(be(client, "anna"), "Berta", "Carl")
    said = client.get("/api/face/cache-status").json()
    assert (said["has_embedding"], said["cached"], said["model"]) == (True, True, "yunet")
    assert [(each["name"], each["faces"]) for each in said["people"]] == [("Berta", 3), ("Carl", 3)]
    be(client, "dora")
    assert client.get("/api/face/cache-status").json() == nobody
    assert client.delete("/api/face/Berta").status_code == 404
    assert client.delete("/api/face").status_code == 204
    be(client, "anna")
    assert len(client.get("/api/face/cache-status").json()["people"]) == 2


def test_somebody_is_forgotten_without_a_trace(client: TestClient) -> None:
    folder = be(client, "emil")
    add(folder, "Zoë", "a/b", "Fritz")
    assert client.delete("/api/face/Nobody").status_code == 404
    assert client.delete("/api/face/Zoe\u0308").status_code == 204  # the same letter, written in two
    assert client.delete("/api/face/a%2Fb").status_code == 204
    assert [each["name"] for each in client.get("/api/face/cache-status").json()["people"]] == ["Fritz"]
    assert not any("Zoë".encode() in path.read_bytes() for path in files_below(folder))
    assert len(list((folder / "pictures").iterdir())) == 1

    assert client.delete("/api/face").status_code == 204
    assert not folder.exists()
    assert client.delete("/api/face").status_code == 204
    assert client.delete("/api/face/Fritz").status_code == 404


def test_also_a_damaged_gallery_can_be_deleted(client: TestClient) -> None:
    folder = be(client, "gustav")
    add(folder, "Hans")
    (folder / "embeddings.npz").write_bytes(b"nonsense")
    damaged = client.get("/api/face/cache-status")
    assert damaged.status_code == 422
    assert folder.name not in damaged.json()["error"]
    assert client.delete("/api/face").status_code == 204
    assert not folder.exists()


@pytest.mark.parametrize("route", ["upload-image", "upload-video", "identify"])
def test_what_is_no_photo_or_video_is_refused(client: TestClient, route: str) -> None:
    be(client, "ida")
    answer = client.post(f"/api/face/{route}", files={"file": ("anna.jpg", b"only text")})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_photo_is_no_video(client: TestClient) -> None:
    be(client, "ida")
    assert client.post("/api/face/upload-video", files={"file": ("anna.mp4", PHOTO)}).status_code == 415


def test_a_server_that_keeps_nothing_enrols_nobody(tmp_path: Path) -> None:
    with client_of(tmp_path, store=False) as client:
        for route in ("upload-image", "upload-video"):
            answer = client.post(f"/api/face/{route}", files={"file": ("anna.jpg", PHOTO)})
            assert (answer.status_code, answer.json()["code"]) == (409, "keeps_nothing")
    assert files_below(tmp_path / "uploads") == []


@pytest.mark.weights
def test_somebody_is_enrolled_known_and_forgotten(tmp_path: Path) -> None:
    photos = {
        name: faces_file(f"people/{name}.jpg").read_bytes() for name in ("person01_01", "person01_02", "person02_01")
    }
    empty = faces_file("edge/no_face.png").read_bytes()

    with client_of(tmp_path) as client:

        def send(route: str, data: bytes, **fields: str) -> tuple[int, Any]:
            answer = client.post(f"/api/face/{route}", files={"file": ("ich & du.jpg", data)}, data=fields)
            assert files_below(tmp_path / "uploads") == []
            return answer.status_code, answer.json()

        def named(data: bytes) -> list[str | None]:
            status, seen = send("identify", data)
            assert status == 200, seen
            return [face["name"] for face in seen["faces"]]

        gallery = be(client, "karl")
        assert send("identify", photos["person01_02"])[0] == 409
        status, enrolled = send("upload-image", photos["person01_01"])
        assert status == 200, enrolled
        assert enrolled["name"] == "karl"
        assert (enrolled["success"], enrolled["frames_used"], enrolled["faces_known"]) == (True, 1, 1)
        assert enrolled["model"] == "mobilefacenet"
        written = json.loads((gallery / "gallery.json").read_text())
        assert [one["source"] for one in written["people"][0]["prototypes"]] == ["ich & du.jpg"]
        assert named(photos["person01_02"]) == ["karl"]
        assert named(photos["person02_01"]) == [None]

        status, other = send("upload-image", photos["person02_01"])
        assert status == 422
        assert "karl is in the gallery already" in other["error"]
        assert "again=true" in other["error"]
        status, nothing = send("upload-image", empty, name="Nobody")
        assert status == 422
        assert nothing["error"] == "nothing that could be used was found in ich & du.jpg: no face was found"
        assert send("upload-image", photos["person02_01"], name="unknown")[0] == 422
        assert send("upload-image", photos["person02_01"], again="true")[0] == 200
        assert named(photos["person02_01"]) == ["karl"]
        assert send("identify", photos["person02_01"], threshold="2")[0] == 422

        scan = scan_video(tmp_path / "scan.mp4", turning_head(faces_file("people/person01_01.jpg"), seconds=1.0))
        be(client, "ludwig")
        status, enrolled = send("upload-video", scan.read_bytes(), name="Maria")
        assert status == 200, enrolled
        assert enrolled["name"] == "Maria"
        assert 1 < enrolled["frames_used"] <= enrolled["frames_seen"] <= enrolled["frames_looked"]
        assert enrolled["yaw_coverage"][0] < -15 < 15 < enrolled["yaw_coverage"][1]
        assert named(scan.read_bytes()) == ["Maria"]
        assert client.delete("/api/face").status_code == 204
        assert send("identify", photos["person02_01"])[0] == 409
        be(client, "karl")
        assert client.delete("/api/face").status_code == 204
        assert not gallery.exists()
        assert send("identify", photos["person02_01"])[0] == 409
