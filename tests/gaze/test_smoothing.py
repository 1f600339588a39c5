"""Smoothing quietens a gaze at rest and still follows it when it moves, whatever the frame rate."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptkit.errors import InputError
from perceptkit.gaze.directions import angles, direction, off_camera
from perceptkit.gaze.smoothing import FORGET, Smoother
from perceptkit.gaze.types import Gaze, State

RATE = 25.0
Curve = np.ndarray[Any, np.dtype[np.float64]]


def looking(yaw: float, pitch: float = 0, *, sigma: float | None = None, state: State = "ok") -> Gaze:
    return Gaze(float(yaw), float(pitch), sigma, sigma, direction(yaw, pitch), state)


def smoothed(times: Sequence[float] | Curve, gazes: Sequence[Gaze], smoother: Smoother | None = None) -> list[Gaze]:
    """What the smoother makes of one track."""
    smooth = smoother or Smoother()
    return [smooth(float(time), [1], [gaze])[0] for time, gaze in zip(times, gazes, strict=True)]


def yaws(times: Curve, given: Curve, *, sigma: float | None = None) -> Curve:
    return np.array([gaze.yaw for gaze in smoothed(times, [looking(yaw, sigma=sigma) for yaw in given])])


def clock(rate: float, seconds: float) -> Curve:
    return np.arange(round(rate * seconds) + 1) / rate


def saccade(times: Curve, size: float = 30) -> Curve:
    """At rest, then `size` degrees further within 80 ms from second 1 on (the main sequence of saccades)."""
    return np.asarray(size * np.clip((times - 1) / 0.08, 0, 1))


def noise_left(rate: float, sigma: float | None = None) -> float:
    """Standard deviation in degrees of what is left of 5 degrees of noise in yaw and pitch."""
    noise = np.random.default_rng(0).normal(0, 5, (round(60 * rate), 2))
    gazes = smoothed(np.arange(len(noise)) / rate, [looking(yaw, pitch, sigma=sigma) for yaw, pitch in noise])
    return float(np.std([(gaze.yaw, gaze.pitch) for gaze in gazes[round(rate) :]]))


def seconds_to_follow(sigma: float | None = None) -> float:
    """When the first frame has 90 % of a saccade of 30 degrees, counted from its begin."""
    times = clock(RATE, 3)
    return float(times[np.argmax(yaws(times, saccade(times), sigma=sigma) >= 27)] - 1)


@pytest.mark.parametrize(("sigma", "shrinks"), [(None, 2.2), (10, 2.4), (25, 3.2)])
def test_the_noise_of_a_gaze_at_rest_is_less_than_half(sigma: float | None, shrinks: float) -> None:
    assert noise_left(RATE, sigma) < 5 / shrinks


def test_a_saccade_is_followed_to_ninety_percent_within_a_fifth_of_a_second() -> None:
    assert seconds_to_follow() <= 0.2 + 1e-9
    assert seconds_to_follow(sigma=10) <= 0.2 + 1e-9


def test_an_uncertain_gaze_is_followed_more_slowly_and_more_quietly() -> None:
    sigmas = (0, 10, 25, 40)
    waits, noises = [seconds_to_follow(sigma) for sigma in sigmas], [noise_left(RATE, sigma) for sigma in sigmas]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    assert noises == sorted(noises, reverse=True)


def test_what_is_followed_steadily_is_a_few_degrees_ahead() -> None:
    times = clock(RATE, 4)
    moving = -40 + 20 * times
    assert 2 < (moving - yaws(times, moving))[-1] < 3


def test_the_first_steps_are_those_of_the_documented_formula() -> None:
    smoother = Smoother(cutoff=0.7, beta=0.02, speed_cutoff=1.5, halving_sigma=20)
    given = [looking(0, sigma=8), looking(12, 5, sigma=8), looking(20, -3, sigma=20)]
    times = (0.0, 0.03, 0.1)
    answers = smoothed(times, given, smoother)
    vectors = [gaze.vector.astype(np.float64) for gaze in given]

    def share(cutoff: float, seconds: float) -> float:
        return 1 - math.exp(-2 * math.pi * cutoff * seconds)

    velocity, state = np.zeros(3), vectors[0]
    for index, variance in ((1, 8**2), (2, 20**2)):
        seconds = times[index] - times[index - 1]
        velocity += share(1.5, seconds) * ((vectors[index] - vectors[index - 1]) / seconds - velocity)
        cutoff = (0.7 + 0.02 * math.degrees(np.linalg.norm(velocity))) / (1 + variance / 20**2)
        state = state + share(cutoff, seconds) * (vectors[index] - state)
        np.testing.assert_allclose(answers[index].vector, state / np.linalg.norm(state), atol=1e-6)


def test_the_sigmas_of_yaw_and_pitch_count_alike_and_an_unknown_one_not_at_all() -> None:
    def second(sigma_yaw: float | None, sigma_pitch: float | None) -> float:
        start, end = direction(0, 0), direction(20, 0)
        pair = [Gaze(0, 0, sigma_yaw, sigma_pitch, start, "ok"), Gaze(20, 0, sigma_yaw, sigma_pitch, end, "ok")]
        return smoothed((0, 0.04), pair)[1].yaw

    assert second(30, 0) == second(0, 30)
    assert second(None, None) == second(0, 0)
    assert second(30, None) == second(30, 30) < second(30, 0)


@pytest.mark.parametrize("rate", [12.5, 50, 100])
def test_the_curve_is_nearly_the_same_at_every_frame_rate(rate: float) -> None:
    def look(times: Curve) -> Curve:  # a saccade, then pursuit
        return np.asarray(saccade(times) - 15 * np.sin(2 * np.pi * 0.4 * np.clip(times - 2, 0, None)))

    usual, other = clock(RATE, 5), clock(rate, 5)
    expected, found = yaws(usual, look(usual)), np.interp(usual, other, yaws(other, look(other)))
    settled = (usual < 1) | (usual > 1.3)
    assert np.abs(found - expected).max() < 5, "while the saccade lasts"
    assert np.abs(found - expected)[settled].max() < 1.5
    assert 1 < expected[usual == 1.12][0] < 29, "it is the smoothed curve that is compared"


def test_frames_that_are_missing_change_the_curve_little() -> None:
    every = clock(50, 5)
    kept = every[np.random.default_rng(1).random(len(every)) < 0.5]
    slow = 20 * np.sin(2 * np.pi * 0.3 * every)
    whole, parts = yaws(every, slow), yaws(kept, 20 * np.sin(2 * np.pi * 0.3 * kept))
    assert np.abs(np.interp(kept, every, whole) - parts)[5:].max() < 1.5


def test_a_gaze_around_180_degrees_is_smoothed_as_one_around_zero() -> None:
    times, noise = np.arange(500) / RATE, np.random.default_rng(2).normal(0, 5, 500)
    behind = (noise + 360) % 360 - 180
    assert (np.diff(np.sign(behind)) != 0).sum() > 100, "it runs over 180 degrees often"
    answers = yaws(times, behind)
    np.testing.assert_allclose((answers + 360) % 360 - 180, yaws(times, noise), atol=1e-3)
    assert np.abs(answers).min() > 165


def test_an_unreliable_gaze_is_given_back_and_does_not_move_the_filter() -> None:
    times = clock(RATE, 2)
    states: list[State] = ["ok" if index % 5 < 3 else ("unknown", "eyes-closed")[index % 2] for index in range(51)]
    good = saccade(times)
    given = [looking(yaw if state == "ok" else -90, state=state) for yaw, state in zip(good, states, strict=True)]
    answers = smoothed(times, given)
    sure = [index for index, state in enumerate(states) if state == "ok"]
    without = smoothed(times[sure], [given[index] for index in sure])
    assert [answers[index].yaw for index in sure] == [gaze.yaw for gaze in without]
    assert all(answers[index] is given[index] for index in range(51) if index not in sure)


def test_a_face_without_a_track_is_given_back() -> None:
    smooth, gaze = Smoother(), looking(10)
    for time, yaw in ((0.0, 0), (0.04, 30)):
        assert smooth(time, [None, 1, None], [gaze, looking(yaw), gaze])[::2] == (gaze, gaze)


@pytest.mark.parametrize(("pause", "afresh"), [(FORGET - 0.01, False), (FORGET + 0.01, True)])
@pytest.mark.parametrize("how", ["not seen", "unknown"])
def test_a_track_starts_afresh_after_half_a_second(how: str, pause: float, afresh: bool) -> None:
    smooth, back = Smoother(), looking(40)
    smoothed(clock(RATE, 1), [looking(0)] * 26, smooth)
    if how == "unknown":
        for part in (0.3, 0.6, 0.9):
            smooth(1 + part * pause, [1], [looking(5, state="unknown")])
    (answer,) = smooth(1 + pause, [1], [back])
    assert (answer is back) == afresh


def test_a_track_starts_afresh_when_time_runs_backwards() -> None:
    smooth, again = Smoother(), looking(40)
    smoothed(clock(RATE, 1), [looking(0)] * 26, smooth)
    assert smooth(0.0, [1], [again]) == (again,)


def test_two_frames_of_the_same_time_are_no_movement() -> None:
    answers = smoothed((0, 0.04, 0.04, 0.08), [looking(0), looking(0), looking(20), looking(0)])
    assert answers[2].yaw == pytest.approx(0, abs=0.1)
    assert answers[3].yaw == pytest.approx(0, abs=2)


def test_tracks_do_not_touch_each_other() -> None:
    random = np.random.default_rng(3)
    given = {track: [looking(*angles) for angles in random.normal(0, 20, (40, 2))] for track in (1, 2, 7)}
    smooth, together = Smoother(), []
    for index in range(40):
        order = list(random.permutation([1, 2, 7]))
        answers = smooth(index / RATE, [int(track) for track in order], [given[track][index] for track in order])
        together.append(dict(zip(order, answers, strict=True)))
    for track, gazes in given.items():
        alone = smoothed(np.arange(40) / RATE, gazes)
        assert [frame[track].yaw for frame in together] == [gaze.yaw for gaze in alone]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.floats(0.005, 0.4), st.floats(-180, 180), st.floats(-85, 85), st.floats(0, 60)),
        min_size=1,
        max_size=12,
    )
)
def test_answers_are_unit_vectors_with_their_angles_and_mirrored_for_a_mirrored_video(
    frames: list[tuple[float, float, float, float]],
) -> None:
    times = np.cumsum([step for step, *_ in frames])
    given = [looking(yaw, pitch, sigma=sigma) for _, yaw, pitch, sigma in frames]
    answers = smoothed(times, given)
    for gaze, answer in zip(given, answers, strict=True):
        assert np.linalg.norm(answer.vector) == pytest.approx(1, abs=1e-6)
        assert answer.vector.dtype == np.float32
        np.testing.assert_allclose(direction(answer.yaw, answer.pitch), answer.vector, atol=1e-6)
        assert (answer.sigma_yaw, answer.sigma_pitch, answer.state) == (gaze.sigma_yaw, gaze.sigma_pitch, "ok")
    mirrored = smoothed(times, [looking(-yaw, pitch, sigma=sigma) for _, yaw, pitch, sigma in frames])
    for answer, other in zip(answers, mirrored, strict=True):
        np.testing.assert_allclose(other.vector, answer.vector * (-1, 1, 1), atol=1e-4)


def test_the_answer_lies_between_the_last_and_the_new_gaze() -> None:
    times = clock(RATE, 3)
    found = yaws(times, saccade(times))
    assert (np.diff(found) >= -1e-3).all()
    assert found.min() >= -1e-3
    assert found.max() <= 30 + 1e-3
    assert found[-1] == pytest.approx(30, abs=0.1)


def test_halfway_between_opposite_gazes_the_new_one_is_given() -> None:
    half = math.log(2) / (2 * math.pi * 0.1)  # the cutoff that goes half of the way in 0.1 s
    first, opposite = looking(0), looking(180)
    (_, answer) = smoothed((0, 0.1), [first, opposite], Smoother(cutoff=half, beta=0))
    assert off_camera(answer.yaw, answer.pitch) == pytest.approx(180)
    assert angles(answer.vector) == pytest.approx((answer.yaw, answer.pitch))


def test_a_long_video_with_many_tracks_needs_no_more_memory() -> None:
    smooth, sizes = Smoother(), []
    for index in range(2000):
        smooth(index / RATE, [index], [looking(index % 30)])
        sizes.append(len(pickle.dumps(smooth)))
    assert max(sizes[1000:]) <= max(sizes[:100]) + 200


def test_no_faces_are_no_gazes() -> None:
    assert Smoother()(0.0, [], []) == ()


@pytest.mark.parametrize("name", ["cutoff", "speed_cutoff", "halving_sigma", "beta"])
@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_settings_that_make_no_filter_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"^{name} is {value}; it must be"):
        Smoother(**{name: value})
    if name != "beta":
        with pytest.raises(InputError, match=f"{name} is 0"):
            Smoother(**{name: 0})
