"""Live sessions: frames in, steps and their sound out; what is refused, and how sessions end."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from painted_walks import RATE, WALK, Truth, find, painted
from perceptkit.errors import InputError, MediaError, ModelError
from perceptkit.images import encode_jpeg
from perceptkit.server import read_settings
from perceptkit.server.incoming.pictures import LARGEST
from perceptkit.server.processes.hands import Died
from perceptkit.server.serving import _listen
from perceptkit.server.tasks.live import live_floor, live_frame, live_open, live_sound, live_stop, live_tidy
from perceptkit.server.tasks.sessions import IDLE, MOST, LiveSessions
from perceptkit.server.tidying import tidy_live
from real_walks import real_walk
from serving import client_of

GONE = "6a0c1a52-7b7e-4e0b-9a53-0d3a4d3c2b1e"


class Known:
    """Models that know the painted walk."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.live, self.truth = LiveSessions(clock=clock), Truth(WALK)

    def people(self) -> Any:
        return find

    def pose(self) -> Truth:
        return self.truth


def do(work: Callable[..., Any], models: Any, session: str = "1", owner: str = "owner", **parameters: Any) -> Any:
    reporter: Any = None
    return work(models, {"session_id": session, "owner": owner, **parameters}, reporter)


def begin(models: Any, session: str = "1", owner: str = "owner", **parameters: Any) -> Any:
    usual = {"surface": "gravel", "shoe": "boot", "sensitivity": "medium", "most": 3}
    return do(live_open, models, session, owner, **(usual | parameters))


def picture(time: float) -> str:
    return base64.b64encode(encode_jpeg(painted(time, WALK))).decode()


def show(models: Any, time: float, *, timestamp: float | None = None, arrived: float = 0.0) -> Any:
    return do(live_frame, models, image=picture(time), timestamp=timestamp, arrived=arrived)


def wav(made: dict[str, Any]) -> Any:
    return soundfile.read(io.BytesIO(base64.b64decode(made["wav"])))


# ---- The work, with models that know the answer


@pytest.mark.parametrize("clock", ["yours", "ours"])
def test_each_step_is_told_once_by_the_clock_of_the_frames(clock: str) -> None:
    models = Known()
    assert begin(models) is None
    events, sounds, start = [], [], 1000.0 if clock == "yours" else 0.0
    for number in range(100):
        time = number / RATE
        seen = show(models, time, **{"timestamp": 1000 + time} if clock == "yours" else {"arrived": 77 + time})
        assert seen["time"] == pytest.approx(start + time, abs=1e-3)
        events += seen["events"]
        if number in (59, 99):
            sounds.append(do(live_sound, models, number=None))
    strikes = [each for each in events if each["event"] == "heel_strike"]
    assert [each["number"] for each in events] == list(range(1, len(events) + 1))
    true = [(start + time, foot) for time, foot in WALK.strikes if time < 3.8]
    assert len(strikes) <= len(true) + 1
    for time, foot in true[1:]:
        assert [each for each in strikes if each["foot"] == foot and abs(each["time"] - time) < 0.1]

    assert [sound["steps"] for sound in sounds] == [
        sum(each["time"] < start + 2.4 for each in strikes),
        sum(each["time"] >= start + 2.4 for each in strikes),
    ]
    assert sounds[0]["start"] == strikes[0]["time"]
    heard, rate = wav(sounds[0])
    assert (rate, heard.shape[1]) == (48_000, 2)
    assert len(heard) / rate > strikes[sounds[0]["steps"] - 1]["time"] - strikes[0]["time"]
    assert 0.01 < np.abs(heard[:4800]).max() < 1, "the first step is at the start"

    silent = do(live_sound, models, number=None)
    assert (silent["steps"], silent["start"], np.abs(wav(silent)[0]).max()) == (0, None, 0)
    one = do(live_sound, models, number=strikes[-1]["number"])
    assert (one["steps"], one["start"]) == (1, strikes[-1]["time"])
    assert do(live_stop, models) == {
        "frames": 100,
        "seconds": 3.96,
        "steps": len(strikes),
        "left_steps": sum(each["foot"] == "left" for each in strikes),
        "right_steps": sum(each["foot"] == "right" for each in strikes),
        "people": 1,
        "surface": "gravel",
    }
    assert not models.truth.open


