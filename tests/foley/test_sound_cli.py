"""`perceptkit foley VIDEO` and the commands around it: what they print and write, and how they complain."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from programs import program, run, said, within
from sounds import RATE, onset

from clips import Sound, packets, write_clip
from perceptkit import video
from perceptkit.foley import ROOMS, SHOES, SURFACES, read_events
from perceptkit.video import Frame
from shared_data import footsteps_folder, video_file
from systems import posix

EVENTS = "time_seconds,foot\n0.5,left\n1.25,right\n2.0,left\n2.75,right\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a video of four seconds and a list of four footsteps."""
    write_clip(tmp_path / "clip.mp4", count=100, sounds=[Sound(seconds=4, click=3.9)])
    (tmp_path / "edited.csv").write_text(EVENTS)
    return tmp_path


def heard_at(path: Path) -> float:
    """When the first step is heard in a WAV, in seconds."""
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return onset(sound.sum(axis=1), 0.02) / RATE


def test_edited_footsteps_are_put_under_a_video_without_searching(folder: Path) -> None:
    done = run(folder, "clip.mp4", "--events", "edited.csv", "--surface", "wood", "--stems", models=None)
    assert (done.returncode, said(done.stderr)) == (0, [])
    assert done.stdout.splitlines() == [
        "4 footsteps on wood: clip-footsteps.mp4",
        "their sound and data: clip-footsteps-foley",
    ]
    names = {
        str(path.relative_to(folder / "clip-footsteps-foley"))
        for path in (folder / "clip-footsteps-foley").rglob("*.*")
    }
    assert names == {
        *("events.csv", "events.json", "timecode.txt", "events.mid", "events.edl", "events.rpp", "labels.txt"),
        *("stats.json", "timeline.png"),
        *("footsteps.wav", "stems/person-1-left.wav", "stems/person-1-right.wav", "stems/room.wav"),
    }
    assert 'FILE "footsteps.wav"' in (folder / "clip-footsteps-foley" / "events.rpp").read_text()
    assert heard_at(folder / "clip-footsteps-foley" / "footsteps.wav") == pytest.approx(0.5, abs=0.002)
    before, after = (
        [bytes(packet) for packet in packets(folder / name, "video")] for name in ("clip.mp4", "clip-footsteps.mp4")
    )
    assert before == after


def test_an_offset_moves_all_footsteps_and_their_data(folder: Path) -> None:
    done = run(folder, "clip.mp4", "-o", "late.mp4", "--events", "edited.csv", "--offset-ms", "-120", models=None)
    assert done.returncode == 0
    assert heard_at(folder / "late-foley" / "footsteps.wav") == pytest.approx(0.38, abs=0.002)
    assert [step.time for step in read_events(folder / "late-foley" / "events.csv")] == [0.38, 1.13, 1.88, 2.63]


def test_the_list_that_was_edited_is_not_written_over(folder: Path) -> None:
    assert run(folder, "clip.mp4", "-o", "out.mp4", "--events", "edited.csv", models=None).returncode == 0
    edited = folder / "out-foley" / "events.csv"
    edited.write_text(EVENTS)
    for _ in range(2):
        done = run(folder, "clip.mp4", "-o", "out.mp4", "--events", edited, "--offset-ms", "40", models=None)
        assert done.returncode == 0
        assert edited.read_text() == EVENTS
        assert json.loads((folder / "out-foley" / "events.json").read_text())["events"][0]["time_seconds"] == 0.54


def test_what_falls_out_is_said(folder: Path) -> None:
    done = run(folder, "clip.mp4", "--events", "edited.csv", "--offset-ms", "-700", "--json", models=None)
    assert "1 event falls before the beginning" in done.stderr
    assert [event["time_seconds"] for event in json.loads(done.stdout)["events"]] == [0.55, 1.3, 2.05]
    done = run(folder, "clip.mp4", "--events", "edited.csv", "--offset-ms", "2000", models=None)
    assert done.returncode == 3
    assert "2 events come after its end (4.00 s)" in done.stderr
    assert "2 footsteps on concrete" in done.stdout


