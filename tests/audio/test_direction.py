"""Directions of sound that is made here, so that every one is known: delays are exact, made in the frequency domain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scenes import AZIMUTHS, PAIR, SOURCES, SPEED, SQUARE, TRIANGLE, Source, delayed, plane_wave, scene, speech, white
from scipy.signal import butter, sosfilt

from perceptkit.arrays import Floats
from perceptkit.audio.angles import Doubles, difference
from perceptkit.audio.direction import Directions, estimate_direction
from perceptkit.errors import InputError


def errors(found: Directions, azimuth: float) -> Doubles:
    """Degrees by which those moments are wrong that have a direction."""
    return np.abs(difference(found.track.azimuth, azimuth))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize(("noise", "most"), [(20.0, 2.0), (10.0, 4.0)])
def test_directions_are_right_in_the_open(source: Source, rate: int, noise: float, most: float) -> None:
    for seed, azimuth in enumerate(AZIMUTHS):
        found = estimate_direction(scene(seed, rate, source, azimuth, noise=noise), rate)
        assert len(found.track) > 0.9 * len(found)
        assert np.median(errors(found, azimuth)) <= most


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_as_much_noise_as_sound_hardly_matters_where_both_are_wide(rate: int) -> None:
    found = estimate_direction(scene(0, rate, white, 40, noise=0), rate)
    assert len(found.track) == len(found)
    assert np.percentile(errors(found, 40), 90) <= 1


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("frequency", [100, 300, 880, 3000])
@pytest.mark.parametrize("level", [0.5, 0.01])
def test_a_pure_tone_has_no_direction_though_its_rounding_is_coherent(rate: int, frequency: int, level: float) -> None:
    time = np.arange(rate) / rate
    later = 0.2 * math.sin(math.radians(30)) / SPEED
    tone = np.sin(2 * np.pi * frequency * np.stack([time - later, time], axis=1))
    found = estimate_direction((np.rint(level * 32768 * tone) / 32768).astype(np.float32), rate)
    assert np.isnan(found.azimuth).all()


def test_it_is_exact_to_a_fiftieth_of_a_sample() -> None:
    """A degree at 60 degrees is 0.08 samples here."""
    for azimuth in (-75, -61.3, -60, 12.1, 44.4, 70.7):
        found = estimate_direction(scene(1, 16_000, white, azimuth, noise=60), 16_000)
        delay = 0.2 / SPEED * 16_000 * np.abs(np.sin(np.radians(found.azimuth)) - math.sin(math.radians(azimuth)))
        assert delay.max() < 0.02


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_rooms_lose_directions_rather_than_turn_them(source: Source, rate: int) -> None:
    """Reverberation of 0.3 s, at twice the distance at which the room is as loud as the source itself."""
    wrong = np.concatenate(
        [
            errors(estimate_direction(scene(seed, rate, source, azimuth, reverberation=0.3), rate), azimuth)
            for seed, azimuth in enumerate(AZIMUTHS)
        ]
    )
    assert len(wrong) > 0.4 * len(AZIMUTHS) * 17
    assert np.median(wrong) <= 2.5
    assert (wrong <= 10).mean() > 0.75


def test_negative_is_towards_the_first_microphone() -> None:
    """The second channel hears it three samples later than the first."""
    wave = np.random.default_rng(5).normal(scale=0.1, size=16_000)
    sound = np.stack([wave[3:], wave[:-3]], axis=1).astype(np.float32)
    expected = math.degrees(math.asin(3 / 16_000 * SPEED / 0.2))
    assert estimate_direction(sound, 16_000).azimuth == pytest.approx(-expected, abs=0.3)
    left_first = estimate_direction(sound, 16_000, microphones=[(0, 0.1), (0, -0.1)])
    assert left_first.azimuth == pytest.approx(expected, abs=0.3)
    half = estimate_direction(sound, 16_000, spacing=0.4).azimuth
    assert np.sin(np.radians(half)) == pytest.approx(-math.sin(math.radians(expected)) / 2, abs=0.005)


@pytest.mark.parametrize(
    ("microphones", "azimuth", "answer"),
    [
        ([(0.2, 0.3, 1), (0.2, 0.1, 1)], 30, 30),  # where the array is does not matter
        (PAIR, 150, 30),  # from behind it sounds the same as from the front
        ([(-0.1, 0), (0.1, 0)], 60, 60),  # a line to the front hears on its left
        ([(-0.1, 0), (0.1, 0)], -60, 60),
        ([(0.07, 0.07), (-0.07, -0.07)], -20, -20),  # broadside is at -45
        ([(0, -0.1), (0, -0.04), (0, 0.1)], -50, -50),
        ([(0, -0.1, 0), (0, 0.1, 0), (0, 0.1, 0.2)], 40, 40),  # one above another
        (TRIANGLE, 170, 170),
        (np.pad(SQUARE, ((0, 0), (0, 1)), constant_values=0.4), -135, -135),
    ],
)
def test_geometry(microphones: Doubles, azimuth: float, answer: float) -> None:
    places = np.asarray(microphones, float)
    sound = scene(2, 16_000, white, azimuth, microphones=places[:, :2], seconds=1)
    found = estimate_direction(sound, 16_000, microphones=microphones)
    assert errors(found, answer) == pytest.approx(0, abs=1)
    assert len(found.track) == len(found)


@pytest.mark.parametrize("microphones", [TRIANGLE, SQUARE])
@pytest.mark.parametrize("source", SOURCES)
def test_arrays_hear_the_whole_circle(microphones: Doubles, source: Source) -> None:
    for seed, azimuth in enumerate(range(-180, 180, 45)):
        sound = scene(seed, 16_000, source, azimuth, microphones=microphones, seconds=1)
        found = estimate_direction(sound, 16_000, microphones=microphones)
        assert len(found.track) > 0.8 * len(found)
        assert np.median(errors(found, azimuth)) <= 2


def test_a_moving_source_is_followed() -> None:
    """From -60 to 60 degrees in 5 s."""
    rate, seconds, fine = 16_000, 5, 16
    random = np.random.default_rng(3)
    time = np.arange(rate * seconds) / rate
    delays = np.sin(np.radians(-60 + 24 * time)) * 0.1 / SPEED
    spectrum = np.fft.rfft(speech(random, seconds, rate))
    smooth = np.fft.irfft(spectrum, len(time) * fine) * fine
    when = np.arange(len(smooth)) / (rate * fine)
    sound = np.stack([np.interp(time - delays, when, smooth), np.interp(time + delays, when, smooth)], axis=1)
    sound = 0.1 * sound / sound.std() + random.normal(scale=0.01, size=sound.shape)
    track = estimate_direction(sound.astype(np.float32), rate).track
    assert len(track) > 40
    wrong = np.abs(track.azimuth - (-60 + 24 * track.times))
    assert np.median(wrong) < 3
    assert wrong.max() < 12


def quiet(kind: str, rate: int) -> Floats:
    sound = np.random.default_rng(11).normal(scale=0.1, size=(10 * rate, 2))
    if kind == "silence":
        sound *= 0
    elif kind == "dead":
        sound[:, 1] = 0
    elif kind == "dead but for its noise":
        sound[:, 1] *= 1e-4
    elif kind == "hum and offset":
        sound = 0.001 * sound + 0.02 + 0.1 * np.sin(100 * np.pi * np.arange(len(sound)) / rate)[:, None]
    elif kind == "dull":
        sound = sosfilt(butter(2, 300, fs=rate, output="sos"), sound, axis=0)
    elif kind == "below the floor":
        sound[:, 1] = sound[:, 0]
        sound *= 1e-3
    return sound.astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize(
    "kind", ["silence", "dead", "dead but for its noise", "hum and offset", "independent", "dull", "below the floor"]
)
def test_what_has_no_direction_gets_none(kind: str, rate: int) -> None:
    found = estimate_direction(quiet(kind, rate), rate)
    assert len(found) > 90
    assert np.isnan(found.azimuth).all()
    assert not found.confidence.any()
    assert not len(found.track)


def test_sound_from_all_around_seldom_has_a_direction() -> None:
    random = np.random.default_rng(13)
    sound = np.zeros((2, 5 * 16_000))
    for _ in range(128):
        way = random.normal(size=3)
        way /= np.linalg.norm(way)
        sound += delayed(random.normal(scale=0.01, size=sound.shape[1]), -PAIR @ way[:2] / SPEED, 16_000)
    found = estimate_direction(sound.T.astype(np.float32), 16_000)
    assert len(found.track) < 0.2 * len(found)


@pytest.mark.parametrize("microphones", [PAIR, SQUARE])
def test_false_alarms_are_as_rare_as_wanted(microphones: Doubles) -> None:
    noise = np.random.default_rng(12).normal(scale=0.1, size=(60 * 16_000, len(microphones))).astype(np.float32)
    alarms = [
        len(estimate_direction(noise, 16_000, microphones=microphones, hop=0.3, false_alarm=share).track) / 199
        for share in (0.5, 0.1, 0.01)
    ]
    assert 0.1 < alarms[0] < 0.5
    assert alarms[1] < 0.1
    assert alarms[2] < 0.02


def test_a_tone_that_may_come_from_several_directions_gets_none() -> None:
    time = np.arange(32_000) / 16_000
    tone = plane_wave(0.1 * np.sin(2 * np.pi * 3000 * time), 25, 16_000).T
    noise = np.random.default_rng(1).normal(scale=1e-3, size=tone.shape)
    assert not len(estimate_direction((tone + noise).astype(np.float32), 16_000).track)


def test_sound_later_than_the_way_between_the_microphones_gets_no_direction() -> None:
    wave = np.random.default_rng(5).normal(scale=0.1, size=16_000)
    sound = np.stack([wave[14:], wave[:-14]], axis=1).astype(np.float32)  # 0.3 m
    found = estimate_direction(sound, 16_000)
    assert np.isnan(found.azimuth).mean() > 0.9
    assert estimate_direction(sound, 16_000, spacing=0.31).azimuth == pytest.approx(-75.4, abs=1)


def test_samples_that_are_no_numbers_spoil_their_windows_only() -> None:
    sound = scene(4, 16_000, white, 30)
    sound[16_000], sound[16_100] = np.nan, np.inf
    found = estimate_direction(sound, 16_000)
    near = np.abs(found.times - 1.003) < 0.15
    assert np.isnan(found.azimuth[near]).all()
    assert found.azimuth[np.abs(found.times - 1.003) > 0.18] == pytest.approx(30, abs=1)


@pytest.mark.parametrize("sizes", [[997], [10, 40_000, 3], [160]])
def test_blocks_of_any_size_are_the_same_sound(sizes: list[int]) -> None:
    sound = scene(6, 16_000, speech, -20, seconds=6)
    whole = estimate_direction(sound, 16_000)
    blocks: list[Floats] = []
    start = 0
    while start < len(sound):
        blocks.append(sound[start : start + sizes[len(blocks) % len(sizes)]])
        start += len(blocks[-1])
    found = estimate_direction(iter(blocks), 16_000)
    for name in ("times", "azimuth", "confidence"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


def test_times_are_the_middle_of_windows() -> None:
    """A source that jumps at 2 s is half heard on both sides then."""
    sound = np.concatenate([scene(7, 16_000, white, -40), scene(8, 16_000, white, 40)])
    found = estimate_direction(sound, 16_000, window=0.2, hop=0.01)
    assert np.diff(found.times) == pytest.approx(0.01)
    change = found.times[np.argmax(found.azimuth > 0)]
    assert change == pytest.approx(2, abs=0.03)


def test_confidence_falls_with_noise() -> None:
    levels = [estimate_direction(scene(9, 16_000, white, 10, noise=noise), 16_000) for noise in (30.0, 5.0, -3.0)]
    first, second, third = (found.confidence[~np.isnan(found.azimuth)].mean() for found in levels)
    assert 1 >= first > 0.97 > second > third > 0.1


@pytest.mark.parametrize("blocks", [np.zeros((0, 2), np.float32), np.zeros((1000, 2), np.float32), []])
def test_less_than_a_window_has_no_directions(blocks: Floats | list[Floats]) -> None:
    found = estimate_direction(blocks, 16_000)
    assert len(found) == len(found.track) == len(found.confidence) == 0


@pytest.mark.parametrize(
    ("sound", "options", "message"),
    [
        (np.zeros((9, 1), np.float32), {}, "two channels"),
        (np.zeros(9, np.float32), {}, "two channels"),
        (np.zeros((9, 2), np.int16), {}, "float samples"),
        (np.zeros((9, 3), np.float32), {}, "3 channels"),
        (np.zeros((9, 2), np.float32), {"microphones": TRIANGLE}, "2 channels"),
        (None, {"spacing": 0}, "spacing is 0"),
        (None, {"spacing": math.nan}, "spacing is nan"),
        (None, {"microphones": [(0, 0.1), (0, 0.1)]}, "1 and 2 are at the same place"),
        (None, {"microphones": [(0, 0, 0.1), (0, 0, 0.2)]}, "above each other"),
        (None, {"microphones": [(0, math.nan), (0, 0.1)]}, "finite"),
        (None, {"microphones": [(0, 0.1)]}, "two or more"),
        (None, {"microphones": [0.1, 0.2]}, "shape"),
        (None, {"microphones": [(0, 0.1), (0,)]}, "not numbers"),
        (None, {"microphones": "left"}, "not numbers"),
        (None, {"window": 0.05}, "at least 0.08 s"),
        (None, {"spacing": 10.0}, "at least 0.6"),
        (None, {"window": math.nan}, "window is nan"),
        (None, {"hop": 0}, "hop is 0"),
        (None, {"speed_of_sound": -1}, "speed_of_sound"),
        (None, {"false_alarm": 0}, "false_alarm"),
        (None, {"max_frequency": 400}, "too little"),
        (None, {"spacing": 0.001}, "too little"),
    ],
)
def test_what_cannot_be_used_is_refused(sound: Floats | None, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate_direction(np.zeros((9, 2), np.float32) if sound is None else sound, 16_000, **options)  # type: ignore[arg-type]