def test_a_frame_that_cannot_be_is_refused_and_the_session_goes_on() -> None:
    models = Known()
    begin(models)
    assert show(models, 0.0, timestamp=5.0)["frame"] == 1
    with pytest.raises(InputError, match=r"a frame is of 4\.500 s, after one of 5\.000 s; go on in order"):
        show(models, 0.0, timestamp=4.5)
    with pytest.raises(InputError, match="some frames have a timestamp and some have none"):
        show(models, 0.0)
    with pytest.raises(InputError, match="image is no base64"):
        do(live_frame, models, image="%%%", timestamp=6.0, arrived=0.0)
    with pytest.raises(MediaError, match="not a photo but a text file"):
        do(live_frame, models, image=base64.b64encode(b"hello").decode(), timestamp=6.0, arrived=0.0)
    small = base64.b64encode(encode_jpeg(np.zeros((90, 160, 3), np.uint8))).decode()
    with pytest.raises(InputError, match="a frame is 160 x 90, after others of 640 x 360"):
        do(live_frame, models, image=f"data:image/jpeg;base64,{small}", timestamp=6.0, arrived=0.0)
    with pytest.raises(InputError, match="there is no event 7, or it is long over; the last one is 0"):
        do(live_sound, models, number=7)
    assert show(models, 0.04, timestamp=6.0)["frame"] == 2


def test_a_session_whose_models_fail_is_over() -> None:
    class Broken(Truth):
        def follow(self, person: int = 1) -> Any:
            raise ModelError("the weights are gone")

    models = Known()
    models.truth = Broken(WALK)
    begin(models)
    with pytest.raises(ModelError, match="the weights are gone"):
        show(models, 0.0, arrived=1.0)
    assert show(models, 0.04, arrived=1.1) is None


def test_sessions_are_their_owners_and_end_when_nobody_uses_them() -> None:
    now = [0.0]
    models = Known(lambda: now[0])
    begin(models)
    assert do(live_frame, models, owner="somebody", image=picture(0), timestamp=None, arrived=1.0) is None
    assert do(live_stop, models, owner="somebody") is None
    assert show(models, 0.0, arrived=1.0)["people"] == 1
    assert models.truth.open
    now[0] = IDLE - 1
    assert do(live_sound, models, number=None)["steps"] == 0
    now[0] += IDLE + 1
    assert show(models, 0.1, arrived=2.0) is None
    assert not models.truth.open


def test_a_session_that_nobody_uses_holds_nothing_even_when_nobody_calls() -> None:
    now = [0.0]
    models = Known(lambda: now[0])
    begin(models)
    show(models, 0.0, arrived=1.0)
    now[0] = IDLE - 1
    do(live_tidy, models)
    assert models.truth.open
    now[0] = IDLE + 1
    do(live_tidy, models)
    assert not models.truth.open


def test_the_server_tidies_up_while_there_is_a_process_for_sessions() -> None:
    class Live:
        def __init__(self) -> None:
            self.running, self.asked, self.again = False, asyncio.Event(), asyncio.Event()

        async def perform(self, task: str, parameters: Any, *, timeout: float) -> None:
            assert (task, self.running) == ("live-tidy", True)
            if not self.asked.is_set():
                self.asked.set()
                raise Died("it fell over")  # which is no reason to stop
            self.again.set()

    async def look() -> None:
        live: Any = Live()
        tidying = asyncio.create_task(tidy_live(live, every=0.001))
        await asyncio.sleep(0.02)
        live.running = True
        async with asyncio.timeout(5):
            await live.again.wait()
        tidying.cancel()

    asyncio.run(look())


def test_a_first_frame_that_is_refused_decides_nothing() -> None:
    models = Known()
    begin(models)
    with pytest.raises(InputError, match="image is no base64"):
        do(live_frame, models, image="%%%", timestamp=1000.0, arrived=7.0)
    assert show(models, 0.0, arrived=7.5)["time"] == 0
    assert show(models, 0.04, arrived=7.54)["time"] == 0.04
    with pytest.raises(InputError, match="some frames have a timestamp and some have none"):
        show(models, 0.08, timestamp=5.0)


