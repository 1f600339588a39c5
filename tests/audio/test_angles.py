from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceptkit.audio.angles import (
    AZIMUTH,
    CONVENTIONS,
    Convention,
    check_angle,
    check_elevation,
    convention_of,
    convert,
    difference,
    interpolate,
    mean_angle,
    wrap,
)
from perceptkit.audio.types import AngleTrack
from perceptkit.errors import InputError

DEGREES = st.floats(-1e4, 1e4)
NAMES = st.sampled_from(sorted(CONVENTIONS))


def track(times: list[float], azimuth: list[float], convention: Convention = AZIMUTH) -> AngleTrack:
    return AngleTrack(np.array(times, float), np.array(azimuth, float), None, convention)


# What an angle says, to somebody who looks to the front: left, right or back of it.
SIDES = {
    "azimuth": {"left": 90, "right": -90, "back": -180, "front": 0},
    "sofa": {"left": 90, "right": 270, "back": 180, "front": 0},
    "dial": {"left": 270, "right": 90, "back": 180, "front": 0},
    "unit-circle": {"left": 180, "right": 0, "back": 270, "front": 90},
    "compass": {"left": 320, "right": 140, "back": 230, "front": 50},  # the front looks to 50 degrees
}


@pytest.mark.parametrize("source", CONVENTIONS)
@pytest.mark.parametrize("target", CONVENTIONS)
@pytest.mark.parametrize("side", ["left", "right", "back", "front"])
def test_a_side_is_the_same_side_in_every_convention(source: str, target: str, side: str) -> None:
    converted = convert(SIDES[source][side], CONVENTIONS[source], CONVENTIONS[target], heading=50)
    assert float(converted) == pytest.approx(SIDES[target][side])


@given(DEGREES, NAMES, NAMES, st.floats(0, 360))
def test_there_and_back_is_where_it_was(angle: float, source: str, target: str, heading: float) -> None:
    there = convert(angle, CONVENTIONS[source], CONVENTIONS[target], heading=heading)
    back = convert(there, CONVENTIONS[target], CONVENTIONS[source], heading=heading)
    assert abs(float(difference(back, angle))) < 1e-6


@given(DEGREES, NAMES)
def test_wrapped_angles_lie_in_the_half_open_range(angle: float, name: str) -> None:
    low, high = CONVENTIONS[name].range
    wrapped = float(wrap(angle, CONVENTIONS[name]))
    assert low <= wrapped < high
    assert math.cos(math.radians(wrapped - angle)) == pytest.approx(1)


def test_radians_are_converted_with_their_turn() -> None:
    radians = Convention("left", "clockwise", "radians", (0, 2 * math.pi))
    assert float(convert(math.pi / 2, radians)) == pytest.approx(0)
    assert float(convert(0, radians)) == pytest.approx(90)
    assert float(convert(90, AZIMUTH, radians)) == pytest.approx(0)


def test_angles_from_north_need_a_heading_only_to_leave_north() -> None:
    compass = CONVENTIONS["compass"]
    with pytest.raises(InputError, match="give the heading"):
        convert(10, compass)
    assert float(convert(10, compass, Convention(zero="north"))) == pytest.approx(-10)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"zero": "west"}, "zero is 'west'; choose one of: front"),
        ({"positive": "up"}, "choose one of: counterclockwise"),
        ({"unit": "grad"}, "choose one of: degrees, radians"),
        ({"range": (0.0, 100.0)}, "one turn"),
        ({"unit": "radians"}, "one turn"),
    ],
)
def test_a_convention_that_cannot_be_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Convention(**fields)  # type: ignore[arg-type]


def test_conventions_are_found_by_name_and_by_their_fields() -> None:
    assert convention_of("compass") == CONVENTIONS["compass"]
    stored = {"zero": "front", "positive": "clockwise", "unit": "degrees", "range": [0, 360]}
    assert convention_of(stored) == CONVENTIONS["dial"]
    with pytest.raises(InputError, match="unknown convention of angles 'nautical'; choose one of: azimuth"):
        convention_of("nautical")
    with pytest.raises(InputError, match="zero, positive, unit and range"):
        convention_of({"zero": "front"})