def test_render_mix_and_export_do_the_same_in_parts(folder: Path) -> None:
    done = run(folder, "render", "edited.csv", "-o", "steps.wav", "--surface", "snow", "--duration", "4", models=None)
    assert (done.returncode, done.stdout) == (0, "steps.wav\n")
    assert soundfile.info(folder / "steps.wav").duration == 4
    done = run(folder, "mix", "clip.mp4", "steps.wav", "-o", "out.mp4", "--original", "mute", models=None)
    assert (done.returncode, done.stdout) == (0, "out.mp4\n")
    assert video.info(folder / "out.mp4").has_sound
    done = run(
        folder, "export", "edited.csv", "-o", "for", "--to", "midi", "--to", "edl", "--rate", "29.97", models=None
    )
    assert (done.returncode, done.stdout.split()) == (0, ["for/events.mid", "for/events.edl"])
    assert "FCM: DROP FRAME" in (folder / "for" / "events.edl").read_text()
    done = run(folder, "export", "edited.csv", "-o", "for", "--video", "clip.mp4", "--non-drop", models=None)
    assert len(done.stdout.split()) == 7


def test_the_same_command_gives_the_same_sound_and_another_seed_another(folder: Path) -> None:
    for name, seed in (("a.wav", "3"), ("b.wav", "3"), ("c.wav", "4")):
        assert run(folder, "render", "edited.csv", "-o", name, "--seed", seed, models=None).returncode == 0
    first, again, other = ((folder / name).read_bytes() for name in ("a.wav", "b.wav", "c.wav"))
    assert first == again != other


def test_own_recordings_are_heard(folder: Path) -> None:
    recorded = footsteps_folder()
    done = run(
        folder, "render", "edited.csv", "-o", "own.wav", "--samples", recorded, "--surface", "gravel", models=None
    )
    assert done.returncode == 0
    assert heard_at(folder / "own.wav") == pytest.approx(0.5, abs=0.003)
    one = recorded / "default_gravel_footstep.1.ogg"
    done = run(folder, "render", "edited.csv", "-o", "one.wav", "--sample", one, "--at", "0", models=None)
    assert done.returncode == 0
    assert (folder / "own.wav").read_bytes() != (folder / "one.wav").read_bytes()


def test_own_recordings_are_loaded_once_when_the_surface_is_advised(folder: Path) -> None:
    (folder / "own" / "gravel").mkdir(parents=True)
    (folder / "own" / "concrete").mkdir()
    for place in ("gravel", "concrete"):
        shutil.copy(footsteps_folder() / "default_gravel_footstep.1.ogg", folder / "own" / place)
        (folder / "own" / place / f"{place}.wav").write_text("no sound")
    options = ("--events", "edited.csv", "--surface", "auto", "--samples", "own")
    done = run(folder, "clip.mp4", "-o", "out.mp4", *options, models=None)
    assert done.returncode == 0
    (warning,) = (line for line in said(done.stderr) if ".wav" in line)
    assert "concrete.wav" in warning  # nobody can tell from its pictures: it is the usual surface


def test_surfaces_are_listed_and_can_be_listened_to(tmp_path: Path) -> None:
    done = run(tmp_path, "surfaces", models=None)
    assert done.returncode == 0
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert words == ["surfaces:", *SURFACES, "shoes:", *SHOES, "rooms:", *ROOMS]
    done = run(tmp_path, "surfaces", "--audition", "hear", "--only", "gravel", models=None)
    assert (done.returncode, done.stdout) == (0, "listen to and look at hear\n")
    assert {path.name for path in (tmp_path / "hear").iterdir()} == {"gravel.wav", "gravel.png"}


