"""A recording is cut into its steps: where they begin and end, and what is no step of its own."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import RATE, beginnings, hit, recording, walk
from scipy.signal import fftconvolve

from perceptkit.foley.samples import load_samples
from perceptkit.foley.sound.cutting import cut_steps
from shared_data import footsteps_folder


@pytest.mark.parametrize("noise", [-90.0, -70.0, -55.0])
@pytest.mark.parametrize("click", [True, False])
def test_steps_begin_where_they_were_put(noise: float, click: bool) -> None:
    put = walk(8)
    sound = recording(put, length=5.0, noise=noise, click=click)
    steps = cut_steps(sound, RATE)
    assert len(steps) == len(put)
    assert beginnings(sound, steps) == pytest.approx([at for at, _ in put], abs=0.002)


def test_loud_and_soft_steps_are_found() -> None:
    put = [(0.5 + 1.1 * number, level) for number, level in enumerate((0.0, -40.0, -20.0, -30.0, -10.0, -40.0, 0.0))]
    sound = recording(put, length=8.5, noise=-72)
    steps = cut_steps(sound, RATE)
    assert beginnings(sound, steps) == pytest.approx([at for at, _ in put], abs=0.002)
    peaks = [20 * np.log10(np.abs(step).max()) for step in steps]
    assert peaks == pytest.approx([level for _, level in put], abs=1.5)


@pytest.mark.parametrize("gap", [0.02, 0.06, 0.1, 0.15, 0.2])
@pytest.mark.parametrize("ball", [-10.0, 4.0])
def test_heel_and_ball_are_one_step(gap: float, ball: float) -> None:
    heels = [(at, -10.0) for at, _ in walk(5)]
    balls = [(at + gap, level + ball) for at, level in heels]
    sound = recording([*heels, *balls], length=4.0)
    steps = cut_steps(sound, RATE)
    assert beginnings(sound, steps) == pytest.approx([at for at, _ in heels], abs=0.002)


def test_the_scuff_of_a_toe_is_part_of_its_step() -> None:
    heels = [(at, -6.0) for at, _ in walk(6)]
    rest = [(at + after, level) for at, _ in heels for after, level in ((0.09, -10.0), (0.4, -31.0))]
    sound = recording([*heels, *rest], length=4.0)
    assert beginnings(sound, cut_steps(sound, RATE)) == pytest.approx([at for at, _ in heels], abs=0.002)


def test_a_scuff_before_the_first_heel_is_not_the_step() -> None:
    sound = recording([(0.5, -30.0), (0.65, -3.0)], length=2.0)
    assert beginnings(sound, cut_steps(sound, RATE)) == pytest.approx([0.65], abs=0.002)


def test_hum_and_an_echoing_room_do_not_matter() -> None:
    put = walk(6)
    sound = recording(put, length=4.0)
    clock = np.arange(len(sound)) / RATE
    room = np.random.default_rng(4).normal(0, 0.02, RATE) * np.exp(-clock[:RATE] / 0.1)
    room[0] = 1
    echoing = fftconvolve(sound, room)[: len(sound)] + 0.03 * np.sin(2 * np.pi * 50 * clock)
    steps = cut_steps(echoing.astype(np.float32), RATE)
    assert beginnings(echoing.astype(np.float32), steps) == pytest.approx([at for at, _ in put], abs=0.003)


def test_runners_steps_are_apart() -> None:
    put = [(0.1 + 0.3 * number, -3.0) for number in range(10)]
    sound = recording(put, length=3.5)
    assert beginnings(sound, cut_steps(sound, RATE)) == pytest.approx([at for at, _ in put], abs=0.002)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 96000, 192000])
def test_a_recording_may_have_any_rate(rate: int) -> None:
    steps = cut_steps(recording(walk(4), length=3.0, rate=rate), rate)
    assert len(steps) == 4
    assert all(np.abs(step[: max(round(0.004 * rate), 8)]).max() > 0.2 for step in steps)


def test_a_step_ends_where_it_has_decayed() -> None:
    (step,) = cut_steps(recording([(1.0, 0.0)], length=4.0, noise=-90), RATE)
    assert len(step) / RATE == pytest.approx(0.025 * np.log(10 ** (50 / 20)), abs=0.04)


def test_a_step_ends_after_three_seconds() -> None:
    sound = np.zeros(6 * RATE, np.float32)
    sound[RATE // 2 : RATE // 2 + 5 * RATE] = hit(-3, decay=1.5, length=5, click=True)
    first = cut_steps(sound, RATE)[0]
    assert len(first) <= 3.001 * RATE


@pytest.mark.parametrize("silence", [0.0, 1e-5])
@pytest.mark.parametrize("length", [0, 1, 100, 48000, 200000])
def test_silence_holds_no_steps(silence: float, length: int) -> None:
    assert cut_steps(np.full(length, silence, np.float32), RATE) == []


def test_steady_noise_and_a_constant_hold_no_steps() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 5 * RATE).astype(np.float32)
    assert cut_steps(noise, RATE) == []
    assert cut_steps(np.full(5 * RATE, 0.5, np.float32), RATE) == []


def test_a_recording_cut_at_the_attack_keeps_it() -> None:
    sound = hit(-3, click=True)
    (step,) = cut_steps(sound, RATE)
    assert np.abs(step).max() == pytest.approx(np.abs(sound).max(), abs=0.05)
    assert int(np.argmax(np.abs(step))) - int(np.argmax(np.abs(sound))) <= 0.001 * RATE


def test_a_short_recording_without_an_attack_is_one_step() -> None:
    clock = np.arange(RATE // 4) / RATE
    swell = np.sin(np.pi * (clock * 4 * 0.9 + 0.05)) * np.random.default_rng(0).normal(0, 0.1, len(clock))
    (step,) = cut_steps(swell.astype(np.float32), RATE)
    assert len(step) > 0.8 * len(swell)


@pytest.mark.parametrize("constant", [0.0, 0.3])
def test_cuts_do_not_click(constant: float) -> None:
    sound = recording([(0.1 + 0.26 * number, -6.0) for number in range(8)], length=2.4, noise=-45) + constant
    for step in cut_steps(sound.astype(np.float32), RATE):
        assert np.abs(step[[0, -1]]).max() < 1e-4
        assert np.abs(np.diff(step[-500:])).max() < 0.01
        assert np.abs(step[:24]).max() < 0.05
        assert abs(step.mean()) < 0.005


def test_channels_are_mixed_and_one_the_wrong_way_round_does_not_cancel() -> None:
    sound = recording(walk(3), length=2.0)
    expected = [len(step) for step in cut_steps(sound, RATE)]
    assert len(expected) == 3
    for other in (sound, np.zeros_like(sound), -sound):
        steps = cut_steps(np.stack([sound, other], axis=1), RATE)
        assert [len(step) for step in steps] == expected


@pytest.mark.weights
def test_real_footsteps_in_a_row_are_found() -> None:
    sound = np.random.default_rng(0).normal(0, 10 ** (-70 / 20), 20 * RATE)
    put: list[float] = []
    for name in ("hard", "wood", "gravel", "dirt", "grass"):
        for sample in load_samples(footsteps_folder(), surface=name).samples[:3]:
            put.append(0.3 + 0.9 * len(put))
            start = round(put[-1] * RATE) - 24
            sound[start : start + len(sample)] += 0.5 * sample
    found = beginnings(sound.astype(np.float32), cut_steps(sound.astype(np.float32), RATE))
    assert found == pytest.approx(put, abs=0.004)
