"""Footsteps as files for editors, samplers and sound programs, each read back by what does not know how we write it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from perceptkit.errors import InputError
from perceptkit.foley import Detection, Footstep, timecode
from perceptkit.foley.exports import COLUMNS, EXPORTS, NOTES, Clip, write_exports
from perceptkit.video import VideoInfo

NTSC = Fraction(30000, 1001)
RATES = [Fraction(24000, 1001), Fraction(25), NTSC, Fraction(50), 2 * NTSC]


def clip(rate: Fraction = Fraction(25), **changes: Any) -> Clip:
    return replace(Clip("walk.mp4", Path("/films/walk.mp4"), rate, duration=60.0), **changes)


def walk(count: int, *, person: int = 1, start: float = 1.0, stride: float = 0.5123) -> list[Footstep]:
    """Strikes of both feet in turn, each with the toe-off of that foot after 0.7 of a step."""
    steps = []
    for number in range(count):
        time, foot = start + number * stride, ("left", "right")[number % 2]
        strength = (number % 11) / 10
        steps.append(Footstep(time, foot, "heel_strike", 0.9, strength=strength, person=person))  # type: ignore[arg-type]
        steps.append(Footstep(time + 0.7 * stride, foot, "toe_off", 0.9, person=person))  # type: ignore[arg-type]
    return steps


def strikes(events: Sequence[Footstep]) -> list[Footstep]:
    return sorted((event for event in events if event.event == "heel_strike"), key=lambda event: event.time)


def written(name: str, events: Sequence[Footstep], about: Clip) -> bytes:
    return EXPORTS[name].content(events, about)


# Readers, from the descriptions of the formats.


def notes(data: bytes) -> dict[str, list[tuple[float, float, int, int, int]]]:
    """Notes of each track but the first: (start, end, channel, number, velocity); seconds by the tempo of the file."""
    file = mido.MidiFile(file=BytesIO(data), charset="utf-8")
    assert file.type == 1
    (tempo,) = [message.tempo for message in file.tracks[0] if message.type == "set_tempo"]
    found = {}
    for track in file.tracks[1:]:
        now, on, done = 0, {}, []
        for message in track:
            now += message.time
            seconds = mido.tick2second(now, file.ticks_per_beat, tempo)
            if message.type == "note_on":
                assert (message.channel, message.note) not in on, "a note begins before it has ended"
                on[message.channel, message.note] = (seconds, message.velocity)
            elif message.type == "note_off":
                start, velocity = on.pop((message.channel, message.note))
                done.append((start, seconds, message.channel, message.note, velocity))
        assert not on
        assert track[-1].type == "end_of_track"
        found[track.name] = sorted(done)
    return found


TIMECODE = r"\d\d:[0-5]\d:[0-5]\d[:;]\d\d"
EDL_EVENT = re.compile(rf"(\d{{3,}})  (.{{8}}) (V    ) (C   )     ({TIMECODE}) ({TIMECODE}) ({TIMECODE}) ({TIMECODE})")
EDL_LOCATOR = re.compile(rf"\* LOC: ({TIMECODE}) (BLUE|RED) +([LR] \d+)")


def edl(data: bytes) -> tuple[str, str, list[tuple[str, ...]], list[tuple[str, ...]], list[str]]:
    """Title, kind of timecode, events, locators and names of clips; every line must be one of them."""
    lines = data.decode("ascii").split("\r\n")
    assert lines[0].startswith("TITLE: ")
    assert lines[1] in ("FCM: DROP FRAME", "FCM: NON-DROP FRAME")
    assert (lines[2], lines[-1]) == ("", "")
    events, locators, names = [], [], []
    for line, kind in zip(lines[3:-1], [0, 1, 2] * len(lines), strict=False):
        if kind == 0:
            event = EDL_EVENT.fullmatch(line)
            assert event, line
            events.append(event.groups())
        elif kind == 1:
            assert line.startswith("* FROM CLIP NAME: ")
            names.append(line.removeprefix("* FROM CLIP NAME: "))
        else:
            locator = EDL_LOCATOR.fullmatch(line)
            assert locator, line
            locators.append(locator.groups())
    return lines[0].removeprefix("TITLE: "), lines[1].removeprefix("FCM: "), events, locators, names


def counted(last: int, whole: int, dropped: int) -> list[str]:
    """The timecodes of frames 0..last, by counting up and leaving out what drop-frame leaves out."""
    codes, hours, minutes, seconds, frames = [], 0, 0, 0, 0
    for _ in range(last + 1):
        codes.append(f"{hours:02}:{minutes:02}:{seconds:02}{';' if dropped else ':'}{frames:02}")
        frames += 1
        if frames == whole:
            seconds, frames = seconds + 1, 0
        if seconds == 60:
            minutes, seconds = minutes + 1, 0
            frames = dropped if minutes % 10 else 0
        if minutes == 60:
            hours, minutes = hours + 1, 0
    return codes


def tokens(line: str) -> list[str]:
    """The words of a line of a Reaper project: bare, or in one of three quotes, without escapes."""
    found = re.findall(r""" *(?:"([^"]*)"|'([^']*)'|`([^`]*)`|([^ "'`]\S*))""", line)
    assert "".join(re.split(r""" *(?:"[^"]*"|'[^']*'|`[^`]*`|[^ "'`]\S*)""", line)) == "", line
    return ["".join(groups) for groups in found]


