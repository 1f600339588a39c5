"""Power cuts, kills, stops and full disks: no job is lost, none is done twice, and nothing outlives the server."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from multiprocessing import active_children
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sql
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.sync.client import connect

from clips import cut
from perceptkit.errors import DeviceError, InputError
from perceptkit.locks import take
from perceptkit.server import Settings, create_app, read_settings, run_worker, serve
from perceptkit.server.background import Background
from perceptkit.server.database import open_database, uploads
from perceptkit.server.folders import attempt_folder, results_folder, uploads_folder
from perceptkit.server.jobs import Job
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.working import work
from perceptkit.server.processes.hands import Hands
from serving import TOKEN, Program, client_of, program, wait_for
from shared_data import video_file
from slow_tasks import TASKS
from systems import linux, posix, root, small_disk

SLOW = (str(Path(__file__).parents[1] / "slow_server.py"),)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "data"
    folder.mkdir()
    return read_settings({}, data=folder, auth=False, patience=1.5, min_free=1)


@pytest.fixture
def engine(settings: Settings) -> Iterator[sql.Engine]:
    with opened(settings.data) as engine:
        yield engine


@contextmanager
def opened(folder: Path) -> Iterator[sql.Engine]:
    """The database in a data folder."""
    engine = open_database(read_settings({}, data=folder).database_url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def worker(settings: Settings, engine: sql.Engine) -> Iterator[None]:
    """A worker in this process, with a process of its own for the tasks."""
    background = Background(settings, engine, worker=True, tasks=TASKS)
    try:
        yield
    finally:
        background.stop()


def submit(engine: sql.Engine, kind: str = "count", **parameters: Any) -> Job:
    return jobs.submit(engine, kind=kind, owner="owner", filename="walk.mp4", parameters=parameters)


def reached(engine: sql.Engine, job: Job, *states: str, seconds: float = 60) -> Job:
    """The job, once it is in one of the states."""

    def there() -> Job | None:
        found = jobs.find(engine, job.id)
        return found if found is not None and found.state in states else None

    found = wait_for(there, seconds=seconds, every=0.05)
    assert isinstance(found, Job)
    return found


def found(engine: sql.Engine, job_id: str) -> Job:
    """A job as it is now."""
    job = jobs.find(engine, job_id)
    assert job is not None
    return job


def under_way(engine: sql.Engine, job: Job) -> Job:
    """The job, once some of it is done."""
    return wait_for(lambda: (found := reached(engine, job, "processing")).done > 0 and found)  # type: ignore[no-any-return] # a job


def begun(settings: Settings) -> list[int]:
    """The processes that began to count, in order."""
    return [int(line) for line in (settings.data / "begun.txt").read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@posix
def test_a_job_whose_process_is_killed_is_done_again(settings: Settings, engine: sql.Engine) -> None:
    job = submit(engine, frames=30)
    with worker(settings, engine):
        first = under_way(engine, job)
        os.kill(begun(settings)[0], signal.SIGKILL)
        done = reached(engine, job, "completed")
    assert done.attempts == 2
    assert done.result is not None
    assert done.result["frames"] == 30
    assert len(set(begun(settings))) == 2
    assert [each.name for each in results_folder(settings, job.id).iterdir()] == [done.claim]
    assert done.claim != first.claim


def test_a_job_that_kills_its_process_twice_is_interrupted(settings: Settings, engine: sql.Engine) -> None:
    job, after = submit(engine, "die", times=2), submit(engine, frames=1)
    with worker(settings, engine):
        ended = reached(engine, job, "interrupted", "completed")
        reached(engine, after, "completed")
    assert ended.state == "interrupted"
    assert ended.error is not None
    assert "stopped without a word twice" in ended.error
    assert not list(results_folder(settings, job.id).iterdir())


def test_a_job_is_cancelled_in_time_also_when_it_does_not_listen(settings: Settings, engine: sql.Engine) -> None:
    listens, deaf = submit(engine, frames=1000), submit(engine, "deaf", seconds=60)
    hands, stop = Hands(settings, "test", tasks=TASKS, patience=0.5), threading.Event()  # it has 5 seconds otherwise
    working = threading.Thread(target=lambda: work(settings, engine, hands=hands, stop=stop))
    working.start()
    try:
        for job in (listens, deaf):
            reached(engine, job, "processing")
            asked = time.monotonic()
            jobs.cancel(engine, job.id)
            ended = reached(engine, job, "cancelled")
            assert time.monotonic() - asked < 5
            assert not attempt_folder(settings, ended).exists()
    finally:
        stop.set()
        working.join()
        hands.close()
    assert ended.error is None


def test_a_running_job_can_be_deleted(settings: Settings, engine: sql.Engine) -> None:
    job, after = submit(engine, frames=1000), submit(engine, frames=1)
    with worker(settings, engine):
        under_way(engine, job)
        assert jobs.delete(engine, job.id)
        reached(engine, after, "completed")
    assert jobs.find(engine, job.id) is None
    assert not results_folder(settings, job.id).exists()


@linux
def test_a_killed_server_leaves_no_process_loses_no_job_and_keeps_no_half_of_a_file(
    settings: Settings, engine: sql.Engine
) -> None:
    with program(settings.data, main=SLOW, WORKER_PATIENCE="1.5") as server:
        job = submit(engine, frames=20)
        with _half_an_upload(server):
            (part,) = wait_for(lambda: [path for path in uploads_folder(settings).iterdir() if path.stat().st_size])
            under_way(engine, job)
            server.process.kill()
            server.process.wait()
        wait_for(lambda: not alive(begun(settings)[0]), seconds=5)
        assert reached(engine, job, "processing").attempts == 1
    an_hour_ago = time.time() - 3601  # since when nothing has come
    os.utime(part, (an_hour_ago, an_hour_ago))
    with program(settings.data, main=SLOW, WORKER_PATIENCE="1.5") as server:
        done = reached(engine, job, "completed")
        assert "its worker has gone; now it is pending" in server.log.read_text()
        assert list(uploads_folder(settings).iterdir()) == []
        assert ends(server, signal.SIGINT) == 0
        assert "Traceback" not in server.log.read_text()
    assert done.attempts == 2
    assert len(begun(settings)) == 2
    assert [each.name for each in results_folder(settings, job.id).iterdir()] == [done.claim]
    assert [each.id for each in jobs.list_jobs(engine, "owner")] == [job.id]
    with engine.connect() as connection:
        assert connection.execute(sql.select(uploads)).all() == []


@contextmanager
def _half_an_upload(server: Program) -> Iterator[None]:
    """Somebody who sends a film, and has sent half of it."""
    head = 'Content-Disposition: form-data; name="file"; filename="walk.mp4"'
    film = f"--line\r\n{head}\r\n\r\n".encode() + b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(400_000)
    address = urlsplit(server.url)
    lines = [
        "POST /api/upload HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: multipart/form-data; boundary=line",
        f"Content-Length: {2 * len(film)}",
    ]
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + film)
        yield


@posix
def test_a_server_that_is_stopped_puts_its_job_back_and_a_second_ctrl_c_ends_it_at_once(
    settings: Settings, engine: sql.Engine
) -> None:
    with program(settings.data, main=SLOW) as server, server.client() as client:
        job = submit(engine, frames=100)
        under_way(engine, job)
        recording = client.post("/api/audio/start-stream", data={"sample_rate": "16000"}).json()["session_id"]
        url = f"{server.url.replace('http', 'ws', 1)}/ws/audio/{recording}"
        with (
            connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as sound,
            client.stream("GET", f"/api/jobs/{job.id}/events") as events,
        ):
            sound.send(bytes(3200))
            assert json.loads(sound.recv())["status"] == "received"
            next(events.iter_lines())
            assert ends(server, signal.SIGTERM) == 0
        said = server.log.read_text()
        assert f"the data folder is {settings.data}, the database is SQLite\n" in said
        assert said.count("stopping; the job under way is put back\n") == 1
        assert said.endswith(" stopped\n")
        assert "Traceback" not in said
    waits = reached(engine, job, "pending")
    assert (waits.attempts, waits.done, waits.claim) == (0, 0, None)
    assert not list(results_folder(settings, job.id).iterdir())
    with engine.begin() as connection:  # so that the second attempt is short
        connection.execute(sql.update(sql.table("jobs", sql.column("parameters"))).values(parameters='{"frames": 2}'))
    with program(settings.data, main=SLOW) as server:
        assert reached(engine, job, "completed").attempts == 1
        reached(engine, submit(engine, "deaf", seconds=60), "processing")
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert server.process.poll() is None  # the job has some seconds to stop
        assert ends(server, signal.SIGINT) == 128 + signal.SIGINT


def test_a_second_server_is_not_let_into_the_folder_of_the_first(settings: Settings) -> None:
    with (settings.data / "server.lock").open("ab") as lock:
        assert take(settings.data / "server.lock", lock.fileno())  # as the first one does
        with pytest.raises(InputError, match="another server has the folder"):
            serve(settings)


@pytest.mark.parametrize("name", ["uploads", "results", "recordings", "galleries", "scratch"])
def test_a_file_where_a_folder_is_to_be_is_said_before_the_start(settings: Settings, name: str) -> None:
    (settings.data / name).touch()
    (settings.data / "server.lock").touch()  # as a server leaves it
    for begin in (serve, run_worker):
        with pytest.raises(InputError, match=f"cannot write .*{name}: .*; give another folder as --data"):
            begin(settings)


def test_a_file_as_the_data_folder_is_refused_by_the_name_of_the_option(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    with pytest.raises(InputError, match=r"cannot write .*film\.mp4: .*; give another folder as --data"):
        serve(read_settings({}, data=tmp_path / "film.mp4"))


@pytest.mark.parametrize("there", [True, False])
def test_a_worker_makes_nothing_in_a_folder_that_no_server_has_used(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "mistyped"
    if there:
        folder.mkdir()
    with pytest.raises(InputError, match=r"no server has used the folder .*mistyped; give the --data of the server"):
        run_worker(read_settings({}, data=folder))
    assert list(tmp_path.rglob("*")) == [folder] * there


def test_a_start_that_fails_is_an_error_of_a_device_with_a_traceback_one_can_read(settings: Settings) -> None:
    engine = open_database(settings.database_url)
    with engine.begin() as connection:
        connection.execute(sql.text("DROP TABLE recordings"))
        connection.execute(sql.text("CREATE TABLE recordings (id TEXT)"))
    engine.dispose()
    command = [sys.executable, "-m", "perceptkit", "serve", "--data", str(settings.data), "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == DeviceError.exit_code
    assert ended.stderr.splitlines()[-1] == "error: the server did not start; the lines above say why"
    assert "\nTraceback (most recent call last):\n  File " in ended.stderr
    assert "\\n" not in ended.stderr


@pytest.mark.slow  # the other tests here show it with tasks that are made to be slow
@posix
@pytest.mark.weights
def test_a_real_job_that_is_stopped_while_it_loads_or_killed_at_work_gives_what_it_always_gives(tmp_path: Path) -> None:
    data, clip = tmp_path / "data", cut(video_file("classroom.mp4"), tmp_path / "class.mp4", 0.5).read_bytes()

    def send(client: Any) -> str:
        form = {"files": {"file": ("class.mp4", clip)}, "data": {"detect_every": "5"}}
        return str(client.post("/api/upload", **form).json()["job_id"])

    with program(data) as server, server.client() as client, opened(data) as engine:
        stopped = send(client)
        wait_for(lambda: found(engine, stopped).stage == "models", every=0.02)
        assert ends(server, signal.SIGTERM) == 0
        put_back = found(engine, stopped)
        assert (put_back.state, put_back.attempts) == ("pending", 0)
        assert "Traceback" not in server.log.read_text()
    with client_of(data, worker=True) as client, opened(data) as engine:
        usual = reached(engine, put_back, "completed")
        killed = send(client)
        wait_for(lambda: list((data / "results" / killed).glob("*/*.part")), every=0.005)
        next(each for each in active_children() if each.name == "perceptkit-jobs").kill()
        again = reached(engine, found(engine, killed), "completed")
        assert (usual.attempts, again.attempts) == (1, 2)
        made, made_again = (_made(data, job) for job in (usual, again))
        assert {"annotated.mp4", "gaze.jsonl", "gaze.csv", "timeline.json"} <= set(made)
        assert made == made_again


def _made(data: Path, job: Job) -> dict[str, bytes]:
    """All files that a job has left, but the one that says how long it took."""
    (folder,) = (data / "results" / job.id).iterdir()
    assert folder.name == job.claim
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "summary.json"}


def ends(server: Program, number: int) -> int:
    """The exit code of a server that gets a signal, within ten seconds."""
    sent = time.monotonic()
    server.process.send_signal(number)
    code = server.process.wait(15)
    assert time.monotonic() - sent < 10
    return code


@linux
@root
def test_a_full_disk_fails_the_job_and_nothing_else(settings: Settings) -> None:
    with small_disk(settings.data / "results", "1m"):
        app = create_app(settings, tasks=TASKS)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            engine = app.state.parts.engine
            full = reached(engine, submit(engine, "fill", megabytes=4), "failed", "completed")
            fits = reached(engine, submit(engine, "fill", megabytes=0), "failed", "completed")
            assert client.get("/health").status_code == 200
    assert (full.state, full.code) == ("failed", "device_error")
    assert full.error is not None
    assert "no space left" in full.error
    assert fits.state == "completed"
    assert _sound(settings.data)


@linux
@root
def test_a_recording_on_a_full_disk_ends_and_is_kept_as_far_as_it_came(settings: Settings) -> None:
    with small_disk(settings.data / "recordings", "1m"), client_of(settings.data) as client:
        name, sent, last = _record_until_refused(client)
        assert (last["status"], last["state"]) == ("stopped", "interrupted")
        heard = _heard(client, name)
        assert len(heard) > 800_000
        assert sent.startswith(heard)
        assert client.post("/api/audio/start-stream").json()["code"] == "disk_full"
        assert client.get("/health").status_code == 200


@linux
@root
def test_a_recording_whose_end_cannot_be_noted_is_ended_once_it_can(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", "2m") as folder, client_of(folder) as client:
        (folder / "ballast").write_bytes(bytes(400_000))
        name, sent, last = _record_until_refused(client)
        assert last == {"code": 1011, "reason": "the database does not answer; what was recorded is kept"}
        refused = client.post(f"/api/audio/stop-stream/{name}")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        (folder / "ballast").unlink()
        assert client.post(f"/api/audio/stop-stream/{name}").json()["state"] == "interrupted"
        assert sent.startswith(_heard(client, name))
        assert len(sent) - len(_heard(client, name)) < 200_000


def _record_until_refused(client: TestClient) -> tuple[str, bytes, dict[str, Any]]:
    """A recording that goes on until the disk is full: its id, what was sent, and what was said at the end."""
    name = client.post("/api/audio/start-stream", data={"sample_rate": "16000"}).json()["session_id"]
    chunk, sent, reply = bytes(range(250)) * 128, b"", {"status": "received"}
    with client.websocket_connect(f"/ws/audio/{name}") as sound:
        while reply["status"] == "received":
            sound.send_bytes(chunk)
            sent += chunk
            reply = sound.receive_json()
        assert reply["code"] == "disk_full"
        try:
            return name, sent, sound.receive_json()
        except WebSocketDisconnect as closed:
            return name, sent, {"code": closed.code, "reason": closed.reason}


def _heard(client: TestClient, name: str) -> bytes:
    """The samples of a recording."""
    with wave.open(BytesIO(client.get(f"/api/audio/recordings/{name}").content)) as kept:
        return bytes(kept.readframes(kept.getnframes()))


@linux
@root
def test_a_database_without_room_is_said_and_stays_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", "4m") as folder, client_of(folder) as client, opened(folder) as engine:
        waiting = [submit(engine) for _ in range(30)]
        _fill(folder / "ballast")
        answers = [client.post(f"/api/jobs/{job.id}/cancel") for job in waiting]
        refused = [answer.json()["code"] for answer in answers if answer.status_code != 200]
        assert refused
        assert set(refused) == {"database_unavailable"}
        assert client.get("/health").status_code == 200
        assert _sound(folder)
        (folder / "ballast").unlink()
        assert client.post(f"/api/jobs/{waiting[-1].id}/cancel").json()["status"] == "cancelled"


def _fill(path: Path) -> None:
    """Take what is left of a disk."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def _sound(folder: Path) -> bool:
    database = sqlite3.connect(folder / "perceptkit.db")
    (said,) = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    return bool(said == "ok")
