"""Recorders that are killed, files that are cut off, headers that count wrongly: what was recorded is there."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from readers import chapters, heard_by_all

from perceptkit import audio
from perceptkit.audio.facts import Facts
from perceptkit.audio.log import Direction
from perceptkit.audio.names import Names
from perceptkit.audio.riff import examine
from perceptkit.audio.sound import Form
from perceptkit.audio.wav import RIFF_LIMIT
from perceptkit.audio.writing import Files
from perceptkit.errors import InputError, MediaError
from systems import posix

CHUNK = 320  # samples: 20 ms at 16 kHz, which the log can say exactly

# Forks programs that record, and kills each when its time has come. A recorder notes, in a file, after each chunk, when
# and how much it has written; sample n is n modulo 2**16, and chunk k comes from k modulo 180.
KILLER = """
import gc, os, random, signal, struct, sys, time
import numpy as np
from perceptkit import audio
import perceptkit.audio.session, soundfile

folder, kills, together, chunk = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rng = random.Random(7)
gc.freeze()

def record(path, note, subtype, speed, length):
    began = time.monotonic()
    recorder = audio.Recorder(path, 16_000, 1, subtype)
    for number in range(length):
        samples = np.arange(number * chunk, (number + 1) * chunk).astype(np.int16)
        recorder.write(samples, angle=number % 180)
        note.write(struct.pack("<dQ", time.monotonic(), (number + 1) * chunk))
        time.sleep(max(0, began + (number + 1) * chunk / 16_000 / speed - time.monotonic()))
    recorder.close()

def live(number):
    name = os.path.join(folder, f"{number:03}")
    with open(name + ".note", "wb", buffering=0) as note:
        if number % 4 == 3:  # short ones, one after the other: some are killed while they are opened or closed
            for turn in range(1_000_000):
                record(f"{name}-{turn:06}.wav", note, "PCM_16", 20, 10)
        record(name + ".wav", note, ("PCM_16", "PCM_24", "FLOAT")[number % 3], (1, 1, 5)[number % 3], 1_000_000)

waiting, living = list(range(kills)), []
while waiting or living:
    while waiting and len(living) < together:
        number = waiting.pop(0)
        pid = os.fork()
        if not pid:
            try:
                live(number)
            finally:
                os._exit(1)
        living.append((time.monotonic() + rng.uniform(0.0, 0.6 if number % 4 == 3 else 3.5), pid, number))
    living.sort()
    due, pid, number = living.pop(0)
    time.sleep(max(0, due - time.monotonic()))
    moment = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), number
    with open(os.path.join(folder, f"{number:03}.killed"), "wb") as file:
        file.write(struct.pack("<d", moment))
