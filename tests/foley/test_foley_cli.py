"""`perceptkit foley` as a user starts it: what it prints and writes, with which exit code, and how it complains."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from programs import program, run, said

from perceptkit import video
from perceptkit.video import Frame
from shared_data import video_file
from systems import posix


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of somebody who walks, in a folder of its own."""
    path = tmp_path_factory.mktemp("foley") / "walk.mp4"
    with (
        video.read(video_file("walk-grass-side.mp4"), start=2.0, end=5.0) as frames,
        video.Writer(path, frames.info, preset="ultrafast") as writer,
    ):
        for frame in frames:
            writer.write(Frame(frame.index, frame.time - 2.0, frame.image))
    return path


def empty(path: Path) -> Path:
    info = video.VideoInfo(320, 240, 25, None, None, False)  # type: ignore[arg-type]
    with video.Writer(path, info) as writer:
        for number in range(10):
            writer.write(Frame(number, number / 25, np.full((240, 320, 3), 90, np.uint8)))
    return path


@pytest.mark.weights
def test_detect_says_who_made_how_many_steps_and_where_the_data_is(walk: Path) -> None:
    done = run(walk.parent, "detect", "walk.mp4", "--preset", "permissive")
    assert (done.returncode, said(done.stderr)) == (0, [])
    assert "a minute; walking" in done.stdout
    assert done.stdout.splitlines()[-1] == "events, statistics and timeline: walk-foley"
    names = {path.name for path in (walk.parent / "walk-foley").iterdir()}
    assert names == {
        *("events.csv", "events.json", "timecode.txt", "events.mid", "events.edl", "events.rpp", "labels.txt"),
        *("stats.json", "timeline.png"),
    }


@pytest.mark.weights
def test_annotate_writes_the_video_and_json_is_the_data(walk: Path) -> None:
    done = run(walk.parent, "annotate", "walk.mp4", "-o", "steps.mp4", "--preset", "permissive", "--json")
    assert (done.returncode, said(done.stderr)) == (0, [])
    data = json.loads(done.stdout)
    assert data["events"] == json.loads((walk.parent / "steps-foley" / "events.json").read_text())["events"]
    assert data["steps"]["all"] >= 4
    assert video.info(walk.parent / "steps.mp4").frames == 90


@pytest.mark.weights
def test_where_nobody_is_found_it_says_so(tmp_path: Path) -> None:
    video_file("walk-grass-side.mp4")  # skipped where there are no weights
    done = run(tmp_path, "detect", empty(tmp_path / "empty.mp4"), "--preset", "permissive")
    assert done.returncode == 3
    assert said(done.stderr)[0].startswith("warning: ")
    assert "nobody was found in the picture" in done.stderr
    assert (tmp_path / "empty-foley" / "events.csv").read_text().count("\n") == 1


@pytest.mark.weights
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["detect", "nothing.mp4"], 2, "nothing.mp4"),
        (["detect", "walk.mp4", "--detector", "magic"], 2, "unknown footstep detector 'magic'"),
        (["detect", "walk.mp4", "--sensitivity", "most"], 2, "choose one of: low, medium, high"),
        (["detect", "walk.mp4", "--people", "yolo99"], 2, "unknown people 'yolo99'"),
        (["detect", "walk.mp4", "--pose", "walk.mp4"], 4, "is not a pose model"),
        (["annotate", "walk.mp4", "-o", "out.avi"], 2, "the video is written as .mp4"),
        (["annotate", "walk.mp4", "-o", "walk.mp4"], 2, "written over"),
    ],
)
def test_complaints_are_one_line(walk: Path, arguments: list[str], code: int, message: str) -> None:
    done = run(walk.parent, *arguments, *([] if "--preset" in arguments else ["--preset", "permissive"]))
    assert done.returncode == code
    (line,) = said(done.stderr)
    assert line.startswith("error: ")
    assert message in line
    assert done.stdout == ""


@pytest.mark.weights
@posix
def test_ctrl_c_is_said_and_leaves_nothing_half_written(walk: Path, tmp_path: Path) -> None:
    command, environment = program(tmp_path, "annotate", walk, "-o", "steps.mp4", "--preset", "permissive")
    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < until and not any(tmp_path.glob(".*.part*")):
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert (running.returncode, stdout) == (130, "")
    (line,) = said(stderr)
    assert line.startswith("error: interrupted; ")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "cache" not in path.parts]


@pytest.mark.weights
@posix
@pytest.mark.parametrize("limit", [0, 100_000])  # at the first file, and within the video
def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(walk: Path, tmp_path: Path, limit: int) -> None:
    command, environment = program(tmp_path, "annotate", walk, "-o", "steps.mp4", "--preset", "permissive")
    limited = f"import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
    done = subprocess.run(
        [sys.executable, "-c", limited + "os.execv(sys.argv[1], sys.argv[1:])", *command],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = said(done.stderr)
    assert re.match("error: cannot write .*: the disk is full, ", line)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "cache" not in path.parts]


def test_without_weights_it_says_where_to_get_them(tmp_path: Path) -> None:
    done = run(tmp_path, "detect", empty(tmp_path / "empty.mp4"), models=None)
    assert done.returncode == 4
    assert "yolox-nano.onnx" in done.stderr
    assert "PERCEPTKIT_MODELS" in done.stderr


@pytest.mark.parametrize("command", ["detect", "annotate"])
def test_help_fits_and_names_every_default(command: str, tmp_path: Path) -> None:
    done = run(tmp_path, command, "--help", models=None)
    assert done.returncode == 0
    for word in ("--sensitivity", "medium", "--search-step", "0.2", "--people", "--pose", "--output"):
        assert word in done.stdout
