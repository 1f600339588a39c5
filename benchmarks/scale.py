"""Many photos: steady memory, and a run killed half way that ends as if nothing had happened.

    python benchmarks/scale.py [--photos 10000]

Photos are made from real ones by crops, flips and brightness, in a temporary folder. The command line is run once to
the end, and once killed (SIGKILL) half way and run again; peak memory of each process, the rates, and whether both
ended with the same faces.jsonl byte for byte are printed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from perceptkit import images
from perceptkit.arrays import Picture

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MODELS = Path(os.environ.get("PERCEPTKIT_MODELS") or SHARED / "models")


def main() -> None:
    """Make the photos, run three times, print a line each."""
    parser = argparse.ArgumentParser(description="faces extract on many photos: memory, kill and resume")
    parser.add_argument("--photos", type=int, default=10_000)
    arguments = parser.parse_args()
    originals = sorted((MODELS.parent / "media" / "faces" / "people").glob("*.jpg"))
    if not originals:
        sys.exit("needs the real photos beside the weights (PERCEPTKIT_MODELS)")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_photos(originals, folder / "photos", arguments.photos)
        whole, parts = folder / "whole", folder / "parts"
        run(folder, whole, "uninterrupted", arguments.photos)
        run(folder, parts, "killed half way", arguments.photos, kill_at=arguments.photos // 2)
        run(folder, parts, "run again", arguments.photos)
        same = (whole / "faces.jsonl").read_bytes() == (parts / "faces.jsonl").read_bytes()
        lines = (whole / "faces.jsonl").read_bytes().count(b"\n")
        print(f"faces.jsonl: {lines:,} faces, byte-identical after the kill: {'yes' if same else 'NO'}")


def make_photos(originals: list[Path], folder: Path, count: int, seed: int = 0) -> None:
    """Write `count` variations of the originals, no side longer than 1200 pixels."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    sources: list[Picture] = []
    for path in originals:
        image = images.read(path)
        sources.append(image[:: 1 + max(image.shape) // 1200, :: 1 + max(image.shape) // 1200])
    for number in range(count):
        image = sources[number % len(sources)]
        height, width = image.shape[:2]
        top, left = (int(random.uniform(0, 0.12) * side) for side in (height, width))
        bottom, right = (side - int(random.uniform(0, 0.12) * side) for side in (height, width))
        part = image[top:bottom, left:right][:, :: random.choice([1, -1])]
        bright = np.clip(part * random.uniform(0.6, 1.3), 0, 255).astype(np.uint8)
        images.write_jpeg(folder / f"{number:06}.jpg", bright)


def run(folder: Path, output: Path, title: str, photos: int, *, kill_at: int | None = None) -> None:
    """One process of the command line; print its peak memory and rate."""
    environment = os.environ | {"PERCEPTKIT_MODELS": str(MODELS)}
    command = [
        sys.executable,
        "-m",
        "perceptkit",
        "faces",
        "extract",
        "photos",
        "-o",
        output.name,
        "--preset",
        "permissive",
    ]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    ended = threading.Event()
    if kill_at is not None:
        journal = output / ".partial" / "journal.jsonl"
        threading.Thread(target=kill_when, args=(process.pid, ended, journal, kill_at)).start()
    _, status, usage = os.wait4(process.pid, 0)
    ended.set()
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    print(
        f"{title:16} exit {process.returncode:3}, {seconds:6.1f} s, peak memory {usage.ru_maxrss / 1e6:.2f} GB"
        + ("" if kill_at is not None else f", up to {photos / seconds:.1f} photos/s"),
        flush=True,
    )


def kill_when(process: int, ended: threading.Event, journal: Path, photos: int) -> None:
    """Kill the process when its journal has this many photos."""
    while not ended.wait(0.5):
        if journal.exists() and journal.read_bytes().count(b'"source"') >= photos:
            os.kill(process, signal.SIGKILL)
            return


if __name__ == "__main__":
    main()