"""


def ramp(samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(samples).astype(np.int16)


def check_log(path: Path, samples: int) -> int:
    """The lines of a log are the first ones of the recording, none after its last sample; how many are whole."""
    text = path.read_text()
    *whole, cut = text.split("\n")
    expected = ["timestamp,angle", *(f"{k * CHUNK / 16_000:.3f},{k % 180:.2f}" for k in range(samples // CHUNK + 1))]
    assert whole == expected[: len(whole)]
    assert len(whole) == len(expected) or expected[len(whole)].startswith(cut)
    return max(len(whole) - 1, 0)


def check_killed(part: Path, owed: int) -> None:
    """A .part of which `owed` samples were written more than a second before the kill."""
    before = part.read_bytes()
    heard = heard_by_all(part)
    for name, found in heard.items():
        samples = found.samples[:, 0]
        if samples.dtype != np.int32:
            samples = (samples.astype(np.float64) * (1 << 31)).astype(np.int32)
        assert len(samples) >= owed, (name, part.name)
        np.testing.assert_array_equal(samples, ramp(len(samples)).astype(np.int32) << 16, err_msg=name)
    remains = examine(part)
    assert remains.form is not None
    whole = (len(before) - remains.offset) // remains.form.frame
    logged = check_log(part.with_suffix("").with_suffix(".csv.part"), whole)
    assert logged >= owed // CHUNK
    recording = audio.repair(part)
    assert recording.samples == whole
    np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), ramp(whole))
    assert (recording.state, len(recording.angles), recording.warnings) == ("interrupted", logged, ())
    assert part.read_bytes() == before
    assert audio.read(part).state == "interrupted"


def check_short(folder: Path, name: str) -> None:
    """Many recordings of 3200 samples one after the other, the last of which was killed somewhere."""
    stems = sorted({re.split(r"\.(?:wav|csv|json)", path.name)[0] for path in folder.glob(f"{name}-*")})
    for stem in stems:
        sound, part = folder / f"{stem}.wav", folder / f"{stem}.wav.part"
        assert sound.exists() != part.exists()
        if sound.exists():
            recording = audio.read(sound)
            assert (recording.state, recording.samples, len(recording.angles)) == ("complete", 3200, 10)
            assert recording.warnings == ()
            np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), ramp(3200))
            continue
        assert stem == stems[-1]
        size = part.stat().st_size
        if examine(part, form=Form(16_000, 1, "PCM_16")).offset == size:
            continue  # killed before there was a sample
        recording = audio.repair(part)
        assert recording.samples <= 3200
        np.testing.assert_array_equal(
            recording.read()[:, 0] * np.float32(1 << 15), ramp(recording.samples), err_msg=stem
        )
        assert part.stat().st_size == size


@posix
@pytest.mark.parametrize("kills", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_a_recorder_that_is_killed_at_any_moment_leaves_all_but_the_last_second(kills: int, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLER, tmp_path, str(kills), str(min(kills, 16)), str(CHUNK)],
        check=True,
        timeout=300,
    )
    for number in range(kills):
        name = f"{number:03}"
        if number % 4 == 3:
            check_short(tmp_path, name)
            continue
        (killed,) = struct.unpack("<d", (tmp_path / f"{name}.killed").read_bytes())
        note = tmp_path / f"{name}.note"
        notes = note.read_bytes() if note.exists() else b""
        written = list(struct.iter_unpack("<dQ", notes[: len(notes) // 16 * 16]))
        if not written:
            continue  # it had not begun
        check_killed(
            tmp_path / f"{name}.wav.part", max((samples for when, samples in written if when <= killed - 1), default=0)
        )


# Writes as fast as it can until Ctrl-C.
BUSY = """
import sys
import numpy as np
from perceptkit import audio

with audio.Recorder(sys.argv[1]) as recorder:
    print("ready", flush=True)
    for number in range(10_000_000):
        start = number * 320
        samples = np.arange(start, start + 320).astype(np.int16)
        recorder.write(samples, angle=number % 180, seq=number if sys.argv[2] else None)