def test_without_a_key_the_surface_is_guessed_on_this_machine_and_that_is_said(tmp_path: Path) -> None:
    info = video.VideoInfo(320, 240, 25, None, None, False)  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    with video.Writer(tmp_path / "lawn.mp4", info) as writer:
        for number in range(10):
            blades = np.array((60, 130, 40)) + random.integers(-30, 30, (240, 320, 1))
            writer.write(Frame(number, number / 25, blades.clip(0, 255).astype(np.uint8)))
    done = run(tmp_path, "suggest", "lawn.mp4", models=None)
    assert done.returncode == 0
    assert done.stdout.startswith("grass: ")
    assert "no key for openrouter.ai" in done.stderr
    assert "openrouter.ai" not in done.stdout
    (tmp_path / "edited.csv").write_text("time_seconds,foot\n0.1,left\n")
    done = run(tmp_path, "lawn.mp4", "--events", "edited.csv", "--surface", "auto", models=None)
    assert done.returncode == 0
    assert "1 footstep on grass" in done.stdout
    assert "no key for openrouter.ai" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.mp4"], 2, "nothing.mp4"),
        (["clip.mp4", "--surface", "lava"], 2, "unknown surface 'lava'; choose one of: concrete"),
        (["clip.mp4", "--shoe", "clog"], 2, "unknown shoe 'clog'"),
        (["clip.mp4", "--room", "cave"], 2, "unknown room 'cave'"),
        (["clip.mp4", "--loudness", "loud"], 2, "loudness is 'loud'; choose film, web or a number"),
        (["clip.mp4", "--original", "gone"], 2, "original is 'gone'; choose one of: keep, duck, mute"),
        (["clip.mp4", "--seed", "-3"], 2, "seed is -3"),
        (["clip.mp4", "-o", "out.avi"], 2, "the video is written as .mp4"),
        (["clip.mp4", "-o", "clip.mp4"], 2, "written over"),
        (["clip.mp4", "--events", "clip.mp4"], 2, "is a video"),
        (["clip.mp4", "--events", "bad.csv"], 2, "there is no column named foot"),
        (["clip.mp4", "--events", "nan.csv"], 2, "line 3, column time_seconds: 'nan' is not seconds"),
        (["clip.mp4", "--samples", "hollow"], 2, "hollow"),
        (["clip.mp4", "--surface", "auto", "--samples", "hollow"], 2, "hollow"),
        (["clip.mp4", "--samples", "hollow", "--sample", "x.wav"], 2, "give one of them"),
        (["clip.mp4", "--sample", "nothing.wav"], 2, "nothing.wav"),
        (["render", "empty.csv", "-o", "steps.wav"], 2, "no heel strikes to be heard"),
        (["render", "edited.csv", "-o", "steps.mp3"], 2, "written as .wav"),
        (["render", "edited.csv", "-o", "steps.wav", "--surface", "auto"], 2, "name a surface"),
        (["render", "edited.csv", "-o", "steps.wav", "--at", "1"], 2, "--at says where in the file of --sample"),
        (["surfaces", "--only", "gravel"], 2, "give both"),
        (["hollow"], 2, "not a regular file"),
        (["old.webm", "--events", "edited.csv"], 2, "(vp8) cannot be copied into an MP4; convert it to H.264"),
        (["clip.mp4", "-o", "blocked.mp4"], 2, "blocked-foley"),
        (["render", "edited.csv", "-o", "steps.wav", "--duration", "-1"], 2, "duration is -1"),
        (["export", "edited.csv", "-o", "for", "--to", "docx"], 2, "unknown format of events 'docx'"),
        (["export", "edited.csv", "-o", "for", "--drop"], 2, "no drop-frame timecode at 25"),
        (["export", "edited.csv", "-o", "for", "--rate", "0"], 2, "rate is 0"),
        (["mix", "clip.mp4", "edited.csv", "-o", "out.mp4"], 2, "not a video but a text file"),
        (["surfaces", "--audition", "hear", "--only", "lava"], 2, "unknown surface 'lava'"),
        (["suggest", "clip.mp4", "--endpoint", "ftp://x"], 2, "http"),
        (["live", "nothing.mp4", "-o", "live.wav"], 2, "nothing.mp4"),
        (["live", "clip.mp4", "-o", "live.mp3"], 2, "written as .wav"),
        (["live", "clip.mp4", "--surface", "auto"], 2, "name a surface"),
    ],
)
def test_complaints_are_one_line(folder: Path, arguments: list[str], code: int, message: str) -> None:
    (folder / "hollow").mkdir()
    (folder / "bad.csv").write_text("time_seconds,strength\n0.5,0.5\n")
    (folder / "nan.csv").write_text("time_seconds,foot\n0.5,left\nnan,left\n")
    (folder / "empty.csv").write_text("time_seconds,foot\n")
    (folder / "blocked-foley").write_text("a file")
    write_clip(folder / "old.webm", codec="libvpx", options={"deadline": "realtime"})
    before = sorted(folder.rglob("*"))
    done = within(folder, *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    (line,) = said(done.stderr)
    assert line.startswith("error: ")
    assert message in line
    assert sorted(path for path in folder.rglob("*") if "cache" not in path.parts) == before


def test_a_word_that_is_no_command_and_no_file_is_not_taken_for_a_video(tmp_path: Path) -> None:
    done = within(tmp_path, "detct")
    assert done.exit_code == 2
    assert "No such command 'detct'" in done.stderr


@pytest.mark.parametrize("command", ["add", "render", "mix", "export", "surfaces", "suggest", "live"])
def test_help_fits(command: str, tmp_path: Path) -> None:
    done = within(tmp_path, command, "--help")
    assert done.exit_code == 0
    assert "--" in done.stdout


@pytest.mark.weights
def test_a_video_gets_its_footsteps_in_one_command(tmp_path: Path) -> None:
    source = video_file("walk-grass-side.mp4")
    options = ("--surface", "grass", "--annotate", "--preset", "permissive")
    done = run(tmp_path, source, "-o", "heard.mp4", *options)
    assert (done.returncode, said(done.stderr)) == (0, [])
    assert "a minute; walking" in done.stdout
    assert done.stdout.splitlines()[-1] == "their sound and data: heard-foley"
    about = video.info(tmp_path / "heard.mp4")
    assert (about.frames, about.has_sound) == (230, True)
    steps = [step for step in read_events(tmp_path / "heard-foley" / "events.csv") if step.event == "heel_strike"]
    sound, _ = soundfile.read(tmp_path / "heard-foley" / "footsteps.wav", dtype="float32")
    assert heard_at(tmp_path / "heard-foley" / "footsteps.wav") == pytest.approx(steps[0].time, abs=0.002)
    assert len(sound) == pytest.approx(230 / 30 * RATE, abs=RATE / 30)
    assert {"stats.json", "timeline.png"} < {path.name for path in (tmp_path / "heard-foley").iterdir()}


@pytest.mark.weights
def test_a_video_in_which_nobody_walks_is_written_with_a_warning(folder: Path) -> None:
    video_file("walk-grass-side.mp4")  # skipped where there are no weights
    done = run(folder, "clip.mp4", "-o", "out.mp4", "--preset", "permissive", "--json")
    assert done.returncode == 3
    assert any("nobody was found in the picture" in line for line in said(done.stderr))
    assert json.loads(done.stdout)["events"] == []
    assert video.info(folder / "out.mp4").frames == 100


@pytest.mark.weights
def test_what_would_be_heard_live_is_written(tmp_path: Path) -> None:
    with (
        video.read(video_file("walk-grass-side.mp4"), start=2.0, end=4.5) as frames,
        video.Writer(tmp_path / "walk.mp4", frames.info, preset="ultrafast") as writer,
    ):
        for frame in frames:
            writer.write(Frame(frame.index, frame.time - 2.0, frame.image))
    done = run(
        tmp_path, "live", "walk.mp4", "-o", "live.wav", "--no-window", "--surface", "wood", "--preset", "permissive"
    )
    assert (done.returncode, said(done.stderr)) == (0, [])
    first, second = done.stdout.splitlines()
    assert " in 75 frames, " in first
    assert second == "live.wav"
    assert 2.4 < soundfile.info(tmp_path / "live.wav").duration < 5


@posix
def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", count=100, sounds=[Sound(seconds=4, click=3.9)])
    lines = "".join(f"{0.5 * number:.3f},{('left', 'right')[number % 2]}\n" for number in range(1, 7000))
    (tmp_path / "edited.csv").write_text("time_seconds,foot\n" + lines)
    command, environment = program(
        tmp_path, "render", "edited.csv", "-o", "steps.wav", "--surface", "gravel", models=None
    )
    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < until and not any(tmp_path.glob(".sound-*/*")):
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert (running.returncode, stdout) == (130, "")
    assert said(stderr)[-1].startswith("error: interrupted; ")
    assert {path.name for path in tmp_path.iterdir() if path.name != "cache"} == {"clip.mp4", "edited.csv"}


@posix
def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(folder: Path) -> None:
    command, environment = program(folder, "clip.mp4", "--events", "edited.csv", "-o", "out.mp4", models=None)
    limited = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)); "
    done = subprocess.run(
        [sys.executable, "-c", limited + "os.execv(sys.argv[1], sys.argv[1:])", *command],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = said(done.stderr)
    assert "the disk is full" in line
    assert not (folder / "out.mp4").exists()
    assert not list(folder.rglob(".*"))
