"""Power cuts, kills, stops and full disks: no job is lost, none is done twice, and nothing outlives the server."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
from starlette.testclient import TestClient
from websockets.sync.client import connect

from perceptkit.server import Settings, create_app, read_settings
from perceptkit.server.background import Background
from perceptkit.server.database import open_database
from perceptkit.server.folders import attempt_folder, results_folder
from perceptkit.server.jobs import Job
from perceptkit.server.jobs import rows as jobs
from serving import TOKEN, Program, client_of, program, wait_for
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


def reached(engine: sql.Engine, job: Job, *states: str, seconds: float = 20) -> Job:
    """The job, once it is in one of the states."""

    def there() -> Job | None:
        found = jobs.find(engine, job.id)
        return found if found is not None and found.state in states else None

    found = wait_for(there, seconds=seconds, every=0.05)
    assert isinstance(found, Job)
    return found


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
    with worker(settings, engine):
        for job in (listens, deaf):
            reached(engine, job, "processing")
            asked = time.monotonic()
            jobs.cancel(engine, job.id)
            ended = reached(engine, job, "cancelled")
            assert time.monotonic() - asked < 10
            assert not attempt_folder(settings, ended).exists()
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
def test_a_killed_server_leaves_no_process_and_loses_no_job(settings: Settings, engine: sql.Engine) -> None:
    with program(settings.data, main=SLOW, WORKER_PATIENCE="1.5") as server:
        job = submit(engine, frames=30)
        under_way(engine, job)
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not alive(begun(settings)[0]), seconds=5)
        assert reached(engine, job, "processing").attempts == 1
    with program(settings.data, main=SLOW, WORKER_PATIENCE="1.5") as server:
        done = reached(engine, job, "completed")
        assert "its worker has gone; now it is pending" in server.log.read_text()
    assert done.attempts == 2
    assert len(begun(settings)) == 2
    assert [each.name for each in results_folder(settings, job.id).iterdir()] == [done.claim]


@posix
def test_a_server_that_is_stopped_puts_its_job_back(settings: Settings, engine: sql.Engine) -> None:
    with program(settings.data, main=SLOW) as server, server.client() as client:
        job = submit(engine, frames=100)
        under_way(engine, job)
        recording = client.post("/api/audio/start-stream", data={"sample_rate": "16000"}).json()["session_id"]
        url = f"{server.url.replace('http', 'ws', 1)}/ws/audio/{recording}"
        with (
            connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket,
            client.stream("GET", f"/api/jobs/{job.id}/events") as events,
        ):
            socket.send(bytes(3200))
            assert json.loads(socket.recv())["status"] == "received"
            next(events.iter_lines())
            assert ends(server, signal.SIGTERM) == 0
        assert "Traceback" not in server.log.read_text()
    waits = reached(engine, job, "pending")
    assert (waits.attempts, waits.done, waits.claim) == (0, 0, None)
    assert not list(results_folder(settings, job.id).iterdir())
    with engine.begin() as connection:  # so that the second attempt is short
        connection.execute(sql.update(sql.table("jobs", sql.column("parameters"))).values(parameters='{"frames": 2}'))
    with program(settings.data, main=SLOW):
        assert reached(engine, job, "completed").attempts == 1


@posix
def test_ctrl_c_ends_the_real_program_well_and_a_second_one_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with program(data) as server:
        refused = subprocess.run(
            [sys.executable, "-m", "perceptkit", "serve", "--data", data, "--port", "0"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 2
        assert "another server has the folder" in refused.stderr
        assert ends(server, signal.SIGINT) == 0
        assert "Traceback" not in server.log.read_text()
    with program(data, main=SLOW) as server, opened(data) as engine:
        reached(engine, submit(engine, "deaf", seconds=60), "processing")
        time.sleep(0.5)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert server.process.poll() is None  # the job has some seconds to stop
        assert ends(server, signal.SIGINT) == 128 + signal.SIGINT


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
