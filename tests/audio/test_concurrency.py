"""Many recordings at once, slow disks and full ones: each has its own, and none disturbs another."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from readers import heard_by_all

from perceptkit import audio
from perceptkit.errors import DeviceError, InputError
from perceptkit.threads import Behind
from systems import linux, posix, root, small_disk

RATE = 16_000


def left_running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("perceptkit")]


def tone(session: int, second: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """A second of sound that no other session has, nor another second."""
    return np.random.default_rng((session, second)).integers(-(2**15), 2**15, RATE, dtype=np.int16)


# Runs many sessions in one process, whose memory and open files are its own; prints them as JSON.
SESSIONS = """
import json, resource, sys, threading, os, gc
import numpy as np
from perceptkit import audio

folder, sessions, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
recorders = [audio.Recorder(f"{folder}/{number}.wav") for number in range(sessions)]
files = most = len(os.listdir("/proc/self/fd"))
threads = threading.active_count()
for second in range(seconds):
    for number, recorder in enumerate(recorders):
        samples = np.random.default_rng((number, second)).integers(-(2**15), 2**15, 16_000, dtype=np.int16)
        for start in range(0, 16_000, 1600):
            recorder.write(samples[start : start + 1600], angle=(number + second) % 180)
for recorder in recorders:
    recorder.close()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"files": files, "threads": threads, "kilobytes": peak, "left": threading.active_count()}))
"""


@linux
@pytest.mark.parametrize(("sessions", "seconds"), [(20, 10), pytest.param(200, 60, marks=pytest.mark.slow)])
def test_many_sessions_at_once_each_have_every_byte_in_bounded_memory(
    sessions: int, seconds: int, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SESSIONS, tmp_path, str(sessions), str(seconds)],
        check=True,
        capture_output=True,
        text=True,
        timeout=500,
    )
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["files"] < 1024
    assert found["left"] == 1
    # Each may hold 8 seconds of sound (256 kB) and once more while they are written.
    assert found["kilobytes"] < 60_000 + sessions * 3 * 256
    for session in range(sessions):
        path = tmp_path / f"{session}.wav"
        data = path.read_bytes()
        at = data.index(b"data") + 8
        for second in range(seconds):
            assert data[at : at + 2 * RATE] == tone(session, second).tobytes(), (session, second)
            at += 2 * RATE
        recording = audio.read(path)
        assert (recording.samples, recording.state, recording.gaps) == (seconds * RATE, "complete", ())
        assert len(recording.angles) == seconds * 10
        path.unlink()
    assert not list(tmp_path.glob("*.part"))


def test_many_threads_may_record_and_each_recording_is_its_own(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for turn in range(5):
            with audio.Recorder(tmp_path / f"{number}-{turn}.wav") as recorder:
                for second in range(2):
                    recorder.write(tone(number, second), angle=number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = audio.list_recordings(tmp_path)
    assert len(found) == 40
    for recording in found:
        number = int(recording.path.name.split("-")[0])
        expected = np.concatenate([tone(number, 0), tone(number, 1)])
        np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), expected)
        assert recording.angles.azimuth.tolist() == [number, number]
    assert left_running() == []


def test_threads_may_share_a_recorder_and_every_chunk_stays_whole(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav")

    def work(number: int) -> None:
        for _ in range(200):
            recorder.write(np.full(100, number, np.int16), angle=number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recording = recorder.close()
    samples = (recording.read()[:, 0] * (1 << 15)).astype(int).reshape(1000, 100)
    assert (samples == samples[:, :1]).all()
    assert np.bincount(samples[:, 0]).tolist() == [0, 200, 200, 200, 200, 200]
    at = np.round(recording.angles.times * RATE / 100).astype(int)
    np.testing.assert_array_equal(samples[at, 0], recording.angles.azimuth)


def test_a_recorder_may_be_closed_while_others_write_to_it(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav")
    written = []
    began = threading.Event()

    def work() -> None:
        while True:
            try:
                recorder.write(bytes(200))
            except ValueError:
                return
            written.append(100)
            began.set()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    began.wait()
    recording = recorder.close()
    for thread in threads:
        thread.join()
    assert recording.samples == sum(written)
    assert recorder.close().samples == sum(written)


def test_of_many_who_want_the_same_name_at_once_one_gets_it(tmp_path: Path) -> None:
    for turn in range(5):
        together = threading.Barrier(8, timeout=20)
        got: list[audio.Recorder] = []
        refused: list[str] = []
        args = (tmp_path / f"{turn}.wav", together, got, refused)
        threads = [threading.Thread(target=_begin, args=args) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(got), len(refused)) == (1, 7)
        got[0].write(tone(0, 0))
        assert got[0].close().samples == RATE
    assert len(list(tmp_path.iterdir())) == 15


def _begin(path: Path, together: threading.Barrier, got: list[audio.Recorder], refused: list[str]) -> None:
    together.wait()
    try:
        got.append(audio.Recorder(path))
    except InputError as error:
        refused.append(str(error))


# A slow disk


class Stuck:
    """Work that does not go on until it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.done: list[int] = []

    def __call__(self, items: list[int]) -> None:
        self.may.wait()
        self.done += items


