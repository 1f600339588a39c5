"""Recognise people after a short scan: enrol each from a video made from one photo, identify all other photos.

    python benchmarks/recognition.py [--detector yunet] [--embedder mobilefacenet] [--people FOLDER]

The videos are made as in the tests (tests/scans.py): the head of a photo is bent over a simple model of a head and
turned before a camera held in the hand, and parts are blurred, dark, empty, or have somebody else passing by. The
photos are those of FOLDER, personNN_MM.jpg; in each the largest face counts. A row is a scan: how many faces of it were
kept and the turns of the head that they cover; the lowest similarity of the other photos of this person, the highest
of all photos of other people and strangers, and the smallest margin of a photo of this person over the next person.
The photos that a scan was made from are left out of "own", as they would be recognised too easily.

Everybody is also left out of the gallery once, and must then be unknown. The threshold is the embedder's own; nothing
was tuned on these photos. Six people show that it works, not how often it fails: see `faces calibrate`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from perceptkit import face, images
from perceptkit.face.enrolling.enrolment import Enrolment
from perceptkit.face.gallery import Gallery, load_gallery, recognise
from perceptkit.face.gallery.identity import similarities

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from scans import (
    back_of_head,
    darkened,
    full_turn,
    morph,
    passing,
    scan_video,
    shaken,
    turning_head,
    wall,
)
from shared_data import FACES, PEOPLE

Array = np.ndarray[Any, Any]
Pictures = list[Any]


def turning(photo: Path, other: Path) -> Pictures:
    """A head that turns by 40 degrees to both sides."""
    return turning_head(photo)


def around(photo: Path, other: Path) -> Pictures:
    """Once around the person."""
    return full_turn(photo)


def dissolving(photo: Path, other: Path) -> Pictures:
    """Another photo of the same person dissolves into it."""
    return morph([photo, second(photo)])


def passer(photo: Path, other: Path) -> Pictures:
    """Somebody passes in front, larger, for a third of the time."""
    return passing(photo, other, closer=True)


def troubled(photo: Path, other: Path) -> Pictures:
    """Nobody, the back of the head, blur, dark, and two seconds of a turning head."""
    short = turning_head(photo, seconds=2)
    return wall(photo) + back_of_head(photo) + shaken(short[:10]) + short + darkened(short[10:])


KINDS: dict[str, Callable[[Path, Path], Pictures]] = {
    "turning head": turning,
    "full turn": around,
    "two photos": dissolving,
    "passer-by": passer,
    "troubled": troubled,
}
# Photos in which the head is hardly turned, two people a kind and more.
SCANS = {"01_03": "turning head", "01_06": "troubled", "02_02": "full turn", "02_03": "passer-by"} | {
    "03_02": "two photos", "04_01": "passer-by", "05_07": "troubled", "06_02": "turning head", "06_04": "full turn",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A scan and the photos held against it."""

    kind: str
    photo: Path
    enrolled: Enrolment
    own: Array
    others: Array
    margin: float


def main() -> None:
    """Make the scans, enrol and identify, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--embedder", default="mobilefacenet")
    parser.add_argument("--people", type=Path, default=PEOPLE)
    parser.add_argument("--strangers", type=Path, default=FACES / "edge")
    arguments = parser.parse_args()
    if not arguments.people.is_dir():
        sys.exit("needs the weights (PERCEPTKIT_MODELS) and a folder of photos (--people); see --help")
    detect = face.load_detector(arguments.detector, threads=1)
    embed = face.load_embedder(arguments.embedder, threads=1)
    limit = embed.threshold
    assert limit is not None
    photos, vectors = known_faces(photos_of(arguments.people), detect, embed)
    strange = strangers(arguments.strangers, detect, embed)
    print(
        f"{detect.name} and {embed.name}, threshold {limit:.2f}; {len(photos)} photos, {len(strange)} strange faces\n"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        enrolled = {}
        for name, kind in SCANS.items():
            photo = arguments.people / f"person{name}.jpg"
            other = next(each for each in photos_of(arguments.people) if owner(each) != owner(photo))
            video = scan_video(folder / f"{name}.mp4", KINDS[kind](photo, other))
            enrolled[name] = face.enrol(name, video, gallery=folder / "gallery", detector=detect, embedder=embed)
        gallery = load_gallery(folder / "gallery")
    rows = [row_of(name, enrolled[name], gallery, photos, vectors, strange, arguments.people) for name in SCANS]
    print_rows(rows, limit)
    print_verdicts(gallery, photos, vectors, strange, limit)


def photos_of(folder: Path) -> list[Path]:
    """The photos of people, personNN_MM.jpg."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in images.SUFFIXES)


