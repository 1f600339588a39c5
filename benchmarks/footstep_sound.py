"""How fast footsteps become sound, and how near it is to recordings.

    python benchmarks/footstep_sound.py                     # an hour of walking
    python benchmarks/footstep_sound.py --minutes 5

The peer is what a script does that lays recordings under events: shift the pitch of one with librosa, place it, and
make the whole as loud as wanted with pyloudnorm. It gets a tenth of the time to walk, which is then compared by the
step. The distances are to the recordings of single steps in the folder `shared` beside the project, where there is one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import librosa
import numpy as np
import pyloudnorm
import soundfile

from perceptkit import foley
from perceptkit.arrays import Floats

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests" / "foley")]

from sounds import RATE, features, strikes, walk  # noqa: E402

from shared_data import FOOTSTEPS  # noqa: E402

RECORDED = {
    "concrete": ["default_hard"],
    "wood": ["default_wood"],
    "metal": ["default_metal"],
    "gravel": ["default_gravel"],
    "sand": ["default_sand"],
    "grass": ["default_grass", "xr_grass"],
    "snow": ["default_snow", "xr_snow"],
    "water": ["default_water", "xr_puddle"],
    "mud": ["xr_mud"],
}
EARLIER = {
    "concrete": (849, 0.10, 24.9),
    "wood": (431, 0.00, 18.9),
    "metal": (951, 0.02, 15.4),
    "gravel": (3334, 0.57, 22.2),
    "sand": (2275, 0.51, 15.6),
    "grass": (4205, 0.67, 18.0),
    "snow": (1155, 0.09, 16.9),
    "water": (2157, 0.36, 17.7),
    "mud": (577, 0.03, 16.4),
}
"""Centroid (Hz), share above 2 kHz and crest (dB) of a synthesis before this one."""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    seconds = parser.parse_args().minutes * 60
    compare_speed(seconds)
    if FOOTSTEPS.is_dir():
        compare_sound()


def compare_speed(seconds: float) -> None:
    """Seconds of one core for a walk, and how many times as fast as the peer that is by the step."""
    steps = walk(seconds)
    count = len(strikes(steps))
    samples = [noise(seed) for seed in range(12)]
    short = walk(seconds / 10)
    began = time.process_time()
    lay_under(short, samples, seconds / 10)
    peer = (time.process_time() - began) / len(strikes(short))
    print(f"{count:,} steps in {seconds / 60:.0f} minutes, one core; the peer takes {1000 * peer:.1f} ms a step\n")
    print(f"{'':<22}{'s':>7}{'ms a step':>12}{'ratio':>8}")
    styles = {surface: foley.Style(surface) for surface in ("concrete", "gravel", "metal", "sand")}
    styles["concrete in a hall"] = foley.Style("concrete", room="hall")
    styles["own recordings"] = foley.Style(voice=foley.SampleVoice(samples))
    with tempfile.TemporaryDirectory() as folder:
        for name, style in styles.items():
            began = time.process_time()
            foley.write_sound(steps, Path(folder, "steps.wav"), style, duration=seconds)
            ours = time.process_time() - began
            print(f"{name:<22}{ours:7.1f}{1000 * ours / count:12.2f}{peer / (ours / count):8.1f}")


def noise(seed: int) -> Floats:
    """A burst of noise for a recorded step."""
    random = np.random.default_rng(seed)
    decay = np.exp(-np.arange(round(0.4 * RATE)) / (0.06 * RATE))
    return (random.normal(0, 0.3, len(decay)) * decay).astype(np.float32)


def lay_under(steps: list[foley.Footstep], samples: list[Floats], seconds: float) -> Floats:
    """The peer."""
    random = np.random.default_rng(0)
    sound = np.zeros((round(seconds * RATE), 2), np.float32)
    for step in strikes(steps):
        one = samples[random.integers(len(samples))]
        one = librosa.effects.pitch_shift(one, sr=RATE, n_steps=float(random.uniform(-2, 2)))
        start = round(step.time * RATE)
        sound[start : start + len(one)] += one[: len(sound) - start, None] * [[1 - step.x, step.x]]
    loudness = pyloudnorm.Meter(RATE).integrated_loudness(sound)
    return np.asarray(pyloudnorm.normalize.loudness(sound, loudness, -23.0), np.float32)


def compare_sound() -> None:
    """How far synthetic and recorded medians are apart, per surface, leather soles, fresh seeds."""
    print(f"\n{'':<10}{'recorded':<28}{'synthetic':<28}{'distance':>9}{'earlier':>9}")
    for surface, libraries in RECORDED.items():
        ours = medians([foley.step_sound(surface, "leather", seed=5000 + seed) for seed in range(40)])
        for library in libraries:
            real = medians([read(path) for path in sorted(FOOTSTEPS.glob(f"{library}_footstep*"))])
            print(
                f"{surface:<10}{shown(real):<28}{shown(ours):<28}"
                f"{distance(ours, real):9.2f}{distance(EARLIER[surface], real):9.2f}"
            )
    print("centroid (Hz), share above 2 kHz, crest (dB); distance: octaves + 2 shares + 10 dB")


def read(path: Path) -> Floats:
    """A recording, mono, at 48 kHz."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(librosa.resample(sound.mean(axis=1), orig_sr=rate, target_sr=RATE), np.float32)


def medians(sounds: list[Floats]) -> tuple[float, ...]:
    """Centroid, treble and crest."""
    found = [features(sound) for sound in sounds]
    return tuple(float(np.median([each[name] for each in found])) for name in ("centroid", "hi2k", "crest"))


def shown(values: tuple[float, ...]) -> str:
    """The three numbers as text."""
    return f"{values[0]:6.0f} Hz  {values[1]:.2f}  {values[2]:.1f} dB"


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Octaves of the centroid, twice the share of the treble, tens of dB of the crest."""
    return float(abs(np.log2(one[0] / other[0]))) + 2 * abs(one[1] - other[1]) + abs(one[2] - other[2]) / 10


if __name__ == "__main__":
    main()