@pytest.mark.parametrize("value", [math.nan, math.inf, "45.5", None, True, 1j, [1]])
def test_what_is_no_finite_number_is_no_angle(value: object) -> None:
    with pytest.raises(InputError, match="give a finite number"):
        check_angle(value)


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3)])
def test_numbers_of_every_kind_are_angles(value: object) -> None:
    assert check_angle(value) == 3


def test_an_elevation_is_a_quarter_turn_at_most() -> None:
    assert check_elevation(-90) == -90
    with pytest.raises(InputError, match="lies between -90 and 90"):
        check_elevation(90.5)


def test_the_difference_is_the_short_way_round() -> None:
    assert float(difference(1, 359)) == pytest.approx(2)
    assert float(difference(-179, 179)) == pytest.approx(2)
    assert float(difference(179, -179)) == pytest.approx(-2)


def test_the_mean_of_directions_is_that_of_their_vectors() -> None:
    mean, length = mean_angle([350, 10])
    assert mean == pytest.approx(0, abs=1e-9)
    assert length == pytest.approx(math.cos(math.radians(10)))
    assert mean_angle([170, -170])[0] == pytest.approx(-180)
    assert mean_angle([0, 90], [1, 0])[0] == pytest.approx(0)
    for nothing in ([0.0, 180.0], []):
        mean, length = mean_angle(nothing)
        assert math.isnan(mean)
        assert length == pytest.approx(0)


def test_between_359_and_1_is_0_and_not_180() -> None:
    moved = track([0, 1], [359, 1])
    assert moved.at([0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0, 0.5])
    dial = track([0, 1], [359, 1], CONVENTIONS["dial"])
    assert dial.at([0.25, 0.75]) == pytest.approx([359.5, 0.5])
    assert float(difference(dial.at([0.5])[0], 0)) == pytest.approx(0, abs=1e-9)


def test_over_a_long_gap_and_after_the_end_the_direction_is_held() -> None:
    seen = track([1, 2, 5], [10, 20, 50])
    assert seen.at([1.5, 2, 4.9, 5, 9], max_gap=1.0) == pytest.approx([15, 20, 20, 50, 50])
    assert seen.at([3.5], max_gap=3.0) == pytest.approx([35])


def test_before_the_first_angle_nothing_is_known() -> None:
    assert np.isnan(track([1, 2], [10, 20]).at([0.0, 0.999])).all()
    assert np.isnan(track([], []).at([0.0, 1.0])).all()


@given(st.lists(st.tuples(st.floats(0.001, 0.9), DEGREES), min_size=2, max_size=20), st.floats(0, 1))
def test_what_lies_between_two_angles_lies_on_the_short_arc(steps: list[tuple[float, float]], share: float) -> None:
    times = np.cumsum([step for step, _ in steps])
    azimuth = wrap([angle for _, angle in steps])
    moments = times[:-1] + share * np.diff(times)
    found = interpolate(moments, times, azimuth, max_gap=1.0)
    way = np.abs(difference(azimuth[1:], azimuth[:-1]))
    assert (np.abs(difference(found, azimuth[:-1])) <= way + 1e-6).all()
    assert (np.abs(difference(azimuth[1:], found)) <= way + 1e-6).all()


def test_a_track_says_itself_in_another_convention() -> None:
    compass = AngleTrack(np.array([0.0]), np.array([140.0]), np.array([10.0]), CONVENTIONS["compass"])
    ours = compass.to(AZIMUTH, heading=50)
    assert ours.azimuth == pytest.approx([-90])
    assert ours.elevation == pytest.approx([10])
    assert ours.convention == AZIMUTH
    assert ours.to(CONVENTIONS["unit-circle"]).azimuth == pytest.approx([0], abs=1e-9)
