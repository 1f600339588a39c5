"""`perceptkit gaze` as a user starts it: what it prints, where, with which exit code, and how it complains."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceptkit.gaze import defaults
from perceptkit.limits import MAX_DURATION
from perceptkit.video.defaults import FOLDER_RATE
from systems import posix
from tiny_networks import people, write_gaze, write_scrfd, write_video

DATA = {"gaze.csv", "gaze.jsonl", "heatmap.png", "summary.json", "timeline.png"}
NOWHERE = "http://127.0.0.1:9"  # a port on which nothing listens


@dataclass
class Done:
    """How a run of the program ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The first line of the complaint."""
        return next((line for line in self.stderr.splitlines() if line.startswith("error: ")), "")


class Program:
    """The program in a folder of its own, with talk.mp4, tiny networks and no other weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PERCEPTKIT_")} | {
            "PERCEPTKIT_CACHE": str(folder / "cache"),
            "PERCEPTKIT_MIRROR": NOWHERE,
            "https_proxy": NOWHERE,
            "http_proxy": NOWHERE,
            "COLUMNS": "160",
            "NO_COLOR": "1",
            "PYTHONIOENCODING": "utf-8",
        }

    def command(self, *arguments: str | Path) -> list[str]:
        networks = ("--detector", "detector.onnx", "--gaze", "gaze.onnx", "--device", "cpu")
        return [sys.executable, "-m", "perceptkit", "gaze", *map(str, arguments), *networks]

    def __call__(self, *arguments: str | Path) -> Done:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder, env=self.environment, capture_output=True, encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def rows(self, folder: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / folder / "gaze.jsonl").read_text().splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    write_scrfd(tmp_path / "detector.onnx")
    write_gaze(tmp_path / "gaze.onnx")
    # Somebody who looks into the lens for half a second, and somebody who looks aside.
    write_video(
        tmp_path / "talk.mp4", [people((64, 32, None if n < 13 else (14, 40)), (352, 32, (82, 60))) for n in range(25)]
    )
    return Program(tmp_path)


# ---- Results


def test_it_says_who_looked_where_and_where_to_look(program: Program) -> None:
    done = program("talk.mp4", "--smooth", "off")
    assert (done.code, done.stderr) == (0, "")
    folder = Path("talk-gaze")
    heading, *tracks, end = done.stdout.splitlines()
    assert heading == "25 frames, 2 tracks"
    assert sorted(track.split(": ")[1] for track in tracks) == [
        "seen 1.0 s, at the camera 0.0 s (0%)",
        "seen 1.0 s, at the camera 0.5 s (52%)",
    ]
    picture, timeline = folder / "annotated.mp4", folder / "timeline.png"
    assert end == f"look at {picture} and {timeline}; the data is in {folder}"
    assert {path.name for path in (program.folder / folder).iterdir()} == DATA | {"annotated.mp4"}


def test_as_json_it_is_the_summary_and_progress_goes_elsewhere(program: Program) -> None:
    program.environment["FORCE_COLOR"] = "1"  # draw as on a terminal
    done = program("talk.mp4", "-o", "out.mp4", "--json")
    assert done.code == 0
    assert json.loads(done.stdout) == json.loads((program.folder / "out-gaze" / "summary.json").read_text())
    assert done.stdout == (program.folder / "out-gaze" / "summary.json").read_text()
    assert "frames" in done.stderr
    assert re.search(r"\d+/25", done.stderr)
    assert (program.folder / "out.mp4").exists()