def test_what_a_slow_disk_has_no_room_for_is_told_and_nothing_else_is_lost() -> None:
    disk = Stuck()
    behind = Behind(disk, enough=1, most=100, every=0.01)
    taken = [number for number in range(50) if behind.give(number, 10, wait=False)]
    assert taken == list(range(10))
    disk.may.set()
    behind.close()
    assert disk.done == taken
    assert left_running() == []


def test_an_item_larger_than_all_the_room_is_taken_when_there_is_no_other() -> None:
    disk = Stuck()
    behind = Behind(disk, enough=1, most=100, every=0.01)
    assert behind.give(1, 1000, wait=False)
    assert not behind.give(2, 1, wait=False)
    disk.may.set()
    assert behind.give(2, 1)
    behind.close()
    assert disk.done == [1, 2]


def test_who_waits_for_a_slow_disk_loses_nothing() -> None:
    disk = Stuck()
    behind = Behind(disk, enough=1, most=100, every=0.01)
    waiting = threading.Thread(target=lambda: [behind.give(number, 10) for number in range(100)])
    waiting.start()
    time.sleep(0.05)
    assert waiting.is_alive()
    disk.may.set()
    waiting.join()
    behind.close()
    assert disk.done == list(range(100))


@pytest.mark.parametrize("wait", [True, False])
def test_an_error_of_the_disk_reaches_whoever_waits_for_it_writes_more_or_closes(wait: bool) -> None:
    may = threading.Event()

    def full(items: list[int]) -> None:
        may.wait()
        raise OSError(errno.ENOSPC, "full")

    behind = Behind(full, enough=1, most=10, every=0.01)
    behind.give(1, 10)
    errors: list[OSError] = []

    def give() -> None:
        try:
            while wait or behind.give(2, 10, wait=False) is False:
                behind.give(2, 10)
        except OSError as error:
            errors.append(error)

    giving = threading.Thread(target=give)
    giving.start()
    may.set()
    giving.join()
    for again in (lambda: behind.give(3, 1), behind.close, behind.close):
        with pytest.raises(OSError, match="full"):
            again()
    assert [error.errno for error in errors] == [errno.ENOSPC]
    assert left_running() == []


class StuckLog:
    """The log of a recording, as if its disk did not answer until `go_on`: a full pipe stands in its place."""

    def __init__(self, recorder: audio.Recorder) -> None:
        part = os.path.realpath(recorder.path.with_suffix(".csv.part"))
        descriptors = {
            os.path.realpath(f"/proc/self/fd/{number}"): int(number)
            for number in os.listdir("/proc/self/fd")  # noqa: PTH208 - names
        }
        self._number = descriptors[part]
        self._saved = os.dup(self._number)
        self._end, start = os.pipe()
        os.set_blocking(start, False)
        self._filling = 0
        try:
            while True:
                self._filling += os.write(start, bytes(1 << 12))
        except BlockingIOError:
            os.set_blocking(start, True)
        os.dup2(start, self._number)
        os.close(start)
        self._recorder, self._sound = recorder, recorder.path.with_suffix(".wav.part")

    def write_until_stuck(self, samples: np.ndarray[Any, Any]) -> None:
        """Write what makes the writer wait for the log."""
        before = self._sound.stat().st_size
        self._recorder.write(samples, angle=0)
        while self._sound.stat().st_size == before:
            time.sleep(0.01)

    def go_on(self) -> None:
        line = b"0.000,0.00\n"  # which has its place in the file, though others may be written before
        place = os.lseek(self._saved, 0, os.SEEK_CUR)
        os.lseek(self._saved, len(line), os.SEEK_CUR)
        os.dup2(self._saved, self._number)
        with open(self._end, "rb") as pipe:  # noqa: PTH123 - a descriptor
            assert pipe.read()[self._filling :] == line
        os.pwrite(self._saved, line, place)
        os.close(self._saved)


