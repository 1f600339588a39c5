"""What is deleted by itself and when, and what is never touched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sql

from perceptkit.errors import InputError
from perceptkit.server import Settings, read_settings
from perceptkit.server.database import jobs as jobs_table
from perceptkit.server.database import open_database, uploads
from perceptkit.server.folders import (
    attempt_folder,
    gallery_folder,
    make_folders,
    mark_forgetful,
    recordings_folder,
    results_folder,
    uploads_folder,
)
from perceptkit.server.incoming.uploads import Upload, find_upload, upload_path
from perceptkit.server.jobs import Job, claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.retention import sweep_files
from perceptkit.server.recordings.recorded import Recorded, add_recording, list_recorded, sound_path
from serving import client_of, wait_for

HOUR = 3600.0
NOW = time.time()


@dataclass(frozen=True)
class _Store:
    settings: Settings
    engine: sql.Engine

    def upload(self, *, hours: float = 0.0) -> Upload:
        """An upload that came so many hours ago."""
        made = Upload(str(uuid4()), "somebody", "talk.mp4", ".mp4", 4, "0" * 64, {}, NOW - hours * HOUR)
        with self.engine.begin() as connection:
            connection.execute(sql.insert(uploads).values(asdict(made)))
        upload_path(self.settings, made).write_bytes(b"film")
        return made

    def job(self, upload: Upload | None = None, **given: Any) -> Job:
        """A job that waits."""
        about = None if upload is None else upload.id
        given = {"kind": "gaze", "owner": "somebody", "filename": "talk.mp4", "parameters": {}, **given}
        return jobs.submit(self.engine, upload=about, **given)

    def begun(self, upload: Upload | None = None, **given: Any) -> Job:
        """A job that is worked on, and has made a file."""
        self.job(upload, **given)
        job = claims.claim(self.engine)
        assert job is not None
        folder = attempt_folder(self.settings, job)
        folder.mkdir(parents=True)
        (folder / "result.mp4").write_bytes(b"result")
        return job

    def ended(self, upload: Upload | None = None, *, hours: float, **given: Any) -> Job:
        """A job that was completed so many hours ago."""
        job = self.begun(upload, **given)
        claims.end(self.engine, job, "completed", result={})
        ended = {"completed_at": NOW - hours * HOUR}
        with self.engine.begin() as connection:
            connection.execute(sql.update(jobs_table).where(jobs_table.c.id == job.id).values(ended))
        return job

    def recording(self, name: str, *, hours: float | None = 0.0) -> Recorded:
        """A recording that ended so many hours ago; one that goes on without them."""
        ended = None if hours is None else NOW - hours * HOUR
        facts = None if hours is None else {"state": "complete"}
        made = Recorded(str(uuid4()), "anna", name, NOW, 8000, 1, "azimuth", ended, 0, facts)
        add_recording(self.engine, made)
        sound_path(self.settings, made).parent.mkdir(parents=True, exist_ok=True)
        sound_path(self.settings, made).touch()
        return made

    def recordings(self) -> list[str]:
        """The names of the recordings that are there; AssertionError when there are other files than those."""
        found = list_recorded(self.engine)
        assert len(list(self.settings.data.glob("recordings/*/*.wav"))) == len(found)
        return sorted(each.filename for each in found)

    def sweep(self, *, hours: float = 0.0) -> None:
        """Sweep when the clock says that so many hours have gone by."""
        sweep_files(self.settings, self.engine, now=lambda: NOW + hours * HOUR)

    def has(self, thing: Upload | Job) -> bool:
        """Whether an upload or a job is there, with its files; AssertionError when only one of both is."""
        if isinstance(thing, Upload):
            row = find_upload(self.engine, thing.id) is not None
            there = upload_path(self.settings, thing).exists()
        else:
            row, there = jobs.find(self.engine, thing.id) is not None, results_folder(self.settings, thing.id).exists()
        assert row == there
        return row


def _store(data: Path, **given: Any) -> _Store:
    settings = read_settings({}, data=data, **given)
    uploads_folder(settings).mkdir(parents=True)
    return _Store(settings, open_database(settings.database_url))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[_Store]:
    db = None if request.param == "sqlite" else request.getfixturevalue("postgres_server").new()
    store = _store(tmp_path, db=db)
    yield store
    store.engine.dispose()


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[_Store]:
    store = _store(tmp_path, store=False)
    yield store
    store.engine.dispose()


def test_what_is_old_goes_and_what_is_not_stays(store: _Store) -> None:
    old, new = store.upload(hours=30), store.upload(hours=30)
    old_job, new_job = store.ended(old, hours=25), store.ended(new, hours=23)

    store.sweep()
    assert [store.has(each) for each in (old, old_job, new, new_job)] == [False, False, True, True]
    store.sweep(hours=1.5)
    assert [store.has(each) for each in (new, new_job)] == [False, False]


def test_an_upload_that_no_job_is_about_goes_by_its_age(store: _Store) -> None:
    old, new = store.upload(hours=25), store.upload(hours=23)

    store.sweep()
    assert [store.has(each) for each in (old, new)] == [False, True]


def test_nothing_that_an_active_job_needs_is_touched(store: _Store) -> None:
    waits, runs, several = store.upload(hours=90), store.upload(hours=90), store.upload(hours=90)
    before = store.ended(runs, hours=80)  # an earlier job about the same upload
    needed = store.ended(hours=80)
    running = store.begun(runs)
    waiting = store.job(waits)
    store.job(parameters={"uploads": [several.id], "of": needed.id})

    store.sweep(hours=1000)
    assert all(store.has(each) for each in (waits, runs, several, before, needed, running))
    assert jobs.find(store.engine, waiting.id)


def test_jobs_about_one_upload_go_together(store: _Store) -> None:
    upload = store.upload(hours=90)
    first, last = store.ended(upload, hours=80, task="walk"), store.ended(upload, hours=2, task="walk")

    store.sweep()
    assert all(store.has(each) for each in (upload, first, last))
    store.sweep(hours=23)
    assert not any(store.has(each) for each in (upload, first, last))


def test_a_job_keeps_all_of_its_uploads_as_long_as_itself(store: _Store) -> None:
    photos = [store.upload(hours=90) for _ in range(3)]
    job = store.ended(photos[0], hours=1, parameters={"uploads": [each.id for each in photos]})
    together: list[Upload | Job] = [*photos, job]

    store.sweep()
    assert all(map(store.has, together))
    store.sweep(hours=24)
    assert not any(map(store.has, together))


def test_a_clock_that_goes_back_deletes_nothing(store: _Store) -> None:
    upload = store.upload(hours=1)
    job, unused = store.ended(upload, hours=0), store.upload()
    leftover = uploads_folder(store.settings) / f"{uuid4()}.part"
    leftover.write_bytes(b"half")

    store.sweep(hours=-100_000)  # all of it seems to come from the future
    assert all(store.has(each) for each in (upload, job, unused))
    assert leftover.exists()


def test_what_was_left_half_done_goes_after_an_hour(store: _Store) -> None:
    folder = uploads_folder(store.settings)
    results = results_folder(store.settings, str(uuid4()))
    results.mkdir(parents=True)
    left = [folder / f"{uuid4()}.part", folder / f"{uuid4()}.mp4", results]
    growing, foreign = folder / f"{uuid4()}.part", folder / "notes.txt"
    for path in (left[0], left[1], growing, foreign):
        path.write_bytes(b"half")
    for path in (*left, foreign):
        os.utime(path, (NOW - 2 * HOUR, NOW - 2 * HOUR))
    kept = store.upload(hours=2)
    os.utime(upload_path(store.settings, kept), (NOW - 2 * HOUR, NOW - 2 * HOUR))

    store.sweep()
    assert not any(path.exists() for path in left)
    assert growing.exists()
    assert foreign.exists(), "it is none of ours"
    assert store.has(kept)


def test_recordings_and_galleries_are_not_touched(store: _Store) -> None:
    kept = [recordings_folder(store.settings, "somebody") / "a.wav", gallery_folder(store.settings, "somebody") / "b"]
    for path in kept:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        os.utime(path, (1, 1))

    store.sweep(hours=1000)

    assert all(path.exists() for path in kept)


def test_a_server_that_keeps_nothing_waits_a_quarter_of_an_hour(forgetful: _Store) -> None:
    upload, unused = forgetful.upload(), forgetful.upload()
    job = forgetful.ended(upload, hours=0)
    runs = forgetful.begun()

    forgetful.recording("just ended")
    forgetful.recording("goes on", hours=None)

    forgetful.sweep(hours=0.24)
    assert all(forgetful.has(each) for each in (upload, unused, job))
    assert forgetful.recordings() == ["goes on", "just ended"]
    forgetful.sweep(hours=0.26)
    assert not any(forgetful.has(each) for each in (upload, unused, job))
    assert forgetful.has(runs)
    assert forgetful.recordings() == ["goes on"]


def test_a_server_that_keeps_nothing_forgets_when_it_starts_and_when_it_stops(forgetful: _Store) -> None:
    def made() -> list[Upload | Job]:
        forgetful.recording("talk")
        upload = forgetful.upload()
        (uploads_folder(forgetful.settings) / f"{uuid4()}.part").write_bytes(b"half")
        return [upload, forgetful.ended(upload, hours=-1), forgetful.upload(hours=-1)]

    def nothing_of(things: list[Upload | Job]) -> bool:
        parts = list(uploads_folder(forgetful.settings).glob("*.part"))
        return not any(map(forgetful.has, things)) and forgetful.recordings() == [] and parts == []

    needed = forgetful.upload()
    waits = forgetful.begun(needed)
    before = made()
    with client_of(forgetful.settings.data, store=False):
        assert nothing_of(before)
        meanwhile = made()
    assert nothing_of(meanwhile)
    assert forgetful.has(needed)
    assert forgetful.has(waits)


def test_what_cannot_be_deleted_is_said_and_the_rest_goes(forgetful: _Store, caplog: pytest.LogCaptureFixture) -> None:
    stuck, job = (forgetful.ended(hours=1) for _ in range(2))
    results_folder(forgetful.settings, stuck.id).rename(forgetful.settings.data / "elsewhere")
    results_folder(forgetful.settings, stuck.id).touch()  # no folder
    left, unused = (forgetful.upload(hours=1) for _ in range(2))
    stays = forgetful.recording("stays", hours=1)
    forgetful.recording("goes", hours=1)
    for path in (upload_path(forgetful.settings, left), sound_path(forgetful.settings, stays)):
        path.unlink()
        path.mkdir()  # no file

    with caplog.at_level("WARNING", "perceptkit.server"):
        forgetful.sweep()

    assert not any(forgetful.has(each) for each in (job, unused))
    assert forgetful.has(stuck)
    assert forgetful.recordings() == ["stays"]
    for name in (stuck.id, left.id, stays.id):
        assert f"{name} could not be deleted" in caplog.text


def test_a_server_sweeps_when_it_starts(tmp_path: Path) -> None:
    store = _store(tmp_path)
    old, new = store.upload(hours=25), store.upload(hours=23)

    with client_of(tmp_path):
        wait_for(lambda: not upload_path(store.settings, old).exists(), seconds=10, every=0.05)
        assert [store.has(each) for each in (old, new)] == [False, True]
    store.engine.dispose()


def test_a_worker_deletes_nothing_and_calls_nobody(tmp_path: Path) -> None:
    """It has settings of its own, which are not those of the server."""
    store = _store(tmp_path / "data")
    old, ended = store.upload(hours=90), store.ended(hours=90, webhook="https://example.org/")
    job = store.job(kind="count", parameters={"frames": 1})
    main = Path(__file__).parents[1] / "slow_server.py"
    (store.settings.data / "server.lock").touch()  # as a server leaves it

    with subprocess.Popen([sys.executable, str(main), "worker", "--data", str(store.settings.data)]) as process:
        wait_for(lambda: (found := jobs.find(store.engine, job.id)) is None or found.ended)
        process.terminate()
    assert all(store.has(each) for each in (old, ended, job))
    told = jobs.find(store.engine, ended.id)
    assert told is not None
    assert not told.announced
    store.engine.dispose()


def test_a_server_that_keeps_nothing_refuses_a_folder_in_which_something_is_kept(tmp_path: Path) -> None:
    keeps, forgets = (read_settings({}, data=tmp_path / "data", store=store) for store in (True, False))
    make_folders(keeps)
    mark_forgetful(forgets)  # nothing is in it yet
    recording = keeps.data / "recordings" / "walk.wav"
    recording.touch()
    mark_forgetful(forgets)  # its own, of before it was killed
    mark_forgetful(keeps)

    with pytest.raises(InputError, match="--no-store would delete what is kept in"):
        mark_forgetful(forgets)
    assert recording.exists()
