"""Jobs over HTTP: list, look, cancel, delete, and the files that they have made."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sql
from starlette.testclient import TestClient

from perceptkit.server.database import jobs as table
from perceptkit.server.database import uploads
from perceptkit.server.errors import ApiError
from perceptkit.server.folders import attempt_folder, results_folder, uploads_folder
from perceptkit.server.jobs import Job, State, claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.removal import stop_and_delete
from perceptkit.server.parts import Parts
from serving import client_of

SECONDS = bytes(range(100))
TIMELINE = {
    "start": 0.0,
    "end": 2.0,
    "lanes": [{"name": "track 1", "spans": [{"start": 0.0, "end": 1.5, "label": "visible"}], "marks": []}],
}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("server")) as client:
        yield client


@pytest.fixture
def client(started: TestClient) -> Iterator[TestClient]:
    """The server as if nothing had been before."""
    yield started
    parts = parts_of(started)
    with parts.engine.begin() as connection:
        connection.execute(sql.delete(table))
        connection.execute(sql.delete(uploads))
    shutil.rmtree(parts.settings.data / "results", ignore_errors=True)
    for path in uploads_folder(parts.settings).iterdir():
        path.unlink()


def parts_of(client: TestClient) -> Parts:
    parts: Parts = client.app.state.parts  # type: ignore[attr-defined]
    return parts


def pending(client: TestClient, *, upload: str | None = None, owner: str = "owner", kind: str = "gaze") -> Job:
    return jobs.submit(
        parts_of(client).engine,
        kind=kind,
        owner=owner,
        filename="Gespräch.mp4",
        parameters={"model": "adas"},
        upload=upload,
    )


def begun(client: TestClient, **given: Any) -> Job:
    pending(client, **given)
    job = claims.claim(parts_of(client).engine)
    assert job is not None
    return job


def ended(client: TestClient, state: State, *, files: Mapping[str, bytes] | None = None, **given: Any) -> Job:
    job = begun(client, **given)
    folder = attempt_folder(parts_of(client).settings, job)
    folder.mkdir(parents=True)
    for name, data in (files or {}).items():
        (folder / name).write_bytes(data)
    assert claims.end(parts_of(client).engine, job, state, result={"warnings": ["one frame is missing"]})
    return job


def sent(client: TestClient, *, data: bytes = SECONDS) -> str:
    parts, name = parts_of(client), str(uuid4())
    row = {"id": name, "owner": "owner", "filename": "Gespräch.mp4", "suffix": ".mp4", "bytes": len(data)}
    with parts.engine.begin() as connection:
        connection.execute(sql.insert(uploads).values(row | {"sha256": "", "facts": {}, "created_at": time.time()}))
    (uploads_folder(parts.settings) / f"{name}.mp4").write_bytes(data)
    return name


def left(client: TestClient) -> set[str]:
    """The folders in which something of a job is left."""
    data = parts_of(client).settings.data
    found = [*(data / "uploads").rglob("*"), *(data / "results").rglob("*")]
    return {path.parent.name for path in found if path.is_file()}


# ---- Look


def test_own_jobs_are_listed_newest_first_and_nobody_elses(client: TestClient) -> None:
    first, second, foreign = pending(client), pending(client), pending(client, owner="somebody else")
    assert [job["job_id"] for job in client.get("/api/jobs/all").json()] == [second.id, first.id]
    assert [job["job_id"] for job in client.get("/api/jobs/all", params={"limit": 1}).json()] == [second.id]
    assert client.get("/api/jobs/all", params={"limit": 0}).status_code == 422
    assert client.get(f"/api/jobs/{foreign.id}").status_code == 404


def test_a_job_says_how_far_it_is(client: TestClient) -> None:
    job = begun(client)
    claims.beat(parts_of(client).engine, job, done=30, total=120, stage="frames", share=0.25)
    info = client.get(f"/api/jobs/{job.id}").json()
    assert {name: info[name] for name in ("status", "kind", "filename", "model", "stage", "warnings", "error")} == {
        "status": "processing",
        "kind": "gaze",
        "filename": "Gespräch.mp4",
        "model": "adas",
        "stage": "frames",
        "warnings": [],
        "error": None,
    }
    assert (info["total_frames"], info["processed_frames"], info["progress_percentage"]) == (120, 30, 25.0)
    assert info["started_at"] >= info["created_at"]
    done = client.get(f"/api/jobs/{ended(client, 'completed').id}").json()
    assert (done["progress_percentage"], done["warnings"]) == (100.0, ["one frame is missing"])


ROUTES = [
    ("GET", "/api/jobs/{}"),
    ("POST", "/api/jobs/{}/cancel"),
    ("DELETE", "/api/jobs/{}"),
    ("GET", "/api/jobs/{}/events"),
    ("GET", "/api/jobs/{}/files"),
    ("GET", "/api/jobs/{}/files/annotated.mp4"),
    ("GET", "/api/jobs/{}/timeline"),
    ("GET", "/api/download/{}"),
    ("GET", "/api/download-data/{}"),
    ("GET", "/api/play_video/{}"),
    ("GET", "/api/play_original/{}"),
    ("GET", "/api/progress?job_id={}"),
]


def test_what_is_no_job_of_mine_is_not_there(client: TestClient) -> None:
    foreign = ended(client, "completed", owner="somebody else", files={"annotated.mp4": b"x", "timeline.json": b"{}"})
    for method, address in ROUTES:
        for name in (foreign.id, str(uuid4()), foreign.id.upper(), "x", "%00", "-1"):
            answer = client.request(method, address.format(name))
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, address, name)
    assert jobs.find(parts_of(client).engine, foreign.id) is not None


# ---- Cancel


def test_a_waiting_job_is_cancelled_at_once_and_cancelling_again_changes_nothing(client: TestClient) -> None:
    job = pending(client)
    for _ in range(2):
        answer = client.post(f"/api/jobs/{job.id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_a_running_job_is_told_to_stop(client: TestClient) -> None:
    job = begun(client)
    for _ in range(2):
        answer = client.post(f"/api/jobs/{job.id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "processing")
    assert claims.beat(parts_of(client).engine, job, done=1, total=2, stage="") == "cancel"


@pytest.mark.parametrize("state", ["completed", "failed", "interrupted"])
def test_a_job_that_has_ended_stays_as_it_is(client: TestClient, state: State) -> None:
    job = ended(client, state)
    before = client.get(f"/api/jobs/{job.id}").json()
    answer = client.post(f"/api/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")
    assert state in answer.json()["error"]
    assert client.get(f"/api/jobs/{job.id}").json() == before


# ---- Delete


def test_deleting_leaves_no_byte(client: TestClient) -> None:
    upload = sent(client)
    job = ended(client, "completed", upload=upload, files={"annotated.mp4": SECONDS, "timeline.json": b"{}"})
    assert left(client) == {"uploads", job.claim}
    answer = client.delete(f"/api/jobs/{job.id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert left(client) == set()
    assert not results_folder(parts_of(client).settings, job.id).exists()
    assert client.get("/api/jobs/all").json() == []
    assert client.delete(f"/api/jobs/{job.id}").status_code == 404
    with parts_of(client).engine.connect() as connection:
        assert connection.execute(sql.select(uploads)).all() == []


def test_a_file_that_another_job_needs_stays(client: TestClient) -> None:
    upload = sent(client)
    first, second = ended(client, "failed", upload=upload), ended(client, "completed", upload=upload)
    assert client.delete(f"/api/jobs/{first.id}").status_code == 204
    assert client.get(f"/api/play_original/{second.id}").content == SECONDS
    assert client.delete(f"/api/jobs/{second.id}").status_code == 204
    assert left(client) == set()


def test_deleting_a_running_job_cancels_it_and_waits_for_its_worker(client: TestClient) -> None:
    parts, job = parts_of(client), begun(client, upload=sent(client))
    folder = attempt_folder(parts.settings, job)
    folder.mkdir(parents=True)
    (folder / "half.mp4").write_bytes(SECONDS)

    def work() -> None:
        while claims.beat(parts.engine, job, done=1, total=9, stage="") != "cancel":
            time.sleep(0.02)
        time.sleep(0.2)
        claims.end(parts.engine, job, "cancelled")

    worker = threading.Thread(target=work)
    worker.start()
    started = time.monotonic()
    assert client.delete(f"/api/jobs/{job.id}").status_code == 204
    assert time.monotonic() - started > 0.2
    worker.join()
    assert left(client) == set()


def test_a_job_that_does_not_stop_is_not_deleted(client: TestClient) -> None:
    job = begun(client)
    assert client.portal is not None
    with pytest.raises(ApiError, match="has not stopped yet; try again") as raised:
        client.portal.call(partial(stop_and_delete, parts_of(client), job, patience=0.2))
    assert raised.value.status_code == 409
    assert jobs.find(parts_of(client).engine, job.id) is not None


# ---- Files


@pytest.mark.parametrize("state", ["pending", "processing", "failed", "cancelled", "interrupted"])
def test_a_job_that_has_not_completed_has_no_files(client: TestClient, state: State) -> None:
    begin = {"pending": pending, "processing": begun}
    job = begin[state](client) if state in begin else ended(client, state)
    for address in ("jobs/{}/files", "jobs/{}/files/a.json", "jobs/{}/timeline", "download/{}", "download-data/{}"):
        answer = client.get("/api/" + address.format(job.id))
        assert (answer.status_code, answer.json()["code"]) == (409, "not_finished")
        assert "not finished" in answer.json()["error"]
        assert state in answer.json()["error"]


def test_the_files_of_a_job_are_listed_with_their_types_and_can_be_fetched(client: TestClient) -> None:
    files = {
        "annotated.mp4": ("video/mp4", "inline"),
        "data.bin": ("application/octet-stream", "attachment"),
        "gaze.csv": ("text/csv; charset=utf-8", "attachment"),
        "gaze.jsonl": ("application/x-ndjson", "attachment"),
        "page.html": ("text/html; charset=utf-8", "attachment"),
        "picture.svg": ("application/octet-stream", "attachment"),
        "summary.json": ("application/json", "inline"),
        "timeline.png": ("image/png", "inline"),
    }
    job = ended(client, "completed", files={name: name.encode() for name in files})
    listed = client.get(f"/api/jobs/{job.id}/files").json()["files"]
    assert [(file["name"], file["bytes"], file["type"]) for file in listed] == [
        (name, len(name), kind) for name, (kind, _) in files.items()
    ]
    for file in listed:
        answer = client.get(file["url"])
        assert (answer.status_code, answer.text) == (200, file["name"])
        kind, disposition = files[file["name"]]
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"].startswith(f'{disposition}; filename="{file["name"]}"')
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_only_what_lies_in_the_folder_can_be_fetched(client: TestClient) -> None:
    job = ended(client, "completed", files={"a.json": b"{}"})
    folder = attempt_folder(parts_of(client).settings, job)
    (folder / "folder").mkdir()
    (folder / "link.json").symlink_to(parts_of(client).settings.data / "perceptkit.db")
    for name in (
        "%2e%2e",
        "%2e%2e%2fa.json",
        "..%5ca.json",
        "folder",
        "link.json",
        "A.JSON",
        "a.json%00",
        "%2fetc%2fpasswd",
    ):
        assert client.get(f"/api/jobs/{job.id}/files/{name}").status_code == 404, name
    assert [file["name"] for file in client.get(f"/api/jobs/{job.id}/files").json()["files"]] == ["a.json"]


def test_results_that_have_been_cleared_away_are_not_there(client: TestClient) -> None:
    job = ended(client, "completed", files={"annotated.mp4": b"x"})
    folder = attempt_folder(parts_of(client).settings, job)
    (folder / "annotated.mp4").unlink()
    folder.rmdir()
    assert client.get(f"/api/play_video/{job.id}").status_code == 404
    assert client.get(f"/api/play_original/{job.id}").status_code == 404


def test_the_timeline_is_what_the_task_has_written(client: TestClient) -> None:
    job = ended(client, "completed", files={"timeline.json": json.dumps(TIMELINE).encode()})
    answer = client.get(f"/api/jobs/{job.id}/timeline")
    assert (answer.headers["content-type"], answer.json()) == ("application/json", TIMELINE)


# ---- Parts of files

RANGES = [
    ("bytes=0-9", 206, slice(0, 10)),
    ("bytes=90-", 206, slice(90, 100)),
    ("bytes=90-1000", 206, slice(90, 100)),
    ("bytes=-10", 206, slice(90, 100)),
    ("bytes=-1000", 206, slice(0, 100)),
    ("bytes=99-99", 206, slice(99, 100)),
    ("bytes=100-", 416, None),
    ("bytes=-0", 416, None),
    ("bytes=9-0", 200, slice(0, 100)),
    ("bytes=-", 200, slice(0, 100)),
    ("bytes=0-1,5-6", 200, slice(0, 100)),
    ("items=0-1", 200, slice(0, 100)),
    ("bytes=" + "9" * 5000 + "-", 200, slice(0, 100)),
]


@pytest.mark.parametrize(("asked", "status", "part"), RANGES, ids=[row[0][:16] for row in RANGES])
def test_a_player_gets_the_part_that_it_asks_for(
    client: TestClient, asked: str, status: int, part: slice | None
) -> None:
    job = ended(client, "completed", upload=sent(client), files={"annotated.mp4": SECONDS})
    for address in (f"/api/play_video/{job.id}", f"/api/play_original/{job.id}"):
        answer = client.get(address, headers={"Range": asked})
        head = client.head(address, headers={"Range": asked})
        assert (answer.status_code, head.status_code, head.content) == (status, status, b"")
        if part is None:
            assert answer.headers["content-range"] == "bytes */100"
            assert answer.json()["code"] == "no_such_range"
            continue
        assert answer.content == SECONDS[part]
        assert answer.headers["content-length"] == head.headers["content-length"] == str(len(SECONDS[part]))
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-disposition"].startswith("inline")
        if status == 206:
            assert answer.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/100"


def test_a_part_is_sent_only_of_the_file_that_the_caller_knows(client: TestClient) -> None:
    job = ended(client, "completed", files={"annotated.mp4": SECONDS})
    address = f"/api/play_video/{job.id}"
    whole = client.get(address)
    for known in (whole.headers["etag"], whole.headers["last-modified"]):
        assert client.get(address, headers={"Range": "bytes=0-9", "If-Range": known}).status_code == 206
    for asked in ("bytes=0-9", "bytes=500-"):
        other = client.get(address, headers={"Range": asked, "If-Range": '"another"'})
        assert (other.status_code, other.content) == (200, SECONDS)
    same = client.get(address, headers={"If-None-Match": f'"x", {whole.headers["etag"]}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", whole.headers["etag"])
