"""Sound through the WebSocket: what comes is what is recorded, whatever else comes with it."""

from __future__ import annotations

import array
import base64
import io
import json
import resource
import signal
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from perceptkit.server.auth import OWNER
from perceptkit.server.recordings.recording import OpenRecording, Recorders
from serving import TOKEN, Program, client_of, program, wait_for
from systems import posix

CHUNK = 320  # samples: 20 ms at 16 kHz


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("audio")) as made:
        yield made


def ramp(number: int, *, samples: int = CHUNK) -> bytes:
    """Chunk `number` of a sound whose sample n is n."""
    return array.array("h", [(number * samples + n) % 30_000 for n in range(samples)]).tobytes()


def begin(client: Any, **form: Any) -> str:
    answer = client.post("/api/audio/start-stream", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["session_id"])


def chunk(number: int, **more: Any) -> dict[str, Any]:
    return {"audio_data": base64.b64encode(ramp(number)).decode(), **more}


def said(socket: WebSocketTestSession, message: Any) -> dict[str, Any]:
    """The reply to a message."""
    if isinstance(message, bytes):
        socket.send_bytes(message)
    else:
        socket.send_text(message if isinstance(message, str) else json.dumps(message))
    reply: dict[str, Any] = socket.receive_json()
    return reply


def samples_of(client: Any, session: str) -> bytes:
    """What was recorded, as the standard library reads it; soundfile reads the same."""
    data = client.get(f"/api/audio/recordings/{session}").content
    with wave.open(io.BytesIO(data)) as opened:
        found: bytes = opened.readframes(opened.getnframes())
    assert soundfile.read(io.BytesIO(data), dtype="int16")[0].tobytes() == found
    return found


def log_of(client: Any, session: str) -> list[str]:
    return str(client.get(f"/api/audio/recordings/{session}/angles").text).splitlines()


def stop(socket: WebSocketTestSession) -> dict[str, Any]:
    stopped = said(socket, {"command": "stop"})
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == 1000
    return stopped


def test_samples_that_come_as_binary_and_as_base64_are_recorded_exactly_with_their_angles(client: TestClient) -> None:
    session = begin(client)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        assert said(socket, ramp(0)) == {"status": "received", "bytes": 640, "duration": 0.02}
        assert said(socket, {"angle": 45.5}) == {"status": "received", "bytes": 0, "duration": 0.02}
        said(socket, ramp(1))
        assert said(socket, chunk(2, angle=-90)) == {"status": "received", "bytes": 640, "duration": 0.06}
        said(socket, chunk(3, angle=725))  # two turns and 5 degrees
        stopped = stop(socket)
    assert (stopped["status"], stopped["state"], stopped["samples"], stopped["angles"]) == (
        "stopped",
        "complete",
        4 * CHUNK,
        3,
    )
    assert samples_of(client, session) == b"".join(map(ramp, range(4)))
    assert log_of(client, session) == ["timestamp,angle", "0.020,45.50", "0.040,-90.00", "0.060,5.00"]


def test_numbered_chunks_are_put_in_order_and_silence_stands_for_what_never_came(client: TestClient) -> None:
    session = begin(client)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        for number in (0, 2, 1, 1, 3, *range(5, 14)):  # 4 never comes
            reply = said(socket, chunk(number, seq=number))
            assert (reply["status"], reply["seq"]) == ("received", number)
        stopped = stop(socket)
    expected = [ramp(number) if number != 4 else bytes(640) for number in range(14)]
    assert samples_of(client, session) == b"".join(expected)
    assert stopped["gaps"] == [{"time": 0.08, "samples": CHUNK, "reason": "missing"}]
    assert (stopped["duplicate_chunks"], stopped["missing_chunks"]) == (1, 1)


@pytest.mark.parametrize(
    ("message", "code", "recorded"),
    [
        ("{", "bad_json", 0),
        ('{"angle": NaN}', "bad_json", 0),
        ('{"angle": 1e999}', "bad_json", 0),
        ('{"angle": 1, "angle": 2}', "bad_json", 0),
        ("[" * 100_000, "bad_json", 0),
        ("[1]", "bad_message", 0),
        ("{}", "bad_message", 0),
        ({"angle": "north"}, "bad_angle", 0),
        ({"angle": True}, "bad_angle", 0),
        ({"angle": 10**400}, "bad_angle", 0),
        (chunk(0, angle="north"), "bad_angle", 640),
        ({"audio_data": "a=b"}, "bad_audio", 0),
        ({"audio_data": 7}, "bad_audio", 0),
        ({"command": "start"}, "unknown_command", 0),
        ({"command": ["stop"]}, "unknown_command", 0),
        (chunk(0, seq=-1), "bad_seq", 0),
        (chunk(0, seq=1.5), "bad_seq", 0),
        (chunk(0, seq=1 << 70), "bad_seq", 0),
    ],
)
def test_what_cannot_be_used_is_answered_and_the_recording_goes_on(
    client: TestClient, message: Any, code: str, recorded: int
) -> None:
    session = begin(client)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        said(socket, ramp(0))
        reply = said(socket, message)
        assert (reply["status"], reply["code"]) == ("error", code)
        assert 0 < len(reply["error"]) <= 300
        said(socket, ramp(1))
        stop(socket)
    assert samples_of(client, session) == ramp(0) + ramp(0)[:recorded] + ramp(1)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"angle": "north"}, "bad_angle"), (chunk(1, seq=-1), "bad_seq"), ({"audio_data": "a=b"}, "bad_audio")],
)
def test_a_stop_is_a_stop_also_beside_what_cannot_be_used(client: TestClient, wrong: Any, code: str) -> None:
    session = begin(client)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        said(socket, ramp(0))
        assert said(socket, {"command": "stop", **wrong})["code"] == code
        stopped = socket.receive_json()
        assert (stopped["status"], stopped["samples"]) == ("stopped", CHUNK)
    assert samples_of(client, session) == ramp(0)