"""


@posix
@pytest.mark.parametrize("times", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_ctrl_c_at_any_moment_completes_a_recording(times: int, tmp_path: Path) -> None:
    rng = random.Random(11)
    for number in range(times):
        path = tmp_path / f"{number}.wav"
        asked = [sys.executable, "-c", BUSY, str(path), "numbered" if number % 2 else ""]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.1))
            program.send_signal(signal.SIGINT)
            _, said = program.communicate(timeout=60)
        assert said.rstrip().endswith("KeyboardInterrupt"), said
        recording = audio.read(path)
        assert (recording.state, recording.warnings, recording.gaps) == ("complete", (), ())
        assert recording.samples % CHUNK == 0
        np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), ramp(recording.samples))
        # The direction of a chunk may have been told whose samples were not taken any more.
        assert check_log(path.with_suffix(".csv"), recording.samples) - recording.samples // CHUNK in (0, 1)
        path.unlink()


# Cut off anywhere


def make(folder: Path, form: Form, *, limit: int, finished: bool, frames: int = 4000) -> Path:
    """A recording with a direction every 20 ms, each of which is a mark; finished, or as a kill leaves it."""
    path = folder / "walk.wav"
    facts = Facts(form, datetime(2026, 3, 29, 7, 30, tzinfo=UTC))
    files = Files(Names(path), facts, columns=(), min_free=0, limit=limit)
    data = np.random.default_rng(form.channels).bytes(frames * form.frame)
    if form.subtype == "FLOAT":
        data = np.random.default_rng(1).uniform(-1, 1, frames * form.channels).astype("<f4").tobytes()
    files.add(data)
    files.note([(at, Direction(float(at // CHUNK * 7 % 180))) for at in range(0, frames, CHUNK)])
    if finished:
        facts.state = "complete"
        files.end()
        files.name()
        return path
    killed = folder / "killed"
    killed.mkdir()
    for name in ("walk.wav.part", "walk.csv.part", "walk.json.part"):
        shutil.copy(folder / name, killed / name)
    files.abandon()
    return killed / "walk.wav.part"


FORMS = [Form(16_000, channels, subtype) for subtype in audio.SUBTYPES for channels in (1, 2, 6)]


def cuts(rng: random.Random, offset: int, end: int, size: int, count: int) -> Iterator[int]:
    """Lengths to cut a file to: within its header, its samples, and what comes after them; the edges are among them."""
    edges = [0, 1, 11, 12, offset - 1, offset, offset + 1, end - 1, end, min(end + 1, size), size - 1, size]
    yield from rng.sample(edges, min(4, count))
    for _ in range(count - 4):
        low, high = rng.choice([(0, offset), (offset, end), (offset, end), (offset, end), (end, size)])
        yield rng.randint(low, high)


@pytest.mark.parametrize("each", [6, pytest.param(28, marks=pytest.mark.slow)], ids=["216", "1008"])
def test_every_whole_sample_frame_of_a_file_that_is_cut_off_anywhere_is_repaired(each: int, tmp_path: Path) -> None:
    rng = random.Random(3)
    number = 0
    for form in FORMS:
        for limit in (RIFF_LIMIT, 0):
            for finished in (True, False):
                folder = tmp_path / f"{form.subtype}-{form.channels}-{limit}-{finished}"
                folder.mkdir()
                whole = make(folder, form, limit=limit, finished=finished)
                data = whole.read_bytes()
                offset = data.index(b"data") + 8
                end = offset + 4000 * form.frame
                log = whole.with_name(whole.name.replace(".wav", ".csv")).read_bytes()
                facts = whole.with_name(whole.name.replace(".wav", ".json")).read_bytes()
                marks = [(round(at * 16_000), text) for at, text in chapters(whole)] if finished else []
                for cut in cuts(rng, offset, end, len(data), each):
                    number += 1
                    place = tmp_path / f"{number}"
                    place.mkdir()
                    cut_off = place / whole.name
                    cut_off.write_bytes(data[:cut])
                    (place / whole.name.replace(".wav", ".csv")).write_bytes(log)
                    (place / whole.name.replace(".wav", ".json")).write_bytes(facts)
                    expected = data[offset : min(cut, end)]
                    expected = expected[: len(expected) // form.frame * form.frame]
                    check_cut(cut_off, form, expected, marks, finished=finished, cut=cut, offset=offset)
    assert number == each * 36


def check_cut(
    path: Path,
    form: Form,
    expected: bytes,
    marks: list[tuple[int, str]],
    *,
    finished: bool,
    cut: int,
    offset: int,
) -> None:
    before = path.read_bytes()
    told = f"{form} cut to {cut} bytes, of which {offset} are header"
    try:
        recording = audio.repair(path)
    except MediaError:
        assert cut < offset, told
        return
    assert path.read_bytes() == before
    frames = len(expected) // form.frame
    assert (recording.samples, recording.sample_rate, recording.channels) == (frames, 16_000, form.channels), told
    stored = recording.path.read_bytes()
    start = stored.index(b"data") + 8
    assert stored[start : start + len(expected)] == expected, told
    assert examine(recording.path).counted
    log = [float(line.split(",")[0]) for line in recording.path.with_suffix(".csv").read_text().splitlines()[1:]]
    inside = [at for at in log if at < frames / 16_000]
    assert inside == [at / 16_000 for at in range(0, frames, CHUNK)]
    assert set(log) - set(inside) <= {frames / 16_000}
    if frames and finished:
        found = [(round(at * 16_000), text) for at, text in chapters(recording.path)]
        assert [each for each in found if each[0] < frames] == [each for each in marks if each[0] < frames], told


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_interrupted_recording_is_repaired_to_what_five_programs_read(form: Form, tmp_path: Path) -> None:
    part = make(tmp_path, form, limit=RIFF_LIMIT, finished=False)
    data = part.read_bytes()[:-1]  # within the last sample
    part.write_bytes(data)
    recording = audio.repair(part, tmp_path / "whole.wav")
    assert recording.samples == 3999
    for name, heard in heard_by_all(recording.path).items():
        assert len(heard.samples) == 3999, name


def test_the_marks_of_a_repaired_recording_are_those_it_would_have_had(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav") as recorder:
        for angle in (0, 90, 180, 270, 359.99, -45):
            recorder.write(bytes(2 * CHUNK), angle)
        for path in tmp_path.glob("*.part"):  # what a kill would leave, had it been written
            shutil.copy(path, tmp_path / path.name.replace("walk", "killed"))
    shutil.copy(tmp_path / "walk.csv", tmp_path / "killed.csv.part")
    data = (tmp_path / "walk.wav").read_bytes()
    (tmp_path / "killed.wav.part").write_bytes(data[: data.index(b"data") + 8 + 12 * CHUNK])
    assert audio.repair(tmp_path / "killed.wav.part").samples == 6 * CHUNK
    assert chapters(tmp_path / "killed-repaired.wav") == chapters(tmp_path / "walk.wav")
    assert (tmp_path / "killed-repaired.csv").read_bytes() == (tmp_path / "walk.csv").read_bytes()


def test_marks_are_repaired_to_the_sample_where_the_log_has_samples(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav", 44_100, columns=["sample"]) as recorder:
        for number in range(50):
            recorder.write(bytes(2 * 1023), angle=number * 7 % 180)
    whole, marks = (tmp_path / "walk.wav").read_bytes(), chapters(tmp_path / "walk.wav")
    (tmp_path / "walk.wav").write_bytes(whole[: whole.index(b"data") + 8 + 2 * 1023 * 30])
    recording = audio.repair(tmp_path / "walk.wav")
    assert recording.samples == 1023 * 30
    assert chapters(recording.path)[:30] == marks[:30]


# Headers that count wrongly


def patched(data: bytes, *, riff: int | None = None, samples: int | None = None) -> bytes:
    out = bytearray(data)
    at = data.index(b"data") + 4
    if riff is not None:
        out[4:8] = struct.pack("<I", riff)
    if samples is not None:
        out[at : at + 4] = struct.pack("<I", samples)
    return bytes(out)


@pytest.mark.parametrize("marked", [True, False], ids=["marks", "no marks"])
@pytest.mark.parametrize("samples", [None, 0, 10**9, 0xFFFFFFFF, 8002], ids=lambda size: f"data {size}")
@pytest.mark.parametrize("riff", [None, 0, 4, 10**9, 0xFFFFFFFF], ids=lambda size: f"riff {size}")
def test_a_header_that_counts_wrongly_is_repaired(
    riff: int | None, samples: int | None, marked: bool, tmp_path: Path
) -> None:
    with audio.Recorder(tmp_path / "walk.wav") as recorder:
        recorder.write(ramp(4000), angle=45 if marked else None)
    path = tmp_path / "walk.wav"
    right = path.read_bytes()
    path.write_bytes(patched(right, riff=riff, samples=samples))
    wrong = path.read_bytes()
    recording = audio.repair(path)
    assert recording.samples == 4000
    np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), ramp(4000))
    assert (recording.path == path) == (wrong == right)
    assert path.read_bytes() == wrong
    assert audio.read(path).state == ("complete" if wrong == right else "interrupted")
    if wrong != right:
        assert "make it whole with: perceptkit audio repair" in audio.read(path).warnings[0]
        for heard in heard_by_all(recording.path).values():
            np.testing.assert_array_equal(heard.samples[:, 0], ramp(4000).astype(np.int32) << 16)


@pytest.mark.parametrize("marked", [True, False], ids=["marks", "no marks"])
@pytest.mark.parametrize("extra", [b"\0", bytes(1000), b"rubbish", bytes(range(1, 256)) * 9], ids=len)
def test_bytes_after_the_end_of_a_finished_recording_are_no_sound(extra: bytes, marked: bool, tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav") as recorder:
        recorder.write(ramp(4000), angle=45 if marked else None)
    with (tmp_path / "walk.wav").open("ab") as file:
        file.write(extra)
    assert audio.read(tmp_path / "walk.wav").samples == 4000
    recording = audio.repair(tmp_path / "walk.wav")
    assert recording.samples == 4000
    np.testing.assert_array_equal(recording.read()[:, 0] * np.float32(1 << 15), ramp(4000))


@pytest.mark.parametrize(
    "log",
    [None, b"", b"times", b"timestamp,angle", b"\0" * 4096, b"timestamp,angle\n0.000,45.00\n\xff\xfe\n", b"a,b\n1,2\n"],
    ids=["none", "empty", "cut", "no newline", "zeros", "no text", "another"],
)
def test_the_sound_is_repaired_whatever_has_become_of_the_log(log: bytes | None, tmp_path: Path) -> None:
    part = make(tmp_path, Form(16_000, 1, "PCM_16"), limit=RIFF_LIMIT, finished=False)
    logged = part.with_name("walk.csv.part")
    logged.unlink()
    if log is not None:
        logged.write_bytes(log)
    assert audio.repair(part).samples == 4000


@pytest.mark.parametrize("facts", [None, b"", b"{", b"\0" * 4096, b"[]", b"[" * 100_000])
def test_the_sound_is_repaired_whatever_has_become_of_the_facts(facts: bytes | None, tmp_path: Path) -> None:
    part = make(tmp_path, Form(16_000, 2, "PCM_24"), limit=RIFF_LIMIT, finished=False)
    said = part.with_name("walk.json.part")
    said.unlink()
    if facts is not None:
        said.write_bytes(facts)
    recording = audio.repair(part)
    assert (recording.samples, recording.channels) == (4000, 2)
    assert recording.angles.azimuth.tolist() == [at * 7 % 180 for at in range(13)]


def test_with_the_facts_a_recording_is_repaired_whose_header_is_gone(tmp_path: Path) -> None:
    part = make(tmp_path, Form(16_000, 2, "PCM_24"), limit=RIFF_LIMIT, finished=False)
    part.write_bytes(part.read_bytes()[:30])
    recording = audio.repair(part)
    assert (recording.samples, recording.channels, recording.subtype) == (0, 2, "PCM_24")
    part.with_name("walk.json.part").unlink()
    with pytest.raises(MediaError, match="its header ends before it says what the samples are"):
        audio.repair(part, tmp_path / "other.wav")


def test_a_file_that_is_no_wav_or_of_another_kind_is_not_repaired(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"OggS" + bytes(100))
    with pytest.raises(MediaError, match="not a WAV file; only those can be made whole"):
        audio.repair(path)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 6, 1, 8000, 8000, 1, 8)
    )
    with pytest.raises(MediaError, match=r"of another kind \(format 6, 8 bits\) than PCM_16, PCM_24, FLOAT"):
        audio.repair(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.wav"]


def test_a_whole_recording_is_not_copied_and_a_taken_name_is_not_touched(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav") as recorder:
        recorder.write(bytes(100))
    assert audio.repair(tmp_path / "walk.wav").path == tmp_path / "walk.wav"
    path = tmp_path / "walk.wav"
    path.write_bytes(path.read_bytes()[:-10])
    (tmp_path / "walk-repaired.csv").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        audio.repair(path)
    with pytest.raises(InputError, match="written over"):
        audio.repair(path, path)
    assert (tmp_path / "walk-repaired.csv").read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "walk-repaired.csv",
        "walk.csv",
        "walk.json",
        "walk.wav",
    ]


def test_a_file_made_to_look_like_endless_chunks_is_read_in_no_time(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav") as recorder:
        recorder.write(ramp(4000))
    path = tmp_path / "walk.wav"
    with path.open("ab") as file:
        file.write(b"AAAA\0\0\0\0" * 1_000_000)
    assert audio.read(path).samples == 4000  # the time that this takes is seen by whoever runs the tests


def test_the_facts_tell_what_is_known_when_it_was_killed(tmp_path: Path) -> None:
    part = make(tmp_path, FORMS[0], limit=RIFF_LIMIT, finished=False)
    document = json.loads(part.with_name("walk.json.part").read_text())
    assert (document["state"], document["sample_rate"], document["started"]) == (
        "recording",
        16_000,
        "2026-03-29T07:30:00.000000+00:00",
    )
    recording = audio.repair(part)
    assert recording.started == datetime(2026, 3, 29, 7, 30, tzinfo=UTC)
    assert json.loads(recording.path.with_suffix(".json").read_text())["error"] == "made whole from walk.wav.part"