@linux
def test_a_slow_disk_makes_gaps_of_exact_length_and_never_keeps_who_writes_waiting(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "slow.wav", overflow="gap")
    disk = StuckLog(recorder)
    sound = np.random.default_rng(0).integers(1, 2**15, 600 * 1600, dtype=np.int16)
    disk.write_until_stuck(sound[:1600])
    for start in range(1600, 300 * 1600, 1600):  # 30 s, of which it takes at most 9
        recorder.write(sound[start : start + 1600], angle=start / 1600 % 180)
    assert recorder.duration == 30
    disk.go_on()
    while (tmp_path / "slow.wav.part").stat().st_size < 5 * 2 * RATE:
        time.sleep(0.01)
    for start in range(300 * 1600, 600 * 1600, 1600):
        recorder.write(sound[start : start + 1600], angle=start / 1600 % 180)
        time.sleep(0.001)
    recording = recorder.close()
    assert (recording.samples, recording.state) == (600 * 1600, "complete")
    silent = np.zeros(600 * 1600, bool)
    for gap in recording.gaps:
        assert gap.reason == "overflow"
        silent[round(gap.time * RATE) :][: gap.samples] = True
    assert 5 <= recording.gaps[0].time <= 10
    assert silent.sum() >= 20 * RATE
    np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), np.where(silent, 0, sound))
    times = np.round(recording.angles.times * RATE).astype(int)
    heard = times[~silent[times]]
    assert set(heard.tolist()) == {start for start in range(0, 600 * 1600, 1600) if not silent[start]}
    np.testing.assert_array_equal(recording.angles.azimuth[~silent[times]], heard / 1600 % 180)


@linux
def test_a_slow_disk_stops_its_own_session_which_loses_nothing_and_no_other(tmp_path: Path) -> None:
    slow = audio.Recorder(tmp_path / "slow.wav")
    disk = StuckLog(slow)
    sound = np.random.default_rng(0).integers(1, 2**15, 300 * 1600, dtype=np.int16)
    disk.write_until_stuck(sound[:1600])

    def write() -> None:
        for start in range(1600, 300 * 1600, 1600):
            slow.write(sound[start : start + 1600])

    writing = threading.Thread(target=write)
    writing.start()
    with audio.Recorder(tmp_path / "other.wav") as other:
        for start in range(0, 300 * 1600, 1600):
            other.write(sound[start : start + 1600], angle=1)
    assert writing.is_alive()
    assert slow.duration < 10
    disk.go_on()
    writing.join()
    for recording in (slow.close(), audio.read(tmp_path / "other.wav")):
        assert (recording.state, recording.gaps) == ("complete", ())
        np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), sound)


# A full disk

FULL = """
import gc, json, resource, sys
import numpy as np
from perceptkit import audio
from perceptkit.errors import DeviceError, InputError

full, other, limit, form, error = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].split(","), int(sys.argv[5])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
said = []
options = {"min_free": int(form[2])} if form[2] else {}
with audio.Recorder(other) as fine:
    recorder = audio.Recorder(full, 16_000, int(form[1]), form[0], **options)
    number = 0
    rng = np.random.default_rng(0)
    try:
        while True:
            samples = rng.integers(1, 2**15, (1600, int(form[1])), dtype=np.int16)
            recorder.write(samples, angle=number % 180)
            if number < 30:
                fine.write(np.arange(1600, dtype=np.int16), angle=number)
            number += 1
    except DeviceError as failure:
        said.append(str(failure))
    try:
        recorder.close(error="x" * error or None)
    except DeviceError as failure:
        said.append(str(failure))
    again = recorder.close()
    try:
        recorder.write(samples)
    except ValueError as failure:
        said.append(str(failure))
    del recorder
    gc.collect()
    fine.write(np.arange(1600, dtype=np.int16), angle=number)
    written = min(number, 30) + 1
print(json.dumps({"said": said, "samples": again.samples, "other": written, "state": again.state}))
"""


