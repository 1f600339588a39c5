"""Chunks with numbers: late, twice, out of order or never, and angles that are none. Nothing that came is lost."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as some

from perceptkit import audio
from perceptkit.audio.ordering import Chunk, Lost, Order
from perceptkit.errors import InputError

RATE = 16_000
SIZE = 1024  # samples of a chunk: 64 ms


class Clock:
    """Seconds, as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Recorded:
    """What is in the files of a recording."""

    data: bytes
    facts: dict[str, Any]
    log: list[str]
    gaps: tuple[audio.Gap, ...]

    @property
    def counts(self) -> dict[str, int]:
        return {kind: self.facts[f"{kind}_chunks"] for kind in ("duplicate", "late", "missing")}


def recorded(recorder: audio.Recorder) -> Recorded:
    recording = recorder.close()
    samples, _ = soundfile.read(recording.path, dtype="int16", always_2d=True)
    facts = json.loads(recording.path.with_suffix(".json").read_text())
    assert facts["samples"] == len(samples) == recording.samples
    log = recording.path.with_suffix(".csv").read_text().splitlines()
    assert log[0] == "timestamp,angle"
    return Recorded(samples.tobytes(), facts, log[1:], recording.gaps)


def chunk(number: int, size: int = 2 * SIZE) -> bytes:
    """Bytes that tell the number of their chunk, and are never zero."""
    return bytes([1 + number % 255, 1 + number // 255 % 255]) * (size // 2) + b"\x01" * (size % 2)


def chunks(numbers: Iterable[int | None], size: int = 2 * SIZE) -> bytes:
    """Chunks in a row; silence for None."""
    return b"".join(bytes(size) if number is None else chunk(number, size) for number in numbers)


def write_all(folder: Path, arrivals: Iterable[int], *, step: float = 0.0, **options: Any) -> Recorded:
    clock = Clock()
    recorder = audio.Recorder(folder / "a.wav", RATE, clock=clock, **options)
    for number in arrivals:
        recorder.write(chunk(number), seq=number)
        clock.now += step
    return recorded(recorder)


@some.composite
def shuffled(draw: some.DrawFn) -> tuple[int, list[int]]:
    """A first number, and the numbers from there in an order in which fewer than 8 come before their time."""
    first, length = draw(some.sampled_from([0, 1, 7, 65_530])), draw(some.integers(1, 40))
    delays = draw(some.lists(some.integers(0, 7), min_size=length, max_size=length))
    return first, [first + index for index in sorted(range(length), key=lambda index: index + delays[index])]


@settings(max_examples=25, deadline=None)
@example((0, [1, 2, 3, 4, 5, 6, 7, 0, 8]))
@example((5, [6, 7, 8, 9, 10, 11, 12, 5]))
@given(shuffled())
def test_chunks_that_come_in_any_order_within_the_window_are_put_in_order(drawn: tuple[int, list[int]]) -> None:
    first, arrivals = drawn
    with TemporaryDirectory() as folder:
        found = write_all(Path(folder), arrivals, step=0.03)
    assert found.data == chunks(range(first, first + len(arrivals)))
    assert found.counts == {"duplicate": 0, "late": 0, "missing": 0}
    assert found.gaps == ()


def put_all(order: Order, arrivals: Sequence[int], clock: Clock, steps: Iterable[float]) -> list[int | None]:
    """The numbers that come out, each the first byte of its chunk; None for one that is lost."""
    given_out: list[Chunk | Lost] = []
    for number, step in zip(arrivals, steps, strict=False):
        given_out += order.put(Chunk(bytes([number]) * 10), number)
        clock.now += step
    given_out += order.flush()
    found: list[int | None] = []
    for piece in given_out:
        found += [piece.data[0]] if isinstance(piece, Chunk) else [None] * (piece.size // 10)
    return found


@settings(max_examples=200, deadline=None)
@given(
    some.lists(some.integers(0, 60), max_size=80),
    some.lists(some.sampled_from([0, 0.1, 0.3]), min_size=80),
    some.data(),
)
def test_whatever_comes_every_number_is_in_its_place_and_all_are_counted(
    arrivals: list[int], steps: list[float], data: some.DataObject
) -> None:
    clock = Clock()
    order = Order(rate=1000, clock=clock)
    found = put_all(order, arrivals, clock, steps)
    there = [number for number in found if number is not None]
    assert there == sorted(set(there))
    if found:
        assert found[0] is not None
        assert [found[0] + place if number is not None else None for place, number in enumerate(found)] == found
    assert order.missing == found.count(None)
    assert len(there) + order.duplicates + order.late == len(arrivals)
    if min(arrivals, default=0) in there:  # else the first ones were given up, before anybody knew of them
        assert order.duplicates == len(arrivals) - len(set(arrivals))


@settings(max_examples=100, deadline=None)
@given(some.lists(some.integers(0, 30), max_size=60))
def test_without_a_missing_chunk_nothing_is_silence_however_often_each_comes(extra: list[int]) -> None:
    arrivals = sorted([*range(31), *extra])
    order = Order(rate=1000, clock=Clock())
    assert put_all(order, arrivals, Clock(), count(0, 0)) == list(range(31))
    assert (order.duplicates, order.late, order.missing) == (len(extra), 0, 0)


def test_a_chunk_that_comes_twice_is_recorded_once(tmp_path: Path) -> None:
    found = write_all(tmp_path, [0, 1, 1, 2, 0, 4, 4, 3, 5])
    assert found.data == chunks(range(6))
    assert found.counts == {"duplicate": 3, "late": 0, "missing": 0}


def test_a_missing_chunk_is_silence_of_its_length_and_said(tmp_path: Path) -> None:
    found = write_all(tmp_path, [0, 1, *range(3, 15)])
    assert found.data == chunks([0, 1, None, *range(3, 15)])
    assert found.counts == {"duplicate": 0, "late": 0, "missing": 1}
    assert found.gaps == (audio.Gap(2 * SIZE / RATE, SIZE, "missing"),)
    assert found.facts["gap_count"] == 1
    assert found.facts["gaps"] == [{"time": 0.128, "samples": 1024, "reason": "missing"}]
    assert found.facts["state"] == "complete"


def test_a_missing_chunk_can_be_left_out_and_all_that_came_is_kept(tmp_path: Path) -> None:
    found = write_all(tmp_path, [0, 1, 3, 4, 9, 10], gap="skip")
    assert found.data == chunks([0, 1, 3, 4, 9, 10])
    assert found.counts == {"duplicate": 0, "late": 0, "missing": 5}
    assert found.gaps == (audio.Gap(0.128, 0, "missing"), audio.Gap(0.256, 0, "missing"))


def test_a_chunk_is_waited_for_until_eight_others_are_there(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "8").mkdir()
    assert write_all(tmp_path / "7", [0, *range(2, 9), 1, 9]).data == chunks(range(10))
    late = write_all(tmp_path / "8", [0, *range(2, 10), 1, 10])
    assert late.data == chunks([0, None, *range(2, 11)])
    assert late.counts == {"duplicate": 0, "late": 1, "missing": 1}


def test_a_chunk_is_waited_for_until_another_has_waited_a_quarter_of_a_second(tmp_path: Path) -> None:
    for name, waited, expected in (("short", 0.2, chunks(range(4))), ("long", 0.26, chunks([0, None, 2, 3]))):
        clock = Clock()
        recorder = audio.Recorder(tmp_path / name, RATE, clock=clock)
        recorder.write(chunk(0), seq=0)
        recorder.write(chunk(2), seq=2)
        clock.now += waited
        recorder.write(chunk(3), seq=3)
        recorder.write(chunk(1), seq=1)
        found = recorded(recorder)
        assert found.data == expected
        assert found.counts["late"] == (waited > 0.25)


def test_a_chunk_from_before_the_first_that_was_recorded_is_late_and_no_duplicate(tmp_path: Path) -> None:
    clock = Clock()
    recorder = audio.Recorder(tmp_path / "a.wav", RATE, clock=clock)
    recorder.write(chunk(3), seq=3)
    clock.now += 0.3
    recorder.write(chunk(4), seq=4)
    recorder.write(chunk(2), seq=2)
    recorder.write(chunk(2), seq=2)
    found = recorded(recorder)
    assert found.data == chunks([3, 4])
    assert found.counts == {"duplicate": 1, "late": 1, "missing": 0}


def test_a_clock_that_goes_back_loses_nothing(tmp_path: Path) -> None:
    clock = Clock()
    recorder = audio.Recorder(tmp_path / "a.wav", RATE, clock=clock)
    for number in (0, 2, 1, 3, 5, 4):
        recorder.write(chunk(number), seq=number)
        clock.now -= 3600
    assert recorded(recorder).data == chunks(range(6))


# Bytes that end anywhere


@settings(max_examples=25, deadline=None)
@given(
    some.lists(some.integers(0, 300), max_size=30),
    some.sampled_from([("PCM_16", 1), ("PCM_24", 1), ("PCM_16", 3)]),
    some.booleans(),
)
def test_chunks_may_be_cut_at_any_byte(sizes: list[int], form: tuple[str, int], numbered: bool) -> None:
    subtype, channels = form
    data = np.random.default_rng(0).bytes(sum(sizes))
    with TemporaryDirectory() as folder:
        recorder = audio.Recorder(Path(folder) / "a.wav", 8000, channels, subtype)
        at = 0
        for number, size in enumerate(sizes):
            recorder.write(data[at : at + size], seq=number if numbered else None)
            at += size
        recording = recorder.close()
        frame = channels * (3 if subtype == "PCM_24" else 2)
        assert recording.samples == len(data) // frame
        stored = recording.path.read_bytes()
        start = stored.index(b"data") + 8
        assert stored[start : start + recording.samples * frame] == data[: recording.samples * frame]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1023])
@pytest.mark.parametrize("lost", [{4}, {4, 5, 6}, {1, 3, 9, 11}])
def test_chunks_of_odd_sizes_that_are_missing_leave_the_others_in_their_place(
    size: int, lost: set[int], tmp_path: Path
) -> None:
    data = np.random.default_rng(size).integers(1, 256, 20 * size, dtype=np.uint8).tobytes()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    expected = b"".join(bytes(size) if number in lost else piece for number, piece in enumerate(pieces))
    frames = {expected[at : at + 4] for at in range(0, len(data) - 3, 4)}
    for gap in ("silence", "skip"):
        recorder = audio.Recorder(tmp_path / gap, RATE, 2, gap=gap)
        for number, piece in enumerate(pieces):
            if number not in lost:
                recorder.write(piece, seq=number)
        found = recorded(recorder)
        assert found.counts == {"duplicate": 0, "late": 0, "missing": len(lost)}
        if gap == "silence":
            assert found.data == expected[: len(expected) // 4 * 4]
        else:  # what is left of a sample frame that is cut off is left out; others are whole
            assert {found.data[at : at + 4] for at in range(0, len(found.data), 4)} <= frames
            assert len(found.data) >= len(data) - len(lost) * (size + 6)


# Numbers that are wrong


def test_chunks_without_a_number_follow_what_is_there(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    recorder.write(chunk(100))
    for number in (0, 1, 3):
        recorder.write(chunk(number), seq=number)
    recorder.write(chunk(101))
    recorder.write(chunk(2), seq=2)
    recorder.write(chunk(4), seq=4)
    found = recorded(recorder)
    assert found.data == chunks([100, 0, 1, None, 3, 101, 4])
    assert found.counts == {"duplicate": 0, "late": 1, "missing": 1}


@settings(max_examples=20, deadline=None)
@given(some.lists(some.one_of(some.none(), some.integers(0, 50)), max_size=50))
def test_with_and_without_numbers_every_chunk_is_recorded_or_counted(arrivals: list[int | None]) -> None:
    with TemporaryDirectory() as folder:
        recorder = audio.Recorder(Path(folder) / "a.wav", RATE, clock=Clock())
        for number in arrivals:
            recorder.write(chunk(200 if number is None else number, 20), seq=number)
        found = recorded(recorder)
    pieces = Counter(found.data[at] for at in range(0, len(found.data), 20))
    assert pieces[0] == found.counts["missing"]
    assert pieces[201] == arrivals.count(None)
    assert pieces.total() - pieces[0] + found.counts["duplicate"] + found.counts["late"] == len(arrivals)


@pytest.mark.parametrize("anew", [0, 1, 700_000])
def test_a_sender_that_begins_to_count_anew_loses_nothing(anew: int, tmp_path: Path) -> None:
    found = write_all(tmp_path, [*range(100_000, 100_020), *range(anew, anew + 20)], step=0.064)
    assert found.data == chunks([*range(100_000, 100_020), *range(anew, anew + 20)])
    assert found.counts == {"duplicate": 0, "late": 0, "missing": 0}
    assert found.gaps == (audio.Gap(20 * SIZE / RATE, 0, "missing"),)


def test_a_counter_of_16_bits_that_runs_over_loses_nothing(tmp_path: Path) -> None:
    numbers = [number % 65_536 for number in range(65_500, 65_580)]
    assert write_all(tmp_path, numbers, step=0.064).data == chunks(numbers)


def test_a_sender_that_begins_anew_in_its_first_minute_loses_nothing(tmp_path: Path) -> None:
    clock = Clock()
    recorder = audio.Recorder(tmp_path / "a.wav", RATE, clock=clock)
    for life in (0, 50):
        for number in range(20):
            recorder.write(chunk(life + number), seq=number)
            clock.now += 0.064
    assert recorded(recorder).data == chunks([*range(20), *range(50, 70)])


def test_one_wrong_number_far_off_costs_its_own_chunk_and_no_other(tmp_path: Path) -> None:
    for name, wrong in (("high", 10**12), ("highest", 2**63)):
        (tmp_path / name).mkdir()
        found = write_all(tmp_path / name, [*range(10), wrong, *range(11, 40)], step=0.064)
        assert found.data == chunks([*range(10), None, *range(11, 40)])
        assert found.counts == {"duplicate": 0, "late": 1, "missing": 1}


def test_one_wrong_number_nearby_costs_its_own_chunk_and_no_other(tmp_path: Path) -> None:
    clock = Clock()
    recorder = audio.Recorder(tmp_path / "a.wav", RATE, clock=clock)
    for number in range(100):
        recorder.write(chunk(number), seq=number + 64 if number == 5 else number)  # one bit of it fell over
        clock.now += 0.064
    found = recorded(recorder)
    assert len(found.data) == 100 * 2 * SIZE
    heard = {found.data[at : at + 2] for at in range(0, len(found.data), 2 * SIZE)}
    assert heard >= {chunk(number, 2) for number in range(100) if number not in (5, 69)}


def test_a_wrong_number_at_the_very_beginning_costs_its_own_chunk_and_no_other(tmp_path: Path) -> None:
    found = write_all(tmp_path, [10**9, *range(1, 30)], step=0.01)
    assert found.data == chunks(range(1, 30))
    assert found.counts == {"duplicate": 0, "late": 1, "missing": 0}


@pytest.mark.parametrize("number", [-1, 1.0, "1", True, math.nan, b"1"])
def test_a_number_that_is_none_is_refused_and_the_recording_goes_on(number: Any, tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    recorder.write(chunk(0), seq=0)
    with pytest.raises(InputError, match=r"seq is .*; give a whole number from 0"):
        recorder.write(np.full(SIZE, 2.0), angle=math.nan, seq=number)
    recorder.write(chunk(1), seq=1)
    found = recorded(recorder)
    assert found.data == chunks(range(2))
    assert (found.facts["clipped_samples"], found.facts["refused_angles"]) == (0, 0)  # of what was not taken


def test_numbers_may_be_those_of_numpy(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    for number in np.array([0, 2, 1]):
        recorder.write(chunk(int(number)), seq=number)
    assert recorded(recorder).data == chunks(range(3))


def test_what_waits_for_a_chunk_that_never_comes_is_recorded_when_the_recorder_is_closed(tmp_path: Path) -> None:
    found = write_all(tmp_path, [0, 2, 3, 6])
    assert found.data == chunks([0, None, 2, 3, None, None, 6])
    assert found.counts == {"duplicate": 0, "late": 0, "missing": 3}


def test_what_waits_for_another_chunk_is_safe_though_none_comes_any_more(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    recorder.write(chunk(0), seq=0)
    recorder.write(chunk(2), seq=2)
    part = tmp_path / "a.wav.part"
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and not part.read_bytes().endswith(chunk(2)):
        time.sleep(0.05)
    safe = part.read_bytes()
    assert recorded(recorder).data == chunks([0, None, 2])
    assert safe.endswith(chunk(2))


# Angles


@pytest.mark.parametrize(
    ("angle", "logged"),
    [
        (45.5, "45.50"),
        (0, "0.00"),
        (-0.001, "0.00"),
        (270, "270.00"),
        (-180, "-180.00"),
        (359.99, "359.99"),
        (359.999, "0.00"),
        (360, "0.00"),
        (725, "5.00"),
        (-725, "-5.00"),
        (1e15, None),
        (np.float32(45.5), "45.50"),
        (np.int16(-90), "-90.00"),
        (Fraction(91, 2), "45.50"),
    ],
)
def test_an_angle_is_logged_as_it_was_said_and_one_of_a_turn_or_more_within_the_range(
    angle: Any, logged: str | None, tmp_path: Path
) -> None:
    for name, use in (("write", True), ("set", False)):
        recorder = audio.Recorder(tmp_path / name, RATE)
        if not use:
            recorder.set_angle(angle)
        recorder.write(chunk(0), angle if use else None)
        found = recorded(recorder)
        assert found.data == chunks([0])
        (line,) = found.log
        if logged is None:
            assert -180 <= float(line.split(",")[1]) < 180
        else:
            assert line == f"0.000,{logged}"
        assert found.facts["refused_angles"] == 0


NO_ANGLES = [math.nan, math.inf, -math.inf, "45.5", True, np.bool_(True), [], 1j, 10**400, Decimal("45.5"), b"\x01"]


@pytest.mark.parametrize("angle", NO_ANGLES, ids=lambda angle: repr(angle)[:12])
def test_an_angle_that_is_no_number_is_left_out_counted_and_said_once_and_the_sound_is_kept(
    angle: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    with caplog.at_level(logging.WARNING, "perceptkit"):
        for number, each in enumerate([30.0, angle, None, angle, 40.0]):
            recorder.write(chunk(number), each)
    found = recorded(recorder)
    assert found.data == chunks(range(5))
    assert found.log == ["0.000,30.00", "0.256,40.00"]
    assert (found.facts["angles"], found.facts["refused_angles"]) == (2, 2)
    (said,) = caplog.messages
    assert "give a finite number; it is left out, and so are others like it" in said


@pytest.mark.parametrize("angle", [*NO_ANGLES, None], ids=lambda angle: repr(angle)[:12])
def test_set_angle_refuses_what_is_no_number_and_the_direction_before_holds(angle: Any, tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    recorder.set_angle(12)
    with pytest.raises(InputError, match=r"angle is .*; give a finite number"):
        recorder.set_angle(angle)
    recorder.write(chunk(0))
    found = recorded(recorder)
    assert found.log == ["0.000,12.00"]
    assert found.facts["refused_angles"] == 0


def test_an_angle_goes_with_its_chunk_to_where_the_chunk_belongs(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE, clock=Clock())
    for number in (0, 3, 2, 1, 1, 5, 4, 7):
        recorder.write(chunk(number), angle=10.0 * number, seq=number)
    found = recorded(recorder)
    assert found.log == [f"{number * SIZE / RATE:.3f},{10 * number:.2f}" for number in (0, 1, 2, 3, 4, 5, 7)]
    assert found.data == chunks([0, 1, 2, 3, 4, 5, None, 7])


def test_an_angle_holds_from_the_sample_in_which_its_bytes_begin(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", 1000)
    recorder.write(bytes(5), angle=1)
    recorder.write(bytes(5), angle=2)
    recorder.write(b"", angle=3)
    recorder.write(bytes(4), angle=4)
    recorder.set_angle(5)
    recorder.set_angle(6)
    recorder.write(bytes(2))
    assert recorded(recorder).log == ["0.000,1.00", "0.002,2.00", "0.005,4.00", "0.007,6.00"]


def test_of_elevations_only_those_asked_for_are_kept(tmp_path: Path) -> None:
    recorder = audio.Recorder(tmp_path / "a.wav", RATE)
    with pytest.raises(InputError, match="keeps no elevation; ask for it"):
        recorder.write(chunk(0), 10, 20)
    recorder.close()
    with audio.Recorder(tmp_path / "b.wav", RATE, columns=["sample", "elevation"]) as recorder:
        recorder.write(chunk(0), 10, 20)
        recorder.write(chunk(1), 11)
        recorder.write(chunk(2), 12, 91)
        recorder.write(chunk(3), 13, math.nan)
    lines = (tmp_path / "b.csv").read_text().splitlines()
    assert lines == ["timestamp,angle,elevation,sample", "0.000,10.00,20.00,0", "0.064,11.00,,1024"]
    facts = json.loads((tmp_path / "b.json").read_text())
    assert (facts["angles"], facts["refused_angles"], facts["samples"]) == (2, 2, 4 * SIZE)