def rpp(data: bytes) -> list[Any]:
    """A Reaper project as nested lists: a block is [words of its first line, blocks and lines in it...]."""
    stack: list[list[Any]] = [[]]
    for line in data.decode().splitlines():
        stripped = line.strip()
        if stripped.startswith("<"):
            stack.append([tokens(stripped[1:])])
        elif stripped == ">":
            stack[-2].append(stack.pop())
        else:
            stack[-1].append(tokens(stripped))
    assert len(stack) == 1, "a block is not closed"
    (project,) = stack[0]
    assert project[0][0] == "REAPER_PROJECT"
    return list(project)


def blocks(within: list[Any], name: str) -> list[list[Any]]:
    return [each for each in within[1:] if isinstance(each[0], list) and each[0][0] == name]


def value(within: list[Any], name: str) -> str:
    (found,) = [each[1] for each in within[1:] if each[0] == name]
    return str(found)


def labels(data: bytes) -> list[tuple[float, float, str]]:
    found = []
    for line in data.decode().splitlines():
        match = re.fullmatch(r"(\d+\.\d{6})\t(\d+\.\d{6})\t([LR] \d+)", line)
        assert match, line
        found.append((float(match[1]), float(match[2]), match[3]))
    return found


READERS: dict[str, Any] = {
    "csv": lambda data: data.decode().splitlines()[1:],
    "json": lambda data: json.loads(data)["events"],
    "timecode": lambda data: data.decode().splitlines(),
    "midi": lambda data: [note for track in notes(data).values() for note in track],
    "edl": lambda data: edl(data)[2],
    "rpp": lambda data: [line for line in rpp(data) if line[0] == "MARKER"],
    "audacity": labels,
}
CONTACTS_ONLY = {"midi", "edl", "rpp", "audacity"}


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.5g}")
@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_holds_ten_steps_at_every_rate_and_none_where_there_are_none(name: str, rate: Fraction) -> None:
    assert READERS[name](written(name, [], clip(rate))) == []
    events = walk(10)
    assert len(READERS[name](written(name, events, clip(rate)))) == (10 if name in CONTACTS_ONLY else 20)
    times = np.arange(200) / float(rate)
    assert len(READERS[name](written(name, events, clip(rate, path=None, duration=None, times=times)))) >= 10


def test_every_format_has_a_file_of_its_own() -> None:
    files = [export.file for export in EXPORTS.values()]
    assert len(set(files)) == len(files)


def test_the_chosen_formats_are_written_and_others_are_not(tmp_path: Path) -> None:
    paths = write_exports(walk(3), clip(), tmp_path / "some" / "where", formats=["audacity", "csv"])
    assert [path.name for path in paths] == ["labels.txt", "events.csv"]
    assert {path.name for path in (tmp_path / "some" / "where").iterdir()} == {"labels.txt", "events.csv"}
    everything = write_exports(walk(3), clip(), tmp_path / "all")
    assert [path.name for path in everything] == [export.file for export in EXPORTS.values()]


def test_an_unknown_format_is_refused_with_the_choices_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown format of events 'aaf'; choose from: csv, json, timecode, midi"):
        write_exports(walk(3), clip(), tmp_path / "out", formats=["csv", "aaf"])
    assert not (tmp_path / "out").exists()