def test_a_byte_that_is_half_a_sample_is_carried_over(client: TestClient) -> None:
    session = begin(client, channels=2)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        for part in (ramp(0)[:7], ramp(0)[7:8], b"", ramp(0)[8:], b"\1"):
            assert said(socket, part)["bytes"] == len(part)
        stopped = stop(socket)
    assert (stopped["channels"], stopped["samples"]) == (2, CHUNK // 2)
    assert samples_of(client, session) == ramp(0)


def test_two_sessions_at_once_are_each_their_own(client: TestClient) -> None:
    first, second = begin(client), begin(client)
    with (
        client.websocket_connect(f"/ws/audio/{first}") as one,
        client.websocket_connect(f"/ws/audio/{second}") as two,
    ):
        for number in range(5):
            said(one, ramp(number))
            said(two, ramp(100 + number))
        stop(one)
        said(two, ramp(105))
        stop(two)
    assert samples_of(client, first) == b"".join(map(ramp, range(5)))
    assert samples_of(client, second) == b"".join(map(ramp, range(100, 106)))


def test_a_recording_whose_disk_is_stuck_keeps_no_other_waiting_and_loses_nothing(client: TestClient) -> None:
    first, second = begin(client), begin(client)
    recorder = next(each for each in _sessions(client) if each.recorded.id == first).recorder
    with (
        client.websocket_connect(f"/ws/audio/{first}") as one,
        client.websocket_connect(f"/ws/audio/{second}") as two,
    ):
        with recorder._lock:  # as whoever writes to a disk that does not answer
            for number in range(50):
                one.send_bytes(ramp(number))
            for number in range(50):
                said(two, ramp(number))
            assert client.get("/api/audio/recordings").status_code == 200
        for _ in range(50):
            assert one.receive_json()["status"] == "received"
        stop(one)
        stop(two)
    for session in (first, second):
        assert samples_of(client, session) == b"".join(map(ramp, range(50)))


def _sessions(client: TestClient) -> list[OpenRecording]:
    recorders: Recorders = client.app.state.parts.recorders  # type: ignore[attr-defined] # it is ours
    return recorders.of(OWNER)


def test_a_client_that_lost_its_connection_goes_on_and_a_second_one_waits_for_its_turn(client: TestClient) -> None:
    session = begin(client)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        said(socket, chunk(0, seq=0))
        with client.websocket_connect(f"/ws/audio/{session}") as other, pytest.raises(WebSocketDisconnect) as closed:
            other.receive_json()
        assert closed.value.code == 4409
        said(socket, chunk(1, seq=1))
    wait_for(lambda: not client.get("/api/audio/active-sessions").json()["sessions"][0]["connected"], every=0.01)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        said(socket, chunk(1, seq=1))  # nobody had told it that it came
        said(socket, chunk(2, seq=2))
        stop(socket)
    assert samples_of(client, session) == b"".join(map(ramp, range(3)))


def test_a_session_that_is_stopped_by_a_request_tells_its_client(client: TestClient) -> None:
    session = begin(client)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        said(socket, ramp(0))
        answer = client.post(f"/api/audio/stop-stream/{session}").json()
        stopped = socket.receive_json()
        assert (stopped["status"], stopped["samples"]) == ("stopped", CHUNK)
        assert answer == {"ok": True, **stopped}
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1000
    assert client.post(f"/api/audio/stop-stream/{session}").json() == answer
    with client.websocket_connect(f"/ws/audio/{session}") as socket, pytest.raises(WebSocketDisconnect) as gone:
        socket.receive_json()
    assert gone.value.code == 4404


def test_somebody_elses_session_is_as_if_it_were_not_there_and_strangers_are_not_let_in(tmp_path: Path) -> None:
    with client_of(tmp_path, auth=True, open_registration=True) as client:
        headers = []
        for name in ("anna", "bela"):
            account = {"username": name, "password": "a long password"}
            token = client.post("/auth/register", json=account).json()["access_token"]
            headers.append({"Authorization": f"Bearer {token}"})
        session = client.post("/api/audio/start-stream", headers=headers[0]).json()["session_id"]
        for given, code in (
            (headers[1], 4404),
            ({}, 4401),
            (headers[0] | {"Origin": "http://elsewhere.example"}, 4403),
        ):
            with (
                client.websocket_connect(f"/ws/audio/{session}", headers=given) as socket,
                pytest.raises(WebSocketDisconnect) as closed,
            ):
                socket.receive_json()
            assert closed.value.code == code
        assert client.post(f"/api/audio/stop-stream/{session}", headers=headers[1]).status_code == 404
        assert client.get("/api/audio/active-sessions", headers=headers[1]).json() == {"sessions": []}
        with client.websocket_connect(f"/ws/audio/{session}", headers=headers[0]) as socket:
            said(socket, ramp(0))
            stop(socket)
        assert client.get(f"/api/audio/recordings/{session}", headers=headers[1]).status_code == 404
        assert client.delete(f"/api/audio/recordings/{session}", headers=headers[1]).status_code == 404
        assert samples_of(_As(client, headers[0]), session) == ramp(0)


class _As:
    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self._client, self._headers = client, headers

    def get(self, url: str) -> Any:
        return self._client.get(url, headers=self._headers)


def test_a_recording_that_reaches_four_hours_ends_and_says_so(client: TestClient) -> None:
    session = begin(client, sample_rate=1)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        reply = said(socket, bytes(2 * 4 * 3600 + 10))
        assert (reply["status"], reply["code"]) == ("error", "limit_reached")
        stopped = socket.receive_json()
    assert (stopped["status"], stopped["state"], stopped["duration"]) == ("stopped", "complete", 4 * 3600.0)


@posix
def test_a_disk_that_is_full_ends_a_session_and_keeps_what_was_recorded(client: TestClient) -> None:
    session = begin(client)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    with client.websocket_connect(f"/ws/audio/{session}") as socket:
        said(socket, bytes(1_500_000))
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, usual[1]))
            replies = [said(socket, bytes(500_000))]
            while replies[-1]["status"] == "received":
                time.sleep(0.01)
                replies.append(said(socket, bytes(1000)))
            stopped = socket.receive_json()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert (replies[-1]["status"], replies[-1]["code"]) == ("error", "disk_full")
    assert "recordings/" not in replies[-1]["error"]
    assert (stopped["status"], stopped["state"]) == ("stopped", "interrupted")
    kept = samples_of(client, session)
    assert 1_900_000 < len(kept) <= 2_000_000
    assert client.get("/api/audio/recordings").json()["recordings"][0]["state"] == "interrupted"


