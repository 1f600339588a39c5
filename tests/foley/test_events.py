"""Footsteps read back from files that people have edited, and what is said of files that cannot be used."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from perceptkit.errors import InputError
from perceptkit.foley import Footstep
from perceptkit.foley.events import moved, read_events
from perceptkit.foley.exports import EXPORTS, Clip

HEADER = "frame,timecode,foot,event,time_seconds,confidence,person,strength,inferred,x,y,height\n"
CLIP = Clip("walk.mp4", Path("walk.mp4"), Fraction(30000, 1001), duration=60.0, warnings=("it is dark",))
STEPS = [
    Footstep(0.0, "left", "heel_strike", 0.912, strength=0.62, person=2, x=0.25, y=0.9876, height=0.4321),
    Footstep(0.7804, "left", "toe_off", 0.8, person=2, inferred=True, x=0.0),
    Footstep(0.7804, "right", "heel_strike", 1e-05, strength=1.0),
    Footstep(59.1, "right", "toe_off", 1.0, strength=0.0, person=13, height=1.25),
]

Write = Callable[[str], Path]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "events.csv"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return path

    return write


@pytest.mark.parametrize("name", ["csv", "json"])
@pytest.mark.parametrize("steps", [STEPS, []], ids=["some", "none"])
def test_what_is_saved_is_read_back_and_saved_again_byte_for_byte(
    name: str, steps: list[Footstep], tmp_path: Path
) -> None:
    path = tmp_path / EXPORTS[name].file
    path.write_bytes(EXPORTS[name].content(steps, CLIP))
    found = read_events(path)
    assert found == steps
    assert EXPORTS[name].content(found, CLIP) == path.read_bytes()


def test_lines_may_be_deleted_added_and_moved_in_time(table: Write) -> None:
    lines = EXPORTS["csv"].content(STEPS, CLIP).decode().splitlines(keepends=True)
    lines[2] = lines[2].replace("0.7804", "3.5")  # frame and timecode are as they were
    found = read_events(table("".join([lines[0], lines[4], lines[2]]) + ",,R,strike,2.25,,,,,,,\n"))
    assert [(step.time, step.foot, step.event, step.person) for step in found] == [
        (2.25, "right", "heel_strike", 1),
        (3.5, "left", "toe_off", 2),
        (59.1, "right", "toe_off", 13),
    ]


def test_a_time_and_a_foot_are_enough(table: Write) -> None:
    assert read_events(table("time,foot\n1.25,left\n")) == [
        Footstep(1.25, "left", "heel_strike", 1.0, strength=0.5, person=1, x=0.5, y=1.0, inferred=False, height=None)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "time_seconds,foot\n1.5,left\n.5,right\n",
        "time_seconds;foot\n1.5;left\n.5;right\n",
        "time_seconds\tfoot\n1.5\tleft\n.5\tright\n",
        "\ufefftime_seconds,foot\r\n1.5,left\r\n.5,right\r\n",
        "time_seconds,foot\r1.5,left\r.5,right\r",
        '"time_seconds";"foot"\n"1.5";"left"\n"0.50";"right"\n',
        " Time Seconds , FOOT ,note,with;semicolons;\n 1.5 , LEFT ,a;b;c;d\n5e-1,r,\n",
        "\n\ntime_seconds,foot,,,\n,,,,\n1.5,L,,,\n\n0.5,Right,,,\n,,,,\n",
        "Foot,Time,time_seconds\nleft,99,1.5\nright,98,+0.5",
        ',time,foot,"a ""note""\nof two lines"\n0,1.5,left,x\n1,0.5,right,"y\nz"\n',
    ],
)
def test_what_spreadsheets_and_people_write_is_understood(text: str, table: Write) -> None:
    assert [(step.time, step.foot) for step in read_events(table(text))] == [(0.5, "right"), (1.5, "left")]


@pytest.mark.parametrize(
    ("word", "event"),
    [
        *(("heel_strike", "heel_strike"), ("Heel Strike", "heel_strike"), ("strike", "heel_strike")),
        *(("HS", "heel_strike"), ("", "heel_strike"), ("toe_off", "toe_off"), ("Toe-off", "toe_off")),
        *(("off", "toe_off"), ("TO", "toe_off")),
    ],
)
def test_events_have_the_names_that_people_give_them(word: str, event: str, table: Write) -> None:
    assert [step.event for step in read_events(table(f"time,foot,event\n1,left,{word}\n"))] == [event]


def test_truths_and_numbers_as_spreadsheets_write_them(table: Write) -> None:
    text = "time,foot,inferred,person,confidence\n1,left,TRUE,2.0,1\n2,left,0,3,0\n3,left,No,,\n"
    found = read_events(table(text))
    assert [(step.inferred, step.person, step.confidence) for step in found] == [
        (True, 2, 1),
        (False, 3, 0),
        (False, 1, 1),
    ]


def test_a_header_without_lines_is_no_events(table: Write) -> None:
    assert read_events(table(HEADER)) == []
    assert read_events(table("time;foot")) == []


SECONDS = "not seconds from the start of the video, from 0 to a day; write it like 12.5, with a point"
SHARE = "not a number from 0 to 1; write it like 0.5, with a point"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "events.csv is empty; its first line must name the columns, like: time_seconds,foot"),
        (" \r\n\n\t", "events.csv is empty"),
        ("\ufeff", "events.csv is empty"),
        (",,\n,,\n", "events.csv is empty"),
        ("1.5,left\n2.5,right\n", "events.csv, line 1: there is no header; the first line must name the columns"),
        ("time,side\n1,left\n", "line 1: there is no column named foot; add it"),
        ("\nfoot,frame\nleft,3\n", "line 2: there is no column named time_seconds; add it"),
        ("event,frame\nstrike,3\n", "line 1: there is no column named time_seconds and none named foot; add it"),
        ("time,Foot,foot\n1,left,left\n", "line 1: two columns are named Foot; delete one of them"),
        ("time,foot\n1,left\n\nnan,left\n", f"line 4, column time: 'nan' is {SECONDS}"),
        ("time_seconds,foot\ninf,left\n", f"line 2, column time_seconds: 'inf' is {SECONDS}"),
        ("time,foot\n-0.1,left\n", f"column time: '-0.1' is {SECONDS}"),
        ("time,foot\n1e999,left\n", f"column time: '1e999' is {SECONDS}"),
        ("time,foot\n90000,left\n", f"column time: '90000' is {SECONDS}"),
        ("time,foot\n00:00:01:12,left\n", f"column time: '00:00:01:12' is {SECONDS}"),
        ("time;foot\n1,5;left\n", f"column time: '1,5' is {SECONDS}"),
        ("time,foot\n1_000,left\n", f"column time: '1_000' is {SECONDS}"),
        ("time,foot\n,left\n", f"line 2, column time: an empty cell is {SECONDS}"),
        ("time,foot\n1,5,left\n", "line 2: 3 cells under 2 columns; write decimals with a point"),
        ("time,foot\n1,middle\n", "line 2, column foot: 'middle' is not a foot; write left or right"),
        ("time,foot\n1\n", "line 2, column foot: an empty cell is not a foot; write left or right"),
        ("time,foot,event\n1,l,jump\n", "column event: 'jump' is not an event; write heel_strike or toe_off"),
        ("time,foot,confidence\n1,l,1.01\n", f"column confidence: '1.01' is {SHARE}"),
        ("time,foot,strength\n1,l,-0.1\n", f"column strength: '-0.1' is {SHARE}"),
        ("time,foot,x\n1,l,640\n", f"column x: '640' is {SHARE}"),
        ("time,foot,y\n1,l,low\n", f"column y: 'low' is {SHARE}"),
        ("time,foot,height\n1,l,-1\n", "column height: '-1' is not a share of the height of the picture"),
        ("time,foot,person\n1,l,1.5\n", "column person: '1.5' is not the number of a person; write 1 to 65534"),
        ("time,foot,person\n1,l,0\n", "column person: '0' is not the number of a person"),
        ("time,foot,person\n1,l,Anna\n", "column person: 'Anna' is not the number of a person"),
        ("time,foot,inferred\n1,l,maybe\n", "column inferred: 'maybe' is not true or false; write one of them"),
        ('time,foot\n1,left\n2,"left\n3,right\n', "line 3: this is no CSV (unexpected end of data); check the quotes"),
        ("time,foot\n1,left\n2,l\udcfcnks\n", "line 3: this is not UTF-8; save the file as CSV UTF-8"),
        ("time,foot,note\n1,left," + 200_000 * "a", "line 2: this is no CSV (field larger than field limit"),
        ("<!DOCTYPE html><html></html>", "events.csv is an HTML page, not a list of footsteps"),
    ],
)
def test_what_cannot_be_used_is_refused_by_line_and_column_with_what_to_do(
    text: str, message: str, table: Write
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_events(table(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "events.json, line 1, column 2: this is no JSON"),
        ('{"events": [\n1,\n]}', "events.json, line 3, column 1: this is no JSON"),
        ("[]", 'events.json is no list of footsteps; it must be {"events": [...]}, as in an events.json'),
        ("{}", "events.json is no list of footsteps"),
        ('{"events": {"time": 1}}', "events.json is no list of footsteps"),
        ('{"events": [3]}', 'event 1: this is no event; write {"time_seconds": 1.25, "foot": "left"}'),
        ('{"events": [{"time": 1, "foot": "left"}, {"time": 1}]}', "event 2: there is no value named foot; add it"),
        ('{"events": [{"time": NaN, "foot": "left"}]}', f"event 1, column time: 'nan' is {SECONDS}"),
        ('{"events": [{"time": true, "foot": "left"}]}', f"event 1, column time: 'True' is {SECONDS}"),
        ('{"events": [{"time": [1], "foot": "left"}]}', f"event 1, column time: '[1]' is {SECONDS}"),
        ('{"events": [{"time": null, "foot": "left"}]}', f"event 1, column time: an empty cell is {SECONDS}"),
        ("[" * 100_000, "events.json is no JSON that can be read"),
        ("9" * 5_000, "events.json is no JSON that can be read"),
        ("time,foot\n1,left\n", "events.json, line 1, column 1: this is no JSON"),
    ],
)
def test_a_document_that_holds_no_events_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "events.json").write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        read_events(tmp_path / "events.json")


def test_a_document_is_one_whatever_its_name_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(json.dumps({"events": [{"Time": 1, "foot": "L", "person": 2, "x": None}]}))
    assert read_events(tmp_path / "mine.txt") == [Footstep(1.0, "left", "heel_strike", 1.0, person=2)]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypisom\0\0\x02\0", "a video (MP4 or MOV)"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "a video (Matroska or WebM)"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),  # as .xlsx is
        ("time,foot".encode("utf-16"), "a file of unknown type"),
    ],
)
def test_a_video_a_photo_or_a_workbook_is_refused_as_what_it_is(head: bytes, kind: str, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_bytes(head + bytes(100))
    with pytest.raises(InputError, match=re.escape(f"is {kind}, not a list of footsteps; give an events.csv")):
        read_events(tmp_path / "events.csv")


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*nothing\.csv"):
        read_events(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="no such file"):
        read_events(tmp_path)


def test_files_of_more_than_a_gigabyte_or_ten_million_lines_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(1_000_000_001)  # nothing of it is on the disk
    with pytest.raises(InputError, match="has 1,000,000,001 bytes, and lists of footsteps at most 1,000,000,000"):
        read_events(tmp_path / "large.csv")
    (tmp_path / "long.csv").write_bytes(b"time,foot" + 10_000_001 * b"\n")
    with pytest.raises(InputError, match=r"has 10,000,001 lines, and lists of footsteps at most 10,000,000"):
        read_events(tmp_path / "long.csv")


CELLS = some.sampled_from(
    [
        "time_seconds",
        "time",
        "foot",
        "event",
        "person",
        "1.5",
        "0",
        "-1",
        "nan",
        "left",
        "R",
        "HS",
        "",
        '"',
        "\ufeff",
        "٣",
    ]
)


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@given(
    some.one_of(
        some.binary(),
        some.text(),
        some.text().map(lambda text: "time,foot\n" + text),
        some.lists(some.lists(CELLS, max_size=5).map(",".join)).map("\n".join),
        some.lists(some.lists(CELLS, max_size=3).map(",".join)).map(lambda lines: "\n".join(["time,foot", *lines])),
        some.dictionaries(CELLS, some.one_of(CELLS, some.floats(), some.none(), some.integers())).map(
            lambda event: json.dumps({"events": [event]})
        ),
    ),
    some.sampled_from([".csv", ".json"]),
)
@example("{" + '"a":[' * 5000, ".csv")
def test_random_text_is_read_or_refused_and_never_a_crash(anywhere: Path, text: str | bytes, suffix: str) -> None:
    path = anywhere / f"events{suffix}"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        found = read_events(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017 - both ends are right
    else:
        assert all(math.isfinite(step.time) and step.time >= 0 for step in found)
        assert found == sorted(found, key=lambda step: step.time)


def test_moved_events_keep_all_but_their_time_and_none_is_before_the_start() -> None:
    assert moved(STEPS, 0.0) == STEPS
    later = moved(STEPS, 1.5)
    assert [step.time for step in later] == [1.5, 2.2804, 2.2804, 60.6]
    assert (later[0].foot, later[0].strength, later[0].height) == ("left", 0.62, 0.4321)
    assert [step.time for step in moved(STEPS, -0.7804)] == [0.0, 0.0, 58.3196]
    assert moved([Footstep(0.3, "left", "heel_strike", 1.0)], -0.1 - 0.2)[0].time == 0.0


@pytest.mark.parametrize("seconds", [math.nan, math.inf])
def test_events_are_not_moved_by_what_is_no_number(seconds: float) -> None:
    with pytest.raises(InputError, match=r"events cannot be moved by (nan|inf) seconds; give a number"):
        moved(STEPS, seconds)
