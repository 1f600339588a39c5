"""Jobs and their claims, in each kind of database that they can be kept in."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from perceptkit.errors import DeviceError, InputError
from perceptkit.server import read_settings
from perceptkit.server.database import open_database
from perceptkit.server.jobs import Job, claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.claims import Sweeper

# What a worker in another process does: it claims all there are, and says which.
_CLAIM_ALL = """
import sys
from perceptkit.server.jobs import claims
from perceptkit.server.database import open_database
engine = open_database(sys.argv[1])
while (job := claims.claim(engine)) is not None:
    print(job.id)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    db = None if request.param == "sqlite" else request.getfixturevalue("postgres_server").new()
    return read_settings({}, data=tmp_path, db=db).database_url


@pytest.fixture
def engine(url: str) -> Iterator[sql.Engine]:
    """The database of the test, open."""
    engine = open_database(url)
    yield engine
    engine.dispose()


def submit(engine: sql.Engine, **given: Any) -> Job:
    return jobs.submit(engine, **{"kind": "gaze", "owner": "me", "filename": "walk.mp4", "parameters": {}, **given})


def claimed(engine: sql.Engine) -> Job:
    job = claims.claim(engine)
    assert job is not None
    return job


def now(engine: sql.Engine, job: Job) -> Job:
    found = jobs.find(engine, job.id)
    assert found is not None
    return found


def test_users_have_their_turns_one_after_another(engine: sql.Engine) -> None:
    for owner in ("ada", "ada", "ada", "bob", "eve", "bob"):
        jobs.submit(engine, kind="gaze", owner=owner, filename="talk.mp4", parameters={})
    served = [claims.claim(engine) for _ in range(6)]
    assert [job and (job.owner, job.number) for job in served] == [
        *(("ada", 1), ("bob", 4), ("eve", 5)),
        *(("ada", 2), ("bob", 6), ("ada", 3)),
    ]
    assert claims.claim(engine) is None


def test_the_oldest_is_first_whatever_the_clock_said(engine: sql.Engine) -> None:
    first, second = submit(engine), submit(engine)
    with engine.begin() as connection:  # the clock was set back in between
        table = sql.table("jobs", sql.column("created_at"), sql.column("id"))
        connection.execute(sql.update(table).where(table.c.id == first.id).values(created_at=time.time() + 86400))
    assert [claimed(engine).id, claimed(engine).id] == [first.id, second.id]
    assert claims.claim(engine) is None


def test_each_job_has_one_worker(engine: sql.Engine, url: str) -> None:
    wanted = {submit(engine).id for _ in range(200)}
    others = [subprocess.Popen([sys.executable, "-c", _CLAIM_ALL, url], stdout=subprocess.PIPE) for _ in range(2)]

    def claim_all() -> list[str]:
        found = []
        while (job := claims.claim(engine)) is not None:
            found.append(job.id)
            time.sleep(0.02)  # so that the processes come into it
        return found

    with ThreadPoolExecutor(8) as threads:
        ours = [each.result() for each in [threads.submit(claim_all) for _ in range(8)]]
    theirs = [other.communicate()[0].decode().split() for other in others]
    times = Counter(each for found in [*ours, *theirs] for each in found)
    assert [other.returncode for other in others] == [0, 0]
    assert times == dict.fromkeys(wanted, 1)


def test_progress_raises_the_revision_only_when_something_is_new(engine: sql.Engine) -> None:
    submit(engine)
    job = claimed(engine)
    assert claims.beat(engine, job, done=1, total=None, stage="frames") == "go on"
    first = now(engine, job)
    assert claims.beat(engine, job, done=1, total=None, stage="frames") == "go on"
    assert now(engine, job).revision == first.revision
    assert now(engine, job).beat == first.beat + 1
    claims.beat(engine, job, done=1, total=9, stage="frames")
    assert now(engine, job).revision == first.revision + 1


def test_a_job_that_waits_is_cancelled_at_once(engine: sql.Engine) -> None:
    job = jobs.cancel(engine, submit(engine).id)
    assert job is not None
    assert job.state == "cancelled"
    assert job.completed_at is not None
    assert claims.claim(engine) is None


@pytest.mark.parametrize("leave", [claims.release, claims.give_up])
def test_a_cancel_is_never_overlooked(engine: sql.Engine, leave: Any) -> None:
    submit(engine)
    job = claimed(engine)
    jobs.cancel(engine, job.id)  # the worker has not looked since
    assert leave(engine, job) == "cancelled"
    assert now(engine, job).state == "cancelled"
    assert now(engine, job).completed_at is not None


def test_a_running_job_hears_of_its_cancel_and_of_its_deletion(engine: sql.Engine) -> None:
    submit(engine)
    job = claimed(engine)
    jobs.cancel(engine, job.id)
    assert claims.beat(engine, job, done=0, total=None, stage="") == "cancel"
    assert jobs.delete(engine, job.id)
    assert claims.beat(engine, job, done=0, total=None, stage="") == "lost"
    assert not claims.end(engine, job, "completed", result={})
    assert not jobs.delete(engine, job.id)


