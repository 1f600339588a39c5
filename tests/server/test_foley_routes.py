"""Footsteps in videos that are sent: the tasks, their stages, and what is fetched. Rows stand for the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import sqlalchemy as sql
from starlette.testclient import TestClient

from perceptkit import foley, video
from perceptkit.errors import InputError
from perceptkit.foley import Detection, Footstep
from perceptkit.foley.gait import statistics
from perceptkit.images import decode
from perceptkit.server.database import uploads
from perceptkit.server.folders import attempt_folder, results_folder, uploads_folder
from perceptkit.server.footsteps import options as foley_options
from perceptkit.server.footsteps.stages import DETECTING, find_video, newest
from perceptkit.server.incoming.uploads import delete_upload
from perceptkit.server.jobs import cancel, list_jobs
from perceptkit.server.jobs.claims import beat, claim, end
from perceptkit.server.parts import Parts
from perceptkit.server.tasks.foley import foley_annotate, foley_sound
from real_walks import write_real_walk
from serving import client_of, wait_for
from tiny_networks import write_video

NOBODY = "11111111-2222-4333-8444-555555555555"
HEADER = "frame,timecode,foot,event,time_seconds,confidence"
STEPS = (
    Footstep(0.4, "left", "heel_strike", 0.9),
    Footstep(0.8, "right", "heel_strike", 0.95),
    Footstep(1.0, "left", "toe_off", 0.8),
)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    pictures = [np.full((64, 96, 3), 4 * number, np.uint8) for number in range(50)]
    return write_video(tmp_path_factory.mktemp("foley") / "walk.mp4", pictures).read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("server")) as client:
        yield client


@pytest.fixture
def client(server: TestClient) -> Iterator[TestClient]:
    yield server
    for job in list_jobs(parts_in(server).engine, "owner"):
        cancel(parts_in(server).engine, job.id)


def parts_in(client: TestClient) -> Parts:
    parts: Parts = client.app.state.parts  # type: ignore[attr-defined] # it is our application
    return parts


def send(client: TestClient, walk: bytes, **fields: str) -> str:
    answer = client.post("/api/upload-video", files={"video": ("../Grüße.mp4", walk)}, data=fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "uploaded"
    return str(answer.json()["task_id"])


def do_next(client: TestClient, state: Any = "completed", **result: Any) -> dict[str, Any]:
    """End the job that waits as a worker would that has found `STEPS`; its parameters."""
    parts = parts_in(client)
    job = claim(parts.engine)
    assert job is not None
    folder = attempt_folder(parts.settings, job)
    folder.mkdir(parents=True)
    source = parts.settings.data / job.parameters["source"]
    numbers = statistics(STEPS, {1: (0.0, 2.0)})
    found = Detection(source, video.info(source), np.arange(50) / 25, STEPS, (), numbers, ())
    foley.keep_detection(found, folder, clip=replace(found.clip, name=job.filename, path=None))
    (folder / "annotated.mp4").write_bytes(b"drawn")
    (folder / "footsteps.mp4").write_bytes(b"heard")
    about = {"video": {"width": 96}, "statistics": numbers, "detection": {"people": 1}, "warnings": ["dark"], **result}
    assert end(parts.engine, job, state, result=about if state == "completed" else None, error=result.get("error"))
    return dict(job.parameters)


# ---- Tasks


def test_a_video_waits_until_it_is_asked_for_even_over_a_restart(walk: bytes, tmp_path: Path) -> None:
    with client_of(tmp_path / "data") as client:
        task = send(client, walk, sensitivity="high", surface_type="gravel")
    with client_of(tmp_path / "data") as client:
        found = client.get(f"/api/status/{task}").json()
        assert (found["status"], found["job_id"], found["progress"], found["results"]) == ("uploaded", None, 0.0, None)
        begun = client.post(f"/api/process/{task}").json()
        assert (begun["task_id"], begun["status"]) == (task, "pending")
        told = do_next(client)
    assert (told["sensitivity"], told["surface_type"], told["yolo_conf"]) == ("high", "gravel", 0.5)
    assert told["source"] == f"uploads/{task}.mp4"


def test_options_come_from_the_address_from_config_and_from_fields(client: TestClient, walk: bytes) -> None:
    answer = client.post(
        "/api/upload-video?sensitivity=low&yolo_conf=0.3&surface_type=sand",
        files={"file": ("walk.mp4", walk)},
        data={"config": '{"yolo_conf": 0.4, "add_audio": true}', "surface_type": "auto", "sensitivity": ""},
    )
    client.post(f"/api/process/{answer.json()['task_id']}")
    told = do_next(client)
    assert (told["sensitivity"], told["yolo_conf"], told["surface_type"]) == ("low", 0.4, "auto")
    assert (told["add_audio"], told["create_annotated"]) == (True, False)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"surface_type": "lava"}, "surface_type: unknown surface 'lava'; choose from: auto, concrete, wood, tile"),
        ({"sensitivity": "huge"}, "sensitivity: unknown sensitivity 'huge'; choose from: low, medium, high"),
        ({"yolo_conf": "2"}, "yolo_conf: Input should be less than 1"),
        ({"create_annotated": "perhaps"}, "create_annotated: Input should be a valid boolean"),
        ({"webhook_url": "http://127.0.0.1/"}, "only https on port 443"),
        ({"config": "{"}, "config: this is not JSON that can be used"),
        ({"config": "[1]"}, "config: give one JSON object"),
    ],
)
def test_options_that_make_no_sense_are_told_and_nothing_is_kept(
    client: TestClient, walk: bytes, fields: dict[str, str], said: str
) -> None:
    uploads = parts_in(client).settings.data / "uploads"
    before = sorted(uploads.iterdir())
    answer = client.post("/api/upload-video", files={"file": ("walk.mp4", walk)}, data=fields)
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert sorted(uploads.iterdir()) == before


def test_the_names_that_can_be_chosen_are_those_of_the_library() -> None:
    for ours, library in (
        (foley_options.SENSITIVITIES, foley.SENSITIVITIES),
        (foley_options.ROOMS, foley.ROOMS),
        (foley_options.ORIGINALS, foley.ORIGINALS),
        (foley_options.LOUDNESS, foley.LOUDNESS),
    ):
        assert set(ours) == set(library)
    assert foley.AUTO in foley_options.Surface.__metadata__[1].json_schema_extra["enum"]  # type: ignore[attr-defined] # an Annotated


def test_a_task_that_is_not_there_or_is_somebody_elses(client: TestClient, walk: bytes) -> None:
    task = send(client, walk)
    parts = parts_in(client)
    for id_, owner in ((NOBODY, "owner"), (task, "somebody"), ("x" * 300, "owner"), ("a\0b", "owner")):
        with pytest.raises(Exception, match="there is no such task") as error:
            find_video(parts, id_, owner)
        assert error.value.status_code == 404  # type: ignore[attr-defined] # an ApiError
    for method, route in (("POST", "process"), ("GET", "status"), ("GET", "export-csv"), ("POST", "generate-video")):
        answer = client.request(method, f"/api/{route}/{NOBODY}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# ---- Stages


def test_what_is_not_there_yet_is_told_with_what_to_do(client: TestClient, walk: bytes) -> None:
    task = send(client, walk)
    for method, route in (
        *(("GET", "export-csv"), ("GET", "export-json"), ("POST", "generate-video")),
        *(("POST", "generate-audio-video"), ("GET", "download-video"), ("GET", "download-audio-video")),
    ):
        answer = client.request(method, f"/api/{route}/{task}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_started")
        assert "begins that" in answer.json()["error"]
    assert client.get(f"/api/video-status/{task}").json()["status"] == "not_started"
    client.post(f"/api/process/{task}")
    assert client.get(f"/api/export-json/{task}").json()["code"] == "not_finished"
    do_next(client, "failed", error="it was too dark")
    answer = client.get(f"/api/export-json/{task}").json()
    assert (answer["code"], "the job has failed (it was too dark)" in answer["error"]) == ("not_made", True)
    found = client.get(f"/api/status/{task}").json()
    assert (found["status"], found["error"], found["results"]) == ("failed", "it was too dark", None)
    again = client.post(f"/api/process/{task}").json()
    assert again["job_id"] != found["job_id"]


def test_nothing_is_done_twice_at_a_time(client: TestClient, walk: bytes) -> None:
    task = send(client, walk)
    jobs = {client.post(f"/api/process/{task}").json()["job_id"] for _ in range(3)}
    assert len(jobs) == 1
    do_next(client)
    for route in ("generate-video", "generate-audio-video"):
        made = [client.post(f"/api/{route}/{task}").json() for _ in range(2)]
        assert made[0] == made[1]
        do_next(client)
        assert client.post(f"/api/{route}/{task}").json()["job_id"] != made[0]["job_id"]
        do_next(client)


def test_results_are_those_of_the_detection(client: TestClient, walk: bytes) -> None:
    task = send(client, walk)
    client.post(f"/api/process/{task}")
    do_next(client)
    found = client.get(f"/api/status/{task}").json()
    assert (found["status"], found["progress"], found["message"]) == ("completed", 1.0, "Grüße.mp4 is done")
    results = found["results"]
    assert (results["total_steps"], results["left_steps"], results["right_steps"]) == (2, 1, 1)
    assert [(each["time_seconds"], each["foot"]) for each in results["events"]] == [
        (0.4, "left"),
        (0.8, "right"),
        (1.0, "left"),
    ]
    assert (results["video"]["filename"], results["video"]["width"], results["warnings"]) == ("Grüße.mp4", 96, ["dark"])
    table = client.get(f"/api/export-csv/{task}")
    assert table.text.splitlines() == [
        HEADER,
        "10,00:00:00:10,left,heel_strike,0.4,0.9",
        "20,00:00:00:20,right,heel_strike,0.8,0.95",
        "25,00:00:01:00,left,toe_off,1.0,0.8",
    ]
    assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe-events.csv" in table.headers["content-disposition"]
    wide = client.get(f"/api/export-csv/{task}?columns=all").text.splitlines()[0]
    assert wide.startswith(f"{HEADER},person,strength")
    exported = client.get(f"/api/export-json/{task}").json()
    assert (exported["source"], exported["events"]) == ("Grüße.mp4", results["events"])


def test_what_was_found_stays_when_the_video_is_deleted(client: TestClient, walk: bytes) -> None:
    task, parts = send(client, walk), parts_in(client)
    client.post(f"/api/process/{task}")
    do_next(client)
    upload = find_video(parts, task, "owner").upload
    assert upload is not None
    delete_upload(parts.settings, parts.engine, upload)
    assert client.get(f"/api/status/{task}").json()["results"]["total_steps"] == 2
    assert client.get(f"/api/export-csv/{task}").text.startswith(HEADER)
    answer = client.post(f"/api/generate-video/{task}")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_gone")
    assert answer.json()["error"] == "Grüße.mp4 has been deleted since; upload it again"


def test_a_task_is_deleted_with_its_video_and_its_jobs(client: TestClient, walk: bytes) -> None:
    parts = parts_in(client)
    unused, task, other = send(client, walk), send(client, walk), send(client, walk)
    client.post(f"/api/process/{task}")
    do_next(client)
    client.post(f"/api/generate-video/{task}")
    jobs = list_jobs(parts.engine, "owner", task=task)
    assert [job.state for job in jobs] == ["pending", "completed"]
    for id_ in (unused, task):
        answer = client.delete(f"/api/jobs/{id_}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert client.get(f"/api/status/{id_}").status_code == 404
        assert client.delete(f"/api/jobs/{id_}").json()["code"] == "not_found"
        assert list(uploads_folder(parts.settings).glob(f"{id_}*")) == []
    assert list_jobs(parts.engine, "owner", task=task) == []
    assert not any(results_folder(parts.settings, job.id).exists() for job in jobs)
    assert client.get(f"/api/status/{other}").status_code == 200


def test_a_task_of_somebody_else_is_not_deleted(client: TestClient, walk: bytes) -> None:
    parts, task = parts_in(client), send(client, walk)
    with parts.engine.begin() as connection:
        connection.execute(sql.update(uploads).where(uploads.c.id == task).values(owner="somebody"))
    assert client.delete(f"/api/jobs/{task}").status_code == 404
    assert find_video(parts, task, "somebody").upload is not None


def test_videos_are_made_of_the_newest_detection(client: TestClient, walk: bytes) -> None:
    task = send(client, walk, surface_type="snow")
    for _ in range(2):
        client.post(f"/api/process/{task}")
        do_next(client)
    job = newest(parts_in(client).engine, find_video(parts_in(client), task, "owner"), DETECTING)
    assert job is not None
    client.post(f"/api/generate-video/{task}")
    assert do_next(client)["detection"] == f"results/{job.id}/{job.claim}"
    fetched = client.get(f"/api/download-video/{task}")
    assert (fetched.content, fetched.headers["content-type"]) == (b"drawn", "video/mp4")

    client.post(f"/api/generate-audio-video/{task}?shoe=boot", json={"original": "mute"})
    told = do_next(client, surface="snow")
    assert (told["surface_type"], told["shoe"], told["original"], told["seed"]) == ("snow", "boot", "mute", 0)
    found = client.get(f"/api/audio-video-status/{task}").json()
    assert (found["status"], found["surface"], found["warnings"]) == ("completed", "snow", ["dark"])
    assert client.get(found["url"]).content == b"heard"


def test_another_sound_waits_for_the_one_that_is_being_made(client: TestClient, walk: bytes) -> None:
    task = send(client, walk)
    client.post(f"/api/process/{task}")
    do_next(client)
    first = client.post(f"/api/generate-audio-video/{task}", json={"surface_type": "mud"}).json()
    other = client.post(f"/api/generate-audio-video/{task}", json={"surface_type": "sand"})
    assert (other.status_code, other.json()["code"]) == (409, "in_progress")
    assert first["job_id"] in other.json()["error"]
    assert client.post(f"/api/generate-audio-video/{task}", json={"surface_type": "lava"}).status_code == 422


def test_a_detection_that_makes_the_videos_too_is_the_job_of_all_three(client: TestClient, walk: bytes) -> None:
    task = send(client, walk, create_annotated="true", add_audio="true")
    begun = client.post(f"/api/process/{task}").json()["job_id"]
    for route in ("generate-video", "generate-audio-video"):
        assert client.post(f"/api/{route}/{task}").json()["job_id"] == begun
    do_next(client)
    for route in ("video-status", "audio-video-status"):
        assert client.get(f"/api/{route}/{task}").json()["job_id"] == begun
    assert client.get(f"/api/download-audio-video/{task}").content == b"heard"


def test_a_job_has_one_progress_wherever_it_is_asked_for(client: TestClient, walk: bytes) -> None:
    task = send(client, walk, create_annotated="true", add_audio="true")
    begun, engine = client.post(f"/api/process/{task}").json()["job_id"], parts_in(client).engine
    job = claim(engine)
    assert job is not None
    beat(engine, job, done=50, total=50, stage="frames drawn", share=2 / 3)
    info = client.get(f"/api/jobs/{begun}").json()
    assert (info["progress_percentage"], info["stage"]) == (66.7, "frames drawn")
    for route in ("status", "video-status", "audio-video-status"):
        assert client.get(f"/api/{route}/{task}").json()["progress"] == 0.6667
    assert end(engine, job, "failed", error="it was too dark")
    assert client.get(f"/api/jobs/{begun}").json()["progress_percentage"] == 66.7


# ---- The work


class Quiet:
    """A reporter that nobody listens to."""

    def stage(self, name: str, **_: Any) -> Any:
        return lambda done, total: None


def test_errors_of_the_work_name_the_video_as_people_do(
    client: TestClient, walk: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parameters = {"source": "uploads/1.mp4", "folder": "new", "filename": "Holiday.mp4", "detection": "results/1/2"}
    models: Any = None
    reporter: Any = Quiet()
    for work in (foley_annotate, foley_sound):
        with pytest.raises(InputError) as error:
            work(models, {**parameters, "offset_ms": 0}, reporter)
        assert "the footsteps" in str(error.value)
        assert "results" not in str(error.value)


@pytest.mark.slow  # the example calls in test_reference_clients go the same way
@pytest.mark.weights
def test_a_real_video_from_beginning_to_end(tmp_path: Path) -> None:
    short = write_real_walk(tmp_path / "short.mp4")
    with client_of(tmp_path / "data", worker=True) as client:
        task = send(client, short.read_bytes(), surface_type="gravel", create_annotated="true", add_audio="true")
        client.post(f"/api/process/{task}")

        def done() -> Any:
            found = client.get(f"/api/status/{task}").json()
            assert found["status"] in ("pending", "processing", "completed"), found
            return found if found["status"] == "completed" else None

        found = wait_for(done, seconds=120)
        assert found["results"]["total_steps"] >= 2
        info = client.get(f"/api/jobs/{found['job_id']}").json()
        frames = found["results"]["detection"]["frames"]
        assert (info["processed_frames"], info["total_frames"], info["stage"]) == (frames, frames, "footsteps")
        for route in ("download-video", "download-audio-video"):
            (tmp_path / route).with_suffix(".mp4").write_bytes(client.get(f"/api/{route}/{task}").content)
            assert video.info((tmp_path / route).with_suffix(".mp4")).has_sound is (route == "download-audio-video")
        job = found["job_id"]
        files = {each["name"]: each["url"] for each in client.get(f"/api/jobs/{job}/files").json()["files"]}
        assert {"events.mid", "events.edl", "events.rpp", "labels.txt", "timecode.txt", "stats.json"} <= set(files)
        assert decode(client.get(files["timeline.png"]).content).shape[2] == 3
        (tmp_path / "steps.wav").write_bytes(client.get(files["footsteps.wav"]).content)
        sound, rate = soundfile.read(tmp_path / "steps.wav")
        first = min(each["time_seconds"] for each in found["results"]["events"] if each["event"] == "heel_strike")
        assert np.flatnonzero(np.abs(sound).max(axis=1) > 1e-3)[0] / rate == pytest.approx(first, abs=0.02)
        lanes = client.get(f"/api/jobs/{job}/timeline").json()["lanes"]
        assert sum(len(lane["marks"]) for lane in lanes) == len(found["results"]["events"])
        told = [task.encode(), str(tmp_path).encode(), b"uploads/"]
        assert not [name for name, url in files.items() if any(each in client.get(url).content for each in told)]
