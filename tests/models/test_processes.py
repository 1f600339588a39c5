"""Processes that fetch the same weights at once, are killed, or meet a full disk."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from weights_server import WEIGHTS, Answer, model_of, serving, use_folders, weights_file

from perceptkit.models import fetch
from systems import posix

SIZE = len(WEIGHTS)
# Prints a line when it is ready to start, starts when it is told to, prints the path or the error.
PROGRAM = """
import sys
from pathlib import Path
from perceptkit.errors import PerceptkitError
from perceptkit.models.fetch import fetch
from perceptkit.models.row import Model, WeightsFile
url, sha256, size, limit = sys.argv[1:]
if limit != "none":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
model = Model(Path, (WeightsFile("tiny.onnx", (url,), sha256, int(size)),), "MIT", True, "https://example.org/tiny")
print("ready", flush=True)
sys.stdin.readline()
try:
    print(fetch(model)[0])
except PerceptkitError as error:
    print(type(error).__name__, error)
"""


def start(url: str, limit: str = "none") -> subprocess.Popen[str]:
    arguments = [url, weights_file().sha256, str(SIZE), limit]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_folders(monkeypatch, cache=tmp_path)
    return tmp_path / "models" / "tiny.onnx"


def test_two_processes_download_once(cached: Path) -> None:
    with serving(tiny=Answer(pause=0.05)) as server:
        processes = [start(f"{server.url}/tiny") for _ in range(2)]
        for process in processes:
            go(process)
        printed = [process.communicate(timeout=20)[0] for process in processes]
    assert printed == [f"{cached}\n"] * 2
    assert cached.read_bytes() == WEIGHTS
    assert server.statuses() == [200]


def test_killed_download_is_continued_and_its_lock_is_free(cached: Path) -> None:
    with serving(tiny=Answer(pause=0.05)) as server:
        with start(f"{server.url}/tiny") as process:
            go(process)
            deadline = time.monotonic() + 20
            while not any(part.stat().st_size for part in cached.parent.glob("*.part")):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.kill()
        (part,) = cached.parent.glob("*.part")
        held = part.stat().st_size
        assert 0 < held < SIZE
        server.answers["tiny"] = Answer()
        assert fetch(model_of(weights_file(f"{server.url}/tiny"))) == (cached,)
    assert cached.read_bytes() == WEIGHTS
    assert [(asked.status, asked.range, asked.if_range) for asked in server.asked] == [
        (200, None, None),
        (206, f"bytes={held}-", '"first"'),
    ]


@posix
def test_full_disk_is_a_device_error_and_keeps_what_arrived(cached: Path) -> None:
    with serving(tiny=Answer()) as server:
        process = start(f"{server.url}/tiny", limit="300000")
        printed, _ = process.communicate("\n", timeout=20)
        assert printed.startswith(f"DeviceError cannot write {cached.parent}: the disk is full")
        assert fetch(model_of(weights_file(f"{server.url}/tiny"))) == (cached,)
    assert server.asked[-1].range == "bytes=300000-"
    assert cached.read_bytes() == WEIGHTS
