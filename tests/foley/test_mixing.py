"""Steps under the pictures: in time after encoding, the original kept, ducked or muted, nothing cut."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from sounds import RATE, level, onset, strikes, walk

from clips import Sound, packets, write_clip
from perceptkit import foley, video
from perceptkit.arrays import Floats
from perceptkit.errors import InputError, MediaError
from perceptkit.foley import Footstep, Style, add_sound, mix, render, true_peak, write_sound
from perceptkit.foley.mixing import with_original
from perceptkit.foley.sound.canvas import in_memory, write_wav
from shared_data import video_file
from systems import posix

LONG = 4.0


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds with faint noise."""
    return write_clip(tmp_path / "clip.mp4", count=100, sounds=[Sound(seconds=LONG, click=3.9)])


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """Two steps, at 0.5 and 2.5 s."""
    path = tmp_path / "steps.wav"
    two = [Footstep(time, "left", "heel_strike", 0.9) for time in (0.5, 2.5)]
    write_wav(path, render(two, Style("concrete", "leather", room="dry"), duration=LONG))
    return path


def heard(path: Path) -> Floats:
    return np.concatenate([*video.read_sound(path, [])])


def late(before: Floats, after: Floats, time: float) -> float:
    """Milliseconds by which the sound around a moment comes later."""
    around = slice(round((time - 0.03) * RATE), round((time + 0.15) * RATE))
    one, other = before[around].sum(axis=1), after[around].sum(axis=1)
    shifts = np.correlate(other, one[960:-960], "valid")
    return (int(np.argmax(shifts)) - 960) / RATE * 1000


@pytest.mark.parametrize("original", ["keep", "duck", "mute"])
def test_every_step_is_in_time_when_the_result_is_decoded(
    clip: Path, steps: Path, tmp_path: Path, original: str
) -> None:
    assert mix(clip, steps, tmp_path / "out.mp4", original=original) == []
    before, after = heard(steps), heard(tmp_path / "out.mp4")
    assert max(abs(late(before, after, time)) for time in (0.5, 2.5)) <= 5
    assert len(after) / RATE == pytest.approx(LONG, abs=0.04)


def test_the_pictures_are_copied(clip: Path, steps: Path, tmp_path: Path) -> None:
    mix(clip, steps, tmp_path / "out.mp4")
    assert [bytes(packet) for packet in packets(tmp_path / "out.mp4", "video")] == [
        bytes(packet) for packet in packets(clip, "video")
    ]


def test_the_original_is_kept_ducked_or_muted(clip: Path, steps: Path) -> None:
    sound = heard(steps)
    before = heard(clip)
    kept, ducked, muted = (with_original(sound, clip, name, LONG, [], in_memory) for name in ("keep", "duck", "mute"))
    pad = np.zeros_like(kept)
    pad[: len(sound)] = sound
    assert muted is sound
    under, away = slice(round(0.45 * RATE), round(0.7 * RATE)), slice(round(1.7 * RATE), round(2.1 * RATE))
    for place, expected in ((under, -12), (away, 0)):
        own = level(before[place])
        assert level((kept - pad)[place]) == pytest.approx(own, abs=0.1)
        assert level((ducked - pad)[place]) - own == pytest.approx(expected, abs=0.7)


def test_ducking_has_no_steps_in_it(clip: Path, steps: Path) -> None:
    tone = np.tile(np.sin(np.arange(round(LONG * RATE)) * 0.05)[:, None] * 0.2, 2).astype(np.float32)
    path = steps.with_name("tone.wav")
    write_wav(path, tone)
    sound = heard(steps)
    difference = (with_original(sound, path, "duck", LONG, [], in_memory)[: len(sound)] - sound)[:, 0]
    assert np.abs(np.diff(difference)).max() < 0.2 * 0.05 * 1.1


