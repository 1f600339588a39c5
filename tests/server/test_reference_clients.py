"""The example calls of the four systems that came before, as their users wrote them, against the real program.

curl and Python's requests, real weights and real media. The server asks nobody who he is (`--no-auth`), as theirs did.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import connect

from clips import cut
from perceptkit import video
from perceptkit.images.writing import encode_jpeg
from real_walks import write_real_walk
from serving import Program, program, wait_for
from shared_data import faces_file, video_file

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(tmp_path_factory.mktemp("reference") / "data", "--no-auth") as running:
        yield running


def curl(*arguments: str | Path) -> Any:
    """What curl prints, as JSON."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    done = subprocess.run(["curl", "-sS", *map(str, arguments)], capture_output=True, check=True, timeout=120)
    return json.loads(done.stdout)


def test_the_unique_faces_of_some_photos(server: Program, tmp_path: Path) -> None:
    photos = [faces_file(f"people/{name}") for name in ("person01_01.jpg", "person01_02.jpg", "person02_01.jpg")]
    images = [{"image_base64": base64.b64encode(photo.read_bytes()).decode()} for photo in photos]
    body = {"images": [*images, {"image_base64": "bm8gcGhvdG8="}], "similarity_threshold": 0.4, "min_face_size": 20}
    (tmp_path / "request.json").write_text(json.dumps(body))

    answer = curl(
        *("-X", "POST", f"{server.url}/extract-faces", "-H", "Content-Type: application/json"),
        *("-d", f"@{tmp_path / 'request.json'}"),
    )

    assert answer["total_faces_detected"] == 3
    assert answer["unique_faces"] == len(answer["faces"]) == 2
    assert [face["source_index"] for face in answer["faces"]] == [0, 2]
    assert [error["index"] for error in answer["errors"]] == [3]
    assert answer["images_processed"] == 3
    assert answer["processing_time_ms"] > 0
    assert answer["request_id"]
    face = answer["faces"][0]
    assert len(face["embedding"]) == 128  # of MobileFaceNet
    assert face["headshot_base64"].startswith("data:image/jpeg;base64,")
    assert 0.5 <= face["confidence"] <= 1
    assert {"face_id", "box"} <= set(face)


def test_whether_the_face_service_is_there(server: Program) -> None:
    answer = requests.get(f"{server.url}/health", timeout=10).json()
    assert set(answer) >= {"status", "timestamp", "version", "face_detection_model"}
    assert answer["face_detection_model"] == "yunet"
    assert requests.get(f"{server.url}/ready", timeout=30).status_code == 200


