"""Logits become degrees as the reference decodes them, but around the circle; and which way the signs go."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptkit.arrays import Floats
from perceptkit.gaze import angles, direction, off_camera
from perceptkit.gaze.decoding import BINS, decode

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def reference(logits: Floats) -> Numbers:
    """The formula of L2CS-Net and MobileGaze in double precision: the mean of the bins, from one end to the other."""
    values = np.asarray(logits, np.float64)
    likely = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray((likely / likely.sum(axis=1, keepdims=True)) @ np.arange(BINS) * 4 - 180)


def bell(degrees: float, spread: float = 1.0) -> Floats:
    """Logits (1, 90) of a normal distribution around an angle, `spread` bins wide, as a line that does not close."""
    return np.asarray([-0.5 * ((np.arange(BINS) - (degrees + 180) / 4) / spread) ** 2], np.float32)


def on_bins(*degrees: float) -> Floats:
    """Logits (1, 90) with equal mass on the bins of these angles, and none elsewhere."""
    logits = np.full((1, BINS), -1000, np.float32)
    logits[0, [round((value + 180) / 4) % BINS for value in degrees]] = 0
    return logits


# ---- Angles


@pytest.mark.parametrize("degrees", [-120, -91.3, -12, -0.01, 0, 3.99, 45, 90, 117.5])
@pytest.mark.parametrize("spread", [1, 2, 3])
def test_a_bell_is_read_where_it_was_put(degrees: float, spread: float) -> None:
    (yaw,), (sigma,) = decode(bell(degrees, spread))
    assert yaw == pytest.approx(degrees, abs=1e-3)
    assert yaw == pytest.approx(reference(bell(degrees, spread))[0], abs=1e-4)
    assert sigma == pytest.approx(4 * spread, rel=2e-3)


@given(st.lists(st.floats(-20, 20, width=32), min_size=41, max_size=41), st.integers(0, 48))
def test_mass_that_does_not_reach_round_the_circle_is_decoded_as_in_the_reference(
    values: list[float], start: int
) -> None:
    logits = np.full((1, BINS), -1000, np.float32)
    logits[0, start + 1 : start + 42] = values
    assert decode(logits)[0] == pytest.approx(reference(logits), abs=1e-3)


def test_whatever_looks_ahead_is_decoded_as_in_the_reference() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50, BINS)).astype(np.float32)
    logits[:, 45] = logits.max() + 0.5  # the likeliest direction is straight ahead; all bins count
    np.testing.assert_allclose(decode(logits)[0], reference(logits), atol=1e-4)


def test_mass_at_both_ends_is_behind_and_not_ahead() -> None:
    logits = on_bins(-180, 176)  # the first and the last bin
    assert reference(logits)[0] == pytest.approx(-2)
    (yaw,), (sigma,) = decode(logits)
    assert yaw == pytest.approx(178)
    assert sigma == pytest.approx(2)
    for degrees in (179, -179, 170, -171.5):
        likely = sum(np.exp(bell(degrees + turn, 2.0).astype(np.float64)) for turn in (-360, 0, 360))
        (yaw,), (sigma,) = decode(np.asarray(np.log(likely), np.float32))
        assert (yaw - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1e-2)
        assert sigma == pytest.approx(8, rel=1e-2)


@pytest.mark.parametrize("peak", range(0, BINS, 7))
@given(rest=st.lists(st.floats(-30, 10, width=32), min_size=BINS - 1, max_size=BINS - 1), turn=st.integers(1, BINS - 1))
@settings(max_examples=8)
def test_angles_lie_in_one_turn_and_turn_with_the_bins(peak: int, rest: list[float], turn: int) -> None:
    logits = np.insert(np.asarray([rest], np.float32), peak, 11, axis=1)  # one likeliest bin
    (yaw,), (sigma,) = decode(logits)
    (turned,), (same,) = decode(np.roll(logits, turn, axis=1))
    assert -180 <= yaw < 180
    assert -180 <= turned < 180
    assert (turned - yaw - 4 * turn + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)
    assert same == pytest.approx(sigma, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("tilt", [1e-2, 1e-4, 1e-6, 1e-8, 0])
def test_180_degrees_are_always_written_minus_180(tilt: float) -> None:
    logits = np.full((1, BINS), -1000, np.float32)
    logits[0, 0], logits[0, -1] = 0, np.log(tilt) if tilt else -1000  # a little before the end of the circle
    (yaw,), _ = decode(logits)
    assert -180 <= yaw < 180
    assert abs(yaw) == pytest.approx(180, abs=0.05)


# ---- How sure they are


def test_a_bell_of_one_bin_has_a_sigma_of_four_degrees() -> None:
    assert decode(bell(10.0))[1] == pytest.approx(4, abs=1e-4)


def test_one_certain_bin_has_no_spread() -> None:
    assert (decode(on_bins(28))[0][0], decode(on_bins(28))[1][0]) == (28, 0)


def test_even_logits_say_nothing() -> None:
    (sigma,) = decode(np.zeros((1, BINS), np.float32))[1]
    assert sigma == pytest.approx(math.sqrt((90**2 - 1) / 12) * 4)  # 103.9: the standard deviation of any of 90 bins
    assert sigma > 100


def test_each_row_is_decoded_by_itself_in_single_precision() -> None:
    logits = np.concatenate([bell(-40), bell(100, 3), on_bins(0)])
    yaws, sigmas = decode(logits)
    assert yaws.shape == sigmas.shape == (3,)
    assert (yaws.dtype, sigmas.dtype) == (np.dtype(np.float32), np.dtype(np.float32))
    for row, yaw, sigma in zip(logits, yaws, sigmas, strict=True):
        assert (decode(row[None])[0][0], decode(row[None])[1][0]) == (yaw, sigma)
    assert [len(values) for values in decode(logits[:0])] == [0, 0]


def test_large_logits_do_not_overflow_and_broken_ones_are_no_angle() -> None:
    logits = bell(20) * 1
    assert decode(logits + 1e4)[0] == pytest.approx(20, abs=0.1)
    assert decode(logits * 1e6)[0] == pytest.approx(20, abs=2.1)
    for broken in (np.nan, np.inf, -np.inf):
        assert np.isnan(decode(np.full((1, BINS), broken, np.float32))[0]).all()


# ---- Which way the signs go


@pytest.mark.parametrize(
    ("yaw", "pitch", "vector"),
    [
        (0, 0, (0, 0, -1)),  # into the lens: towards the camera along z
        (90, 0, (-1, 0, 0)),  # to image-left
        (-90, 0, (1, 0, 0)),  # to image-right
        (0, 90, (0, -1, 0)),  # up; y points down
        (0, -90, (0, 1, 0)),
        (-180, 0, (0, 0, 1)),  # away from the camera
        (45, 45, (-0.5, -math.sqrt(0.5), -0.5)),
        (-30, 10, (0.492404, -0.173648, -0.852869)),
    ],
)
def test_yaw_is_to_image_left_and_pitch_is_up(yaw: float, pitch: float, vector: tuple[float, ...]) -> None:
    assert direction(yaw, pitch) == pytest.approx(vector, abs=1e-6)
    back = angles(np.array(vector, np.float32) * 7)  # of any length
    if abs(pitch) < 90:
        assert back == pytest.approx((yaw, pitch), abs=1e-4)
    else:
        assert back[1] == pytest.approx(pitch, abs=1e-4)


@given(st.floats(-179.9, 179.9), st.floats(-89, 89))
def test_angles_come_back_from_their_direction(yaw: float, pitch: float) -> None:
    vector = direction(yaw, pitch)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    back_yaw, back_pitch = angles(vector)
    assert (back_yaw - yaw + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    assert back_pitch == pytest.approx(pitch, abs=0.01)


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_off_camera_is_the_angle_to_the_way_into_the_lens(yaw: float, pitch: float) -> None:
    gaze = direction(yaw, pitch).astype(np.float64)
    lens = direction(0, 0).astype(np.float64)
    between = math.degrees(math.atan2(float(np.linalg.norm(np.cross(gaze, lens))), float(gaze @ lens)))
    assert off_camera(yaw, pitch) == pytest.approx(between, abs=1e-3)


@pytest.mark.parametrize(
    ("yaw", "pitch", "expected"), [(0, 0, 0), (12, 0, 12), (0, -12, 12), (-90, 0, 90), (180, 0, 180), (60, 60, 75.5225)]
)
def test_off_camera_of_known_angles(yaw: float, pitch: float, expected: float) -> None:
    assert off_camera(yaw, pitch) == pytest.approx(expected, abs=1e-4)
