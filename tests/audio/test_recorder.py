"""Recorders from their first sample to their last: what they take, where they stop, and what they leave behind."""

from __future__ import annotations

import gc
import hashlib
import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from perceptkit import audio
from perceptkit.errors import InputError, MediaError, PerceptkitError
from systems import linux, posix, unprivileged

RATE = 16_000


def ramp(samples: int, start: int = 0) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.arange(start, start + samples).astype(np.int16)


def whole(recording: audio.Recording) -> np.ndarray[Any, Any]:
    """Samples of 16 bits as they were written, of the first channel."""
    return (recording.read()[:, 0] * np.float32(1 << 15)).astype(np.int16)


def facts_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_recording_is_three_files_that_are_called_part_until_it_is_closed(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav", started=datetime(2026, 1, 2, tzinfo=UTC)) as recorder:
        recorder.write(ramp(1600), angle=45.5)
        assert names(tmp_path) == ["walk.csv.part", "walk.json.part", "walk.wav.part"]
        assert recorder.duration == 0.1
        assert audio.read(tmp_path / "walk.wav.part").state == "recording"
    assert names(tmp_path) == ["walk.csv", "walk.json", "walk.wav"]
    recording = recorder.close()
    assert (recording.path, recording.sample_rate, recording.channels) == (tmp_path / "walk.wav", RATE, 1)
    assert (recording.samples, recording.subtype, recording.state) == (1600, "PCM_16", "complete")
    assert (recording.started, recording.warnings, recording.gaps) == (datetime(2026, 1, 2, tzinfo=UTC), (), ())
    facts = facts_of(recording.path)
    assert (facts["state"], facts["error"], facts["duration"], facts["angles"]) == ("complete", None, 0.1, 1)
    assert facts["convention"] == {
        "zero": "front",
        "positive": "counterclockwise",
        "unit": "degrees",
        "range": [-180, 180],
    }


def test_the_facts_have_the_checksum_of_the_samples(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        for start in range(0, 100_000, 1000):
            recorder.write(ramp(1000, start))
        recorder.lose(500)
    expected = hashlib.sha256(ramp(100_000).tobytes() + bytes(1000)).hexdigest()
    assert facts_of(tmp_path / "a.wav")["samples_sha256"] == expected


# What samples may be


@pytest.mark.parametrize("subtype", audio.SUBTYPES)
@pytest.mark.parametrize("dtype", ["i2", "i4", "f4", "f8"])
def test_arrays_of_every_kind_are_recorded_exactly(dtype: str, subtype: str, tmp_path: Path) -> None:
    bits = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 24}[subtype]
    kept = min(bits, 16) if dtype == "i2" else bits
    most = 1 << (kept - 1)
    levels = np.random.default_rng(1).integers(-most, most, (999, 2))
    levels[:2] = [[-most, most - 1], [0, -1]]
    if dtype.startswith("f"):
        samples = (levels / most).astype(dtype)
    else:
        samples = (levels << (8 * int(dtype[1]) - kept)).astype(dtype)
    with audio.Recorder(tmp_path / "a.wav", RATE, 2, subtype) as recorder:
        recorder.write(samples)
        recorder.write(samples[::-1])  # not in a row in memory
        recorder.write(np.asfortranarray(samples))
    found, _ = soundfile.read(tmp_path / "a.wav", dtype="float64")
    np.testing.assert_array_equal(found, np.concatenate([levels, levels[::-1], levels]) / most)
    assert facts_of(tmp_path / "a.wav")["clipped_samples"] == 0


def test_bytes_of_every_kind_are_recorded_as_they_are(tmp_path: Path) -> None:
    data = ramp(1000).tobytes()
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        for each in (data, bytearray(data), memoryview(data), memoryview(data).cast("h"), memoryview(data)[::2]):
            recorder.write(each)
    found, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert found.tobytes() == data * 4 + data[::2]


def test_one_channel_may_be_flat_or_a_column_and_lists_are_taken_too(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        recorder.write(ramp(10))
        recorder.write(ramp(10, 10)[:, np.newaxis])
        recorder.write([20 / 2**15, 21 / 2**15])
        recorder.write(np.zeros((0, 1), np.int16))
    assert whole(recorder.close()).tolist() == list(range(22))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_above_full_scale_are_cut_and_counted(subtype: str, dtype: Any, tmp_path: Path) -> None:
    largest = float(np.finfo(dtype).max) / 4
    samples = np.array([0, 1.0, -1.0, 1.5, -1.5, 1.0001, largest, -largest, 0.5], dtype)
    with audio.Recorder(tmp_path / "a.wav", subtype=subtype) as recorder:
        recorder.write(samples)
    found, _ = soundfile.read(tmp_path / "a.wav", dtype="float64")
    top = 1 - (2**-15 if subtype == "PCM_16" else 2**-23)
    assert found.tolist() == [0, top, -1, top, -1, top, top, -1, 0.5]
    assert facts_of(tmp_path / "a.wav")["clipped_samples"] == 5


def test_floats_above_full_scale_are_kept_in_a_file_of_floats(tmp_path: Path) -> None:
    samples = np.array([1.5, -40, 3e38, 1e-40], np.float32)
    with audio.Recorder(tmp_path / "a.wav", subtype="FLOAT") as recorder:
        recorder.write(samples)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="float32")[0], samples)
    with audio.Recorder(tmp_path / "b.wav", subtype="FLOAT") as recorder:
        recorder.write(samples)
        with pytest.raises(InputError, match=r"not numbers|too large"):
            recorder.write(np.array([1e39]))  # more than such a file can say
    assert recorder.close().samples == 4


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([0, math.nan], np.float32), "values that are not numbers"),
        (np.array([0, -math.inf]), "values that are not numbers"),
        (np.zeros((10, 2), np.int16), r"the shape \(10, 2\); this recording takes \(samples, 1\)"),
        (np.zeros((1, 10, 1), np.int16), r"the shape \(1, 10, 1\)"),
        (np.int16(5), r"the shape \(\)"),
        (None, "samples"),
        ("text", "samples"),
        (np.zeros(4, np.uint8), "samples are uint8; give float32"),
        (np.zeros(4, np.int64), "samples are int64"),
        (np.ones(4, ">i2"), "samples are >i2"),
        (np.ones(4, ">f4"), "samples are >f4"),
        (np.zeros(4, bool), "samples are bool"),
        (np.zeros(4, complex), "samples are complex128"),
        ([[0.0], [0.0, 1.0]], "samples"),
        ({"a": 1}, "samples"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_samples_that_do_not_fit_are_refused_and_the_recording_goes_on(
    samples: Any, message: str, tmp_path: Path
) -> None:
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        recorder.write(ramp(10), angle=1)
        with pytest.raises(InputError, match=message):
            recorder.write(samples, angle=2)
        recorder.write(ramp(10, 10), angle=3)
    recording = recorder.close()
    assert whole(recording).tolist() == list(range(20))
    assert recording.angles.azimuth.tolist() == [1, 3]
    assert recording.state == "complete"


def test_samples_may_come_one_byte_at_a_time_or_all_at_once(tmp_path: Path) -> None:
    data = ramp(3000).tobytes()
    with audio.Recorder(tmp_path / "a.wav", channels=2) as recorder:
        for at in range(len(data)):
            recorder.write(data[at : at + 1])
    with audio.Recorder(tmp_path / "b.wav", channels=2) as recorder:
        recorder.write(np.tile(ramp(1 << 16), 200).reshape(-1, 2), angle=10)  # 26 MB
    small, large = audio.read(tmp_path / "a.wav"), audio.read(tmp_path / "b.wav")
    assert (small.samples, large.samples) == (1500, 100 << 16)
    assert soundfile.read(small.path, dtype="int16")[0].tobytes() == data
    assert soundfile.read(large.path, dtype="int16")[0].tobytes() == ramp(1 << 16).tobytes() * 200


def test_a_recording_without_a_sample_is_a_recording(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        recorder.write(b"")
    recording = recorder.close()
    assert (recording.samples, recording.duration, recording.state, len(recording.angles)) == (0, 0, "complete", 0)
    assert recording.read().shape == (0, 1)
    assert (tmp_path / "a.csv").read_text() == "timestamp,angle\n"


# Limits


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 5000])
def test_a_recording_ends_at_its_limit_to_the_sample(size: int, channels: int, tmp_path: Path) -> None:
    sound = ramp(9000 * channels).reshape(-1, channels)
    for name, limit in (
        ("time", {"max_duration": 0.125}),
        ("bytes", {"max_bytes": 2 * 2000 * channels}),
        ("more bytes", {"max_bytes": 2 * 2000 * channels + 2 * channels - 1}),
        ("both", {"max_duration": 0.125, "max_bytes": 10**9}),
    ):
        recorder = audio.Recorder(tmp_path / f"{name}.wav", RATE, channels, **limit)
        at = 0
        while not recorder.full:
            recorder.write(sound[at : at + size])
            at += size
        assert at == -(-2000 // size) * size
        with pytest.raises(InputError, match=r"has reached its limit \(0\.125 s\); close it and begin another"):
            recorder.write(sound[:10])
        recording = recorder.close()
        assert (recording.samples, recording.state, recorder.duration) == (2000, "complete", 0.125)
        np.testing.assert_array_equal(soundfile.read(recording.path, dtype="int16", always_2d=True)[0], sound[:2000])


def test_silence_for_what_was_lost_counts_to_the_limit(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav", max_duration=0.1) as recorder:
        recorder.write(ramp(1000))
        recorder.lose(100_000)
        assert recorder.full
    recording = recorder.close()
    assert (recording.samples, facts_of(recording.path)["samples"]) == (1600, 1600)
    assert recording.gaps == (audio.Gap(1000 / RATE, 600, "overflow"),)
    with audio.Recorder(tmp_path / "b.wav", max_duration=0.1) as recorder:
        recorder.write(bytes(200), seq=0)
        for number in range(50, 60):
            recorder.write(bytes(200), seq=number)
            if recorder.full:
                break
    assert recorder.close().samples == 1600


def test_no_direction_is_logged_for_samples_that_were_not_recorded(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav", max_duration=0.1, clock=lambda: 0.0) as recorder:
        for number in (0, 1, 3, 4, 2):  # the limit lies within the third of them
            recorder.write(ramp(700), angle=number, seq=number)
    recording = recorder.close()
    assert recording.samples == 1600
    assert recording.angles.azimuth.tolist() == [0, 1, 2]


@pytest.mark.parametrize("samples", [-1, 1.5, "5", None, True])
def test_only_a_number_of_samples_can_be_lost(samples: Any, tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        recorder.write(ramp(100))
        with pytest.raises(InputError, match="samples"):
            recorder.lose(samples)
    recording = recorder.close()
    assert (recording.samples, recording.gaps) == (100, ())


def test_lost_sound_is_silence_and_what_follows_on_itself_is_one_gap(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        recorder.write(ramp(100, 1))
        recorder.lose(50)
        recorder.lose(25)
        recorder.write(ramp(100, 1), angle=7)
        recorder.lose(5)
    recording = recorder.close()
    assert whole(recording).tolist() == [*range(1, 101), *[0] * 75, *range(1, 101), *[0] * 5]
    assert recording.gaps == (audio.Gap(100 / RATE, 75, "overflow"), audio.Gap(275 / RATE, 5, "overflow"))
    assert facts_of(recording.path)["gap_count"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 0}, "sample_rate is 0; give a whole number from 1 to 768,000"),
        ({"sample_rate": 44_100.0}, "sample_rate is 44100.0"),
        ({"channels": 0}, "channels is 0"),
        ({"channels": True}, "channels is True"),
        ({"subtype": "PCM_32"}, "unknown subtype 'PCM_32'; choose one of: PCM_16, PCM_24, FLOAT"),
        ({"gap": "fill"}, "gap is 'fill'; choose one of: silence, skip"),
        ({"overflow": "drop"}, "overflow is 'drop'; choose one of: wait, gap"),
        ({"max_duration": 0}, "max_duration is 0; give more than 0, or nothing"),
        ({"max_duration": math.nan}, "max_duration is nan"),
        ({"max_duration": math.inf}, "max_duration is inf"),
        ({"max_duration": 1e-9}, "max_duration is 1e-09"),
        ({"max_bytes": -1}, "max_bytes is -1"),
        ({"max_bytes": 1}, "max_bytes is 1"),
        ({"columns": ["loudness"]}, "unknown column of angles 'loudness'; choose from: elevation, sample"),
        ({"convention": "maths"}, "unknown convention of angles 'maths'"),
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused_before_a_file_is_made(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        audio.Recorder(tmp_path / "a.wav", **options)
    assert names(tmp_path) == []


# Names


@pytest.mark.parametrize("taken", ["a.wav", "a.csv", "a.json", "a.wav.part", "a.csv.part", "a.json.part"])
def test_a_name_that_is_taken_is_refused_and_nothing_is_touched(taken: str, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        audio.Recorder(tmp_path / "a.wav")
    assert names(tmp_path) == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_two_recorders_do_not_share_a_name(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav") as recorder:
        recorder.write(ramp(10))
        with pytest.raises(InputError, match="a recording that goes on, or was interrupted"):
            audio.Recorder(tmp_path / "a")
        recorder.write(ramp(10))
    assert recorder.close().samples == 20


def test_a_file_that_came_while_it_was_recorded_is_not_written_over(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav")
    recorder.write(ramp(10))
    (tmp_path / "a.wav").write_text("mine")
    with pytest.raises(PerceptkitError):
        recorder.close()
    assert (tmp_path / "a.wav").read_text() == "mine"
    assert audio.repair(tmp_path / "a.wav.part", tmp_path / "b.wav").samples == 10


@posix
@pytest.mark.parametrize(
    "name", ["Zoë 歩く  🎤", "a'b\"c", "new\nline", "-", "a.b.c", "x" * 230, "\udcff", "CON", "@list"]
)
def test_a_recording_may_have_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "some where" / "Ünder"
    with audio.Recorder(folder / f"{name}.wav") as recorder:
        recorder.write(ramp(100), angle=10)
    assert sorted(os.listdir(folder)) == sorted(f"{name}{suffix}" for suffix in (".csv", ".json", ".wav"))  # noqa: PTH208
    (recording,) = audio.list_recordings(folder)
    assert (recording.path.name, recording.samples, recording.warnings) == (f"{name}.wav", 100, ())
    assert audio.clip(recording.path, 0, 50 / RATE).samples == 50


@posix
@pytest.mark.parametrize("name", ["x" * 250, "", ".", "a\0b", "/dev/null/a"])
def test_a_name_that_cannot_be_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        audio.Recorder(name)
    assert names(tmp_path) == []


@unprivileged
@posix
def test_a_folder_that_may_not_be_written_to_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match=r"cannot write .*: Permission denied; choose another output folder"):
            audio.Recorder(tmp_path / "a.wav")
    finally:
        tmp_path.chmod(0o700)
    assert names(tmp_path) == []


def test_a_folder_that_went_away_is_said_when_the_recorder_is_closed(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "below" / "a.wav")
    recorder.write(ramp(10))
    shutil.rmtree(tmp_path / "below")
    with pytest.raises(InputError):
        recorder.close()


# Ends


def test_after_the_end_nothing_is_written_and_closing_again_says_the_same(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav")
    recorder.write(ramp(10))
    recording = recorder.close()
    calls: list[Callable[[], None]] = [
        lambda: recorder.write(ramp(1)),
        lambda: recorder.set_angle(1),
        lambda: recorder.lose(1),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"a\.wav is closed; begin another recording"):
            call()
    assert recorder.close() is recording
    assert recorder.close(error="late") is recording
    assert facts_of(recording.path)["error"] is None


def interrupt(recorder: audio.Recorder, error: BaseException, work: Callable[[], None]) -> None:
    """Do some work with a recorder, which ends with an error."""

    def record() -> None:
        with recorder:
            work()
            raise error

    with pytest.raises(type(error)):
        record()


def test_an_error_makes_an_interrupted_recording_that_says_why(tmp_path: Path) -> None:
    interrupt(recorder := audio.Recorder(tmp_path / "a.wav"), KeyError("wrong"), lambda: recorder.write(ramp(1000), 5))
    recording = audio.read(tmp_path / "a.wav")
    assert (recording.state, recording.samples, len(recording.angles)) == ("interrupted", 1000, 1)
    assert facts_of(recording.path)["error"] == "KeyError: 'wrong'"


def test_an_error_loses_nothing_that_waited_for_its_turn(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", clock=lambda: 0.0)

    def write() -> None:
        for number in range(5, 10):
            recorder.write(ramp(100, 100 * number), angle=number, seq=number)

    interrupt(recorder, KeyError("wrong"), write)
    recording = audio.read(tmp_path / "a.wav")
    np.testing.assert_array_equal(whole(recording), ramp(500, 500))
    assert recording.state == "interrupted"


def test_an_error_before_the_first_sample_leaves_nothing(tmp_path: Path) -> None:
    interrupt(recorder := audio.Recorder(tmp_path / "a.wav"), KeyError("wrong"), lambda: recorder.set_angle(5))
    assert names(tmp_path) == []
    with pytest.raises(InputError, match="is closed"):
        recorder.write(ramp(1))


def test_ctrl_c_completes_a_recording(tmp_path: Path) -> None:
    interrupt(recorder := audio.Recorder(tmp_path / "a.wav"), KeyboardInterrupt(), lambda: recorder.write(ramp(1000)))
    assert (recorder.close().state, recorder.close().samples) == ("complete", 1000)


RECORDS = """
import sys, time
import numpy as np
from perceptkit import audio

def begin(path):
    recorder = audio.Recorder(path)
    for start in range(0, 20_000, 1000):
        recorder.write(np.arange(start, start + 1000).astype(np.int16), angle=start // 1000)
    return recorder

if sys.argv[2] == "with":
    with begin(sys.argv[1]) as recorder:
        print("ready", flush=True)
        time.sleep(60)
recorder = begin(sys.argv[1])
if sys.argv[2] == "exit":
    sys.exit(3)
if sys.argv[2] == "raise":
    raise KeyError("wrong")
"""


@posix
def test_ctrl_c_in_a_program_completes_its_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with subprocess.Popen([sys.executable, "-c", RECORDS, path, "with"], stdout=-1, stderr=-1, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=30)
    assert said.strip().endswith("KeyboardInterrupt")
    assert "perceptkit" not in said
    recording = audio.read(path)
    assert (recording.state, recording.samples, len(recording.angles)) == ("complete", 20_000, 20)


@pytest.mark.parametrize("ending", ["exit", "raise", "end"])
def test_a_recorder_that_is_forgotten_by_a_program_that_ends_leaves_all_it_was_given(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RECORDS, path, ending], capture_output=True, text=True, check=False
    )
    assert done.returncode == {"exit": 3, "raise": 1, "end": 0}[ending]
    assert done.stderr == "" or ending == "raise"
    assert "perceptkit" not in done.stderr
    part = audio.read(tmp_path / "a.wav.part")
    assert (part.state, len(part.angles)) == ("interrupted", 20 if part.samples >= 19_000 else part.samples // 1000 + 1)
    recording = audio.repair(part.path)
    np.testing.assert_array_equal(whole(recording), ramp(20_000))
    assert recording.angles.azimuth.tolist() == list(range(20))


def test_a_recorder_that_is_forgotten_leaves_all_it_was_given_and_no_open_file(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav")
    recorder.write(ramp(20_000), angle=3)
    del recorder
    gc.collect()  # an open file that is dropped is a warning, and warnings are errors here
    recording = audio.repair(tmp_path / "a.wav.part")
    np.testing.assert_array_equal(whole(recording), ramp(20_000))
    assert (recording.state, recording.angles.azimuth.tolist()) == ("interrupted", [3])


# Clips


def walk(folder: Path, name: str = "walk", **options: Any) -> audio.Recording:
    """A second of sound, with a direction every 0.1 s: 150, 160, 170, 180 ... through the back to -130."""
    with audio.Recorder(folder / f"{name}.wav", 1000, **options) as recorder:
        for number in range(10):
            recorder.write(ramp(100, 100 * number), angle=150 + 10 * number)
    return recorder.close()


def test_a_clip_has_its_samples_exactly_and_its_directions_from_its_start(tmp_path: Path) -> None:
    source = walk(tmp_path)
    piece = audio.clip(source.path, 0.25, 0.575)
    assert piece.path == tmp_path / "walk-0.25-0.575.wav"
    assert (piece.samples, piece.state, piece.warnings) == (325, "complete", ())
    np.testing.assert_array_equal(whole(piece), ramp(325, 250))
    assert piece.angles.times.tolist() == [0, 0.05, 0.15, 0.25, 0.324]
    assert piece.angles.azimuth.tolist() == [175, -180, -170, -160, -152.6]  # it was on its way at both ends
    assert source.started is not None
    assert piece.started is not None
    assert (piece.started - source.started).total_seconds() == 0.25


def test_a_clip_begins_with_the_direction_that_held_the_short_way_round(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav", 1000, convention="dial") as recorder:
        recorder.write(ramp(500), angle=359)
        recorder.write(ramp(3000), angle=1)
        recorder.write(ramp(500), angle=90)
    assert (tmp_path / "a.csv").read_text() == "timestamp,angle\n0.000,359.00\n0.500,1.00\n3.500,90.00\n"
    between = audio.clip(tmp_path / "a.wav", 0.25, 0.4, tmp_path / "between.wav")
    assert (tmp_path / "between.csv").read_text() == "timestamp,angle\n0.000,0.00\n0.149,0.60\n"
    assert between.angles.at([0.1]) == pytest.approx([-0.4], abs=0.01)
    audio.clip(tmp_path / "a.wav", 3, 3.6, tmp_path / "held.wav")  # it was held for longer than it moves
    assert (tmp_path / "held.csv").read_text() == "timestamp,angle\n0.000,1.00\n0.499,1.00\n0.500,90.00\n"
    audio.clip(tmp_path / "a.wav", 3.5, output=tmp_path / "last.wav")
    assert (tmp_path / "last.csv").read_text() == "timestamp,angle\n0.000,90.00\n"
    assert facts_of(tmp_path / "last.wav")["convention"]["positive"] == "clockwise"


def test_a_clip_of_a_clip_is_the_same_as_a_clip(tmp_path: Path) -> None:
    source = walk(tmp_path, subtype="PCM_24")
    first = audio.clip(source.path, 0.2, 0.9, tmp_path / "first.wav")
    second = audio.clip(first.path, 0.1, 0.5, tmp_path / "second.wav")
    direct = audio.clip(source.path, 0.3, 0.7, tmp_path / "direct.wav")
    np.testing.assert_array_equal(second.read(), direct.read())
    assert (tmp_path / "second.csv").read_bytes() == (tmp_path / "direct.csv").read_bytes()
    assert second.started == direct.started


def test_gaps_that_lie_in_a_clip_are_cut_along(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav", 1000) as recorder:
        recorder.write(ramp(100))
        recorder.lose(100)
        recorder.write(ramp(100))
        recorder.lose(100)
        recorder.write(ramp(100))
    piece = audio.clip(tmp_path / "a.wav", 0.15, 0.35)
    assert piece.gaps == (audio.Gap(0, 50, "overflow"), audio.Gap(0.15, 50, "overflow"))


@pytest.mark.parametrize(
    ("start", "end"), [(1, 2), (-0.1, 0.5), (0.5, 0.5), (0.5, 0.2), (math.nan, 1), (0, math.inf), (0.5, 0.5001)]
)
def test_a_clip_of_nothing_is_refused(start: float, end: float, tmp_path: Path) -> None:
    source = walk(tmp_path)
    with pytest.raises(InputError, match=r"there is nothing from|there is no sample"):
        audio.clip(source.path, start, end)
    assert len(names(tmp_path)) == 3


def test_a_clip_is_not_written_over_what_is_there(tmp_path: Path) -> None:
    source = walk(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for output in (source.path, source.path.with_suffix("")):
        with pytest.raises(InputError, match=r"written over|is there already"):
            audio.clip(source.path, 0, 0.5, output)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_clips_of_other_sound_files_keep_their_samples(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).integers(-(2**31), 2**31, (1000, 2), dtype=np.int32)
    for subtype, kept in (("PCM_U8", "PCM_16"), ("PCM_16", "PCM_16"), ("PCM_24", "PCM_24"), ("FLOAT", "FLOAT")):
        path = tmp_path / f"{subtype}.wav"
        soundfile.write(path, sound if subtype != "FLOAT" else sound / 2**31, 1000, subtype)
        expected, _ = soundfile.read(path, dtype="float64")
        piece = audio.clip(path, 0.1, 0.9)
        assert piece.subtype == kept
        np.testing.assert_array_equal(soundfile.read(piece.path, dtype="float64")[0], expected[100:900])
    flac = tmp_path / "a.flac"
    soundfile.write(flac, sound, 1000, "PCM_24")
    piece = audio.clip(flac, 0.1, 0.9)
    assert piece.path.suffix == ".wav"
    np.testing.assert_array_equal(
        soundfile.read(piece.path, dtype="int32")[0], soundfile.read(flac, dtype="int32")[0][100:900]
    )


def test_a_time_that_is_none_in_the_log_spoils_no_clip(tmp_path: Path) -> None:
    source = walk(tmp_path)
    lines = source.path.with_suffix(".csv").read_text().splitlines()
    for wrong in ("1e300,5.00", "77777.000,5.00", "-3.000,5.00"):
        folder = tmp_path / wrong[:3]
        folder.mkdir()
        path = shutil.copy(source.path, folder / "a.wav")
        shutil.copy(source.path.with_suffix(".json"), folder / "a.json")
        (folder / "a.csv").write_text("\n".join([*lines[:4], wrong, *lines[4:]]) + "\n")
        piece = audio.clip(path, 0.4, 0.6, folder / "piece.wav")
        assert piece.angles.azimuth.tolist() == [-170, -160, -150.1]


# Reading what others wrote


def foreign(path: Path, seconds: float = 1.0) -> Path:
    soundfile.write(path, np.zeros((round(seconds * RATE), 2)), RATE, "PCM_16")
    return path


def test_a_sound_without_anything_beside_it_is_a_recording_without_directions(tmp_path: Path) -> None:
    recording = audio.read(foreign(tmp_path / "a.wav"))
    assert (recording.samples, recording.channels, recording.state) == (RATE, 2, "complete")
    assert (len(recording.angles), recording.started, recording.warnings) == (0, None, ())
    assert np.isnan(recording.angles.at([0.0, 0.5])).all()
    assert audio.clip(recording.path, 0, 0.5).samples == RATE // 2


def test_directions_whose_meaning_nobody_says_are_taken_as_ours_with_a_warning(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.wav")
    (tmp_path / "a.csv").write_text("timestamp,angle\n0.000,90.00\n0.500,270.00\n")
    recording = audio.read(path)
    assert recording.angles.azimuth.tolist() == [90, -90]
    (warning,) = recording.warnings
    assert "nothing says how its angles are meant" in warning
    told = audio.read(path, convention="dial")
    assert (told.angles.azimuth.tolist(), told.warnings) == ([-90, 90], ())


@pytest.mark.parametrize(
    "facts",
    [
        "",
        "{",
        "null",
        "[]",
        "5",
        "{}",
        "[" * 100_000,
        "\ufeff{}",
        {"sample_rate": "x"},
        {"convention": 5},
        {"convention": {"zero": "up", "positive": "clockwise", "unit": "degrees", "range": [0, 360]}},
        {"started": "yesterday"},
        {"started": 5},
        {"gaps": None},
        {"gaps": [{}]},
        {"gaps": [{"time": 0, "samples": math.inf, "reason": "missing"}]},
        {"late_chunks": [1]},
        {"state": 5},
        {"heading": "north"},
        {
            "convention": {"zero": "north", "positive": "clockwise", "unit": "degrees", "range": [0, 360]},
            "heading": "x",
        },
    ],
    ids=lambda facts: str(facts)[:30],
)
def test_broken_facts_are_a_warning_and_the_sound_is_read(facts: Any, tmp_path: Path) -> None:
    recording = walk(tmp_path)
    said = recording.path.with_suffix(".json")
    if isinstance(facts, dict):
        facts = json.dumps({**json.loads(said.read_text()), **facts})
    said.write_text(facts, encoding="utf-8")
    found = audio.read(recording.path)
    assert (found.samples, len(found.angles)) == (1000, 10)
    assert found.state in ("complete", "interrupted")
    assert any("not the facts of a recording" in warning for warning in found.warnings)
    assert len(audio.list_recordings(tmp_path)) == 1


@pytest.mark.parametrize(
    ("lines", "times", "left_out"),
    [
        ("0.000,1.00\n0.100,2.00\n0.200,3", [0, 0.1, 0.2], 0),
        ("0.000,1.00\n0.100,2.00\n0.2", [0, 0.1], 1),
        ("0.000,1.00\r\n0.100,2.00\r\n", [0, 0.1], 0),
        ("0.000,1.00\n\n\n0.100,2.00\n", [0, 0.1], None),
        ("\n\n", [], None),
        ("0.000,nan\n0.100,inf\n0.200,\n0.300,x\nx,5\n,\n0.400,6\n", [0.4], 6),
        ("0.000,1\n0.300,1\n0.100,1\n0.400,1\n", [0, 0.1, 0.3, 0.4], None),
        ("0.000,1\n0.000,2\n", [0], 0),
        ("0.000,1\n5.000,2\n", [0], None),
        ("0.000,1\n1e999,2\n0.100,1\n", [0, 0.1], 1),
        ("0.000,1\n0.100," + "9" * 400 + "\n0.200,1\n", [0, 0.2], 1),
        ('0.000,1\n0.100,"2\n0.200,1\n', None, None),
        ('0.000,1\n"' + "x" * 200_000 + "\n0.200,1\n", None, None),
        ("0.000,1\n#0.100,1\n0.200,1\n", [0, 0.2], 1),
    ],
    ids=range(14),
)
def test_lines_that_are_no_direction_are_left_out_and_said(
    lines: str, times: list[float] | None, left_out: int | None, tmp_path: Path
) -> None:
    path = foreign(tmp_path / "a.wav")
    (tmp_path / "a.csv").write_bytes(f"timestamp,angle\n{lines}".encode())
    recording = audio.read(path, convention="azimuth")
    if times is not None:
        assert recording.angles.times.tolist() == times
    else:
        assert recording.angles.times[0] == 0
    if left_out is not None:
        said = [f"lines that are no angle were left out: {left_out}"] if left_out else []
        assert [warning.split("csv: ")[1].split(" (")[0] for warning in recording.warnings] == said


def test_a_sample_that_no_file_has_is_no_direction(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.wav")
    (tmp_path / "a.csv").write_text(f"timestamp,angle,sample\n0.000,1.00,0\n0.100,2.00,{'9' * 400}\n0.200,3.00,3200\n")
    assert audio.read(path, convention="azimuth").angles.times.tolist() == [0, 0.2]


def test_an_elevation_that_cannot_be_spoils_no_clip(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a.wav")
    (tmp_path / "a.csv").write_text("timestamp,angle,elevation\n0.000,1.00,500\n0.100,2.00,10\n0.200,3.00,inf\n")
    piece = audio.clip(path, 0, 0.5)
    assert piece.samples == RATE // 2
    assert piece.angles.times.tolist()[:2] == [0, 0.1]


def test_a_list_of_something_else_beside_a_sound_is_a_warning_and_the_sound_is_read(tmp_path: Path) -> None:
    path = foreign(tmp_path / "song.wav")
    (tmp_path / "song.csv").write_text("title,artist\nSong,Singer\n")
    recording = audio.read(path)
    assert (recording.samples, len(recording.angles)) == (RATE, 0)
    assert any("not a list of angles" in warning for warning in recording.warnings)


def test_a_folder_is_listed_with_what_was_interrupted_and_without_what_is_no_sound(tmp_path: Path) -> None:
    assert audio.list_recordings(tmp_path) == []
    (tmp_path / "below").mkdir()
    walk(tmp_path / "below", "b")
    foreign(tmp_path / "a.wav")
    (tmp_path / "no.wav").write_text("this is text")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "some.csv.part").touch()
    (tmp_path / "film.mp4.part").touch()
    recorder = audio.Recorder(tmp_path / "going on.wav")
    killed = tmp_path / "killed.wav.part"
    shutil.copy(tmp_path / "going on.wav.part", killed)
    warnings: list[str] = []
    found = audio.list_recordings(tmp_path, warnings=warnings)
    assert sorted((each.path.name, each.state) for each in found) == [
        ("a.wav", "complete"),
        ("b.wav", "complete"),
        ("going on.wav.part", "recording"),
        ("killed.wav.part", "interrupted"),
    ]
    assert len(warnings) == 2
    assert any("no.wav: not a WAV" in warning and "a text file" in warning for warning in warnings)
    recorder.close()
    with pytest.raises(InputError, match="no such folder"):
        audio.list_recordings(tmp_path / "nowhere")


@posix
def test_a_program_that_reads_an_interrupted_recording_does_not_record_it(tmp_path: Path) -> None:
    import fcntl  # not on Windows

    recorder = audio.Recorder(tmp_path / "a.wav")
    shutil.copy(tmp_path / "a.wav.part", tmp_path / "b.wav.part")
    with (tmp_path / "b.wav.part").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # as every reader does that asks whether it is still written
        assert audio.read(tmp_path / "b.wav.part").state == "interrupted"
    assert audio.read(tmp_path / "a.wav.part").state == "recording"
    recorder.close()


def test_what_is_not_there_or_no_sound_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        audio.read(tmp_path / "a.wav")
    with pytest.raises(InputError, match="is a folder; give a recording in it"):
        audio.read(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4) + b"WAVE")
    with pytest.raises(MediaError):
        audio.read(tmp_path / "a.wav")
    recorder = audio.Recorder(tmp_path / "b.wav")
    with pytest.raises(InputError, match=r"but there is .*b\.wav\.part, which is still recorded or was interrupted"):
        audio.read(tmp_path / "b.wav")
    recorder.close()


def test_a_recording_is_found_by_its_name_alone(tmp_path: Path) -> None:
    recording = walk(tmp_path)
    assert audio.read(tmp_path / "walk").path == recording.path


def test_a_piece_of_a_recording_is_read_by_its_times(tmp_path: Path) -> None:
    recording = walk(tmp_path)
    assert (recording.read(0.25, 0.26)[:, 0] * 2**15).astype(int).tolist() == list(range(250, 260))
    assert recording.read(0.9, 5).shape == (100, 1)
    assert recording.read(2).shape == (0, 1)
    assert [len(block) for block in recording.blocks(0.1, 0.35, size=100)] == [100, 100, 50]


@linux
def test_a_recording_leaves_no_thread_and_no_open_file(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names
    for number in range(5):
        with audio.Recorder(tmp_path / f"{number}.wav") as recorder:
            recorder.write(ramp(100))
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names
