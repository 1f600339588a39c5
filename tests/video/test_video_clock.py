"""Timestamps begin where the file does and increase, whatever the file says."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from av.packet import Packet

from perceptkit.video.timing import Clock

MS = Fraction(1, 1000)


def clock(form: str = "matroska,webm", start: float = 0.0, **options: Any) -> Clock:
    """A clock of 25 frames a second in milliseconds, of a file that begins at `start` seconds."""
    container: Any = SimpleNamespace(start_time=round(start * 1_000_000), format=SimpleNamespace(name=form))
    return Clock(container, MS, 0.04, **options)


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 40, 80, 1000, 1001], [0, 40, 80, 1000, 1001]),
        ([None, None, None], [0, 40, 80]),
        ([0, 40, None, 120], [0, 40, 80, 120]),
        ([0, 40, None, None, 100], [0, 40, 80, 120, 121]),
        ([0, 40, 40, 80], [0, 40, 41, 80]),
        ([0, 40, 20, 30, 41, 80], [0, 40, 41, 42, 43, 80]),
        ([0, 40, 960, 0, 40], [0, 40, 960, 961, 962]),
        ([0, 40, 1500, 0, 40, 80], [0, 40, 1500, 1540, 1580, 1620]),
        ([0, 40, 1500, 0, 1500, 0], [0, 40, 1500, 1540, 3040, 3080]),
        ([0, 40, 60_000, 60_040], [0, 40, 60_000, 60_040]),
        ([500, 540], [500, 540]),
        ([20_000, 20_040], [20_000, 20_040]),
    ],
    ids=str,
)
def test_stamps_increase(stamps: list[int | None], times: list[int]) -> None:
    for each in (clock(), clock(earliest=0)):
        assert [each.at(stamp) for stamp in stamps] == times


def test_stamps_begin_where_the_file_does() -> None:
    later = clock(start=1.4)
    assert [later.at(stamp) for stamp in (1400, 1440, None)] == [0, 40, 80]
    # What begins before the file does (the priming of a codec) is not moved, unless it is to be shown.
    assert [clock(start=-0.02).at(stamp) for stamp in (-20,)] == [-20]
    assert [clock(earliest=0).at(stamp) for stamp in (-20,)] == [0]


def test_broadcast_may_jump_forth() -> None:
    stamps = [0, 40, 9000, 80_000, 80_040, 9120]
    broadcast = clock("mpegts")
    assert [broadcast.at(stamp) for stamp in stamps] == [0, 40, 9000, 9040, 9080, 9120]
    # But it may begin when it likes.
    assert [clock("mpegts").at(stamp) for stamp in (80_000,)] == [80_000]


def test_least_step() -> None:
    stepping = clock(step=Fraction(5, 2000))
    assert [stepping.at(stamp) for stamp in (0, 0, 1, 4, 40)] == [0, 3, 6, 9, 40]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1480, 1400), (80, 0)),
        ((1400, None), (0, 0)),
        ((1480, None), (80, 0)),
        ((None, 1440), (40, 40)),
        ((None, None), (0, 0)),
        ((1300, 1400), (0, 0)),
    ],
    ids=str,
)
def test_packets_move_as_a_whole(before: tuple[int | None, int | None], after: tuple[int, int]) -> None:
    packet: Packet[Any] = Packet(b"some")
    packet.pts, packet.dts = before
    assert clock(start=1.4).move(packet) == after[1]
    assert (packet.pts, packet.dts) == after