def owner(photo: Path) -> str:
    """Whose photo it is: personNN."""
    return photo.stem.partition("_")[0]


def second(photo: Path) -> Path:
    """Another photo of the same person."""
    return next(each for each in photos_of(photo.parent) if owner(each) == owner(photo) and each != photo)


def known_faces(photos: list[Path], detect: face.Detector, embed: face.Embedder) -> tuple[list[Path], Array]:
    """The photos in which a face was found, and the embeddings of the largest of each."""
    found = face.find_faces(photos, detect=detect, embed=embed)
    largest = [max(each, key=lambda one: np.prod(one.face.box[2:] - one.face.box[:2]), default=None) for each in found]
    pairs = [(path, one.embedding) for path, one in zip(photos, largest, strict=True) if one is not None]
    if len(pairs) < len(photos):
        print(f"no face in: {', '.join(path.name for path, one in zip(photos, largest, strict=True) if one is None)}")
    return [path for path, _ in pairs], np.stack([embedding for _, embedding in pairs])


def strangers(folder: Path, detect: face.Detector, embed: face.Embedder) -> Array:
    """The embeddings of all faces in a folder of photos of other people."""
    paths = photos_of(folder)
    found = [one.embedding for each in face.find_faces(paths, detect=detect, embed=embed) for one in each]
    return np.stack(found) if found else np.empty((0, embed.dimension), np.float32)


def row_of(
    name: str, enrolled: Enrolment, gallery: Gallery, photos: list[Path], vectors: Array, strange: Array, folder: Path
) -> Row:
    """How similar all faces are to one scan, in a gallery of one scan a person."""
    mine = folder / f"person{name}.jpg"
    shown = {mine, second(mine)} if SCANS[name] == "two photos" else {mine}
    at = gallery.names.index(name)
    rivals = [place for place, other in enumerate(gallery.names) if other.partition("_")[0] != name.partition("_")[0]]
    alike = similarities(gallery, vectors)
    own = np.array([owner(photo) == owner(mine) and photo not in shown for photo in photos])
    other = np.array([owner(photo) != owner(mine) for photo in photos])
    margin = float((alike[own, at] - alike[own][:, rivals].max(axis=1)).min())
    others = np.concatenate([alike[other, at], similarities(gallery, strange)[:, at]])
    return Row(SCANS[name], mine, enrolled, alike[own, at], others, margin)


def print_rows(rows: list[Row], limit: float) -> None:
    """The table of the scans."""
    print("| scan of | kind | faces kept | turns covered | own photos, lowest | others, highest | smallest margin |")
    print("|---|---|---:|---|---:|---:|---:|")
    for row in rows:
        low, high = row.enrolled.yaw
        print(
            f"| {row.photo.stem} | {row.kind} | {len(row.enrolled.kept)} | {low:+.0f} to {high:+.0f} degrees "
            f"| {row.own.min():.2f} ({len(row.own)}) | {row.others.max():.2f} ({len(row.others)}) | {row.margin:+.2f} |"
        )
    own, others = np.concatenate([row.own for row in rows]), np.concatenate([row.others for row in rows])
    print(
        f"\nown photos at or above {limit:.2f}: {int((own >= limit).sum())} of {len(own)}; "
        f"others: {int((others >= limit).sum())} of {len(others)}"
    )


def print_verdicts(gallery: Gallery, photos: list[Path], vectors: Array, strange: Array, limit: float) -> None:
    """How many photos get the right answer when everybody is known, and when the person of the photo is not."""
    right = sum(
        (identity.name or "").partition("_")[0] == owner(photo).removeprefix("person")
        for photo, identity in zip(photos, recognise(gallery, vectors, limit), strict=True)
    )
    print(f"named rightly with everybody known: {right} of {len(photos)} (with the photos of the scans)")
    unknown = 0
    for photo, vector in zip(photos, vectors, strict=True):
        mine = owner(photo).removeprefix("person")
        without = replace(gallery, people=tuple(one for one in gallery.people if one.name.partition("_")[0] != mine))
        unknown += recognise(without, vector[None], limit)[0].name is None
    print(f"unknown when their own scans are left out: {unknown} of {len(photos)}")
    named = sum(identity.name is not None for identity in recognise(gallery, strange, limit))
    print(f"strange faces taken for somebody: {named} of {len(strange)}")


if __name__ == "__main__":
    main()
