"""The sound of a file as samples: where it should be, whatever its rate, channels, beginning and gaps."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clips import Sound, edit, write_clip
from perceptkit import video
from perceptkit.arrays import Floats
from perceptkit.errors import MediaError

RATE = 48_000


def heard(path: Path) -> tuple[Floats, list[str]]:
    warnings: list[str] = []
    blocks = list(video.read_sound(path, warnings))
    return (np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)), warnings


def click(sound: Floats) -> float:
    return int(np.argmax(np.abs(sound).max(axis=1) > 0.3)) / RATE


CLIPS: dict[str, Mapping[str, Any]] = {
    "mono.mp4": {"sounds": [Sound()]},
    "stereo-44.mp4": {"sounds": [Sound(layout="stereo", rate=44_100)]},
    "opus.mkv": {"sounds": [Sound("libopus")]},
    "mp3.mkv": {"sounds": [Sound("libmp3lame", layout="stereo")]},
    "pcm.mov": {"sounds": [Sound("pcm_s16le", rate=22_050)]},
    "late.mp4": {"sounds": [Sound(start=0.3, seconds=0.7)]},
    "broadcast.ts": {"sounds": [Sound()]},
}


@pytest.mark.parametrize("name", CLIPS)
def test_a_click_is_heard_when_it_is_shown(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, **CLIPS[name])
    sound, warnings = heard(path)
    with video.read(path) as frames:
        begins = next(iter(frames)).time
    assert warnings == []
    assert sound.dtype == np.float32
    assert sound.shape[1] == 2
    assert click(sound) == pytest.approx(begins + 0.5, abs=0.003)
    assert 0.95 < len(sound) / RATE < 1.1


def test_before_a_late_track_it_is_silent(tmp_path: Path) -> None:
    sound, _ = heard(write_clip(tmp_path / "late.mp4", **CLIPS["late.mp4"]))
    assert not sound[: round(0.27 * RATE)].any()


def test_what_is_trimmed_away_is_not_heard(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "long.mp4", count=75, sounds=[Sound(seconds=3, click=1.5)])
    sound, _ = heard(edit(path, start=1.0, duration=1.5))
    assert click(sound) == pytest.approx(0.5, abs=0.05)


def test_surround_sound_is_mixed_down_and_that_is_said(tmp_path: Path) -> None:
    sound, (warning,) = heard(write_clip(tmp_path / "five.mp4", sounds=[Sound(layout="5.1")]))
    assert "6 channels is mixed down to stereo" in warning
    assert click(sound) == pytest.approx(0.5, abs=0.003)


def test_of_two_tracks_the_first_is_heard_and_that_is_said(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "two.mp4", sounds=[Sound(), Sound(click=0.7)])
    sound, (warning,) = heard(path)
    assert "the first of its 2 sound tracks" in warning
    assert click(sound) == pytest.approx(0.5, abs=0.003)


def test_a_video_without_sound_gives_nothing(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "silent.mp4")
    assert heard(path)[0].shape == (0, 2)


@pytest.mark.parametrize(
    ("rate", "kind"), [(8000, "PCM_U8"), (44_100, "PCM_24"), (96_000, "FLOAT"), (192_000, "PCM_16")]
)
def test_a_wav_of_any_kind_is_the_same_sound(tmp_path: Path, rate: int, kind: str) -> None:
    time = np.arange(rate) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "tone.wav", wave, rate, kind)
    sound, warnings = heard(tmp_path / "tone.wav")
    assert warnings == []
    assert len(sound) == pytest.approx(RATE, abs=64)
    inner = sound[4800:-4800]
    assert np.sqrt((inner**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_a_sound_that_is_cut_short_is_heard_so_far(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", count=75, sounds=[Sound(seconds=3)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sound, _ = heard(path)
    assert 0.3 < len(sound) / RATE < 3


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(MediaError, match="not a video but a text file"):
        heard(tmp_path / "text.wav")


def test_when_pictures_are_shown_is_told_without_decoding(tmp_path: Path) -> None:
    times = [Fraction(number * number, 200) + Fraction(1, 5) for number in range(15)]
    for name, sounds in (("varying.mkv", [Sound()]), ("silent.mp4", [])):
        path = write_clip(tmp_path / name, times=times, unit=Fraction(1, 1000), sounds=sounds)
        with video.read(path) as frames:
            decoded = [frame.time for frame in frames]
        *told, end = video.frame_times(path)
        assert told == pytest.approx(decoded, abs=1e-6)
        assert end > told[-1]


def test_pictures_that_begin_after_the_sound_end_later_than_their_own_length(tmp_path: Path) -> None:
    times = [1 + Fraction(number, 25) for number in range(75)]
    path = write_clip(tmp_path / "late.mkv", times=times, sounds=[Sound(seconds=3)])
    assert video.frame_times(path)[-1] == pytest.approx(4, abs=0.05)
