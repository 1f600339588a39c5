"""Recordings over HTTP: begun in every way that clients know, listed, fetched whole or in part, deleted for good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from perceptkit import audio
from perceptkit.server import read_settings
from perceptkit.server.database import open_database
from perceptkit.server.limiting import Sessions
from perceptkit.server.recordings.mending import mend
from perceptkit.server.recordings.recorded import Recorded, add_recording, list_recorded, sound_path
from perceptkit.server.recordings.recording import Recorders
from serving import client_of

UNKNOWN = "8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audio")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    with client_of(data, max_sessions=4) as made:
        yield made


def start(client: TestClient, **request: Any) -> Any:
    answer = client.post("/api/audio/start-stream", **request)
    assert answer.status_code == 200, answer.text
    return answer.json()


def recorded(client: TestClient, **form: Any) -> str:
    """A recording of one second with two angles."""
    session = str(start(client, data=form)["session_id"])
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        socket.send_json({"angle": 350})
        socket.send_bytes(bytes(range(250)) * 64)
        socket.send_json({"angle": 10.25})
        socket.send_bytes(bytes(range(250)) * 64)
        socket.send_json({"command": "stop"})
        while socket.receive_json()["status"] != "stopped":
            pass
    return session


@pytest.mark.parametrize(
    ("request_", "sample_rate", "channels"),
    [
        ({}, 16_000, 1),
        ({"params": {"sample_rate": 44_100, "channels": 2}}, 44_100, 2),
        ({"data": {"sample_rate": 48_000}}, 48_000, 1),
        ({"files": {"sample_rate": (None, "8000"), "channels": (None, "64")}}, 8_000, 64),
        ({"data": {"channels": 2}, "params": {"sample_rate": 1, "channels": 3}}, 1, 2),
    ],
)
def test_a_session_begins_with_what_the_form_or_the_query_says(
    client: TestClient, request_: Any, sample_rate: int, channels: int
) -> None:
    answer = start(client, **request_)
    session = answer["session_id"]
    assert answer == {
        "ok": True,
        "session_id": session,
        "filename": answer["filename"],
        "sample_rate": sample_rate,
        "channels": channels,
    }
    assert answer["filename"].startswith("recording_20")
    assert answer["filename"].endswith(f"_{session[:8]}.wav")
    (active,) = client.get("/api/audio/active-sessions").json()["sessions"]
    assert (active["session_id"], active["duration"], active["connected"]) == (session, 0.0, False)
    for what in ("", "/angles", "/facts"):
        refused = client.get(f"/api/audio/recordings/{session}{what}")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_finished")
    assert client.delete(f"/api/audio/recordings/{session}").status_code == 409
    stopped = client.post(f"/api/audio/stop-stream/{session}").json()
    assert (stopped["ok"], stopped["sample_rate"], stopped["channels"]) == (True, sample_rate, channels)
    assert (stopped["samples"], stopped["state"]) == (0, "complete")
    assert client.get("/api/audio/active-sessions").json() == {"sessions": []}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": 384_001}, "sample_rate"),
        ({"sample_rate": "fast"}, "sample_rate"),
        ({"channels": 0}, "channels"),
        ({"channels": 65}, "channels"),
        ({"convention": "magnetic"}, "azimuth, sofa, dial, compass, unit-circle"),
    ],
)
def test_values_that_cannot_be_are_refused(client: TestClient, form: dict[str, Any], said: str) -> None:
    for request in ({"data": form}, {"params": form}):
        answer = client.post("/api/audio/start-stream", **request)  # type: ignore[arg-type] # it is one of both
        assert answer.status_code == 422
        assert said in answer.json()["error"]
    assert client.get("/api/audio/active-sessions").json() == {"sessions": []}


def test_a_body_that_is_no_form_is_not_taken_for_the_defaults(client: TestClient) -> None:
    answer = client.post("/api/audio/start-stream", json={"sample_rate": 44_100})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_type")
    assert client.post("/api/audio/start-stream", files={"sample_rate": b"8000"}).status_code == 400


def test_more_sessions_than_allowed_are_refused_until_one_ends(client: TestClient) -> None:
    sessions = [start(client)["session_id"] for _ in range(4)]
    refused = client.post("/api/audio/start-stream")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_sessions")
    client.post(f"/api/audio/stop-stream/{sessions.pop()}")
    sessions.append(start(client)["session_id"])
    for session in sessions:
        client.post(f"/api/audio/stop-stream/{session}")


def test_a_recording_is_listed_and_fetched_whole_or_in_part(client: TestClient) -> None:
    session = recorded(client, convention="dial")
    found = client.get("/api/audio/recordings").json()["recordings"][0]
    data = client.get(found["urls"]["audio"])
    assert found == {
        "id": session,
        "filename": found["filename"],
        "state": "complete",
        "duration": 1.0,
        "sample_rate": 16_000,
        "channels": 1,
        "samples": 16_000,
        "started": found["started"],
        "convention": "dial",
        "angles": 2,
        "bytes": len(data.content),
        "urls": {name: f"/api/audio/recordings/{session}{end}" for name, end in ENDS.items()},
    }
    assert (data.headers["content-type"], data.headers["accept-ranges"]) == ("audio/wav", "bytes")
    assert data.headers["content-disposition"].startswith("inline")
    part = client.get(found["urls"]["audio"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, data.content[4:8])
    beyond = client.get(found["urls"]["audio"], headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "no_such_range")
    saved = client.get(found["urls"]["audio"], params={"download": 1}).headers["content-disposition"]
    assert saved.startswith(f'attachment; filename="{found["filename"]}"')
    facts = client.get(found["urls"]["facts"]).json()
    assert facts.items() >= found.items()
    assert (facts["error"], facts["gaps"], facts["warnings"]) == (None, [], [])


ENDS = {"audio": "", "angles": "/angles", "facts": "/facts"}


def test_angles_come_as_they_were_said_as_csv_or_json(client: TestClient) -> None:
    session = recorded(client, convention="dial")
    path = f"/api/audio/recordings/{session}/angles"
    assert client.get(path).text == "timestamp,angle\n0.000,350.00\n0.500,10.25\n"
    assert client.get(path).headers["content-type"] == "text/csv; charset=utf-8"
    assert client.get(path, params={"format": "json"}).json() == {
        "id": session,
        "convention": "dial",
        "angles": [{"timestamp": 0.0, "angle": 350.0}, {"timestamp": 0.5, "angle": 10.25}],
    }
    assert client.get(path, params={"format": "xml"}).status_code == 422


def test_a_deleted_recording_leaves_no_byte(client: TestClient, data: Path) -> None:
    before = set((data / "recordings").rglob("*"))
    session = recorded(client)
    assert len(set((data / "recordings").rglob("*")) - before) == 3
    deleted = client.delete(f"/api/audio/recordings/{session}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert set((data / "recordings").rglob("*")) == before
    assert session not in client.get("/api/audio/recordings").text
    for method, path in (
        ("GET", f"recordings/{session}"),
        ("GET", f"recordings/{session}/angles"),
        ("GET", f"recordings/{session}/facts"),
        ("DELETE", f"recordings/{session}"),
        ("POST", f"stop-stream/{session}"),
        ("POST", f"stop-stream/{UNKNOWN}"),
        ("GET", "recordings/..%2f..%2fsecret"),
        ("GET", "recordings/a%00b"),
    ):
        answer = client.request(method, f"/api/audio/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_no_recording_begins_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    with client_of(tmp_path, min_free=1 << 60) as client:
        refused = client.post("/api/audio/start-stream")
        assert (refused.status_code, refused.json()["code"]) == (503, "disk_full")
        assert str(tmp_path) not in refused.text
        assert client.get("/api/audio/recordings").json() == {"recordings": []}


# What happens without a request


@pytest.mark.parametrize(
    ("code", "state", "error"),
    [
        (1006, "interrupted", "nobody was connected for 0.05 seconds"),
        (1000, "complete", None),
    ],
)
def test_a_session_that_nobody_goes_on_with_ends(tmp_path: Path, code: int, state: str, error: str | None) -> None:
    settings = read_settings({}, data=tmp_path, min_free=1)
    engine = open_database(settings.database_url)
    sessions = Sessions(settings)

    async def leave() -> Recorded:
        recorders = Recorders(settings, engine, sessions, patience=0.05)
        await recorders.start()
        session = await recorders.begin("anna", sample_rate=8000, channels=1, convention="azimuth")
        assert session.join() is not None
        assert session.join() is None
        session.recorder.write(bytes(16_000))
        await asyncio.sleep(0.2)
        assert recorders.find(session.recorded.id, "anna") is session  # somebody is connected
        session.leave(code)
        async with asyncio.timeout(10):
            while recorders.of("anna"):
                await asyncio.sleep(0.01)
        await recorders.close()
        assert session.outcome is not None
        return session.outcome

    outcome = asyncio.run(leave())
    assert (outcome.state, outcome.facts["error"], outcome.facts["samples"]) == (state, error, 8000)  # type: ignore[index] # it has ended
    assert list_recorded(engine, owner="anna") == [outcome]
    engine.dispose()


@pytest.mark.parametrize("left", ["before", "repaired", "half renamed", "renamed", "nothing", "no header"])
def test_what_a_killed_server_left_is_made_whole_wherever_it_was(tmp_path: Path, left: str) -> None:
    settings = read_settings({}, data=tmp_path, min_free=1)
    engine = open_database(settings.database_url)
    made = Recorded(UNKNOWN, "anna", "recording_1.wav", 1.0, 8000, 1, "azimuth", None, None, None)
    add_recording(engine, made)
    sound = sound_path(settings, made)
    sound.parent.mkdir(parents=True)
    with audio.Recorder(sound, 8000) as recorder:
        recorder.write(bytes(8000), angle=30)
        recorder.write(bytes(8000), angle=40)
    for ending in (".wav", ".csv", ".json"):  # as a kill leaves them
        path = sound.with_suffix(ending)
        path.rename(f"{path}.part")
    part = sound.with_name(f"{sound.name}.part")
    whole = sound.with_name(f"{sound.stem}-repaired.wav")
    if left in ("repaired", "half renamed", "renamed"):
        audio.repair(part, whole)
    if left in ("half renamed", "renamed"):
        whole.with_suffix(".csv").rename(sound.with_suffix(".csv"))
    if left == "renamed":
        whole.with_suffix(".json").rename(sound.with_suffix(".json"))
        whole.rename(sound)
    if left == "nothing":
        for path in sound.parent.iterdir():
            path.unlink()
    if left == "no header":
        part.write_bytes(b"RIFF")
        part.with_name(f"{sound.stem}.json.part").write_bytes(b"")
    mend(settings, engine, list_recorded(engine, ended=False))
    (mended,) = list_recorded(engine, owner="anna")
    assert mended.state == "interrupted"
    assert mended.facts is not None
    assert str(tmp_path) not in json.dumps(mended.facts)
    if left in ("nothing", "no header"):
        assert (mended.bytes, "samples" in mended.facts) == (0, False)
    else:
        assert mended.facts["samples"] == 8000
        assert sorted(each.name for each in sound.parent.iterdir()) == [
            f"{UNKNOWN}{e}" for e in (".csv", ".json", ".wav")
        ]
        assert sound.with_suffix(".csv").read_text() == "timestamp,angle\n0.000,30.00\n0.500,40.00\n"
        assert audio.read(sound).samples == 8000
    engine.dispose()


def test_what_is_still_recorded_by_another_server_is_left_alone(tmp_path: Path) -> None:
    settings = read_settings({}, data=tmp_path, min_free=1)
    engine = open_database(settings.database_url)
    made = Recorded(UNKNOWN, "anna", "recording_1.wav", 1.0, 8000, 1, "azimuth", None, None, None)
    add_recording(engine, made)
    with audio.Recorder(sound_path(settings, made), 8000) as recorder:
        recorder.write(bytes(8000))
        mend(settings, engine, list_recorded(engine, ended=False))
        recorder.write(bytes(8000))
    assert list_recorded(engine, owner="anna") == [made]
    assert audio.read(recorder.path).samples == 8000
    engine.dispose()
