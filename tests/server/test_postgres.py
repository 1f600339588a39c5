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
from systems import posix

pytestmark = posix

PROGRAM = Path(__file__).parents[1] / "slow_server.py"


@pytest.fixture
def settings(postgres_server: Postgres, tmp_path: Path) -> Settings:
    return read_settings({}, data=tmp_path, db=postgres_server.new(), patience=1.5)


@pytest.fixture
def engine(settings: Settings) -> Iterator[sql.Engine]:
    engine = open_database(settings.database_url)
    yield engine
    engine.dispose()


@contextmanager
def worker(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A worker that waits for jobs, ended at the end if it still runs."""
    log = settings.data / f"worker-{time.monotonic_ns()}.log"
    command = [sys.executable, str(PROGRAM), "worker", "--data", str(settings.data), "--db", str(settings.db)]
    with log.open("w") as output:
        given = {**os.environ, "WORKER_PATIENCE": "1.5"}
        process = subprocess.Popen(command, stdout=output, stderr=output, text=True, env=given)
    try:
        wait_for(lambda: "waiting for jobs" in log.read_text() or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.wait()


def submit(engine: sql.Engine, frames: int) -> Job:
    given = {"frames": frames, "seconds": 0.05}
    return jobs.submit(engine, kind="count", owner="owner", filename="walk.mp4", parameters=given)


def reached(engine: sql.Engine, job: Job, state: str) -> Job:
    """The job, once it is in that state."""

    def there() -> Job | None:
        found = jobs.find(engine, job.id)
        return found if found is not None and found.state == state else None

    found = wait_for(there, seconds=20, every=0.05)
    assert isinstance(found, Job)
    return found


def test_two_workers_share_the_jobs_and_put_back_what_they_cannot_end(settings: Settings, engine: sql.Engine) -> None:
    with ExitStack() as ending:
        workers = [ending.enter_context(worker(settings)) for _ in range(2)]
        made = [submit(engine, 4) for _ in range(12)]
        done = [reached(engine, job, "completed") for job in made]
        begun = (settings.data / "begun.txt").read_text().split()
        long = submit(engine, 1000)
        wait_for(lambda: (found := jobs.find(engine, long.id)) and found.done)
        for each in workers:
            each.send_signal(signal.SIGTERM)
        assert [each.wait(10) for each in workers] == [0, 0]
    assert {job.attempts for job in done} == {1}
    assert len(begun) == 12
    assert len(set(begun)) == 2
    waits = reached(engine, long, "pending")
    assert (waits.attempts, waits.done) == (0, 0)


def test_a_job_whose_worker_is_killed_is_done_once_more(settings: Settings, engine: sql.Engine) -> None:
    job = submit(engine, 1000)
    for attempt in (1, 2):
        with worker(settings) as process:  # the second one finds that the first has gone
            wait_for(lambda: (found := jobs.find(engine, job.id)) and found.attempts == attempt and found.done)  # noqa: B023 - called at once
            process.kill()
    sweeping = Background(settings, engine, worker=False)
    try:
        ended = reached(engine, job, "interrupted")
    finally:
        sweeping.stop()
    assert ended.attempts == 2
    assert ended.error is not None
    assert "stopped without a word twice" in ended.error
    assert len((settings.data / "begun.txt").read_text().split()) == 2


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