def test_a_job_is_begun_twice_at_the_most_when_its_workers_die(engine: sql.Engine) -> None:
    submit(engine)
    first = claimed(engine)
    claims.beat(engine, first, done=5, total=9, stage="frames")
    assert claims.give_up(engine, first) == "pending"
    again = now(engine, first)
    assert (again.done, again.total, again.stage, again.started_at) == (0, None, "", None)
    second = claimed(engine)
    assert second.attempts == 2
    assert claims.give_up(engine, second) == "interrupted"
    ended = now(engine, second)
    assert ended.error is not None
    assert "stopped without a word twice" in ended.error
    assert ended.code == "worker_gone"


def test_a_worker_that_stops_does_not_count(engine: sql.Engine) -> None:
    submit(engine)
    for _ in range(3):
        job = claimed(engine)
        assert job.attempts == 1
        assert claims.release(engine, job) == "pending"


def test_who_was_taken_for_dead_can_end_nothing(engine: sql.Engine) -> None:
    submit(engine)
    slow = claimed(engine)
    claims.give_up(engine, slow)
    quick = claimed(engine)
    assert claims.beat(engine, slow, done=1, total=2, stage="") == "lost"
    assert not claims.end(engine, slow, "completed", result={"by": "slow"})
    assert claims.release(engine, slow) is None
    assert claims.give_up(engine, slow) is None
    assert claims.end(engine, quick, "completed", result={"by": "quick"})
    assert now(engine, quick).result == {"by": "quick"}


def test_an_end_whose_answer_was_lost_can_be_written_again(engine: sql.Engine) -> None:
    submit(engine)
    job = claimed(engine)
    assert claims.end(engine, job, "completed", result={"frames": 3})
    revision = now(engine, job).revision
    assert claims.end(engine, job, "completed", result={"frames": 3})
    assert now(engine, job).revision == revision
    assert not claims.end(engine, job, "failed", error="late")


def test_what_is_done_after_the_last_beat_is_kept(engine: sql.Engine) -> None:
    submit(engine)
    job = claimed(engine)
    claims.beat(engine, job, done=1, total=3, stage="frames")
    assert claims.end(engine, job, "completed", result={}, last=(4, 4, "pictures"))
    ended = now(engine, job)
    assert (ended.done, ended.total, ended.stage) == (4, 4, "pictures")


def test_any_text_can_be_the_error(engine: sql.Engine) -> None:
    submit(engine)
    job = claimed(engine)
    assert claims.end(engine, job, "failed", error="bad name \0 \udcff ü", code="media_error")
    assert now(engine, job).error == "bad name  \\udcff ü"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_a_job_whose_heart_has_stopped_waits_again(engine: sql.Engine) -> None:
    clock = Clock()
    sweeper = Sweeper(engine, patience=15, clock=clock)
    submit(engine)
    job = claimed(engine)
    for second in range(0, 15, 5):
        clock.time = 1000.0 + second
        assert sweeper.sweep() == []
        if second < 5:
            claims.beat(engine, job, done=0, total=None, stage="")
    clock.time = 1015.0  # ten seconds after the last beat was seen
    assert sweeper.sweep() == []
    clock.time = 1020.0
    ((gone, state),) = sweeper.sweep()
    assert (gone.id, state) == (job.id, "pending")
    assert now(engine, job).state == "pending"


def test_who_stood_still_himself_takes_nobody_for_dead(engine: sql.Engine) -> None:
    clock = Clock()
    sweeper = Sweeper(engine, patience=15, clock=clock)
    submit(engine)
    claimed(engine)
    assert sweeper.sweep() == []
    clock.time += 3600  # Ctrl-Z, or a laptop that was closed
    assert sweeper.sweep() == []


def test_a_heart_that_beats_again_at_the_last_moment_counts(engine: sql.Engine) -> None:
    submit(engine)
    job = claimed(engine)
    claims.beat(engine, job, done=1, total=2, stage="")
    assert claims.give_up(engine, job, last_beat=job.beat) is None
    assert now(engine, job).state == "processing"


def test_one_key_makes_one_job(engine: sql.Engine) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: submit(engine, idempotency_key="k").id, range(16)))
    assert len(set(made)) == 1
    assert submit(engine, owner="you", idempotency_key="k").id != made[0]


def test_a_database_that_is_locked_is_waited_for(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'jobs.db'}")
    job = submit(engine)
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(1.0, other.rollback)
    timer.start()
    begun = time.monotonic()
    assert claimed(engine).id == job.id
    assert time.monotonic() - begun > 0.8
    timer.join()
    other.close()
    engine.dispose()


def test_the_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "what? #1 50%20"
    folder.mkdir()
    open_database(read_settings({}, data=folder).database_url).dispose()
    assert (folder / "perceptkit.db").is_file()


def test_many_may_make_the_tables(url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        for engine in threads.map(lambda _: open_database(url), range(6)):
            submit(engine)
            engine.dispose()


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("mysql://x/y", InputError, "not in mysql"),
        ("nonsense", InputError, "cannot be used"),
        ("sqlite:////no/such/folder/jobs.db", DeviceError, "unable to open"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/jobs", DeviceError, "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(url: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as raised:
        open_database(url)
    assert "secret" not in str(raised.value)
