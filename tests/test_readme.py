"""What the README says, run as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from perceptkit import video
from perceptkit.video import Frame
from shared_data import MODELS, people_photos, video_file

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^    (perceptkit .*)$", README, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the README's examples name."""
    photos = people_photos()
    (tmp_path / "photos").mkdir()
    for photo in photos[:8]:
        shutil.copyfile(photo, tmp_path / "photos" / photo.name)
    shutil.copyfile(photos[0], tmp_path / "someone.jpg")
    shutil.copyfile(photos[-1], tmp_path / "someone-else.jpg")
    with video.read_photos([photos[0]] * 5) as frames, video.Writer(tmp_path / "talk.mp4", frames.info) as writer:
        for frame in frames:
            writer.write(frame)
    with (
        video.read(video_file("walk-grass-side.mp4"), start=1.5, end=4.5) as frames,
        video.Writer(tmp_path / "walk.mp4", frames.info) as writer,
    ):
        for frame in frames:
            writer.write(Frame(frame.index, frame.time - 1.5, frame.image))
    soundfile.write(tmp_path / "field.wav", np.zeros(16_000, np.int16), 16_000)
    (tmp_path / "log.csv").write_text("timestamp,angle\n0,45\n0.5,90\n")
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    environment = os.environ | {"PERCEPTKIT_MODELS": str(MODELS)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.weights
def test_the_commands_run_in_their_order(folder: Path) -> None:
    assert len(COMMANDS) == 10
    assert COMMANDS[9].startswith("perceptkit serve ")  # which ends only when it is told to: see below
    outputs = [run([sys.executable, "-m", *shlex.split(command)], folder) for command in COMMANDS[:9]]
    assert outputs[0].startswith("8 photos, ")
    assert "photos/person01_01.jpg" in outputs[1]
    assert {path.name for path in (folder / "out").iterdir()} == {
        "people.html",
        "faces.jsonl",
        "embeddings.npz",
        "headshots",
        "errors.jsonl",
        "run.json",
        "sources.jsonl",
    }
    assert outputs[2].startswith("Anna: 1 face kept")
    assert "Anna\t" in outputs[3]
    assert "8 files, " in outputs[3]
    assert "Anna is in sight from 0.0 to" in outputs[4]
    assert {path.name for path in (folder / "talk-tracks").iterdir()} == {
        "annotated.mp4",
        "crop.mp4",
        "tracks.jsonl",
        "tracks.png",
        "summary.json",
    }
    assert outputs[5].startswith("5 frames, 1 track")
    assert {path.name for path in (folder / "talk-gaze").iterdir()} == {
        "annotated.mp4",
        "gaze.jsonl",
        "gaze.csv",
        "summary.json",
        "timeline.png",
        "heatmap.png",
    }
    assert "walking" in outputs[6]
    assert "footsteps on gravel: heard.mp4" in outputs[6]
    assert {path.name for path in (folder / "heard-foley").iterdir()} == {
        "footsteps.wav",
        "events.csv",
        "events.json",
        "timecode.txt",
        "events.mid",
        "events.edl",
        "events.rpp",
        "labels.txt",
        "stats.json",
        "timeline.png",
    }
    assert outputs[7] == "walk.wav: 1.000 s, 16000 Hz, 1 channel, PCM_16, 2 angles\n"
    assert "walk-picture.png" in outputs[8]
    assert (folder / "walk.csv").read_text() == "timestamp,angle\n0.000,45.00\n0.500,90.00\n"


def test_the_server_starts_says_how_to_get_in_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", *shlex.split(COMMANDS[9])]
    environment = os.environ | {"PORT": "0"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert "the data folder is" in process.stderr.readline()
        said = [process.stderr.readline() for _ in range(3)]
        assert re.fullmatch(r"perceptkit listens at http://127\.0\.0\.1:[0-9]+/\n", said[0])
        assert "/?ticket=" in said[1]
        assert "Authorization: Bearer " in said[2]
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 0, rest


@pytest.mark.weights
def test_the_python_examples_run_and_say_what_they_should(folder: Path) -> None:
    outputs = [run([sys.executable, "-c", block], folder) for block in PYTHON_BLOCKS]
    assert len(outputs) == 9
    assert "photos/person01_0" in outputs[0]
    assert outputs[1].strip().endswith("(128,)")
    assert outputs[2].strip() == "(1, 128)"
    assert outputs[3].startswith("Anna: 1 face kept")
    assert outputs[3].count(" Anna ") == 6
    same, similarity, threshold = outputs[4].split()
    assert (same, threshold) == ("False", "0.4")
    assert float(similarity) < 0.3
    track, visible, camera = outputs[5].split()
    assert track == "1"
    assert float(visible) == pytest.approx(0.2)
    assert 0 <= float(camera) <= 0.2
    assert outputs[6].count("heel_strike") >= 3
    shape, loudness = outputs[7].strip().rsplit(" ", 1)
    assert shape == "(225600, 2)"
    assert float(loudness) == pytest.approx(-23, abs=1)
    assert (folder / "walk-heard.mp4").is_file()
    assert outputs[8].strip() == "1.5 [-5.  5.]"


def test_every_file_it_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (Path(__file__).resolve().parent.parent / link).is_file(), link