def fill(full: Path, other: Path, limit: int, form: str, *, error: int = 0) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", FULL, full, other, str(limit), form, str(error)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_full(full: Path, other: Path, found: dict[str, Any], channels: int) -> None:
    """What fitted on a full disk is there and says so; the other session has all."""
    writing, closing, after = found["said"]
    for said in (writing, closing):
        assert "the disk is full, over quota, or the file-size limit is reached; what was recorded before" in said
    assert after == f"{full} is closed; begin another recording"
    recording = audio.read(full)
    assert (recording.state, recording.samples) == ("interrupted", found["samples"])
    assert recording.samples > 10_000
    assert recording.warnings == ()
    for name, heard in heard_by_all(full).items():
        assert heard.samples.shape == (recording.samples, channels), name
    rng = np.random.default_rng(0)
    count = recording.samples // 1600 + 1
    expected = np.concatenate([rng.integers(1, 2**15, (1600, channels), dtype=np.int16) for _ in range(count)])
    np.testing.assert_array_equal(recording.read() * np.float32(1 << 15), expected[: recording.samples])
    at = np.round(recording.angles.times * RATE / 1600).astype(int)
    assert at.tolist() == list(range(len(at)))  # without a hole
    assert len(at) in (recording.samples // 1600, recording.samples // 1600 + 1)  # up to the end of the sound
    np.testing.assert_array_equal(recording.angles.azimuth, at % 180)
    facts = json.loads(full.with_suffix(".json").read_text())
    assert (facts["state"], facts["samples"]) == ("interrupted", recording.samples)
    assert "the disk is full" in facts["error"] or facts["error"].startswith("x")
    assert sorted(path.name for path in full.parent.iterdir() if path.stem == full.stem) == [
        full.with_suffix(suffix).name for suffix in (".csv", ".json", ".wav")
    ]
    fine = audio.read(other)
    assert (fine.state, fine.samples, len(fine.angles)) == ("complete", found["other"] * 1600, found["other"])


@posix
@pytest.mark.parametrize("form", ["PCM_16,1,", "PCM_24,1,", "PCM_24,5,", "FLOAT,2,"])
@pytest.mark.parametrize("limit", [200_000, 200_001, 233_333])
def test_a_disk_that_is_full_ends_its_own_session_and_no_other(form: str, limit: int, tmp_path: Path) -> None:
    found = fill(tmp_path / "full.wav", tmp_path / "other.wav", limit, form)
    check_full(tmp_path / "full.wav", tmp_path / "other.wav", found, int(form.split(",")[1]))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB."""
    with small_disk(tmp_path / "small", "300k") as folder:
        yield folder


@linux
@root
@pytest.mark.parametrize("form", ["PCM_16,1,", "PCM_16,1,0", "PCM_24,1,0", "FLOAT,2,0"])
def test_a_small_disk_keeps_what_fits_and_says_so(form: str, disk: Path, tmp_path: Path) -> None:
    found = fill(disk / "full.wav", tmp_path / "other.wav", 0, form)
    check_full(disk / "full.wav", tmp_path / "other.wav", found, int(form.split(",")[1]))


@linux
@root
def test_however_much_there_is_to_say_a_full_disk_ends_a_session(disk: Path, tmp_path: Path) -> None:
    found = fill(disk / "full.wav", tmp_path / "other.wav", 0, "PCM_16,1,0", error=20_000)
    check_full(disk / "full.wav", tmp_path / "other.wav", found, 1)


@linux
@root
def test_a_recording_that_was_filled_up_can_be_repaired_where_there_is_room(disk: Path, tmp_path: Path) -> None:
    fill(disk / "full.wav", tmp_path / "other.wav", 0, "PCM_16,1,0")
    full = audio.read(disk / "full.wav")
    with pytest.raises(DeviceError, match="the disk is full"):
        audio.clip(full.path, 0, 1)
    assert len(list(disk.iterdir())) == 3
    piece = audio.clip(full.path, 1, 2, tmp_path / "piece.wav")
    np.testing.assert_array_equal(piece.read(), full.read(1, 2))


def test_a_recording_does_not_begin_on_a_disk_with_less_room_than_it_leaves(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="the disk is full"):
        audio.Recorder(tmp_path / "a.wav", min_free=1 << 60)
    assert list(tmp_path.iterdir()) == []
    assert left_running() == []