def test_a_loud_original_and_loud_steps_stay_below_the_ceiling(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    write_wav(tmp_path / "loud.wav", random.uniform(-1, 1, (2 * RATE, 2)).astype(np.float32))
    sound = random.uniform(-0.9, 0.9, (2 * RATE, 2)).astype(np.float32)
    assert true_peak(with_original(sound, tmp_path / "loud.wav", "keep", 2, [], in_memory)) <= -1


def test_a_longer_original_is_not_cut(tmp_path: Path, steps: Path) -> None:
    longer = write_clip(tmp_path / "longer.mp4", count=50, sounds=[Sound(seconds=6, click=5.5)])
    mix(longer, steps, tmp_path / "out.mp4", original="keep")
    after = heard(tmp_path / "out.mp4")
    assert len(after) / RATE == pytest.approx(6, abs=0.05)
    assert level(after[round(5.49 * RATE) :][: RATE // 20]) > level(after[round(5.3 * RATE) :][: RATE // 20]) + 20


@pytest.mark.parametrize("original", ["keep", "duck", "mute"])
@pytest.mark.parametrize(("time", "outlasts"), [(2.5, False), (3.7, True)])
def test_steps_outlast_the_pictures_as_long_as_they_are_heard(
    clip: Path, tmp_path: Path, original: str, time: float, outlasts: bool
) -> None:
    (wav,) = write_sound([Footstep(time, "left", "heel_strike", 0.9)], tmp_path / "steps.wav", Style(room="dry"))
    assert soundfile.info(wav).duration == time + 2
    mix(clip, wav, tmp_path / "out.mp4", original=original)
    silent = np.flatnonzero(np.abs(heard(wav)).max(axis=1) > 1e-6)[-1] / RATE
    assert (silent > LONG) == outlasts
    assert len(heard(tmp_path / "out.mp4")) / RATE == pytest.approx(max(LONG, silent), abs=0.04)


@pytest.mark.parametrize("original", ["keep", "duck", "mute"])
def test_a_silent_video_gets_the_steps(tmp_path: Path, steps: Path, original: str) -> None:
    silent = write_clip(tmp_path / "silent.mp4", count=100)
    assert mix(silent, steps, tmp_path / "out.mp4", original=original) == []
    assert abs(late(heard(steps), heard(tmp_path / "out.mp4"), 0.5)) <= 5


@pytest.mark.parametrize(
    "sound", [Sound("pcm_s16le", rate=22_050, seconds=LONG), Sound("flac", layout="5.1", seconds=LONG)]
)
def test_sounds_of_other_kinds_become_stereo_aac(tmp_path: Path, steps: Path, sound: Sound) -> None:
    source = write_clip(tmp_path / "clip.mkv", count=100, sounds=[sound])
    mix(source, steps, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as made:
        (track,) = made.streams.audio
        assert (track.codec_context.name, track.codec_context.rate, track.codec_context.channels) == ("aac", 48_000, 2)


def test_names_and_files_that_make_no_sense_are_refused(clip: Path, steps: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="original is 'louder'; choose one of: keep, duck, mute"):
        mix(clip, steps, tmp_path / "out.mp4", original="louder")
    for written_over in (clip, steps.rename(steps.with_suffix(".mp4"))):
        with pytest.raises(InputError, match="would be written over"):
            mix(clip, steps.with_suffix(".mp4"), written_over)
    steps.with_suffix(".mp4").rename(steps)
    with pytest.raises(InputError, match=r"written as \.mp4"):
        mix(clip, steps, tmp_path / "out.avi")
    with pytest.raises(MediaError, match="holds no sound"):
        mix(clip, write_clip(tmp_path / "silent.mp4"), tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="holds no video, sound only"):
        mix(steps, steps, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_a_dub_has_its_sound_its_stems_and_nothing_else(clip: Path, tmp_path: Path) -> None:
    dub = add_sound(clip, walk(LONG), tmp_path / "new" / "out.mp4", Style("grass"), stems=True)
    assert dub.video.is_file()
    assert dub.warnings == ()
    names = {str(path.relative_to(dub.folder.parent)) for path in dub.folder.parent.rglob("*") if path.is_file()}
    assert names == {
        "out.mp4",
        "out-foley/footsteps.wav",
        *(f"out-foley/stems/{name}.wav" for name in ("person-1-left", "person-1-right", "room")),
    }
    assert dub.sounds[0] == tmp_path / "new" / "out-foley" / "footsteps.wav"
    mixed, rate = soundfile.read(dub.sounds[0])
    assert (rate, mixed.shape, soundfile.info(dub.sounds[0]).subtype) == (48_000, (round(LONG * RATE), 2), "PCM_24")
    parts = sum(soundfile.read(path)[0] for path in dub.sounds[1:])
    assert np.abs(parts - mixed).max() < 0.2  # where a limiter held back
    assert np.corrcoef(parts[:, 0], mixed[:, 0])[0, 1] > 0.99


def test_steps_after_the_end_of_the_video_are_left_out_and_that_is_said(clip: Path, tmp_path: Path) -> None:
    steps = [Footstep(time, "left", "heel_strike", 0.9) for time in (1.0, 3.99, 4.0, 60.0)]
    dub = add_sound(clip, steps, tmp_path / "out.mp4")
    (warning,) = dub.warnings
    assert "2 events come after its end (4.00 s)" in warning
    assert len(heard(tmp_path / "out.mp4")) / RATE == pytest.approx(LONG, abs=0.04)


def test_without_steps_the_video_keeps_its_own_sound(clip: Path, tmp_path: Path) -> None:
    dub = add_sound(clip, [], tmp_path / "out.mp4", original="mute")
    assert any("no footsteps to be heard" in warning for warning in dub.warnings)
    before, after = heard(clip), heard(tmp_path / "out.mp4")
    assert level(after[: 3 * RATE]) == pytest.approx(level(before[: 3 * RATE]), abs=1)


def test_the_sound_alone_is_written_with_its_stems(tmp_path: Path) -> None:
    paths = write_sound(walk(4), tmp_path / "steps.wav", Style("snow"), duration=4, stems=True)
    assert [path.name for path in paths] == ["steps.wav", "person-1-left.wav", "person-1-right.wav", "room.wav"]
    sound, _ = soundfile.read(paths[0], dtype="float32")
    for step in strikes(walk(4))[:1]:
        assert abs(onset(sound.sum(axis=1), 0.03) - step.time * RATE) < 0.002 * RATE


def test_nothing_to_hear_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    offs = [replace(step, event="toe_off") for step in walk(4)]
    for steps in ([], offs):
        with pytest.raises(InputError, match="no heel strikes to be heard"):
            write_sound(steps, tmp_path / "steps.wav")
    with pytest.raises(InputError, match="no heel strikes to be heard"):
        write_sound(walk(4), tmp_path / "steps.wav", duration=0.3)
    with pytest.raises(InputError, match=r"written as \.wav"):
        write_sound(walk(4), tmp_path / "steps.mp3")
    assert not list(tmp_path.iterdir())


def test_steps_are_heard_to_the_end_of_pictures_that_begin_late(tmp_path: Path) -> None:
    times = [1 + Fraction(number, 25) for number in range(75)]
    late = write_clip(tmp_path / "late.mkv", times=times, sounds=[Sound(seconds=3)])
    dub = add_sound(late, [Footstep(3.9, "left", "heel_strike", 0.9)], tmp_path / "out.mp4")
    assert (dub.footsteps, dub.warnings) == (1, ())
    assert soundfile.info(dub.sounds[0]).duration == pytest.approx(4, abs=0.05)


def test_an_original_of_unknown_length_is_heard_whole(tmp_path: Path, steps: Path) -> None:
    options = {"live": "1"}  # as recorders write that cannot go back: no length in the header
    source = write_clip(tmp_path / "c.mkv", count=100, sounds=[Sound(seconds=4, click=3.5)], container=options)
    mix(source, steps, tmp_path / "out.mp4", original="keep")
    after = heard(tmp_path / "out.mp4")
    assert level(after[round(3.49 * RATE) :][: RATE // 20]) > level(after[round(3.3 * RATE) :][: RATE // 20]) + 20


def test_what_cannot_be_copied_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "old.webm", codec="libvpx", options={"deadline": "realtime"})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(MediaError, match=r"\(vp8\) cannot be copied into an MP4; convert it to H\.264"):
        add_sound(source, walk(1.5), tmp_path / "out.mp4")
    assert sorted(tmp_path.iterdir()) == before


@posix
def test_names_that_are_no_text_are_written(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.wav"))
    write_sound(walk(2), path)
    assert path.exists()


@posix
@pytest.mark.parametrize("limit", [0, 100_000, 900_000])  # at the first file, within it, and within the video
def test_a_full_disk_leaves_no_video_and_nothing_half_written(clip: Path, tmp_path: Path, limit: int) -> None:
    program = f"""
import resource, signal, sys
from perceptkit import errors, foley
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
steps = [foley.Footstep(time, "left", "heel_strike", 0.9) for time in (1.0, 2.0)]
try:
    foley.add_sound({str(clip)!r}, steps, "out.mp4", stems={limit == 900_000})
except errors.DeviceError as error:
    sys.exit(f"device: {{error}}")
"""
    folder = tmp_path / "work"
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("device: cannot write ")
    assert "the disk is full" in done.stderr
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert left <= {"footsteps.wav"}


@pytest.mark.weights
def test_the_walk_over_the_grass_has_a_sound_under_each_contact(tmp_path: Path) -> None:
    import json

    about = json.loads(video_file("footsteps.json").read_text())["walk-grass-side.mp4"]
    times = [event["frame"] / about["fps"] for event in about["events"] if event["type"] == "HS"]
    steps = [Footstep(time, ("left", "right")[place % 2], "heel_strike", 0.9) for place, time in enumerate(times)]
    dub = add_sound(video_file("walk-grass-side.mp4"), steps, tmp_path / "out.mp4", Style("grass"))
    written, decoded = heard(dub.sounds[0]), heard(dub.video)
    assert max(abs(late(written, decoded, time)) for time in times) <= 5
    info = video.info(dub.video)
    assert info.frames == video.info(video_file("walk-grass-side.mp4")).frames == 230
    assert len(decoded) / RATE == pytest.approx(230 / 30, abs=1 / 30)
    assert foley.integrated_loudness(decoded) == pytest.approx(-23, abs=1)
