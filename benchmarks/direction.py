"""How well and how fast the direction of a sound is told, in noise and in rooms.

    python benchmarks/direction.py
    python benchmarks/direction.py --seconds 1 --minutes 1

Peers in the same process, on the same windows: GCC-PHAT as in a textbook (one spectrum of a window, the highest whole
sample), and SRP-PHAT and MUSIC of pyroomacoustics, where it is installed. Sources are white noise, speech-like and
clicks, from five azimuths each, made as in the tests. A table has the median of the error, the error that nine in ten
are below (degrees, of the windows that have a direction), and the share of windows that have one.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from perceptkit.arrays import Floats
from perceptkit.audio import defaults
from perceptkit.audio.angles import Doubles
from perceptkit.audio.direction import MAX_FREQUENCY, estimate_direction

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "audio"))

from scenes import AZIMUTHS, PAIR, SOURCES, SPEED, scene, speech

RATES, NOISES, ROOMS = (16_000, 48_000), (20.0, 10.0, 0.0), (0.0, 0.3, 0.6)

Peer = Callable[[Floats, int], Doubles]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each scene")
    parser.add_argument("--minutes", type=float, default=2.0, help="of sound for the speed")
    options = parser.parse_args()
    peers: dict[str, Peer] = {"ours": ours, "ours, hardly sure": ours_unsure, "textbook": textbook}
    if importlib.util.find_spec("pyroomacoustics"):
        peers |= {"SRP-PHAT": lambda sound, rate: room(sound, rate, "SRP")}
        peers |= {"MUSIC": lambda sound, rate: room(sound, rate, "MUSIC")}
    compare_errors(peers, options.seconds)
    compare_speed(peers, options.minutes * 60)


def compare_errors(peers: dict[str, Peer], seconds: float) -> None:
    """Errors per rate, noise and reverberation."""
    print(f"{'rate':>6}{'SNR':>5}{'RT60':>6}  " + "".join(f"{name:<24}" for name in peers))
    print(f"{'Hz':>6}{'dB':>5}{'s':>6}  " + f"{'median':>7}{'90 %':>7}{'share':>7}   " * len(peers))
    for rate in RATES:
        for noise in NOISES:
            for reverberation in ROOMS:
                wrong: dict[str, list[Doubles]] = {name: [] for name in peers}
                for source in SOURCES:
                    for seed, azimuth in enumerate(AZIMUTHS, 1000):
                        sound = scene(
                            seed, rate, source, azimuth, noise=noise, reverberation=reverberation, seconds=seconds
                        )
                        for name, peer in peers.items():
                            wrong[name].append(np.abs(peer(sound, rate) - azimuth))
                cells = "".join(cell(np.concatenate(each)) for each in wrong.values())
                print(f"{rate:6}{noise:5.0f}{reverberation:6.1f}  {cells}", flush=True)


def cell(wrong: Doubles) -> str:
    """Median, 90 % and share."""
    known = wrong[~np.isnan(wrong)]
    if not len(known):
        return f"{'-':>7}{'-':>7}{0:6.0f}%   "
    return f"{np.median(known):7.2f}{np.percentile(known, 90):7.1f}{100 * len(known) / len(wrong):6.0f}%   "


def compare_speed(peers: dict[str, Peer], seconds: float) -> None:
    """How many times as fast as it is played, one core; the slow ones hear a tenth of it."""
    print("\nSpeed, times real time, stereo\n")
    for rate in RATES:
        sound = np.tile(scene(1, rate, speech, 20, seconds=10), (max(round(seconds / 10), 1), 1))
        for name, peer in peers.items():
            heard = sound if name not in ("SRP-PHAT", "MUSIC") else sound[: 10 * rate]
            began = time.process_time()
            peer(heard, rate)
            print(f"{rate:6} {name:<18}{len(heard) / rate / (time.process_time() - began):9.0f}")


def ours(sound: Floats, rate: int) -> Doubles:
    """Azimuths as this project tells them."""
    return estimate_direction(sound, rate).azimuth


def ours_unsure(sound: Floats, rate: int) -> Doubles:
    """The same where nearly every window gets an answer, as from the peers."""
    return estimate_direction(sound, rate, false_alarm=0.999).azimuth


def windows(sound: Floats, rate: int) -> list[Floats]:
    """The same stretches of sound for the peers."""
    length = round(defaults.WINDOW * rate)
    starts = np.arange(0, len(sound) - length + 1, round(defaults.HOP * rate))
    return [sound[start : start + length] for start in starts]


def textbook(sound: Floats, rate: int) -> Doubles:
    """GCC-PHAT: the whole sample at which the whitened cross-correlation is highest."""
    most = int(0.2 / SPEED * rate)
    delays = []
    for window in windows(sound, rate):
        size = 1 << (2 * len(window) - 1).bit_length()
        cross = np.fft.rfft(window[:, 0], size) * np.fft.rfft(window[:, 1], size).conj()
        correlation = np.fft.irfft(cross / (np.abs(cross) + 1e-12), size)
        delays.append(np.argmax(np.concatenate([correlation[-most:], correlation[: most + 1]])) - most)
    return np.degrees(np.arcsin(np.clip(np.array(delays) / rate * SPEED / 0.2, -1, 1)))


def room(sound: Floats, rate: int, name: str) -> Doubles:
    """SRP or MUSIC of pyroomacoustics, at every degree to the front, on frames as long as ours."""
    acoustics = importlib.import_module("pyroomacoustics")
    size = round(0.032 * rate)
    search = getattr(acoustics.doa, name)(
        PAIR.T, rate, size, c=SPEED, num_src=1, azimuth=np.radians(np.arange(-90.0, 91.0))
    )
    found = []
    for window in windows(sound, rate):
        frames = acoustics.transform.stft.analysis(window, size, size // 2, win=np.hanning(size))
        search.locate_sources(frames.transpose(2, 1, 0), freq_range=[100, min(MAX_FREQUENCY, rate / 2 - 100)])
        found.append(float(np.degrees(search.azimuth_recon[0])))
    return (np.array(found) + 180) % 360 - 180


if __name__ == "__main__":
    main()