# The real program


def opened(server: Program, session: str) -> ClientConnection:
    return connect(
        f"{server.url.replace('http', 'ws', 1)}/ws/audio/{session}",
        additional_headers={"Authorization": f"Bearer {TOKEN}"},
        compression=None,
    )


@posix
def test_a_server_that_is_killed_while_it_records_loses_a_second_and_one_that_is_ended_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with program(data) as server, server.client() as client:
        session = begin(client)
        with pytest.raises(ConnectionClosed), opened(server, session) as socket:  # noqa: PT012 - it must not come early
            socket.send(bytes((1 << 20) + 2))
            socket.recv()
        assert socket.close_code == 1009
        wait_for(lambda: not client.get("/api/audio/active-sessions").json()["sessions"][0]["connected"])
        with opened(server, session) as socket:
            begun = time.monotonic()
            for number in range(100):
                socket.send(json.dumps(chunk(number, seq=number, angle=number)))
                socket.recv()
                time.sleep(max(0.0, begun + number * 0.02 - time.monotonic()))
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
    with program(data) as server, server.client() as client:
        mended = wait_for(
            lambda: next(
                (e for e in client.get("/api/audio/recordings").json()["recordings"] if e["state"] != "recording"), None
            )
        )
        assert (mended["id"], mended["state"]) == (session, "interrupted")
        kept = samples_of(client, session)
        assert b"".join(map(ramp, range(100))).startswith(kept)
        assert len(kept) >= 50 * 640
        times = [line.split(",") for line in log_of(client, session)[1:]]
        assert times == [[f"{number * 0.02:.3f}", f"{number:.2f}"] for number in range(len(times))]
        assert len(kept) // 640 - 1 <= len(times) <= len(kept) // 640 + 1
        assert sorted(each.suffix for each in (data / "recordings").glob("*/*")) == [".csv", ".json", ".wav"]
        ended = begin(client)
        with opened(server, ended) as socket:
            for number in range(10):
                socket.send(ramp(number))
                socket.recv()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(15) == 0
    with client_of(data) as client:
        newest = client.get("/api/audio/recordings").json()["recordings"][0]
        assert (newest["id"], newest["state"], newest["samples"]) == (ended, "interrupted", 10 * CHUNK)
        assert samples_of(client, ended) == b"".join(map(ramp, range(10)))
