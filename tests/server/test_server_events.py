"""Followers of jobs: what they are told, when, and at what cost."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from perceptkit.server.database import open_database
from perceptkit.server.jobs import Job, claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.events import Watch
from serving import client_of, program

SOON = 0.01  # seconds between two looks


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sql.Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield engine
    engine.dispose()


def new_job(engine: sql.Engine, owner: str = "owner") -> Job:
    return jobs.submit(engine, kind="gaze", owner=owner, filename="talk.mp4", parameters={"model": "adas"})


def begun(engine: sql.Engine) -> Job:
    new_job(engine)
    job = claims.claim(engine)
    assert job is not None
    return job


def heard(states: list[Job | None]) -> list[tuple[str, int]]:
    return [(job.state, job.done) for job in states if job is not None]


async def listen(watch: Watch, job: Job, states: list[Job | None], seen: int | None = None) -> None:
    async for state in watch.follow(job, seen=seen):
        states.append(state)


async def until(happened: Any) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(SOON)


def test_a_listener_hears_at_once_how_far_a_job_is_then_every_change_then_its_end(engine: sql.Engine) -> None:
    async def main() -> list[Job | None]:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states))
        await until(lambda: len(states) == 1)
        assert watch.queries == 0
        for done in (3, 7):
            claims.beat(engine, job, done=done, total=10, stage="frames")
            await until(lambda done=done: heard(states)[-1] == ("processing", done))
        claims.end(engine, job, "completed", result={"warnings": []})
        await listening
        return states

    assert heard(asyncio.run(main())) == [("processing", 0), ("processing", 3), ("processing", 7), ("completed", 10)]


def test_what_was_seen_is_not_told_again_but_the_end_is(engine: sql.Engine) -> None:
    async def main() -> None:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states, seen=job.revision))
        await until(lambda: watch.queries > 2)
        assert states == []
        claims.beat(engine, job, done=1, total=2, stage="")
        await until(lambda: heard(states) == [("processing", 1)])
        claims.end(engine, job, "failed", error="no", code="media_error")
        await listening
        assert heard(states) == [("processing", 1), ("failed", 1)]
        ended, again = jobs.find(engine, job.id), list[Job | None]()
        assert ended is not None
        await listen(watch, ended, again, seen=ended.revision)
        assert heard(again) == [("failed", 1)]

    asyncio.run(main())


def test_two_hundred_listeners_cost_one_query_and_nobody_costs_none(engine: sql.Engine) -> None:
    async def main() -> None:
        followed = [begun(engine) for _ in range(4)]
        watch, told = Watch(engine, every=0.05), [list[Job | None]() for _ in range(200)]
        listening = [asyncio.create_task(listen(watch, followed[n % 4], told[n])) for n in range(200)]
        await until(lambda: watch.queries >= 2)
        started, before = time.monotonic(), watch.queries
        await until(lambda: watch.queries >= before + 4)
        assert watch.listeners == 200
        assert watch.queries - before <= (time.monotonic() - started) / 0.05 + 1
        for job in followed:
            claims.end(engine, job, "completed")
        await asyncio.gather(*listening)
        assert [heard(states)[-1][0] for states in told] == ["completed"] * 200
        assert watch.listeners == 0
        await asyncio.sleep(0.1)
        before = watch.queries
        await asyncio.sleep(0.2)
        assert watch.queries == before

    asyncio.run(main())


def test_a_listener_that_goes_away_is_forgotten(engine: sql.Engine) -> None:
    async def main() -> None:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states))
        await until(lambda: watch.listeners == 1)
        listening.cancel()
        await asyncio.wait([listening])
        assert watch.listeners == 0
        # The next one is served all the same.
        listening = asyncio.create_task(listen(watch, job, states))
        claims.end(engine, job, "cancelled")
        await listening
        assert heard(states)[-1][0] == "cancelled"

    asyncio.run(main())


def test_a_quiet_job_gives_a_sign_of_life(engine: sql.Engine) -> None:
    async def main() -> list[Job | None]:
        watch, states = Watch(engine, every=SOON, quiet=0.05), list[Job | None]()
        listening = asyncio.create_task(listen(watch, begun(engine), states))
        await until(lambda: len(states) == 3)
        await watch.stop()
        await listening
        return states

    assert asyncio.run(main())[1:3] == [None, None]


def test_a_database_that_does_not_answer_is_asked_again(engine: sql.Engine, caplog: pytest.LogCaptureFixture) -> None:
    def rename(old: str, new: str) -> None:
        with engine.begin() as connection:
            connection.execute(sql.text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def main() -> list[Job | None]:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states))
        await until(lambda: watch.queries > 0)
        rename("jobs", "elsewhere")
        await until(lambda: "the database does not answer" in caplog.text)
        rename("elsewhere", "jobs")
        claims.end(engine, job, "completed")
        await listening
        return states

    assert heard(asyncio.run(main()))[-1][0] == "completed"


def test_streams_end_when_the_job_is_deleted_and_when_the_server_stops(engine: sql.Engine) -> None:
    async def main() -> None:
        waiting, deleted, watch = new_job(engine), new_job(engine), Watch(engine, every=SOON)
        first, second = (asyncio.create_task(listen(watch, job, [])) for job in (waiting, deleted))
        await until(lambda: watch.listeners == 2)
        jobs.cancel(engine, deleted.id)
        jobs.delete(engine, deleted.id)
        await asyncio.wait_for(second, 10)
        assert not first.done()
        watch.close()
        await asyncio.wait_for(first, 10)
        await watch.stop()
        assert watch.listeners == 0

    asyncio.run(main())


def test_an_ended_job_is_told_in_one_event(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        engine = client.app.state.parts.engine  # type: ignore[attr-defined]
        job = begun(engine)
        claims.end(engine, job, "failed", error="talk.mp4 cannot be read", code="media_error")
        answer = client.get(f"/api/jobs/{job.id}/events", headers={"Last-Event-ID": "2"})
        other = client.get("/api/progress", params={"job_id": job.id}, headers={"Last-Event-ID": "no number"})
        info = client.get(f"/api/jobs/{job.id}").json()
        foreign = new_job(engine, owner="somebody else")
        refused = [client.get(f"/api/jobs/{name}/events").status_code for name in (foreign.id, "x")]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    retry, event, rest = answer.text.split("\n\n")
    assert (retry, rest) == ("retry: 2000", "")
    number, name, data = event.split("\n")
    assert (number, name) == ("id: 2", "event: failed")
    assert json.loads(data.removeprefix("data: ")) == info
    assert info["error"] == "talk.mp4 cannot be read"
    assert other.text == answer.text
    assert refused == [404, 404]


def test_the_program_tells_and_stops_in_time_while_somebody_listens(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    engine = open_database(f"sqlite:///{data / 'perceptkit.db'}")
    job = begun(engine)  # by a worker of another machine, for all that the server knows
    lines: list[str] = []

    with program(data) as server:

        def follow() -> None:
            with server.client() as client, client.stream("GET", f"/api/jobs/{job.id}/events") as answer:
                lines.extend(answer.iter_lines())

        listening = threading.Thread(target=follow)
        listening.start()
        with server.client() as client, client.stream("GET", f"/api/jobs/{job.id}/events") as answer:
            told = answer.iter_lines()
            assert "event: progress" in [next(told) for _ in range(4)]
            claims.beat(engine, job, done=5, total=10, stage="frames")
            started = time.monotonic()
            assert next(line for line in told if '"processed_frames":5' in line)
            assert time.monotonic() - started < 2
        # The one who has gone is forgotten, the other one is let go.
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert time.monotonic() - started < 8
        listening.join(5)
        assert not listening.is_alive()
    engine.dispose()
    assert [line for line in lines if '"processed_frames":5' in line]