def test_somebody_registers_enrols_and_is_known(server: Program) -> None:
    who = {"username": "anna", "email": "anna@example.org", "password": "correct horse battery"}
    assert requests.post(f"{server.url}/auth/register", json=who, timeout=30).ok
    token = requests.post(f"{server.url}/auth/login", json=who, timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{server.url}/auth/verify", headers=headers, timeout=30).ok

    before = requests.get(f"{server.url}/api/face/cache-status", headers=headers, timeout=30).json()
    with faces_file("people/person01_01.jpg").open("rb") as photo:
        enrolled = requests.post(
            f"{server.url}/api/face/upload-image", files={"file": photo}, headers=headers, timeout=60
        )
    after = requests.get(f"{server.url}/api/face/cache-status", headers=headers, timeout=30).json()
    theirs = requests.get(f"{server.url}/api/face/cache-status", timeout=30).json()

    assert enrolled.ok, enrolled.text
    assert (before["has_embedding"], after["has_embedding"], theirs["has_embedding"]) == (False, True, False)


def test_a_recording_with_directions(server: Program) -> None:
    begun = curl(*("-X", "POST", f"{server.url}/api/audio/start-stream", "-F", "sample_rate=16000", "-F", "channels=1"))
    assert begun["ok"] is True
    session = begun["session_id"]
    with connect(server.url.replace("http", "ws") + f"/ws/audio/{session}") as socket:
        chunk = b"\x01\x02" * 1600
        socket.send(chunk)
        assert json.loads(socket.recv())["status"] == "received"
        socket.send(json.dumps({"audio_data": base64.b64encode(chunk).decode(), "angle": 45.5}))
        assert json.loads(socket.recv())["status"] == "received"
        assert [each["session_id"] for each in curl(f"{server.url}/api/audio/active-sessions")["sessions"]] == [session]
        socket.send(json.dumps({"command": "stop"}))
        assert json.loads(socket.recv())["status"] == "stopped"

    recordings = requests.get(f"{server.url}/api/audio/recordings", timeout=10).json()["recordings"]
    assert [each["id"] for each in recordings] == [session]
    sound = requests.get(f"{server.url}/api/audio/recordings/{session}", timeout=10).content
    with wave.open(BytesIO(sound)) as opened:
        assert opened.readframes(9999) == 2 * chunk
    angles = requests.get(f"{server.url}/api/audio/recordings/{session}/angles", timeout=10).text
    assert angles.splitlines() == ["timestamp,angle", "0.100,45.50"]


def test_a_stream_is_stopped_by_its_address(server: Program) -> None:
    begun = requests.post(f"{server.url}/api/audio/start-stream", data={"sample_rate": 8000}, timeout=10).json()
    stopped = requests.post(f"{server.url}/api/audio/stop-stream/{begun['session_id']}", timeout=10)
    assert stopped.ok, stopped.text
    assert requests.get(f"{server.url}/api/audio/active-sessions", timeout=10).json()["sessions"] == []


def test_the_gaze_of_a_video(server: Program, tmp_path: Path) -> None:
    clip = cut(video_file("classroom.mp4"), tmp_path / "talk.mp4", 1.0)
    begun = curl("-X", "POST", f"{server.url}/api/upload", "-F", f"file=@{clip}", "-F", "model=adas")
    job = begun["job_id"]
    assert begun["message"]

    told = [
        json.loads(line.removeprefix("data:"))
        for line in subprocess.run(
            ["curl", "-sSN", f"{server.url}/api/progress?job_id={job}"], capture_output=True, text=True, timeout=120
        ).stdout.splitlines()
        if line.startswith("data:")
    ]
    assert told[-1]["status"] == "completed", told[-1]
    assert told[-1]["progress_percentage"] == 100

    info = requests.get(f"{server.url}/api/jobs/{job}", timeout=10).json()
    assert (info["job_id"], info["filename"], info["model"], info["error"]) == (job, "talk.mp4", "adas", None)
    assert info["processed_frames"] == info["total_frames"] == 25
    listed = requests.get(f"{server.url}/api/jobs/all", timeout=10).json()
    assert job in json.dumps(listed)
    video = requests.get(f"{server.url}/api/download/{job}", timeout=30)
    assert video.content[4:8] == b"ftyp"
    assert requests.get(f"{server.url}/api/download-data/{job}", timeout=30).json()
    for address in ("play_video", "play_original"):
        part = requests.get(f"{server.url}/api/{address}/{job}", headers={"Range": "bytes=0-99"}, timeout=10)
        assert (part.status_code, len(part.content)) == (206, 100)
    gone = requests.delete(f"{server.url}/api/jobs/{job}", timeout=30)
    assert (gone.status_code, gone.content) == (204, b"")
    assert requests.get(f"{server.url}/api/jobs/{job}", timeout=10).status_code == 404


def test_the_footsteps_of_a_video(server: Program, tmp_path: Path) -> None:
    clip = write_real_walk(tmp_path / "walk.mp4")
    config = {"sensitivity": "medium", "yolo_conf": "0.5", "use_hybrid": "true", "surface_type": "gravel"}
    with clip.open("rb") as file:
        begun = requests.post(f"{server.url}/api/upload-video", files={"file": file}, data=config, timeout=60).json()
    task = begun["task_id"]
    assert {"status", "message"} <= set(begun)

    assert requests.post(f"{server.url}/api/process/{task}", timeout=30).ok
    found = finished(f"{server.url}/api/status/{task}")
    assert found["progress"] == 1.0
    assert found["results"]

    csv = requests.get(f"{server.url}/api/export-csv/{task}", timeout=30).text.splitlines()
    assert csv[0] == "frame,timecode,foot,event,time_seconds,confidence"
    assert len(csv) > 3
    assert requests.get(f"{server.url}/api/export-json/{task}", timeout=30).json()

    assert requests.post(f"{server.url}/api/generate-video/{task}", timeout=30).ok
    finished(f"{server.url}/api/video-status/{task}")
    assert requests.get(f"{server.url}/api/download-video/{task}", timeout=30).content[4:8] == b"ftyp"

    assert requests.post(f"{server.url}/api/generate-audio-video/{task}", timeout=30).ok
    finished(f"{server.url}/api/audio-video-status/{task}")
    heard = tmp_path / "heard.mp4"
    heard.write_bytes(requests.get(f"{server.url}/api/download-audio-video/{task}", timeout=30).content)
    assert video.info(heard).has_sound
    assert not video.info(clip).has_sound


def test_footsteps_before_a_camera(server: Program, tmp_path: Path) -> None:
    with video.read(video_file("walk-grass-side.mp4"), end=0.16) as frames:
        pictures = [encode_jpeg(frame.image) for frame in frames]
    first = tmp_path / "floor.jpg"
    first.write_bytes(pictures[0])

    session = curl("-X", "POST", f"{server.url}/api/live/capture-floor", "-F", f"file=@{first}")["session_id"]
    for place, picture in enumerate(pictures):
        seen = requests.post(
            f"{server.url}/api/live/detect-frame/{session}",
            json={"image": base64.b64encode(picture).decode(), "timestamp": place / 25},
            timeout=60,
        )
        assert seen.ok, seen.text
        assert seen.json()["events"] == []  # nobody takes a step within a sixth of a second
    sound = requests.post(f"{server.url}/api/live/generate-audio/{session}", timeout=60)
    assert sound.content[:4] == b"RIFF"
    assert requests.post(f"{server.url}/api/live/stop-session/{session}", timeout=60).ok


def finished(address: str) -> Any:
    """The status at an address, once it says that it is completed."""

    def ended() -> Any:
        answer = requests.get(address, timeout=30).json()
        assert answer["status"] not in ("failed", "cancelled", "interrupted"), answer
        time.sleep(0.2)
        return answer if answer["status"] == "completed" else None

    return wait_for(ended, seconds=120)
