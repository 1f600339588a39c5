"""Workers on one PostgreSQL database, as on several machines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sql

from perceptkit.server import Settings, read_settings
from perceptkit.server.background import Background
from perceptkit.server.database import open_database
from perceptkit.server.jobs import Job
from perceptkit.server.jobs import rows as jobs
from postgres import Postgres
from serving import wait_for
from slow_tasks import TASKS
from systems import linux, posix

pytestmark = posix

PROGRAM = Path(__file__).parents[1] / "slow_server.py"


@pytest.fixture
def settings(postgres_server: Postgres, tmp_path: Path) -> Settings:
    (tmp_path / "server.lock").touch()  # as a server leaves it
    return read_settings({}, data=tmp_path, db=postgres_server.new(), patience=1.5)


@pytest.fixture
def engine(settings: Settings) -> Iterator[sql.Engine]:
    engine = open_database(settings.database_url)
    yield engine
    engine.dispose()


def begun_worker(settings: Settings) -> subprocess.Popen[str]:
    """A worker that is being started."""
    log = settings.data / f"worker-{time.monotonic_ns()}.log"
    command = [sys.executable, str(PROGRAM), "worker", "--data", str(settings.data), "--db", str(settings.db)]
    with log.open("w") as output:
        given = {**os.environ, "WORKER_PATIENCE": "1.5"}
        return subprocess.Popen(command, stdout=output, stderr=output, text=True, env=given)


@contextmanager
def ended(worker: subprocess.Popen[str]) -> Iterator[None]:
    """Ends it at the end, if it still runs."""
    try:
        yield
    finally:
        worker.kill()
        worker.wait()


def submit(engine: sql.Engine, frames: int) -> Job:
    given = {"frames": frames, "seconds": 0.05}
    return jobs.submit(engine, kind="count", owner="owner", filename="walk.mp4", parameters=given)


def reached(engine: sql.Engine, job: Job, state: str) -> Job:
    """The job, once it is in that state."""

    def there() -> Job | None:
        found = jobs.find(engine, job.id)
        return found if found is not None and found.state == state else None

    found = wait_for(there, seconds=60, every=0.05)
    assert isinstance(found, Job)
    return found


def owner_of(settings: Settings, workers: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """The worker whose process for tasks has begun the last job."""
    process = (settings.data / "begun.txt").read_text().split()[-1]
    parent = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return next(each for each in workers if each.pid == parent)


@pytest.mark.slow  # test_claims shows it on both databases without programs
@linux
def test_workers_share_the_jobs_and_take_over_from_those_that_end(settings: Settings, engine: sql.Engine) -> None:
    def under_way(attempts: int, *, times: int) -> subprocess.Popen[str]:
        wait_for(lambda: (now := jobs.find(engine, long.id)) and now.attempts == attempts and now.done, every=0.05)
        assert len((settings.data / "begun.txt").read_text().split()) == 12 + times
        return owner_of(settings, workers)

    with ExitStack() as ending:
        workers = [begun_worker(settings) for _ in range(3)]
        for each in workers:
            ending.enter_context(ended(each))
        wait_for(lambda: all("waiting for jobs" in log.read_text() for log in settings.data.glob("worker-*.log")))
        made = [submit(engine, 4) for _ in range(12)]
        done = [reached(engine, job, "completed") for job in made]
        begun = (settings.data / "begun.txt").read_text().split()
        long = submit(engine, 1000)
        first = under_way(1, times=1)
        first.send_signal(signal.SIGTERM)
        assert first.wait(10) == 0
        second = under_way(1, times=2)  # as if the first had not begun it
        second.kill()
        third = under_way(2, times=3)
        sweeping = Background(settings, engine, worker=False)
        third.kill()
        try:
            interrupted = reached(engine, long, "interrupted")
        finally:
            sweeping.stop()
    assert {job.attempts for job in done} == {1}
    assert len(begun) == 12
    assert len(set(begun)) > 1
    assert len({first, second, third}) == 3
    assert interrupted.attempts == 2
    assert interrupted.error is not None
    assert "stopped without a word twice" in interrupted.error
    assert len((settings.data / "begun.txt").read_text().split()) == 15


def test_connections_that_are_cut_cost_no_job(settings: Settings, engine: sql.Engine) -> None:
    job = submit(engine, 50)
    background = Background(settings, engine, worker=True, tasks=TASKS)
    try:
        for _ in range(3):
            wait_for(lambda: (found := jobs.find(engine, job.id)) and found.done)
            with engine.connect() as connection:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                connection.execute(sql.text(f"{others} AND pid <> pg_backend_pid()"))
            time.sleep(0.3)
        assert reached(engine, job, "completed").attempts == 1
    finally:
        background.stop()
