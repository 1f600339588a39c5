"""Faces, end to end: photo files on disk -> embeddings, side by side with insightface's `FaceAnalysis`.

    python benchmarks/faces.py [--photos FOLDER] [--runs 5]

Both take the same SCRFD-500M and MobileFaceNet files, on the CPU, both warm, in turn in one process; medians of the
runs and the ratio are printed. Then the limit: what decoding the files and running the networks cost by themselves
(one thread each, divided by the CPUs) and the share of it that is reached.

The second set has the same photos enlarged to 12 megapixels, the size that phones and cameras write.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from perceptkit import face, images
from perceptkit.face.finding import open_photo
from perceptkit.models import Session, cpu_count

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MODELS = Path(os.environ.get("PERCEPTKIT_MODELS") or SHARED / "models")
DETECTOR, EMBEDDER = "scrfd-500m", "mobilefacenet"


def main() -> None:
    """Print a block for each set of photos."""
    parser = argparse.ArgumentParser(description="faces: files to embeddings, with insightface beside")
    parser.add_argument("--photos", type=Path, default=MODELS.parent / "media" / "faces" / "people")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--copies", type=int, default=4, help="of each photo, for a run of a length people have")
    arguments = parser.parse_args()
    if not (MODELS / f"{DETECTOR}.onnx").exists() or not arguments.photos.is_dir():
        sys.exit("needs the weights (PERCEPTKIT_MODELS) and a folder of photos (--photos); see --help")
    photos = sorted(path for path in arguments.photos.iterdir() if path.suffix.lower() in images.SUFFIXES)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        measure("photos as they are", copied(photos, folder / "small", arguments.copies), arguments.runs, folder)
        enlarge(photos, folder / "twelve")
        large = copied(sorted((folder / "twelve").iterdir()), folder / "large", arguments.copies)
        measure("the same at 12 megapixels", large, arguments.runs, folder)


def measure(title: str, photos: list[Path], runs: int, scratch: Path) -> None:
    """Time both systems in turn, then the parts that nobody can do without."""
    detect = face.load_detector(MODELS / f"{DETECTOR}.onnx", device="cpu", threads=1)
    embed = face.load_embedder(MODELS / f"{EMBEDDER}.onnx", device="cpu", threads=1)
    systems: dict[str, Callable[[], int]] = {
        "perceptkit find_faces": lambda: sum(map(len, face.find_faces(photos, detect=detect, embed=embed))),
        "perceptkit extract (and headshots, people, page)": lambda: len(
            face.extract(photos, scratch / "out", detector=detect, embedder=embed).sightings
        ),
    }
    peer = insightface_system(photos, scratch)
    if peer:
        systems["insightface FaceAnalysis"] = peer
    times: dict[str, list[float]] = {name: [] for name in systems}
    faces = {}
    for run in range(runs + 1):  # the first run warms up
        for name, system in systems.items():
            start = time.perf_counter()
            faces[name] = system()
            if run:
                times[name].append(time.perf_counter() - start)
    print(f"\n{title}: {len(photos)} files, {cpu_count()} CPUs, median of {runs} runs (fastest to slowest)")
    for name, seconds in times.items():
        rates = sorted(len(photos) / each for each in seconds)
        print(
            f"  {name:50} {statistics.median(rates):6.1f} images/s ({rates[-1]:.1f} to {rates[0]:.1f}), "
            f"{faces[name]} faces"
        )
    ours = statistics.median(times["perceptkit find_faces"])
    if peer:
        ratios = [b / a for a, b in zip(times["perceptkit find_faces"], times["insightface FaceAnalysis"], strict=True)]
        print(f"  ratio to insightface: {statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})")
    decoding, detecting, embedding = limits(photos, detect, embed, runs)
    limit = (decoding + detecting + embedding) / cpu_count()
    print(
        f"  limit: decode {decoding * 1e3 / len(photos):.1f} + detect {detecting * 1e3 / len(photos):.1f} "
        f"+ embed {embedding * 1e3 / len(photos):.1f} CPU-ms an image, {len(photos) / limit:.1f} images/s; "
        f"reached {limit / ours:.0%}"
    )


def limits(photos: list[Path], detect: face.Detector, embed: face.Embedder, runs: int) -> tuple[float, float, float]:
    """Seconds of one CPU for decoding the files, and for the two networks on tensors that are ready (medians)."""

    def median(work: Callable[[], object]) -> float:
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)

    detections, embeddings = Recorder(detect.session), Recorder(embed.session)
    detect.session, embed.session = cast(Session, detections), cast(Session, embeddings)
    face.find_faces(photos, detect=detect, embed=embed)
    detect.session, embed.session = detections.session, embeddings.session

    def decode() -> None:
        for path in photos:
            open_photo(path)

    return median(decode), median(detections.replay), median(embeddings.replay)


class Recorder:
    """A session that keeps what it was called with, to be run again by itself."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.tensors: list[Any] = []

    def __call__(self, tensor: Any) -> Any:
        """Run and remember."""
        self.tensors.append(tensor)
        return self.session(tensor)

    def replay(self) -> None:
        """Run all that was remembered."""
        for tensor in self.tensors:
            self.session(tensor)


def insightface_system(photos: list[Path], scratch: Path) -> Callable[[], int] | None:
    """`FaceAnalysis` with its defaults (two passes, 128 and 640) on the same two files; None when not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from insightface.app import FaceAnalysis
        except ImportError:
            print("insightface is not installed: no peer (pip install --no-deps insightface==2.1)")
            return None
    pack = scratch / "pack"
    pack.mkdir(exist_ok=True)
    shutil.copyfile(MODELS / f"{DETECTOR}.onnx", pack / "det_500m.onnx")
    shutil.copyfile(MODELS / f"{EMBEDDER}.onnx", pack / "w600k_mbf.onnx")
    analysis = FaceAnalysis(
        name=str(pack), allowed_modules=["detection", "recognition"], providers=["CPUExecutionProvider"]
    )
    analysis.prepare(ctx_id=-1)

    def run() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it calls a function that scikit-image deprecates
            return sum(len(analysis.get(cv2.imread(str(path)))) for path in photos)

    return run


def copied(photos: list[Path], folder: Path, copies: int) -> list[Path]:
    """The photos `copies` times, one round after the other."""
    folder.mkdir()
    for number in range(copies):
        for path in photos:
            shutil.copyfile(path, folder / f"{number}-{path.name}")
    return sorted(folder.iterdir())


def enlarge(photos: list[Path], folder: Path) -> None:
    """Write the photos as 12-megapixel JPEGs of quality 90."""
    folder.mkdir()
    for path in photos:
        image = images.read(path)
        scale = (12e6 / (image.shape[0] * image.shape[1])) ** 0.5
        large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        images.write_jpeg(folder / f"{path.stem}.jpg", np.asarray(large, np.uint8))


if __name__ == "__main__":
    main()
