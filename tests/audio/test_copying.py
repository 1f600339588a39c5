"""What becomes of a recording on its way: into a piece, into a repaired one, out of a file with a list of angles."""

from __future__ import annotations

import hashlib
import json
import signal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from perceptkit import audio
from perceptkit.arrays import Floats
from perceptkit.audio.angles import Doubles
from perceptkit.errors import DeviceError, InputError
from perceptkit.output import dumps
from systems import linux, posix

RATE = 1000
NOISE = np.random.default_rng(5).uniform(-0.9, 0.9, (12 * RATE, 1)).astype(np.float32)


def recorded(path: Path, said: dict[float, float], *, seconds: float = 12, **options: object) -> audio.Recording:
    """A recording in which angles are said at some times."""
    with audio.Recorder(path, RATE, **options) as recorder:  # type: ignore[arg-type] # what a test gives
        for start, end in pairwise([*said, seconds]):
            recorder.write(NOISE[round(start * RATE) : round(end * RATE)], angle=said[start])
    return recorder.close()


def azimuths(recording: audio.Recording, times: Doubles) -> Doubles:
    return recording.angles.at(times)


@pytest.mark.parametrize(("start", "end"), [(9.5, 10.5), (0.2, 0.8), (3.0, 11.9), (10.4, 10.6), (0, 12), (9.9995, 12)])
def test_a_piece_says_the_same_directions_as_the_whole(start: float, end: float, tmp_path: Path) -> None:
    source = recorded(tmp_path / "walk.wav", {0: 0, 0.9: 90, 10: -170, 10.5: 170, 11: 160})
    piece = audio.clip(source.path, start, end)
    times = np.arange(round(start * RATE), round(end * RATE) - 1, 7) / RATE
    offset = round(start * RATE) / RATE
    difference = audio.difference(azimuths(piece, times - offset), azimuths(source, times))
    assert np.abs(difference).max() < 0.02


