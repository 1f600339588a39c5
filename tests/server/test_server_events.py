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
from perceptkit.server.errors import ApiError
from perceptkit.server.jobs import Job, claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.events import Watch, stream_events
from serving import client_of, program

SOON = 0.01  # seconds between two looks


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sql.Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def queries(engine: sql.Engine) -> list[str]:
    """Those in which somebody looked at jobs that are followed."""
    seen: list[str] = []

    @sql.event.listens_for(engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if "WHERE jobs.id IN" in statement:
            seen.append(statement)

    return seen


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


async def nobody_looks(queries: list[str], every: float) -> None:
    """AssertionError when there are still queries, as there are while anybody listens."""
    await asyncio.sleep(2 * every)
    before = len(queries)
    await asyncio.sleep(5 * every)
    assert len(queries) == before


async def until(happened: Any) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(SOON)


def test_a_listener_hears_at_once_how_far_a_job_is_then_every_change_then_its_end(
    engine: sql.Engine, queries: list[str]
) -> None:
    async def main() -> list[Job | None]:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states))
        await until(lambda: len(states) == 1)
        assert queries == []
        for done in (3, 7):
            claims.beat(engine, job, done=done, total=10, stage="frames")
            await until(lambda done=done: heard(states)[-1] == ("processing", done))
        claims.end(engine, job, "completed", result={"warnings": []})
        await listening
        return states

    assert heard(asyncio.run(main())) == [("processing", 0), ("processing", 3), ("processing", 7), ("completed", 10)]


def test_what_was_seen_is_not_told_again(engine: sql.Engine, queries: list[str]) -> None:
    async def main() -> None:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states, seen=job.revision))
        await until(lambda: len(queries) > 2)
        assert states == []
        claims.beat(engine, job, done=1, total=2, stage="")
        await until(lambda: heard(states) == [("processing", 1)])
        claims.end(engine, job, "failed", error="no", code="media_error")
        await listening
        assert heard(states) == [("processing", 1), ("failed", 1)]
        ended, again = jobs.find(engine, job.id), list[Job | None]()
        assert ended is not None
        await listen(watch, ended, again, seen=ended.revision)
        assert again == []

    asyncio.run(main())


def test_two_hundred_listeners_cost_one_query_and_nobody_costs_none(engine: sql.Engine, queries: list[str]) -> None:
    async def main() -> None:
        followed = [begun(engine) for _ in range(4)]
        watch, told = Watch(engine, every=0.05), [list[Job | None]() for _ in range(200)]
        listening = [asyncio.create_task(listen(watch, followed[n % 4], told[n])) for n in range(200)]
        await until(lambda: len(queries) >= 2)
        started, before = time.monotonic(), len(queries)
        await until(lambda: len(queries) >= before + 4)
        assert [len(states) for states in told] == [1] * 200
        assert len(queries) - before <= (time.monotonic() - started) / 0.05 + 1
        for job in followed:
            claims.end(engine, job, "completed")
        await asyncio.gather(*listening)
        assert [heard(states)[-1][0] for states in told] == ["completed"] * 200
        await nobody_looks(queries, 0.05)

    asyncio.run(main())


def test_one_user_listens_so_often_only(engine: sql.Engine) -> None:
    async def main() -> None:
        job, others = begun(engine), new_job(engine, "eve")
        watch, told = Watch(engine, every=SOON), [list[Job | None]() for _ in range(100)]
        listening = [asyncio.create_task(listen(watch, job, states)) for states in told]
        await until(lambda: all(told))
        with pytest.raises(ApiError, match="you follow 100 jobs already") as raised:
            stream_events(watch, job, None)
        assert raised.value.status_code == 429
        assert stream_events(watch, others, "9" * 5000).status_code == 200
        claims.end(engine, job, "completed")
        await asyncio.gather(*listening)
        assert stream_events(watch, job, None).status_code == 200

    asyncio.run(main())


def test_a_listener_that_goes_away_is_forgotten(engine: sql.Engine, queries: list[str]) -> None:
    async def main() -> None:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states))
        await until(lambda: queries)
        listening.cancel()
        await asyncio.wait([listening])
        await nobody_looks(queries, SOON)
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


def test_a_database_that_does_not_answer_is_asked_again(
    engine: sql.Engine, queries: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def rename(old: str, new: str) -> None:
        with engine.begin() as connection:
            connection.execute(sql.text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def main() -> list[Job | None]:
        job, watch, states = begun(engine), Watch(engine, every=SOON), list[Job | None]()
        listening = asyncio.create_task(listen(watch, job, states))
        await until(lambda: queries)
        rename("jobs", "elsewhere")
        await until(lambda: "the database does not answer" in caplog.text)
        rename("elsewhere", "jobs")
        claims.end(engine, job, "completed")
        await listening
        return states

    assert heard(asyncio.run(main()))[-1][0] == "completed"


def test_streams_end_when_the_job_is_deleted_and_when_the_server_stops(engine: sql.Engine, queries: list[str]) -> None:
    async def main() -> None:
        waiting, deleted, watch = new_job(engine), new_job(engine), Watch(engine, every=SOON)
        first, second = (asyncio.create_task(listen(watch, job, [])) for job in (waiting, deleted))
        await until(lambda: queries)
        jobs.cancel(engine, deleted.id)
        jobs.delete(engine, deleted.id)
        await asyncio.wait_for(second, 10)
        assert not first.done()
        watch.close()
        await asyncio.wait_for(first, 10)
        await watch.stop()

    asyncio.run(main())


def test_an_ended_job_is_told_in_one_event(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        engine = client.app.state.parts.engine  # type: ignore[attr-defined]
        job = begun(engine)
        claims.end(engine, job, "failed", error="talk.mp4 cannot be read", code="media_error")
        answer = client.get(f"/api/jobs/{job.id}/events", headers={"Last-Event-ID": "1"})
        again = client.get(f"/api/jobs/{job.id}/events", headers={"Last-Event-ID": "2"})
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
    assert (again.status_code, again.content) == (204, b"")  # at which a browser does not come back
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
