"""Timecode as editors count it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from perceptkit.foley import timecode

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("frame", "rate", "expected"),
    [
        (0, Fraction(25), "00:00:00:00"),
        (24, Fraction(25), "00:00:00:24"),
        (25 * 3661 + 7, Fraction(25), "01:01:01:07"),
        (47, Fraction(24000, 1001), "00:00:01:23"),
        (0, NTSC, "00:00:00;00"),
        (1799, NTSC, "00:00:59;29"),
        (1800, NTSC, "00:01:00;02"),
        (17981, NTSC, "00:09:59;29"),
        (17982, NTSC, "00:10:00;00"),
        (107892, NTSC, "01:00:00;00"),
        (3600, 2 * NTSC, "00:01:00;04"),
        (1800, Fraction(30), "00:01:00:00"),
    ],
)
def test_frames_have_the_numbers_of_the_standard(frame: int, rate: Fraction, expected: str) -> None:
    assert timecode(float(frame / rate), rate) == expected


@given(some.integers(0, 24 * 107892 - 1))
def test_drop_frame_leaves_out_two_numbers_each_minute_but_the_tenth(frame: int) -> None:
    hours, minutes, rest = timecode(float(frame / NTSC), NTSC).split(":")
    seconds, frames = rest.split(";")
    number = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 30 + int(frames)
    passed = int(hours) * 60 + int(minutes)
    assert number - 2 * (passed - passed // 10) == frame
    assert not (int(minutes) % 10 and int(seconds) == 0 and int(frames) < 2)


def test_a_moment_within_a_frame_has_its_number() -> None:
    assert timecode(0.99 / 25, Fraction(25)) == "00:00:00:00"
    assert timecode(1.5 / 25, Fraction(25)) == "00:00:00:01"
