"""How fast recordings are written, beside soundfile and the standard library's wave.

    python benchmarks/recording.py [--seconds 600] [--folder DIR]

All write the same samples in the same chunks. Ours also logs an angle a chunk, keeps its header true, hashes the
samples (SHA-256) and makes what is older than a second safe from a power cut. So each of the others is measured once
more with the same duties: the samples hashed on the way, and the file made safe at its end.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from perceptkit import audio

_Array = np.ndarray[Any, np.dtype[Any]]
_FORMS = (
    (16_000, 1, "PCM_16", 0.064),
    (48_000, 2, "PCM_16", 0.1),
    (48_000, 2, "PCM_24", 0.1),
    (48_000, 6, "FLOAT", 0.1),
    (48_000, 2, "PCM_16", 1.0),
)
_DTYPES = {"PCM_16": "int16", "PCM_24": "int32", "FLOAT": "float32"}
_ROUNDS = 3


def main() -> None:
    """Print a table: seconds of sound written in a second, and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the sound")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"{options.seconds:g} s of sound; times faster than real time (and our time / theirs)")
        print(f"{'':34} {'ours':>8} {'soundfile':>16} {'wave':>16} {'soundfile, same':>16} {'wave, same':>16}")
        for form in _FORMS:
            _compare(Path(folder), form, options.seconds)


def _compare(folder: Path, form: tuple[int, int, str, float], seconds: float) -> None:
    rate, channels, subtype, length = form
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (round(rate * length), channels)).astype(np.float32)
    full = {"PCM_16": 1 << 15, "PCM_24": 1 << 31, "FLOAT": 1}[subtype]
    chunk = (noise * full).astype(_DTYPES[subtype])
    chunks = round(seconds / length)
    writers: dict[str, Callable[[Path], None]] = {
        "ours": lambda path: _ours(path, form, chunk, chunks),
        "soundfile": lambda path: _soundfile(path, form, chunk, chunks, same=False),
        "wave": lambda path: _wave(path, form, chunk, chunks, same=False),
        "soundfile, same": lambda path: _soundfile(path, form, chunk, chunks, same=True),
        "wave, same": lambda path: _wave(path, form, chunk, chunks, same=True),
    }
    taken: dict[str, list[float]] = {name: [] for name in writers}
    for _ in range(_ROUNDS):
        for name, write in writers.items():
            if subtype == "FLOAT" and name.startswith("wave"):
                continue
            path = folder / "sound.wav"
            begun = time.perf_counter()
            write(path)
            taken[name].append(time.perf_counter() - begun)
            for made in folder.iterdir():
                made.unlink()
    best = {name: statistics.median(times) for name, times in taken.items() if times}
    row = f"{rate:6} Hz {channels} x {subtype:6} {1000 * length:5.0f} ms chunks"
    row += f" {seconds / best['ours']:8.0f}"
    for name in list(writers)[1:]:
        row += f" {seconds / best[name]:8.0f} ({best['ours'] / best[name]:4.2f})" if name in best else f" {'-':>15}"
    print(row, flush=True)


def _ours(path: Path, form: tuple[int, int, str, float], chunk: _Array, chunks: int) -> None:
    rate, channels, subtype, _ = form
    with audio.Recorder(path, rate, channels, subtype) as recorder:
        for number in range(chunks):
            recorder.write(chunk, angle=number % 180)


def _soundfile(path: Path, form: tuple[int, int, str, float], chunk: _Array, chunks: int, *, same: bool) -> None:
    rate, channels, subtype, _ = form
    made = hashlib.sha256()
    with soundfile.SoundFile(path, "w", rate, channels, subtype) as file:
        for _ in range(chunks):
            file.write(chunk)
            if same:
                made.update(chunk.tobytes())
    if same:
        _sync(path)


def _wave(path: Path, form: tuple[int, int, str, float], chunk: _Array, chunks: int, *, same: bool) -> None:
    rate, channels, subtype, _ = form
    made = hashlib.sha256()
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(2 if subtype == "PCM_16" else 3)
        for _ in range(chunks):
            data = chunk if subtype == "PCM_16" else chunk[..., np.newaxis].view(np.uint8)[..., 1:]
            file.writeframes(data.tobytes())
            if same:
                made.update(data.tobytes())
    if same:
        _sync(path)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
