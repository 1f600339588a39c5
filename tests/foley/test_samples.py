"""Footsteps from recordings: whatever a folder holds, one moment of a file, and played without repeats."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile  # it has none
from recorded import RATE, beginnings, hit, recording, walk

from perceptkit.arrays import Floats
from perceptkit.errors import InputError
from perceptkit.foley.samples import SampleVoice, load_samples, sample_at
from perceptkit.foley.types import Foot, Footstep
from shared_data import footsteps_folder
from systems import linux, posix, unprivileged


def tone(frequency: float = 1000.0) -> Floats:
    clock = np.arange(RATE // 2) / RATE
    return (np.sin(2 * np.pi * frequency * clock) * np.exp(-clock / 0.15)).astype(np.float32)


def strike(at: float = 0.0, foot: Foot = "left", *, strength: float = 0.5, person: int = 1) -> Footstep:
    return Footstep(at, foot, "heel_strike", 0.9, strength=strength, person=person)


def render(voice: SampleVoice, count: int, seed: int = 5) -> list[Floats]:
    random = np.random.default_rng(seed)
    feet: tuple[Foot, Foot] = ("left", "right")
    return [voice(strike(0.5 * number, feet[number % 2]), None, random) for number in range(count)]


def pitch_of(sound: Floats) -> float:
    size = 1 << 16
    return float(np.argmax(np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size)))) * RATE / size


def tones(count: int) -> list[Floats]:
    """More than four semitones apart, so that each is known whatever its pitch was changed to."""
    return [tone(1000.0 * 1.4**number) for number in range(count)]


def which(sound: Floats) -> int:
    return round(float(np.log(pitch_of(sound) / 1000) / np.log(1.4)))


# Files


@pytest.mark.parametrize(
    ("name", "rate", "subtype"),
    [
        ("a.wav", 8000, "PCM_16"),
        ("a.wav", 44100, "PCM_U8"),
        ("a.WAV", 96000, "PCM_24"),
        ("a.wav", 192000, "FLOAT"),
        ("a.flac", 48000, "PCM_24"),
        ("a.ogg", 44100, "VORBIS"),
        ("a.mp3", 44100, "MPEG_LAYER_III"),
        ("a.aiff", 22050, "PCM_16"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_files_of_any_kind(tmp_path: Path, name: str, rate: int, subtype: str, channels: int) -> None:
    sound = recording(walk(4), length=3.0, rate=rate)
    file = tmp_path / name
    kinds = {".ogg": "OGG", ".mp3": "MP3"}
    soundfile.write(file, np.stack([sound] * channels, axis=1), rate, subtype=subtype, format=kinds.get(file.suffix))
    voice = load_samples(file)
    assert len(voice.samples) == 4
    assert voice.warnings == []
    assert np.median([np.abs(sample).max() for sample in voice.samples]) == pytest.approx(1, abs=0.01)
    for sample in voice.samples:
        assert sample.dtype == np.float32
        assert np.abs(sample[:200]).max() > 0.2


def write(path: Path, sound: Floats, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def not_numbers(path: Path) -> None:
    write(path, np.full(RATE, np.nan, np.float32))


def silent(path: Path) -> None:
    write(path, np.zeros(RATE, np.float32))


def no_samples(path: Path) -> None:
    write(path, np.zeros(0, np.float32))


def long(path: Path) -> None:
    soundfile.write(path, np.zeros(3 * 3600 * 4000, np.uint8).view(np.int8).astype(np.int16), 4000, subtype="PCM_U8")


def text(path: Path) -> None:
    path.write_text("Creative Commons Attribution\n" * 20)


@pytest.mark.parametrize(
    ("damage", "name", "reason"),
    [
        (lambda path: path.write_bytes(b""), "bad.wav", "not a WAV, .* but an empty file"),
        (text, "bad.wav", "not a WAV, .* but a text file"),
        (text, "bad.raw", "not a WAV, .* but a text file"),
        (lambda path: truncate(write(path, hit(0))), "bad.flac", "damaged|silence"),
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "bad.mp3", "but a PNG image"),
        (not_numbers, "bad.wav", "not numbers"),
        (silent, "bad.wav", "only silence or steady noise"),
        (no_samples, "bad.wav", "only silence or steady noise"),
        (long, "bad.wav", "longer than 2 hours"),
        (lambda path: write(path, hit(0), 1000), "bad.wav", "header is damaged, it says 1000"),
    ],
)
def test_a_file_that_cannot_be_used_does_not_stop_the_others(
    tmp_path: Path, damage: Callable[[Path], object], name: str, reason: str
) -> None:
    damage(tmp_path / name)
    with pytest.raises(InputError, match=reason):
        load_samples(tmp_path / name)
    write(tmp_path / "good.wav", recording(walk(3), length=2.0))
    voice = load_samples(tmp_path)
    assert len(voice.samples) == 3
    assert [warning.startswith(str(tmp_path / name)) for warning in voice.warnings] == [True] * (name != "bad.raw")


def test_a_recording_that_is_damaged_later_on_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flac", recording(walk(20), length=12.0))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match="damaged or of a kind that is not supported"):
        load_samples(file)


@linux  # elsewhere a file of two gigabytes takes as much room
def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(2_000_000_001)
    with pytest.raises(InputError, match="larger than 2 GB; cut out a part"):
        load_samples(tmp_path)


@posix
@unprivileged
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", hit(0))
    file.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        load_samples(file)


def test_a_pattern_of_files(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.flac"):
        write(tmp_path / name, hit(-3))
    assert len(load_samples(tmp_path / "*.wav").samples) == 2


def test_a_truncated_recording_gives_what_is_left(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", recording(walk(4), length=3.0))
    file.write_bytes(file.read_bytes()[: 4 * round(1.2 * RATE)])
    assert len(load_samples(file).samples) == 2


def test_a_folder_without_sound_says_what_is_taken(tmp_path: Path) -> None:
    (tmp_path / "LICENSE.txt").write_text("CC0")
    with pytest.raises(InputError, match="no WAV, FLAC, OGG, MP3 or AIFF file in it"):
        load_samples(tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        load_samples(tmp_path / "none")


def test_a_long_recording_is_used_in_part_and_says_so(tmp_path: Path) -> None:
    rate = 8000
    part = recording([(0.2, -3.0), (1.2, -3.0)], length=2.0, rate=rate)
    voice = load_samples(write(tmp_path / "long.flac", np.tile(part, 160), rate))
    assert len(voice.samples) == 48
    assert voice.warnings == [f"{tmp_path / 'long.flac'}: only its first 5 minutes are used"]


def test_files_are_as_loud_as_each_other_and_steps_nearly_as_they_were(tmp_path: Path) -> None:
    put = [(0.3, 0.0), (1.3, -4.0), (2.3, 4.0)]
    write(tmp_path / "1.wav", recording([(at, level - 8) for at, level in put], length=3.3))
    write(tmp_path / "2.wav", recording([(at, level - 40) for at, level in put], length=3.3, noise=-100))
    peaks = [20 * np.log10(np.abs(sample).max()) for sample in load_samples(tmp_path).samples]
    assert peaks == pytest.approx([0, -2, 2] * 2, abs=0.3)


def test_faint_steps_are_left_out(tmp_path: Path) -> None:
    put = [(0.3, 0.0), (1.3, -1.0), (2.3, -35.0)]
    assert len(load_samples(write(tmp_path / "1.wav", recording(put, length=3.3))).samples) == 2


@pytest.mark.parametrize(
    ("surface", "count"), [("grass", 1), ("gravel", 2), ("Wood", 3), ("metal", 7), (None, 7), ("oo", 7)]
)
def test_a_surface_is_a_folder_or_a_word_of_a_name(tmp_path: Path, surface: str | None, count: int) -> None:
    names = ("grass/1.wav", "x/gravel_grass.wav", "x/default_gravel.2.wav")
    for number, name in enumerate((*names, "deep/hard wood/a.wav", "wood-2/b.wav", "wood/c.wav", "woody/d.wav")):
        write(tmp_path / name, hit(-3, seed=number))
    voice = load_samples(tmp_path, surface)
    assert len(voice.samples) == count
    assert any("all are used" in warning for warning in voice.warnings) == (surface in ("metal", "oo"))


@pytest.mark.parametrize(("left", "right"), [("left/a", "right/a"), ("a_L", "a_R"), ("StepLeft01", "StepRight01")])
def test_feet_have_their_own_samples_when_both_do(tmp_path: Path, left: str, right: str) -> None:
    low, high = tone(400), tone(4000)
    write(tmp_path / f"{left}.wav", low)
    voice = load_samples(tmp_path)
    assert pitch_of(voice(strike(foot="right"), None, np.random.default_rng(0))) < 1000
    write(tmp_path / f"{right}.wav", high)
    write(tmp_path / "Bridle.wav", tone(1500))
    voice = load_samples(tmp_path)
    random = np.random.default_rng(0)
    pitches = [[pitch_of(voice(strike(foot=foot), None, random)) for _ in range(20)] for foot in ("left", "right")]
    assert min(pitches[0]) < 500
    assert 1000 < max(pitches[0]) < 2000
    assert max(pitches[1]) > 3000
    assert 1000 < min(pitches[1]) < 2000


# One moment


def test_the_step_at_a_moment(tmp_path: Path) -> None:
    sound = recording(walk(6), length=4.0)
    file = write(tmp_path / "a.wav", sound)
    for at, _ in walk(6):
        for off in (-0.2, 0.0, 0.2):
            (sample,) = sample_at(file, at + off).samples
            assert beginnings(sound, [sample]) == pytest.approx([at], abs=0.002)
            assert np.abs(sample).max() == pytest.approx(1, abs=0.01)
            assert len(sample) < 0.3 * RATE


def test_a_moment_without_an_onset_is_taken_as_it_is(tmp_path: Path) -> None:
    sound = np.zeros(4 * RATE, np.float32)
    sound[RATE : 3 * RATE] = hit(-3, decay=0.8, length=2)
    file = write(tmp_path / "a.wav", sound)
    (sample,) = sample_at(file, 1.7).samples
    assert beginnings(sound, [sample]) == pytest.approx([1.7], abs=0.002)
    (sample,) = sample_at(file, 1.1, length=0.5).samples
    assert beginnings(sound, [sample]) == pytest.approx([1.0], abs=0.002)
    assert len(sample) / RATE == pytest.approx(0.5, abs=0.001)
    with pytest.raises(InputError, match=r"silent at 3.9 s"):
        sample_at(file, 3.9)
    with pytest.raises(InputError, match=r"silent at 0 s"):
        sample_at(write(tmp_path / "b.wav", np.zeros(RATE, np.float32)), 0)


@pytest.mark.parametrize("at", [-0.1, 4.0, 99.0, float("nan"), float("inf")])
def test_a_time_outside_the_file(tmp_path: Path, at: float) -> None:
    file = write(tmp_path / "a.wav", recording(walk(6), length=4.0))
    with pytest.raises(InputError, match=r"which is 4\.00 s long"):
        sample_at(file, at)


def test_other_moments_that_are_not_there(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", recording(walk(6), length=4.0))
    for path in (tmp_path, tmp_path / "none.wav", "~nobody/a.wav", "a" * 999):
        with pytest.raises(InputError, match="no such file"):
            sample_at(path, 1)
    for length in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(InputError, match="a length of"):
            sample_at(file, 1, length=length)


# Playing


@pytest.mark.parametrize("count", [2, 3, 7])
def test_no_sample_comes_twice_in_a_row(count: int) -> None:
    voice = SampleVoice(tones(count))
    random = np.random.default_rng(1)
    played: list[int] = []
    of: dict[tuple[int, Foot], list[int]] = {}
    for number in range(1000):
        step = strike(number * 0.25, "left" if random.random() < 0.5 else "right", person=int(random.integers(1, 3)))
        played.append(which(voice(step, None, random)))
        of.setdefault((step.person, step.foot), []).append(played[-1])
    assert set(played) == set(range(count))
    assert all(one != next_one for one, next_one in pairwise(played))
    assert min(played.count(number) for number in range(count)) > 0.8 * 1000 / count
    if count > 2:
        for foot in of.values():
            assert all(one != next_one for one, next_one in pairwise(foot))


def test_one_sample_still_varies() -> None:
    sounds = render(SampleVoice([tone()]), 200)
    pitches = np.array([pitch_of(sound) for sound in sounds])
    levels = np.array([20 * np.log10(np.abs(sound).max()) for sound in sounds])
    semitones = 12 * np.log2(pitches / 1000)
    assert np.abs(semitones).max() <= 2.02
    assert semitones.std() > 0.4
    assert len(set(np.round(semitones * 2))) >= 6
    middle = 20 * np.log10(0.5 * np.abs(tone()).max())
    assert np.abs(levels - middle).max() <= 2.1
    assert 0.5 < levels.std() < 2


def test_the_foot_comes_down_at_the_first_sample_at_any_pitch(tmp_path: Path) -> None:
    voice = load_samples(write(tmp_path / "a.wav", recording(walk(3, -3.0), length=2.2)))
    for sound in render(voice, 300):
        assert np.isfinite(sound).all()
        assert sound.dtype == np.float32
        assert np.argmax(np.abs(sound) > 0.05 * np.abs(sound).max()) <= 0.001 * RATE
        assert np.abs(sound[[0, -1]]).max() < 0.01


@pytest.mark.parametrize(
    ("strength", "level"), [(1.0, 0.0), (0.5, -6.0), (0.25, -12.0), (0.1, -15.0), (0.0, -15.0), (9.0, 3.0)]
)
def test_strength_is_loudness(strength: float, level: float) -> None:
    voice = SampleVoice([tone()])
    random = np.random.default_rng(0)
    levels = [20 * np.log10(np.abs(voice(strike(strength=strength), 0.6, random)).max()) for _ in range(300)]
    assert np.mean(levels) == pytest.approx(level, abs=0.6)


def test_the_same_seed_gives_the_same_sound() -> None:
    voice = SampleVoice(tones(5))
    first = render(voice, 50)
    voice.restart()
    again, other = render(voice, 50), render(SampleVoice(tones(5)), 50)
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    voice.restart()
    assert [which(sound) for sound in render(voice, 50, seed=6)] != [which(sound) for sound in first]


def test_what_is_given_is_not_what_was_kept() -> None:
    voice = SampleVoice([tone()])
    before = voice.samples[0].copy()
    for sound in render(voice, 20):
        sound[:] = 0
    np.testing.assert_array_equal(voice.samples[0], before)
    assert all(np.abs(sound).max() > 0.2 for sound in render(voice, 20))


def test_a_voice_needs_samples() -> None:
    with pytest.raises(InputError, match="no samples"):
        SampleVoice([])


def test_an_hour_of_walking_takes_seconds() -> None:
    voice = SampleVoice([hit(0, seed=number, length=0.6) for number in range(48)])
    start = time.process_time()
    render(voice, 7000)
    assert time.process_time() - start < 10


# Real recordings


@pytest.mark.weights
def test_real_footsteps_are_one_step_each() -> None:
    names = sorted(file.name for file in footsteps_folder().iterdir() if file.suffix in (".ogg", ".wav"))
    for name in names:
        voice = load_samples(footsteps_folder() / name)
        assert voice.warnings == []
        for sample in voice.samples:
            assert np.isfinite(sample).all()
            assert np.abs(sample[[0, -1]]).max() < 0.02
        if "water" not in name:  # somebody who wades two seconds
            (sample,) = voice.samples
            sound, rate = soundfile.read(footsteps_folder() / name)
            assert 0.55 < len(sample) / RATE * rate / len(sound) < 1.01
            loudness = np.sqrt(np.convolve(sample**2, np.ones(48) / 48, "same"))
            assert np.argmax(loudness > loudness.max() / 6) < 0.03 * RATE


@pytest.mark.weights
def test_real_footsteps_by_surface() -> None:
    voice = load_samples(footsteps_folder(), surface="snow")
    assert len(voice.samples) == 6
    assert voice.warnings == []
    sounds = render(voice, 100)
    assert all(np.abs(sound).max() < 1 for sound in sounds)
