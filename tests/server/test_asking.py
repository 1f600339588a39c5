"""Jobs about files that are sent: no file is kept that no job is about, and none is lost that one is about."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sql

from perceptkit.errors import InputError
from perceptkit.server import read_settings
from perceptkit.server.database import open_database, uploads
from perceptkit.server.incoming.uploads import Upload, upload_path
from perceptkit.server.jobs import list_jobs
from perceptkit.server.jobs.asking import Asked, queued

SENT = Upload("6a0c1a52-7b7e-4e0b-9a53-0d3a4d3c2b1e", "me", "walk.mp4", ".mp4", 5, "", {}, 0.0)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Any]:
    """Settings and a database, and in them the file that was sent."""
    settings = read_settings({}, data=tmp_path)
    engine = open_database(settings.database_url)
    with engine.begin() as connection:
        connection.execute(sql.insert(uploads).values(asdict(SENT)))
    upload_path(settings, SENT).parent.mkdir()
    upload_path(settings, SENT).write_bytes(b"movie")
    yield SimpleNamespace(settings=settings, engine=engine)
    engine.dispose()


async def ask() -> Asked:
    return Asked("gaze", "walk.mp4", {}, None)


def test_what_cannot_be_asked_for_leaves_no_file(parts: Any) -> None:
    async def refuse() -> Asked:
        raise InputError("unknown gaze model")

    with pytest.raises(InputError, match="unknown gaze model"):
        asyncio.run(queued(parts, [SENT], refuse, key=None))
    assert not upload_path(parts.settings, SENT).exists()


def test_a_request_that_ends_while_its_job_is_written_down_leaves_job_and_file(parts: Any) -> None:
    other = sqlite3.connect(parts.settings.data / "perceptkit.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # so that the job has to wait

    async def main() -> None:
        request = asyncio.create_task(queued(parts, [SENT], ask, key=None))
        await asyncio.sleep(0.2)
        request.cancel()
        await asyncio.sleep(0.05)
        other.rollback()
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(main())
    other.close()
    assert [job.upload for job in list_jobs(parts.engine, "me")] == [SENT.id]
    assert upload_path(parts.settings, SENT).exists()
