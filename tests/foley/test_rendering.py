"""Footsteps in, sound out: when, how loud, where, and the same again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sounds import RATE, level, onset, strikes, walk

from perceptkit.arrays import Floats
from perceptkit.errors import InputError
from perceptkit.foley import (
    ROOMS,
    SURFACES,
    Footstep,
    Style,
    integrated_loudness,
    render,
    render_stems,
    true_peak,
)
from perceptkit.foley.sound.canvas import on_disk
from perceptkit.foley.sound.space import add_room, distance, far_away, pan


def apart(*times: float, **fields: object) -> list[Footstep]:
    return [replace(Footstep(time, "left", "heel_strike", 0.9), **fields) for time in times]  # type: ignore[arg-type]


@pytest.mark.parametrize("surface", SURFACES)
def test_each_step_begins_when_the_foot_comes_down(surface: str) -> None:
    times = [0.5, 1.7003, 2.9, 4.12345, 5.4]
    sound = render(apart(*times), Style(surface, "leather", room="dry"), duration=7).sum(axis=1)
    assert not sound[: round(times[0] * RATE)].any()
    for time in times:
        around = sound[round(time * RATE) - 480 :][: round(0.8 * RATE)]
        assert abs(onset(around, 0.03) - 480) <= 0.002 * RATE


@pytest.mark.parametrize("surface", SURFACES)
def test_a_walk_is_as_loud_as_films_want_it(surface: str) -> None:
    sound = render(walk(20), Style(surface), duration=20)
    assert sound.shape == (20 * RATE, 2)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert integrated_loudness(sound) == pytest.approx(-23, abs=1)
    assert true_peak(sound) <= -1
    assert np.abs(sound.mean(axis=0)).max() < 1e-3


@pytest.mark.parametrize("surface", ["gravel", "wood", "sand"])
def test_a_walk_is_as_loud_as_the_web_wants_it(surface: str) -> None:
    sound = render(walk(10), Style(surface, loudness="web"), duration=10)
    assert integrated_loudness(sound) == pytest.approx(-16, abs=1)
    assert true_peak(sound) <= -1
    assert integrated_loudness(render(walk(10), Style(surface, loudness=-30), duration=10)) == pytest.approx(-30, abs=1)


def test_between_steps_it_is_quiet() -> None:
    for surface in ("concrete", "gravel", "carpet"):
        sound = render(apart(0.5, 2.5), Style(surface), duration=4)
        pause = sound[round(2.0 * RATE) : round(2.5 * RATE) - 1]
        assert 20 * np.log10(np.sqrt((pause**2).mean()) + 1e-12) < -70


def test_no_click_but_where_a_foot_comes_down() -> None:
    sound = render(apart(0.5, 1.5, 2.5), Style("carpet", "barefoot", room="dry"), duration=4)[:, 0]
    jumps = np.abs(np.diff(sound))
    away = np.ones(len(jumps), bool)
    for time in (0.5, 1.5, 2.5):
        away[round(time * RATE) - 144 : round((time + 0.2) * RATE)] = False
    assert jumps[away].max() < 0.05 * np.abs(sound).max()


def test_the_same_again_is_the_same_and_another_seed_is_another_walk() -> None:
    first, again, other = (render(walk(6), Style("grass", seed=seed), duration=6) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_who_moves_one_step_keeps_all_others() -> None:
    steps = apart(0.5, 1.5, 2.5, 3.5)
    moved = [*steps[:2], replace(steps[2], time=2.6), steps[3]]
    # So quiet that no limiter has to do with it.
    before, after = (render(each, Style("wood", room="dry", loudness=-40), duration=5) for each in (steps, moved))
    for time in (0.5, 1.5, 3.5):
        one, other = (sound[round(time * RATE) :][: RATE // 2, 0] for sound in (before, after))
        assert np.corrcoef(one, other)[0, 1] > 0.999


def test_no_two_steps_of_a_walk_are_the_same() -> None:
    sound = render(apart(*np.arange(0.5, 12, 1.0)), Style("gravel", room="dry"), duration=13)[:, 0]
    cut = [sound[round(time * RATE) :][: RATE // 2] for time in np.arange(0.5, 12, 1.0)]
    for one, other in itertools.combinations(cut, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.5


def test_steps_are_heard_where_the_foot_is_in_the_picture() -> None:
    steps = [replace(step, x=x) for step, x in zip(apart(*range(1, 12)), np.linspace(0, 1, 11), strict=True)]
    sound = render(steps, Style("concrete", "leather", room="dry"), duration=13)
    sides = []
    for step in steps:
        here = sound[round(step.time * RATE) :][: RATE // 2]
        left, right = (level(here[:, channel]) for channel in (0, 1))
        sides.append(right - left)
    assert np.corrcoef(sides, [step.x for step in steps])[0, 1] > 0.9
    assert sides[5] == pytest.approx(0, abs=0.1)
    assert np.all(np.diff(sides) > 0)


def test_a_step_is_as_loud_on_either_side_and_nothing_is_lost_in_mono() -> None:
    for x in np.linspace(0, 1, 9):
        left, right = pan(float(x))
        assert left**2 + right**2 == pytest.approx(1)
        assert 20 * np.log10((left + right) / np.sqrt(2)) > -1.5


def test_who_is_far_away_is_softer_and_duller() -> None:
    near, usual, far = (distance(height) for height in (0.9, None, 0.1))
    assert near < usual == 3 < far
    assert distance(0.05) == pytest.approx(2 * distance(0.1), rel=0.01)
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert level(far_away(noise, 6)) - level(far_away(noise, 3)) < -6
    spectra = [np.abs(np.fft.rfft(far_away(noise, metres))) ** 2 for metres in (3, 20)]
    treble = [power[12_000:].sum() / power[:4000].sum() for power in spectra]
    assert treble[1] < 0.5 * treble[0]


def test_heights_of_people_make_them_near_and_far_in_one_clip() -> None:
    steps = [*apart(1.0, 3.0, height=0.8), *apart(2.0, 4.0, height=0.2, person=2)]
    sound = render(steps, Style("gravel", "leather", room="dry"), duration=6)
    levels = {time: level(sound[round(time * RATE) :][: RATE // 2]) for time in (1.0, 2.0, 3.0, 4.0)}
    assert levels[1.0] + levels[3.0] - levels[2.0] - levels[4.0] > 2 * 9


def test_a_hall_answers_longer_than_a_room_and_a_room_than_the_open_air() -> None:
    def tail(room: str) -> float:
        sound = render(apart(0.5), Style("tile", "leather", room=room), duration=5)
        return level(sound[round(1.3 * RATE) :] + np.float32(1e-9)) - level(sound)

    assert tail("hall") > tail("room") > tail("outdoor") > tail("dry")
    assert tail("hall") > -35
    assert tail("outdoor") < -50


@pytest.mark.parametrize("name", ["outdoor", "room"])
def test_a_room_answers_in_the_same_way_at_any_time(name: str) -> None:
    room = ROOMS[name]
    assert room
    times = [0, *range(65_000, 20 * RATE, 65_000)]  # now here, now there in a block
    sent = np.zeros(20 * RATE, np.float32)
    sent[times] = 1
    sound = np.zeros((len(sent), 2), np.float32)
    add_room(sound, sent, room)
    answer = sound[: round(room.rt60 * RATE)]
    assert np.abs(answer).max() > 1e-3
    for time in times:
        now = sound[time : time + len(answer)]
        assert np.abs(now - answer[: len(now)]).max() < 1e-6


def test_stems_are_the_parts_of_the_mix() -> None:
    steps = sorted([*walk(8), *walk(8, person=2, seed=4, pace=0.61)], key=lambda step: step.time)
    style = Style("wood", loudness=-40)  # so low that no limiter has to do with it
    stems = render_stems(steps, style, duration=8)
    assert set(stems) == {
        "mix",
        "room",
        *(f"person-{person}-{foot}" for person in (1, 2) for foot in ("left", "right")),
    }
    parts = sum(stem for name, stem in stems.items() if name != "mix")
    assert np.abs(parts - stems["mix"]).max() < 1e-5
    assert stems["mix"].tobytes() == render(steps, style, duration=8).tobytes()
    for step in strikes(walk(8)):
        here = slice(round(step.time * RATE), round((step.time + 0.02) * RATE))
        own, other = (stems[f"person-1-{foot}"][here] for foot in sorted(("left", "right"), key=step.foot.__ne__))
        assert level(own) > level(other + np.float32(1e-9)) + 10


def test_only_what_is_within_the_duration_is_heard() -> None:
    sound = render(apart(0.5, 3.0, 9.0), Style(room="dry"), duration=3.2)
    assert len(sound) == round(3.2 * RATE)
    assert render(apart(3.0)).shape == (5 * RATE, 2)
    assert not render([], duration=2).any()
    assert not render([replace(step, event="toe_off") for step in apart(1.0)], duration=2).any()


def test_nothing_is_heard_before_the_beginning() -> None:
    sound = render([Footstep(-0.5, "left", "heel_strike", 0.9), *apart(1.0)], duration=2)
    assert np.abs(sound[: RATE - 1]).max() < 1e-7  # 24 bits are coarser


@pytest.mark.parametrize("height", [0.9, 1.05, 1.3])
@pytest.mark.parametrize("surface", ["concrete", "gravel", "tile"])
def test_people_who_fill_the_picture_stay_below_the_ceiling(surface: str, height: float) -> None:
    assert true_peak(render(walk(5, height=height), Style(surface, "leather"), duration=5)) <= -1


def test_who_runs_is_told_by_the_contact_or_the_pace() -> None:
    def shortest(pace: float, contact: float | None) -> float:
        steps = apart(*(0.5 + pace * number for number in range(4)))
        feet = [replace(step, foot=("left", "right")[number % 2]) for number, step in enumerate(steps)]
        lifted = [replace(step, time=step.time + contact, event="toe_off") for step in feet] if contact else []
        sound = render([*feet, *lifted], Style("grass", room="dry"), duration=4)
        return float(np.flatnonzero(np.abs(sound[:, 0]) > 1e-3)[-1]) / RATE - feet[-1].time

    assert shortest(0.55, None) > 0.5
    assert shortest(0.33, None) < 0.4
    assert shortest(0.55, 0.22) < 0.4


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_can_be_chosen(room: str) -> None:
    assert render(apart(0.5), Style(room=room), duration=2).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"surface": "lava"}, "unknown surface 'lava'"),
        ({"shoe": "clog"}, "unknown shoe 'clog'"),
        ({"room": "cave"}, "unknown room 'cave'; choose one of: dry, outdoor, room, hall"),
        ({"loudness": "loud"}, "loudness is 'loud'; choose film, web or a number from -60 to -5"),
        ({"loudness": 0}, "loudness is 0;"),
        ({"loudness": "nan"}, "loudness is 'nan';"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
    ],
)
def test_a_style_that_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Style(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan"), 1e9])
def test_a_duration_that_makes_no_sense_is_refused(duration: float) -> None:
    with pytest.raises(InputError, match="duration is"):
        render(apart(0.5), duration=duration)


def test_on_disk_it_is_the_same_sound(tmp_path: Path) -> None:
    in_memory = render(walk(5), Style("snow"), duration=5)
    with on_disk(tmp_path, large=1000) as canvas:
        sound: Floats = render(walk(5), Style("snow"), duration=5, canvas=canvas)
        assert isinstance(sound, np.memmap)
        assert sound.tobytes() == in_memory.tobytes()
        del sound
    assert not list(tmp_path.iterdir())
