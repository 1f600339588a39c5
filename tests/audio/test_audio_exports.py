"""Recordings as files for other programs: labels, lists of frames, documents."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from perceptkit import __version__, audio
from perceptkit.audio.exports import EXPORTS, export
from perceptkit.audio.types import AngleTrack, Gap, Recording
from perceptkit.errors import InputError, MediaError

RATE = 8000
MORNING = datetime(2026, 3, 29, 7, 30, 15, 250_000, tzinfo=UTC)
NORTH = audio.Convention(zero="north")


def recorded(folder: Path, seconds: float, angles: dict[float, float], **facts: Any) -> Recording:
    """A recording of silence, and the directions that belong to it: azimuths by their times."""
    path = folder / "walk.wav"
    samples = round(seconds * RATE)
    soundfile.write(path, np.zeros(samples), RATE, subtype="PCM_16")
    up = facts.pop("elevation", None)
    track = AngleTrack(
        np.array(list(angles), np.float64),
        np.array(list(angles.values()), np.float64),
        None if up is None else np.array(up, np.float64),
        facts.pop("convention", audio.AZIMUTH),
    )
    return Recording(path, RATE, 1, samples, "PCM_16", track, **facts)


def frames(path: Path) -> list[list[int]]:
    return [[int(field) for field in line.split(",")] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_lies_beside_the_recording_and_leaves_its_files_alone(kind: str, tmp_path: Path) -> None:
    with audio.Recorder(tmp_path / "walk.wav", sample_rate=RATE) as recorder:
        for angle in (90, 45, 0, -45):
            recorder.write(np.full(RATE // 4, 0.5, np.float32), angle=angle)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    path = export(audio.read(tmp_path / "walk.wav"), kind)
    assert path == tmp_path / f"walk{EXPORTS[kind].ending}"
    assert path.stat().st_size > 0
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir() if each != path} == before


@pytest.mark.parametrize("kind", EXPORTS)
def test_the_same_recording_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1, {0.1: 10, 0.6: -170}, started=MORNING)
    contents = {export(recording, kind, tmp_path / name).read_bytes() for name in ("one", "two")}
    assert len(contents) == 1


@pytest.mark.parametrize("kind", EXPORTS)
def test_nothing_is_left_of_an_export_that_fails(kind: str, tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1, {0: 10})
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="not a regular file"):
        export(recording, kind, tmp_path / "out")
    with pytest.raises(InputError, match="cannot write"):
        export(recording, kind, tmp_path / "none" / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "walk.wav"]
    recording.path.write_bytes(b"no sound")
    if kind == "adm":
        with pytest.raises(MediaError, match=r"walk\.wav"):
            export(recording, kind)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "walk.wav"]


@pytest.mark.parametrize("name", ["walk.wav", "walk.csv", "walk.json", "walk.wav.part", "link.wav"])
def test_the_recordings_own_files_are_never_written_over(name: str, tmp_path: Path) -> None:
    """Nor is one made by a name that would be taken for one of them."""
    recording = recorded(tmp_path, 1, {0: 10})
    (tmp_path / "link.wav").hardlink_to(recording.path)
    before = sorted(tmp_path.iterdir())
    for kind in EXPORTS:
        with pytest.raises(InputError, match="choose another output"):
            export(recording, kind, tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_one_that_was_interrupted_is_named_without_its_part(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1, {0: 10})
    part = recording.path.rename(tmp_path / "walk.wav.part")
    assert export(audio.read(part), "adm").name == "walk-adm.wav"


def test_an_unknown_kind_is_told_the_choices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'dolby'; choose one of: audacity, dcase, adm, json"):
        export(recorded(tmp_path, 1, {0: 10}), "dolby")


def test_labels_hold_until_the_next_one_and_the_last_to_the_end(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 3, {0: 90, 0.5: 91, 1: 45.5, 2: -120})
    assert export(recording, "audacity").read_bytes() == (
        b"0.000000\t1.000000\t90 deg\n1.000000\t2.000000\t45.5 deg\n2.000000\t3.000000\t-120 deg\n"
    )


def test_labels_say_elevation_where_it_is_known_and_where_sound_is_missing(tmp_path: Path) -> None:
    gaps = (Gap(0.75, RATE // 4, "missing"), Gap(1.5, 0, "overflow"))
    recording = recorded(tmp_path, 2, {0: 10, 1: -10}, elevation=[np.nan, 20], gaps=gaps)
    assert export(recording, "audacity").read_text().splitlines() == [
        "0.000000\t1.000000\t10 deg",
        "0.750000\t1.000000\tgap (missing)",
        "1.000000\t2.000000\t-10 deg, up 20 deg",
        "1.500000\t1.500000\tgap (overflow)",
    ]


def test_labels_are_those_in_the_wav_and_few_enough_for_an_hour(tmp_path: Path) -> None:
    times = np.arange(0, 3600, 0.5)
    recording = recorded(tmp_path, 3600, dict(zip(times, audio.wrap(37 * times), strict=True)))
    rows = [line.split("\t") for line in export(recording, "audacity").read_text().splitlines()]
    assert 400 < len(rows) <= 1000
    assert rows[0][0] == "0.000000"
    assert rows[-1][1] == "3600.000000"
    assert [row[1] for row in rows[:-1]] == [row[0] for row in rows[1:]]
    assert all(len(row) == 3 and float(row[0]) < float(row[1]) for row in rows)


def test_labels_from_north_are_said_as_on_a_compass_unless_the_heading_is_known(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1, {0: -90}, convention=NORTH)  # east
    assert export(recording, "audacity").read_text() == "0.000000\t1.000000\tcompass 90 deg\n"
    assert export(recording, "audacity", heading=90).read_text() == "0.000000\t1.000000\t0 deg\n"


def test_without_angles_there_are_no_labels_and_no_frames(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1, {})
    assert export(recording, "audacity").read_bytes() == b""
    assert export(recording, "dcase").read_bytes() == b""


def test_frames_have_the_direction_in_their_middle_and_left_is_positive(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 0.5, {0: 94, 0.4: 54}, elevation=[0, 40])
    assert export(recording, "dcase", event_class=6, source=2).read_bytes() == (
        b"0,6,2,89,5\n1,6,2,79,15\n2,6,2,69,25\n3,6,2,59,35\n4,6,2,54,40\n"
    )


def test_frames_never_say_180(tmp_path: Path) -> None:
    times = np.arange(0.05, 4, 0.1)
    azimuth = audio.wrap(np.linspace(179, 181, len(times)))
    found = frames(export(recorded(tmp_path, 4, dict(zip(times, azimuth, strict=True))), "dcase"))
    assert [row[0] for row in found] == list(range(40))
    assert {row[3] for row in found} == {179, -180, -179}


def test_frames_pass_behind_the_head_the_short_way(tmp_path: Path) -> None:
    found = frames(export(recorded(tmp_path, 1, {0.05: 177, 0.95: -174}), "dcase"))
    assert [row[3] for row in found] == [177, 178, 179, -180, -179, -178, -177, -176, -175, -174]


def test_frames_before_the_first_angle_and_without_sound_have_no_line(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1.04, {0.3: 0, 5.0: 90}, gaps=(Gap(0.55, RATE // 5, "missing"),))
    assert [row[0] for row in frames(export(recording, "dcase"))] == [3, 4, 7, 8, 9]


def test_frames_of_a_pause_longer_than_a_second_keep_the_direction(tmp_path: Path) -> None:
    found = frames(export(recorded(tmp_path, 3, {0: 20, 2: 80}), "dcase"))
    assert [row[3] for row in found] == [20] * 20 + [80] * 10


def test_the_indexes_of_dcase_are_whole_numbers(tmp_path: Path) -> None:
    for wrong in (-1, 1.5, True, "6"):
        with pytest.raises(InputError, match="event_class is"):
            export(recorded(tmp_path, 1, {0: 10}), "dcase", event_class=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["dcase", "adm"])
def test_angles_from_north_need_the_heading(kind: str, tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1, {0: -90}, convention=NORTH)
    with pytest.raises(InputError, match="count from north: give the heading"):
        export(recording, kind)
    assert [path.name for path in tmp_path.iterdir()] == ["walk.wav"]
    export(recording, kind, heading=0)


def test_a_source_in_the_east_is_on_the_left_of_who_looks_south(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 0.1, {0: -90}, convention=NORTH)
    assert frames(export(recording, "dcase", heading=180)) == [[0, 0, 0, 90, 0]]
    assert frames(export(recording, "dcase", heading=90)) == [[0, 0, 0, 0, 0]]


def test_the_document_says_all_that_is_known(tmp_path: Path) -> None:
    recording = recorded(
        tmp_path,
        2,
        {0: 90, 1.25: -45.5},
        elevation=[np.nan, 12.5],
        started=MORNING,
        gaps=(Gap(0.5, 100, "missing"),),
        state="interrupted",
        warnings=("walk.csv: something",),
    )
    assert json.loads(export(recording, "json").read_text()) == {
        "perceptkit": __version__,
        "path": str(recording.path),
        "state": "interrupted",
        "sample_rate": RATE,
        "channels": 1,
        "subtype": "PCM_16",
        "samples": 2 * RATE,
        "duration": 2.0,
        "started": "2026-03-29T07:30:15.250000+00:00",
        "convention": {"zero": "front", "positive": "counterclockwise", "unit": "degrees", "range": [-180, 180]},
        "angles": [{"time": 0.0, "azimuth": 90.0}, {"time": 1.25, "azimuth": -45.5, "elevation": 12.5}],
        "heading": None,
        "error": None,
        "gaps": [{"time": 0.5, "samples": 100, "reason": "missing"}],
        "warnings": ["walk.csv: something"],
    }


def test_a_document_of_angles_from_north_says_so(tmp_path: Path) -> None:
    recording = recorded(tmp_path, 1, {0: -90}, convention=NORTH)
    found = json.loads(export(recording, "json").read_text())
    assert (found["convention"]["zero"], found["angles"], found["started"]) == (
        "north",
        [{"time": 0, "azimuth": -90}],
        None,
    )
    found = json.loads(export(recording, "json", heading=180).read_text())
    assert (found["convention"]["zero"], found["angles"]) == ("front", [{"time": 0, "azimuth": 90}])


def test_a_recording_without_angles_is_in_front_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "perceptkit"):
        export(recorded(tmp_path, 1, {}), "adm")
    assert [each.getMessage() for each in caplog.records] == [
        f"{tmp_path / 'walk.wav'} has no angles: its sound is in front"
    ]