def test_a_detection_saves_every_format_and_the_table_is_as_always(tmp_path: Path) -> None:
    steps = (
        Footstep(0.52, "left", "heel_strike", 0.912, strength=0.62, person=2, x=0.25, y=0.98765, height=0.4321),
        Footstep(0.7804, "left", "toe_off", 0.8, person=2, inferred=True),
    )
    info = VideoInfo(320, 240, Fraction(25), 2.0, 50, False)
    statistics = {"people": {}, "steps": {"left": 1, "right": 0, "all": 1}}
    found = Detection(Path("walk.mp4"), info, np.arange(50) / 25, steps, (), statistics, ("dark",))
    folder = found.save(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {
        *(export.file for export in EXPORTS.values()),
        *("stats.json", "timeline.png"),
    }
    assert (folder / "events.csv").read_text() == (
        "frame,timecode,foot,event,time_seconds,confidence,person,strength,inferred,x,y,height\n"
        "13,00:00:00:13,left,heel_strike,0.52,0.912,2,0.62,false,0.25,0.9877,0.4321\n"
        "20,00:00:00:20,left,toe_off,0.7804,0.8,2,0.5,true,0.5,1.0,\n"
    )
    data = json.loads((folder / "events.json").read_text())
    assert data["events"] == found.rows()
    assert (data["source"], data["rate"], data["warnings"]) == ("walk.mp4", 25.0, ["dark"])
    assert tuple(data["events"][0]) == COLUMNS
    assert (folder / "timecode.txt").read_text() == (
        "00:00:00:13  heel_strike  left   person 2\n00:00:00:20  toe_off      left   person 2\n"
    )


@given(some.lists(some.integers(0, 20_000), min_size=1, max_size=30, unique=True), some.integers(0, 25_000))
def test_the_frame_of_an_event_is_the_nearest_one_where_the_rate_varies(moments: list[int], moment: int) -> None:
    times = np.array(sorted(moments)) / 1000
    assert clip(times=times).frame(moment / 1000) == int(np.abs(times - moment / 1000).argmin())


def test_without_times_frames_follow_the_rate() -> None:
    about = clip(NTSC)
    assert [about.frame(float(frame / NTSC) + 0.4 / 30) for frame in (0, 1, 1799, 1800)] == [0, 1, 1799, 1800]
    assert about.timecode(float(1800 / NTSC)) == "00:01:00;02"
    assert clip(NTSC, drop=False).timecode(float(1800 / NTSC)) == "00:01:00:00"


def test_a_clock_that_is_not_drop_frame_falls_behind_by_108_frames_an_hour() -> None:
    hour = float(107892 / NTSC)
    assert timecode(hour, NTSC) == timecode(hour, NTSC, drop=True) == "01:00:00;00"
    assert timecode(hour, NTSC, drop=False) == "00:59:56:12"


def test_drop_frame_timecode_at_25_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no drop-frame timecode at 25 frames a second, only at 29\.97 and 59\.94"):
        write_exports(walk(3), clip(drop=True), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# MIDI


def test_notes_of_two_hours_are_within_a_millisecond_and_keep_feet_and_strengths() -> None:
    events = walk(14_000, stride=0.5143)
    (track,) = notes(written("midi", events, clip(duration=7300.0))).values()
    expected = strikes(events)
    assert expected[-1].time > 7200
    assert len(track) == len(expected)
    for (start, end, channel, number, velocity), step in zip(track, expected, strict=True):
        assert start == pytest.approx(step.time, abs=0.0005)
        assert end == pytest.approx(step.time + 0.7 * 0.5143, abs=0.0005)
        assert (channel, number) == (0, {"left": 36, "right": 38}[step.foot])
        assert velocity == pytest.approx(1 + 126 * step.strength, abs=0.5)
    assert {velocity for *_, velocity in track} >= {1, 64, 127}


def test_each_person_has_a_track_and_a_channel_and_none_is_the_drum_kit() -> None:
    events = [step for person in range(3, 23) for step in walk(4, person=person, start=person / 7)]
    tracks = notes(written("midi", events, clip()))
    assert list(tracks) == [f"Person {person}" for person in range(3, 23)]
    channels = [{note[2] for note in track} for track in tracks.values()]
    assert channels[:15] == [{number} for number in range(16) if number != 9]
    assert channels[15:] == channels[:5]


def test_a_note_without_a_toe_off_is_short_and_ends_before_the_next() -> None:
    events = [
        Footstep(1.0, "left", "heel_strike", 0.9),
        Footstep(2.0, "left", "heel_strike", 0.9),
        Footstep(2.05, "left", "heel_strike", 0.9),
        Footstep(3.0, "right", "toe_off", 0.9),
        Footstep(4.0, "right", "heel_strike", 0.9),
        Footstep(4.0, "right", "heel_strike", 0.9),
        Footstep(5.0, "right", "heel_strike", 0.9),
        Footstep(5.0, "right", "toe_off", 0.9),
    ]
    (track,) = notes(written("midi", events, clip())).values()
    assert [(round(start, 2), round(end, 2), number) for start, end, _, number, _ in track] == [
        *((1.0, 1.1, 36), (2.0, 2.05, 36), (2.05, 2.15, 36)),
        *((4.0, 4.1, 38), (5.0, 5.0, 38)),
    ]
    assert track[-1][1] > track[-1][0]


def test_the_file_is_as_long_as_the_video_and_has_its_name() -> None:
    file = mido.MidiFile(file=BytesIO(written("midi", walk(2), clip(name="Zoë\n歩く.mov"))), charset="utf-8")
    assert file.tracks[0].name == "Zoë 歩く.mov"
    assert file.length == pytest.approx(60.0, abs=0.001)


def test_a_step_after_two_days_of_silence_is_at_its_time() -> None:
    file = written("midi", [Footstep(200_000.0, "left", "heel_strike", 0.9)], clip(duration=None))
    assert notes(file)["Person 1"][0][0] == pytest.approx(200_000.0, abs=0.001)


@given(some.lists(some.tuples(some.floats(0, 3), some.sampled_from(["left", "right"]), some.booleans()), max_size=30))
def test_notes_never_overlap_whatever_the_events(events: list[tuple[float, Any, bool]]) -> None:
    steps = [Footstep(time, foot, "heel_strike" if down else "toe_off", 1.0) for time, foot, down in events]
    for track in notes(written("midi", steps, clip())).values():
        by_number = defaultdict(list)
        for start, end, _, number, _ in track:
            assert end > start
            by_number[number].append((start, end))
        assert set(by_number) <= set(NOTES.values())
        assert all(before[1] <= after[0] for theirs in by_number.values() for before, after in pairwise(theirs))


# EDL


@pytest.mark.parametrize(
    ("rate", "whole", "dropped"),
    [(RATES[0], 24, 0), (RATES[1], 25, 0), (NTSC, 30, 2), (RATES[3], 50, 0), (RATES[4], 60, 4)],
    ids=lambda number: f"{float(number):.5g}",
)
def test_cuts_of_an_editing_list_last_a_frame_at_the_frame_of_the_strike(
    rate: Fraction, whole: int, dropped: int
) -> None:
    events = walk(1300, stride=0.5)  # past the tenth minute, and past event 999
    title, kind, cuts, locators, names = edl(written("edl", events, clip(rate)))
    assert (title, kind) == ("walk.mp4", "DROP FRAME" if dropped else "NON-DROP FRAME")
    assert set(names) == {"walk.mp4"}
    codes = counted(660 * whole, whole, dropped)
    times = np.arange(len(codes)) / float(rate)
    for number, (cut, locator, step) in enumerate(zip(cuts, locators, strikes(events), strict=True), start=1):
        frame = int(np.abs(times - step.time).argmin())
        assert cut[:4] == (f"{number:03}", "AX      ", "V    ", "C   ")
        assert cut[4:] == (codes[frame], codes[frame + 1]) * 2
        assert locator == (codes[frame], {"left": "BLUE", "right": "RED"}[step.foot], f"{step.foot[0].upper()} 1")
    assert cuts[998][0] == "999"
    assert cuts[999][0] == "1000"


def test_an_editing_list_at_29_97_without_drop_frame_says_so() -> None:
    events = [Footstep(float(1799 / NTSC), "right", "heel_strike", 0.9, person=3)]
    _, kind, (cut,), (locator,), _ = edl(written("edl", events, clip(NTSC, drop=False)))
    assert kind == "NON-DROP FRAME"
    assert cut[4:] == ("00:00:59:29", "00:01:00:00") * 2
    assert locator[2] == "R 3"
    _, kind, (cut,), _, _ = edl(written("edl", events, clip(NTSC)))
    assert cut[4:] == ("00:00:59;29", "00:01:00;02") * 2


# Reaper


def test_a_reaper_project_has_the_video_the_sounds_and_a_marker_for_each_strike() -> None:
    sounds = (Path("left foot.wav"), Path('/stems/it\'s "all".flac'))
    project = rpp(written("rpp", walk(4, person=2), clip(sounds=sounds)))
    markers = [line[1:4] for line in project if line[0] == "MARKER"]
    assert markers == [
        ["1", "1.000000", "L 2"],
        ["2", "1.512300", "R 2"],
        ["3", "2.024600", "L 2"],
        ["4", "2.536900", "R 2"],
    ]
    found = []
    for track in blocks(project, "TRACK"):
        (item,) = blocks(track, "ITEM")
        (source,) = blocks(item, "SOURCE")
        assert (value(item, "POSITION"), value(item, "LENGTH")) == ("0", "60.000000")
        found.append((value(track, "NAME"), source[0][1], value(source, "FILE")))
    assert found == [
        ("walk.mp4", "VIDEO", str(Path("/films/walk.mp4").absolute())),
        ("left foot.wav", "WAVE", "left foot.wav"),
        ('it\'s "all".flac', "FLAC", str(sounds[1])),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("walk.mp4", "walk.mp4"),
        ("two words.mp4", "two words.mp4"),
        ('a "quoted" one.mp4', 'a "quoted" one.mp4'),
        ("it's.mp4", "it's.mp4"),
        ("it's `all` fine.mp4", "it's `all` fine.mp4"),
        ('"it\'s" `all`.mp4', "\"it's\" 'all'.mp4"),  # Reaper has no way to write all three
        ("<TRACK\n>.mp4", "<TRACK >.mp4"),
    ],
)
def test_any_file_name_can_be_in_a_reaper_project(name: str, expected: str) -> None:
    (track,) = blocks(rpp(written("rpp", [], clip(name=name, path=Path("/a") / name))), "TRACK")
    assert value(track, "NAME") == expected
    (item,) = blocks(track, "ITEM")
    (source,) = blocks(item, "SOURCE")
    assert Path(value(source, "FILE")).name == expected


def test_a_folder_of_photos_is_no_track_of_a_reaper_project(tmp_path: Path) -> None:
    assert blocks(rpp(written("rpp", walk(2), clip(path=tmp_path))), "TRACK") == []
    assert blocks(rpp(written("rpp", walk(2), clip(path=None))), "TRACK") == []


def test_the_video_is_as_long_as_its_frames_where_its_header_does_not_say() -> None:
    (track,) = blocks(rpp(written("rpp", [], clip(duration=None, times=np.arange(50) / 25))), "TRACK")
    (item,) = blocks(track, "ITEM")
    assert value(item, "LENGTH") == "2.000000"


# Audacity


def test_labels_last_from_the_strike_to_the_toe_off_of_the_same_foot_of_the_same_person() -> None:
    events = [
        Footstep(1.0, "left", "heel_strike", 0.9),
        Footstep(1.1, "left", "toe_off", 0.9, person=2),
        Footstep(1.2, "right", "toe_off", 0.9),
        Footstep(1.5, "right", "heel_strike", 0.9),
        Footstep(1.6543211, "left", "toe_off", 0.9),
        Footstep(2.0, "left", "heel_strike", 0.9, person=2),
    ]
    assert labels(written("audacity", events, clip())) == [
        *((1.0, 1.654321, "L 1"), (1.5, 1.5, "R 1")),
        (2.0, 2.0, "L 2"),
    ]


def test_a_name_that_is_no_text_breaks_no_file(tmp_path: Path) -> None:
    name = "walk\udcff.mp4"  # as Python names a file whose name is not UTF-8
    paths = write_exports(walk(2), clip(name=name, path=Path("/films") / name), tmp_path)
    assert len(paths) == len(EXPORTS)
    assert b"/films/walk\xff.mp4" in (tmp_path / "events.rpp").read_bytes()