def test_there_are_so_many_sessions_of_one_user_and_of_all() -> None:
    now = [0.0]
    models = Known(lambda: now[0])
    for number in range(MOST // 4):
        assert begin(models, str(number), most=32) is None
    assert begin(models, "2", most=32) == "2 live sessions of yours are open already; stop one of them first"
    for number in range(MOST // 4, MOST):
        assert begin(models, str(number), f"user {number}") is None
    assert "8 live sessions are open already" in begin(models, "x", "somebody")
    now[0] = IDLE + 1
    assert begin(models, "x") is None


def test_the_floor_is_seen_in_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERCEPTKIT_VISION_KEY", "OPENROUTER_API_KEY", "PERCEPTKIT_VISION_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    lawn = np.random.default_rng(0).normal((60, 120, 40), 18, (240, 320, 3)).clip(0, 255).astype(np.uint8)
    made = do(live_floor, Known(), image=base64.b64encode(encode_jpeg(lawn)).decode())
    assert (made["surface"], made["environment"], made["origin"]) == ("grass", "outdoors", "guess")
    assert made["note"].startswith("no key for openrouter.ai")


# ---- The routes


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("live")) as client:
        yield client


def test_a_session_that_is_over_is_told_with_what_to_do(client: TestClient) -> None:
    for route, body in (
        ("detect-frame", {"json": {"image": "AAAA"}}),
        ("detect-frame", {"files": {"file": ("frame.jpg", b"AAAA")}}),
        ("generate-audio", {}),
        ("stop-session", {}),
    ):
        answer = client.post(f"/api/live/{route}/{GONE}", **body)
        assert (answer.status_code, answer.json()["code"]) == (404, "session_gone")
        assert "POST /api/live/capture-floor begins another" in answer.json()["error"]


@pytest.mark.parametrize(
    ("route", "body", "status", "said"),
    [
        ("capture-floor", {}, 422, "send a picture of the floor, or name the surface"),
        ("capture-floor", {"json": {"surface_type": "lava"}}, 422, "unknown surface 'lava'; choose from: auto, con"),
        ("capture-floor", {"json": [1]}, 400, "the body is no JSON object"),
        ("capture-floor", {"data": {"shoe": "clog"}, "files": {"f": ("a", b"1")}}, 422, "unknown shoe 'clog'"),
        ("detect-frame/1", {"content": b'{"image": '}, 400, "the body is not JSON that can be used"),
        ("detect-frame/1", {"content": b'{"image": "", "timestamp": NaN}'}, 400, "NaN is no number"),
        ("detect-frame/1", {"json": {"timestamp": 1}}, 422, "image: Field required"),
        ("detect-frame/1", {"json": {"image": "", "timestamp": 1e300}}, 422, "timestamp: Input should be less"),
        ("detect-frame/1", {"files": [("a", b"1"), ("b", b"2")]}, 400, "there are several files in the form"),
        ("detect-frame/1", {"files": {"a": ("a", b"0" * (LARGEST + 1))}}, 413, "the picture is larger than the limit"),
        ("generate-audio/1?number=0", {}, 422, "number: Input should be greater than or equal to 1"),
    ],
)
def test_requests_that_make_no_sense(
    client: TestClient, route: str, body: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post(f"/api/live/{route}", **body)
    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text


def test_answers_are_sent_at_once(tmp_path: Path) -> None:
    with _listen(read_settings({}, data=tmp_path, port=0)) as listening:
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        with client, accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.slow  # the example calls in test_reference_clients go the same way
@pytest.mark.weights
def test_a_real_walk_is_heard_while_it_goes_on(tmp_path: Path) -> None:
    with client_of(tmp_path / "data") as client:
        begun = client.post("/api/live/capture-floor", json={"surface_type": "grass"})
        session, events = begun.json()["session_id"], []
        for frame in real_walk():
            answer = client.post(
                f"/api/live/detect-frame/{session}",
                files={"file": ("frame.jpg", encode_jpeg(frame.image))},
                data={"timestamp": str(frame.time)},
            )
            assert answer.status_code == 200, answer.text
            events += answer.json()["events"]
        strikes = [each for each in events if each["event"] == "heel_strike"]
        assert len(strikes) >= 2
        sound = client.post(f"/api/live/generate-audio/{session}")
        assert (sound.headers["content-type"], sound.headers["x-steps"]) == ("audio/wav", str(len(strikes)))
        heard, rate = soundfile.read(io.BytesIO(sound.content))
        assert (rate, heard.shape[1], 0.001 < np.abs(heard).max() < 1) == (48_000, 2, True)
        stopped = client.post(f"/api/live/stop-session/{session}").json()
        assert (stopped["status"], stopped["steps"], stopped["surface"]) == ("stopped", len(strikes), "grass")