def test_a_piece_keeps_elevations_between_those_that_were_said(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav", RATE, columns=["elevation", "sample"]) as recorder:
        recorder.write(NOISE[:900], angle=0, elevation=0)
        recorder.write(NOISE[:900], angle=90, elevation=80)
    piece = audio.clip(recorder.path, 0.45, 1.2)
    assert piece.angles.elevation is not None
    assert piece.angles.elevation[0] == pytest.approx(40)
    header, first, *_ = piece.path.with_suffix(".csv").read_text().splitlines()
    assert (header, first) == ("timestamp,angle,elevation,sample", "0.000,45.00,40.00,0")


def test_straight_up_in_radians_is_not_lost_to_rounding(tmp_path: Path) -> None:
    radians = audio.Convention(unit="radians", range=(-np.pi, np.pi))
    with audio.Recorder(tmp_path / "up.wav", RATE, columns=["elevation"], convention=radians) as recorder:
        recorder.write(NOISE, angle=0.5, elevation=np.pi / 2)
    recording = recorder.close()
    assert recording.warnings == ()
    assert recording.angles.elevation == pytest.approx([90], abs=0.01)
    assert audio.clip(recorder.path, 1, 2).angles.elevation == pytest.approx([90], abs=0.01)


def test_what_is_repaired_has_the_hash_and_the_gaps_of_what_is_left(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav", RATE) as recorder:
        recorder.write(NOISE[:2000])
        recorder.lose(1000)
        recorder.write(NOISE[3000:])
    data = recorder.path.read_bytes()
    recorder.path.write_bytes(data[: data.index(b"data") + 8 + 2 * 1500])
    made = audio.repair(recorder.path)
    facts = json.loads(made.path.with_suffix(".json").read_text())
    samples = soundfile.read(made.path, dtype="int16")[0]
    assert facts["samples_sha256"] == hashlib.sha256(samples.tobytes()).hexdigest()
    assert (made.samples, made.gaps, made.state) == (1500, (), "interrupted")


def test_a_convention_says_how_the_angles_beside_a_file_are_meant(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "field.wav", NOISE, RATE)
    (tmp_path / "field.csv").write_text("timestamp,angle\n0,90\n")
    made = audio.record_file(tmp_path / "field.wav", tmp_path / "dial.wav", convention="dial")
    assert made.angles.azimuth.tolist() == [-90]
    assert made.warnings == ()
    unsaid = audio.record_file(tmp_path / "field.wav", tmp_path / "unsaid.wav")
    assert unsaid.angles.azimuth.tolist() == [90]
    assert any("nothing says how its angles are meant" in warning for warning in unsaid.warnings)
    again = audio.read(tmp_path / "dial.wav", convention="compass")  # what its facts say holds
    assert again.angles.azimuth.tolist() == [-90]


def test_the_first_seconds_of_a_file_have_its_state_and_the_gaps_within(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    recorder.write(NOISE[:1000])
    recorder.lose(1000)
    recorder.write(NOISE[:1000])
    recorder.lose(500)
    recorder.close(error="TimeoutError: sender gone")
    made = audio.record_file(recorder.path, tmp_path / "b.wav", seconds=1.5)
    assert made.gaps == (audio.Gap(1.0, 500, "overflow"),)
    assert (made.state, made.error) == ("interrupted", "TimeoutError: sender gone")
    assert "sender gone" in dumps(audio.facts_of(made))


@pytest.mark.parametrize(
    ("text", "azimuth", "said"),
    [
        ("timestamp,angle\n0.0,10\n1.0,20", [10, 20], None),
        ('"Timestamp","Angle"\r\n"0.0","10"\r\n"1.0","20"', [10, 20], None),
        ("timestamp,angle\n1.0,10\n0.5,20\n0.0,30\n", [30, 20, 10], None),
        ("timestamp,angle,elevation\n0,10,100\n", [10], "elevations of more than a quarter turn were left out: 1"),
    ],
)
def test_lists_of_angles_that_people_make(text: str, azimuth: list[float], said: str | None, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "field.flac", NOISE, RATE)
    (tmp_path / "list.csv").write_text(text, newline="")
    made = audio.record_file(tmp_path / "field.flac", tmp_path / "a.wav", angles=tmp_path / "list.csv")
    assert made.angles.azimuth.tolist() == azimuth
    assert len(made.warnings) == (said is not None)
    assert all(said in warning for warning in made.warnings if said)


def test_floats_are_copied_whatever_they_are(tmp_path: Path) -> None:
    samples = np.array([0.5, np.nan, 3.0, -np.inf], "<f4")
    with audio.Recorder(tmp_path / "a.wav", RATE, subtype="FLOAT") as recorder:
        recorder.write(samples.tobytes())
    piece = audio.clip(recorder.path, 0, 0.004)
    copy: Floats = soundfile.read(piece.path, dtype="float32")[0]
    np.testing.assert_array_equal(copy, samples)


def test_what_is_finer_than_24_bits_is_said_to_be_lost(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "fine.wav", NOISE.astype(np.float64), RATE, subtype="DOUBLE")
    (warning,) = audio.clip(tmp_path / "fine.wav", 0, 1).warnings
    assert "(DOUBLE) are kept as FLOAT" in warning


def test_a_heading_that_is_no_number_is_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="heading is '90'; give a finite number"):
        audio.Recorder(tmp_path / "a.wav", heading="90")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_the_heading_of_a_recording_is_used_when_its_angles_are_said_in_another_convention(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a.wav", {0: 100}, convention="compass", heading=90)
    assert recording.angles.azimuth.tolist() == [-10]
    assert audio.angle_rows(recording, convention="compass") == [{"time": 0.0, "azimuth": 100.0}]
    assert audio.export(recording, "dcase").read_text().splitlines()[0] == "0,0,0,-10,0"


def test_rows_at_steady_times_have_the_elevation(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "a.wav", RATE, columns=["elevation"]) as recorder:
        recorder.write(NOISE[:1000], angle=0, elevation=0)
        recorder.write(NOISE[:1000], angle=90, elevation=80)
    rows = audio.angle_rows(recorder.close(), every=0.5)
    assert rows[1] == {"time": 0.5, "azimuth": 45.0, "elevation": 40.0}


def test_without_its_facts_a_recording_still_says_when_it_began(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a.wav", {0: 0})
    recording.path.with_suffix(".json").unlink()
    again = audio.read(recording.path)
    assert recording.started is not None
    assert again.started is not None
    assert abs((again.started - recording.started).total_seconds()) <= 0.5 / RATE


def test_an_export_takes_the_place_of_no_recording(tmp_path: Path) -> None:
    walk, other = (recorded(tmp_path / name, {0: 45}) for name in ("walk.wav", "walk-adm.wav"))
    before = other.path.read_bytes()
    with pytest.raises(InputError, match=r"walk-adm\.wav is another recording; choose another output"):
        audio.export(walk, "adm")
    assert other.path.read_bytes() == before


def test_a_sound_that_was_replaced_is_said_not_to_be_the_one_that_was_recorded(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "walk.wav", {0: 45})
    soundfile.write(recording.path, NOISE[:500], 2 * RATE)
    (warning,) = audio.read(recording.path).warnings
    assert "tells of another sound, of 12000 samples at 1000 Hz" in warning


@linux
def test_what_is_still_recorded_is_not_repaired(tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav") as recorder:
        recorder.write(NOISE)
        with pytest.raises(InputError, match="is still being recorded; end that first"):
            audio.repair(tmp_path / "walk.wav.part")
    assert {path.name for path in tmp_path.iterdir()} == {"walk.wav", "walk.csv", "walk.json"}


@posix
@pytest.mark.parametrize("limit", [2000, 10_000, 24_700, 24_900])
def test_a_piece_that_does_not_fit_on_the_disk_leaves_nothing(limit: int, tmp_path: Path) -> None:
    """Within the header, the samples, and the marks after them."""
    import resource  # not on Windows

    source = recorded(tmp_path / "walk.wav", {time: 10 * time for time in range(12)})
    before = sorted(tmp_path.iterdir())
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
    try:
        with pytest.raises(DeviceError, match="the disk is full"):
            audio.clip(source.path, 0, 12, tmp_path / "piece.wav")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        signal.signal(signal.SIGXFSZ, ignored)
    assert sorted(tmp_path.iterdir()) == before
