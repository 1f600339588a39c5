"""Gaze over HTTP: a video in, the annotated one and the data out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from clips import write_clip
from perceptkit import video
from perceptkit.errors import MediaError
from perceptkit.server.folders import attempt_folder, uploads_folder
from perceptkit.server.jobs import claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.parts import Parts
from perceptkit.server.tasks.naming import called
from serving import client_of
from shared_data import video_file


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("server")) as client:
        yield client


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", count=5).read_bytes()


def parts_of(client: TestClient) -> Parts:
    parts: Parts = client.app.state.parts  # type: ignore[attr-defined]
    return parts


def send(client: TestClient, content: bytes, *, name: str = "Gespräch 1.mp4", **request: Any) -> Any:
    return client.post("/api/upload", files={"file": (name, content, "video/mp4")}, **request)


def stored(client: TestClient) -> set[str]:
    return {path.name for path in uploads_folder(parts_of(client).settings).iterdir()}


def parameters(client: TestClient, job_id: str) -> dict[str, Any]:
    job = jobs.find(parts_of(client).engine, job_id)
    assert job is not None
    return dict(job.parameters)


def test_a_video_becomes_a_job_with_what_the_form_says(client: TestClient, film: bytes) -> None:
    form = {"model": "resnet18", "detect_every": "3", "smooth": "off", "camera_angle": "20", "webhook_url": ""}
    answer = send(client, film, data=form)
    assert answer.status_code == 200
    job_id = answer.json()["job_id"]
    assert answer.json() == {
        "job_id": job_id,
        "message": f"Gespräch 1.mp4 is queued; follow it at /api/jobs/{job_id}/events",
    }
    upload = next(name for name in stored(client) if parameters(client, job_id)["source"] == f"uploads/{name}")
    assert upload.endswith(".mp4")
    assert parameters(client, job_id) == {
        "source": f"uploads/{upload}",
        "model": "resnet18",
        "detect_every": 3,
        "smooth": False,
        "camera_angle": 20.0,
    }
    info = client.get(f"/api/jobs/{job_id}").json()
    assert (info["status"], info["model"], info["filename"]) == ("pending", "resnet18", "Gespräch 1.mp4")
    assert client.get(f"/api/play_original/{job_id}").content == film


def test_the_model_may_be_in_the_address_and_else_the_preset_chooses(client: TestClient, film: bytes) -> None:
    named = send(client, film, params={"model": "mobilenetv2"}).json()["job_id"]
    chosen = send(client, film, data={"model": ""}).json()["job_id"]
    both = send(client, film, params={"model": "mobilenetv2"}, data={"model": "resnet34"}).json()["job_id"]
    assert [parameters(client, each)["model"] for each in (named, chosen, both)] == ["mobilenetv2", "adas", "resnet34"]


REFUSED = [
    ({"data": {"model": "best"}}, "unknown gaze model 'best'; choose one of: mobileone-s0"),
    ({"params": {"model": "/etc/passwd"}}, "unknown gaze model '/etc/passwd'; choose one of"),
    ({"data": {"detect_every": "0"}}, "detect_every: "),
    ({"data": {"detect_every": "61"}}, "detect_every: "),
    ({"data": {"camera_angle": "nan"}}, "camera_angle: "),
    ({"data": {"smooth": "perhaps"}}, "smooth: "),
    ({"data": {"webhook_url": "file:///etc/passwd"}}, "the webhook cannot be used"),
]


@pytest.mark.parametrize(("request_", "said"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_queued(
    client: TestClient, film: bytes, request_: dict[str, Any], said: str
) -> None:
    before, queued = stored(client), client.get("/api/jobs/all").json()
    answer = send(client, film, **request_)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(said)
    assert stored(client) == before
    assert client.get("/api/jobs/all").json() == queued


def test_the_same_key_gives_the_same_job_and_keeps_one_file(client: TestClient, film: bytes) -> None:
    key, before = {"Idempotency-Key": "only once"}, stored(client)
    first = send(client, film, headers=key)
    again = send(client, film * 40, headers=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert len(stored(client) - before) == 1
    other = jobs.submit(
        parts_of(client).engine,
        kind="faces",
        owner="owner",
        filename="a.jpg",
        parameters={},
        idempotency_key="elsewhere",
    )
    refused = send(client, film, headers={"Idempotency-Key": "elsewhere"})
    assert (refused.status_code, refused.json()["code"]) == (409, "key_reused")
    assert jobs.cancel(parts_of(client).engine, other.id)


def completed(client: TestClient, files: dict[str, bytes]) -> str:
    """The id of a job that has made these files, in place of the one that waits longest."""
    parts = parts_of(client)
    jobs.submit(parts.engine, kind="gaze", owner="owner", filename="Gespräch 1.mp4", parameters={"model": "adas"})
    while True:
        job = claims.claim(parts.engine)
        assert job is not None
        if job.upload is None:
            break
        claims.end(parts.engine, job, "failed", error="not looked at in this test", code="media_error")
    folder = attempt_folder(parts.settings, job)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    claims.end(parts.engine, job, "completed", result={})
    return job.id


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_the_data_is_one_json_of_the_summary_and_all_frames(client: TestClient, count: int) -> None:
    rows = [{"frame": n, "time": n / 25, "faces": [{"box": [1, 2, 3, 4], "name": "a,b\n" * 20}]} for n in range(count)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    job_id = completed(client, {"summary.json": b'{\n "frames": 3\n}\n', "gaze.jsonl": lines, "gaze.csv": b"frame\n"})
    answer = client.get(f"/api/download-data/{job_id}")
    assert answer.json() == {"summary": {"frames": 3}, "frames": rows}
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert 'filename="Gesprach 1-gaze.json"' in answer.headers["content-disposition"]
    as_lines = client.get(f"/api/download-data/{job_id}", params={"format": "jsonl"}, headers={"Range": "bytes=0-4"})
    assert (as_lines.status_code, as_lines.content) == ((206, lines[:5]) if count else (416, as_lines.content))
    assert client.get(f"/api/download-data/{job_id}", params={"format": "csv"}).text == "frame\n"
    assert client.get(f"/api/download-data/{job_id}", params={"format": "xml"}).status_code == 422


def test_the_video_is_saved_under_the_name_that_it_came_with(client: TestClient) -> None:
    job_id = completed(client, {"annotated.mp4": b"video"})
    answer = client.get(f"/api/download/{job_id}")
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Gesprach 1-gaze.mp4\"; filename*=UTF-8''Gespr%C3%A4ch%201-gaze.mp4"
    )
    assert client.head(f"/api/download/{job_id}").headers["content-length"] == "5"
    assert client.get(f"/api/download-data/{job_id}").status_code == 404


@pytest.mark.slow  # the example calls in test_reference_clients go the same way
@pytest.mark.weights
def test_a_video_is_looked_at_by_the_worker_and_nothing_of_it_is_left_when_deleted(tmp_path: Path) -> None:
    clip, data = tmp_path / "clip.mp4", tmp_path / "data"
    with video.read(video_file("classroom.mp4"), end=0.4) as frames, video.Writer(clip, frames.info) as writer:
        for frame in frames:
            writer.write(frame)
            count = frame.index + 1
    with client_of(data, worker=True) as client:
        job_id = send(client, clip.read_bytes(), name="class.mp4", data={"detect_every": "5"}).json()["job_id"]
        events = client.get(f"/api/jobs/{job_id}/events").text.strip().split("\n\n")
        assert [line.split("\n")[1] for line in events[1:]][-1] == "event: completed"
        info = client.get(f"/api/jobs/{job_id}").json()
        assert (info["error"], info["model"], info["warnings"]) == (None, "adas", [])
        assert (info["processed_frames"], info["total_frames"]) == (count, count)

        found = client.get(f"/api/download-data/{job_id}").json()
        assert len(found["frames"]) == count
        assert max(len(row["faces"]) for row in found["frames"]) >= 3
        assert found["summary"]["source"] == "class.mp4"
        table = list(csv.reader(io.StringIO(client.get(f"/api/jobs/{job_id}/files/gaze.csv").text)))
        assert len(table) == 1 + sum(len(row["faces"]) for row in found["frames"])

        timeline = client.get(f"/api/jobs/{job_id}/timeline").json()
        tracks = [f"track {track['track']}" for track in found["summary"]["attention"]["tracks"]]
        assert [lane["name"] for lane in timeline["lanes"]] == tracks
        seen = [span for lane in timeline["lanes"] for span in lane["spans"] if span["label"] == "visible"]
        assert all(0 <= span["start"] < span["end"] <= timeline["end"] + 1e-6 for span in seen)
        assert sum(span["end"] - span["start"] for span in seen) == pytest.approx(
            sum(track["seconds_visible"] for track in found["summary"]["attention"]["tracks"])
        )

        annotated = tmp_path / "annotated.mp4"
        annotated.write_bytes(client.get(f"/api/download/{job_id}").content)
        with video.read(annotated) as pictures:
            assert len(list(pictures)) == count
        for file in client.get(f"/api/jobs/{job_id}/files").json()["files"]:
            assert str(data).encode() not in client.get(file["url"]).content, file["name"]

        assert client.delete(f"/api/jobs/{job_id}").status_code == 204
        assert [path for name in ("uploads", "results") for path in (data / name).rglob("*")] == []


def test_an_error_names_the_video_as_its_owner_does() -> None:
    stored = Path("uploads/0b1c.mp4")
    said = r"^Gespräch 1.mp4 cannot be read: nothing is in Gespräch 1.mp4$"
    with pytest.raises(MediaError, match=said), called("Gespräch 1.mp4", stored):
        raise MediaError(f"{stored} cannot be read: nothing is in {stored.name}")
