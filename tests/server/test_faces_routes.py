"""POST /api/faces, and what comes of it: the people, their headshots, and nothing of our paths."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from starlette.testclient import TestClient

from perceptkit.face import load_embeddings
from perceptkit.images import encode_jpeg, load, read
from perceptkit.server.folders import attempt_folder
from perceptkit.server.jobs import claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.retention import sweep_files
from perceptkit.server.parts import Parts
from serving import client_of, wait_for
from shared_data import faces_file

GREY = encode_jpeg(np.full((64, 64, 3), 128, np.uint8))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("faces")) as opened:
        yield opened


def parts_of(client: TestClient) -> Parts:
    parts: Parts = client.app.state.parts  # type: ignore[attr-defined] # of a FastAPI
    return parts


def stored(client: TestClient) -> set[str]:
    return {path.name for path in (parts_of(client).settings.data / "uploads").iterdir()}


def send(client: TestClient, *names: str, **request: Any) -> Any:
    return client.post("/api/faces", files=[("file", (name, GREY)) for name in names], **request)


def completed(client: TestClient, files: Mapping[str, bytes], kind: str = "faces") -> str:
    """The id of a job that has made these files."""
    parts = parts_of(client)
    jobs.submit(parts.engine, kind=kind, owner="owner", filename="a.jpg", parameters={"uploads": []})
    job = claims.claim(parts.engine)
    assert job is not None
    folder = attempt_folder(parts.settings, job)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    claims.end(parts.engine, job, "completed", result={})
    return job.id


def lines(*rows: Mapping[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def face(number: int, person: int, quality: float, *, best: bool = False, **more: Any) -> dict[str, Any]:
    name = f"{number:016x}"
    known = {"face_id": name, "source": "a.jpg", "time": None, "box": [1.0, 2.0, 3.0, 4.0], "score": 0.9}
    return {**known, "quality": quality, "best": best, "person": person, "embedding_row": number, **more}


def test_several_files_become_one_job(client: TestClient) -> None:
    before = stored(client)
    answer = send(client, "b.jpg", "../a.jpg", "b.jpg", data={"similarity_threshold": "0.5", "min_face": ""})
    assert answer.status_code == 200, answer.text
    job = jobs.find(parts_of(client).engine, answer.json()["job_id"], owner="owner")
    assert job is not None
    assert answer.json()["message"].startswith("b.jpg and 2 more files are queued")
    assert answer.json()["refused"] == []
    assert (job.kind, job.filename) == ("faces", "b.jpg and 2 more files")
    assert [each["filename"] for each in job.parameters["files"]] == ["b.jpg", "a.jpg", "b.jpg (2)"]
    paths = {Path(each["path"]).name for each in job.parameters["files"]}
    assert paths == stored(client) - before == {f"{name}.jpg" for name in job.parameters["uploads"]}
    assert (job.parameters["threshold"], job.parameters["min_face"]) == (0.5, 20)
    assert client.get(f"/api/jobs/{job.id}").json()["model"] == "mobilefacenet"
    assert client.get(f"/api/faces/{job.id}/people").status_code == 409
    assert client.get(f"/api/faces/{job.id}/headshots/{'0' * 16}").status_code == 409

    assert client.delete(f"/api/jobs/{job.id}").status_code == 204
    assert stored(client) == before


def test_files_that_cannot_be_used_are_named_and_the_others_go_on(client: TestClient) -> None:
    before, headers = stored(client), {"Idempotency-Key": "partly"}
    files = [("file", (name, data)) for name, data in (("a.jpg", b"words"), ("a.jpg", GREY), ("b.png", b""))]
    sent = client.post("/api/faces", files=files, headers=headers).json()

    refused = [
        {
            "filename": "a.jpg",
            "error": "a.jpg is a text file; send a video or a photo",
            "code": "unsupported_media_type",
        },
        {"filename": "b.png", "error": "empty file", "code": "media_error"},
    ]
    said = f"a.jpg is queued; 2 of 3 files could not be used; follow the job at /api/jobs/{sent['job_id']}/events"
    assert sent == {"job_id": sent["job_id"], "message": said, "refused": refused}
    assert client.post("/api/faces", files=files, headers=headers).json() == sent
    job = jobs.find(parts_of(client).engine, sent["job_id"])
    assert job is not None
    assert len(stored(client) - before) == len(job.parameters["uploads"]) == 1
    assert [each["filename"] for each in job.parameters["files"]] == ["a.jpg", "a.jpg (2)", "b.png"]
    client.delete(f"/api/jobs/{job.id}")

    none = client.post("/api/faces", files=[files[0], files[2]])
    assert (none.status_code, none.json()["code"]) == (415, "unsupported_media_type")
    assert stored(client) == before


@pytest.mark.parametrize(
    "data", [{"similarity_threshold": "1.5"}, {"similarity_threshold": "nan"}, {"min_face": "0"}, {"min_face": "x"}]
)
def test_what_the_form_cannot_say_is_refused_and_nothing_kept(client: TestClient, data: dict[str, str]) -> None:
    before = stored(client)
    assert send(client, "a.jpg", "b.jpg", data=data).status_code == 422
    assert stored(client) == before


def test_the_same_key_gives_the_same_job_and_keeps_its_files_only(client: TestClient) -> None:
    before, headers = stored(client), {"Idempotency-Key": "once"}
    first, second = (send(client, "a.jpg", "b.jpg", headers=headers) for _ in range(2))
    assert first.json()["job_id"] == second.json()["job_id"]
    assert len(stored(client) - before) == 2
    client.delete(f"/api/jobs/{first.json()['job_id']}")


def test_a_server_that_keeps_nothing_forgets_all_files_of_a_job(client: TestClient) -> None:
    parts, before = parts_of(client), stored(client)
    sent = send(client, "a.jpg", "b.jpg").json()
    job = jobs.find(parts.engine, sent["job_id"])
    assert job is not None
    settings, later = replace(parts.settings, store=False), time.time() + 16 * 60
    sweep_files(settings, parts.engine, now=lambda: later)
    assert len(stored(client) - before) == 2  # it waits for them
    jobs.cancel(parts.engine, job.id)
    sweep_files(settings, parts.engine, now=lambda: later)
    assert stored(client) == before


def test_the_people_of_a_job(client: TestClient) -> None:
    job = completed(
        client,
        {
            "faces.jsonl": lines(
                face(1, 1, 0.5, best=True),
                face(2, 0, 0.9, time=1.5, source="b.mp4"),
                face(3, 0, 0.4, best=True),
                face(4, 0, 0.95),
            ),
            "errors.jsonl": lines({"source": "c.jpg", "error": "MediaError", "message": "c.jpg: empty file"}),
            "run.json": json.dumps({"photos": 2, "videos": 1, "notes": [{"source": "b.mp4", "note": "gap"}]}).encode(),
            f"headshots/{3:016x}.jpg": GREY,
        },
    )
    said = client.get(f"/api/faces/{job}/people").json()
    assert [(each["person"], [one["face_id"][-1] for one in each["faces"]]) for each in said["people"]] == [
        (0, ["3", "4", "2"]),
        (1, ["1"]),
    ]
    assert said["people"][0]["faces"][2] == {
        "face_id": f"{2:016x}",
        "source": "b.mp4",
        "time": 1.5,
        "box": [1.0, 2.0, 3.0, 4.0],
        "score": 0.9,
        "quality": 0.9,
        "best": False,
        "headshot": f"/api/faces/{job}/headshots/{2:016x}",
    }
    assert (said["photos"], said["videos"]) == (2, 1)
    assert said["errors"] == [{"source": "c.jpg", "error": "empty file"}]
    assert said["notes"] == ["b.mp4: gap"]

    best = said["people"][0]["faces"][0]["headshot"]
    for address in (best, f"{best}-2"):  # copies of one photo share theirs
        shown = client.get(address)
        assert (shown.status_code, shown.headers["content-type"], shown.content) == (200, "image/jpeg", GREY)
    for other in (f"{4:016x}", "..%2Frun.json", "x", "0" * 17):
        assert client.get(f"/api/faces/{job}/headshots/{other}").status_code == 404
    assert client.get(f"/api/faces/{uuid4()}/people").status_code == 404
    assert client.get(f"/api/faces/{completed(client, {}, 'gaze')}/people").status_code == 404


@pytest.mark.weights
def test_photos_are_looked_at_and_called_as_their_owner_calls_them(tmp_path: Path) -> None:
    first, second, other = (
        load(faces_file(f"people/{name}.jpg")) for name in ("person01_01", "person01_02", "person02_01")
    )
    sent = [
        ("grüße.jpg", b"words"),
        ("grüße.jpg", first),
        ("a & 'b'.jpg", second),
        ("broken.jpg", other[: len(other) // 2]),
        ("empty.jpg", b""),
        ("grüße.jpg", other),
    ]
    with client_of(tmp_path, worker=True) as client:
        answer = client.post("/api/faces", files=[("file", each) for each in sent])
        job = answer.json()["job_id"]

        def ended() -> Any:
            info = client.get(f"/api/jobs/{job}").json()
            return info if info["status"] not in ("pending", "processing") else None

        info = wait_for(ended)
        assert info["status"] == "completed", info
        said = client.get(f"/api/faces/{job}/people").json()
        shown = client.get(said["people"][0]["faces"][0]["headshot"]).content
        (tmp_path / "headshot.jpg").write_bytes(shown)
        files = {path.name: path for path in (tmp_path / "results").rglob("*") if path.is_file()}
        text = {name: path.read_text() for name, path in files.items() if path.suffix in (".json", ".jsonl", ".html")}
        stored_sources = load_embeddings(files["embeddings.npz"]).sources

    assert {frozenset(one["source"] for one in each["faces"]) for each in said["people"]} == {
        frozenset({"grüße.jpg (2)", "a & 'b'.jpg"}),
        frozenset({"grüße.jpg (3)"}),
    }
    assert [each["source"] for each in said["errors"]] == ["grüße.jpg", "broken.jpg", "empty.jpg"]
    words, broken, empty = (each["error"] for each in said["errors"])
    assert (words, empty) == ("grüße.jpg is a text file; send a video or a photo", "empty file")
    assert broken.startswith("the file is damaged or cut short")
    assert "truncated files are allowed" not in broken
    assert json.loads(text["run.json"])["errors"] == [json.loads(line) for line in text["errors.jsonl"].splitlines()]
    assert info["warnings"] == ["3 of 6 files could not be used"]
    assert (info["processed_frames"], info["total_frames"], said["photos"]) == (4, 4, 4)
    assert set(stored_sources) == {"grüße.jpg (2)", "a & 'b'.jpg", "grüße.jpg (3)"}
    assert read(tmp_path / "headshot.jpg").shape == (160, 160, 3)
    assert {"faces.jsonl", "people.html", "run.json", "errors.jsonl", "sources.jsonl"} <= text.keys()
    for name, written in text.items():
        assert "uploads/" not in written, name
        assert str(tmp_path) not in written, name
        assert job not in written, name
    assert "a &amp; &#x27;b&#x27;.jpg" in text["people.html"]