def test_the_options_reach_the_library(program: Program) -> None:
    done = program(
        "talk.mp4", "-o", "out", "--json", "--every", "3", "--detect-every", "2", "--smooth", "off",
        "--camera-angle", "45", "--max-sigma", "30", "--min-score", "0.4", "--min-face", "10",
        "--roi", "door: it:0,40,30,120", "--roi", "desk:600,0,640,160",
    )  # fmt: skip
    assert (done.code, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    used = {name: value for name, value in summary["settings"].items() if not isinstance(value, (dict, str))}
    assert used == {
        "every": 3,
        "detect_every": 2,
        "max_sigma": 30,
        "min_score": 0.4,
        "min_face": 10,
        "smooth": False,
        "camera_angle": 45,
    }
    assert [row["frame"] for row in program.rows("out")] == list(range(0, 25, 3))
    assert summary["attention"]["angle"] == 45
    assert list(summary["attention"]["tracks"][0]["regions"]) == ["door: it", "desk"]
    assert all(face["yaw"] == face["raw_yaw"] for row in program.rows("out") for face in row["faces"])


def test_warnings_are_said_and_the_exit_code_says_so(program: Program) -> None:
    frames = [people((64, 32, None)) for _ in range(40)]
    for number, image in enumerate(frames):  # so that every frame takes some bytes
        image[:, 560:] = np.random.default_rng(number).integers(0, 256, (160, 80, 1))
    path = write_video(program.folder / "cut.mp4", frames)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = program("cut.mp4", "-o", "out")
    assert done.code == 3
    count = len(program.rows("out"))
    assert 3 < count < 40
    assert done.stderr.startswith(f"warning: cut.mp4: decoded {count} of 40 frames: the file is cut short")
    assert done.stdout.startswith(f"{count} frames, 1 track\n")
    summary = json.loads((program.folder / "out" / "summary.json").read_text())
    assert [f"warning: {warning}\n" for warning in summary["warnings"]] == [done.stderr]


@posix
def test_ctrl_c_is_said_and_the_run_can_go_on(program: Program) -> None:
    write_video(program.folder / "long.mp4", [people((64, 32, (14, 40)), (352, 32, None))] * 150)
    running = subprocess.Popen(
        program.command("long.mp4", "-o", "out"),
        cwd=program.folder, env=program.environment, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    journal = program.folder / "out" / ".partial" / "gaze.jsonl"
    until = time.monotonic() + 30
    while running.poll() is None and time.monotonic() < until:
        if journal.exists() and journal.read_bytes().count(b"\n") > 5:
            break
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=30)
    assert (running.returncode, stdout) == (130, "")
    assert re.fullmatch("error: interrupted; .*\n", stderr)
    assert [path.name for path in (program.folder / "out").iterdir()] == [".partial"]
    other = program("long.mp4", "-o", "out", "--resume", "--every", "2")
    assert (other.code, other.stdout) == (2, "")
    assert other.error.endswith("give the same, or leave out --resume to start over")
    done = program("long.mp4", "-o", "out", "--resume")
    assert (done.code, done.stdout.splitlines()[0]) == (0, "150 frames, 2 tracks")
    assert len(program.rows("out")) == 150
    assert {path.name for path in (program.folder / "out").iterdir()} == DATA | {"annotated.mp4"}


# ---- Help and complaints


def test_help_shows_every_option_with_the_default_of_the_library(program: Program) -> None:
    done = program("--help")
    assert (done.code, done.stderr) == (0, "")
    blocks = re.split(r"\n│ +(?=--)", done.stdout)  # an option each
    for option, default in {
        "precision": defaults.PRECISION,
        "every": defaults.EVERY,
        "detect-every": defaults.DETECT_EVERY,
        "smooth": "on",
        "camera-angle": defaults.CAMERA_ANGLE,
        "max-sigma": defaults.MAX_SIGMA,
        "min-face": defaults.MIN_FACE,
        "rate": FOLDER_RATE,
        "max-duration": MAX_DURATION,
    }.items():
        (block,) = (block for block in blocks if block.startswith(f"--{option} "))
        assert f"[default: {default}]" in " ".join(block.replace("│", " ").split())
    for option in ("--output", "--preset", "--gaze", "--detector", "--device", "--roi", "--live", "--resume", "--json"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("talk.mp4", "--smooth", "maybe"), 2, "--smooth is 'maybe'; choose on or off"),
        (("talk.mp4", "--roi", "door:1,2,3"), 2, "a region is written name:x1,y1,x2,y2 in pixels, not 'door:1,2,3'"),
        (("missing.mp4",), 2, "no such file or folder: missing.mp4"),
        (("talk.mp4", "--precision", "bf16"), 1, "precision 'bf16' needs device 'openvino', not 'cpu'"),
        (("talk.mp4", "--live"), 1, "a window cannot be opened here; without --live the result is written to files"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_one_error(
    program: Program, arguments: tuple[str, ...], code: int, message: str
) -> None:
    if "--live" in arguments and not sys.platform.startswith("linux"):
        pytest.skip("elsewhere there is always a screen to open")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        program.environment.pop(name, None)
    before = {path.name for path in program.folder.iterdir()}
    done = program(*arguments)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert done.error.startswith(f"error: {message}")
    assert {path.name for path in program.folder.iterdir()} == before
