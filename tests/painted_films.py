"""Films of painted faces (see `tiny_networks`), and galleries that know some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from perceptkit.arrays import Picture
from perceptkit.face import Detector, Embedder, Gallery, find_faces
from perceptkit.face.gallery.people import Enrolled, Prototype
from perceptkit.video import Frame, VideoInfo, Writer
from tiny_networks import blank, paint

__all__ = ["RATE", "At", "film", "gallery_of", "pictures"]

RATE = 10
"""Frames a second."""

At = tuple[int, int, int]
"""x, y and person (0..7) of a painted face."""


def pictures(frames: Sequence[Sequence[At]], *, height: int = 160) -> list[Picture]:
    """Pictures with these faces, 640 pixels wide; each with a grain of its own."""
    shown = []
    for number, faces in enumerate(frames):
        image = blank(640, height)
        for x, y, person in faces:
            image = paint(image, x, y, person=person, noise=number + 1)
        shown.append(image)
    return shown


def film(path: Path, frames: Sequence[Sequence[At]], *, height: int = 160, sound: Path | None = None) -> Path:
    """A video with these faces in its frames, `RATE` a second."""
    info = VideoInfo(640, height, Fraction(RATE), None, None, has_sound=False)
    with Writer(path, info, quality=8, preset="ultrafast", sound=sound) as writer:
        for number, picture in enumerate(pictures(frames, height=height)):
            writer.write(Frame(number, number / RATE, picture))
    return path


def gallery_of(detect: Detector, embed: Embedder, people: Mapping[str, int]) -> Gallery:
    """A gallery of painted people by their names."""
    enrolled = []
    for number, (name, person) in enumerate(people.items()):
        (sighting,) = find_faces([paint(blank(), 96, 64, person=person)], detect=detect, embed=embed)[0]
        vectors = np.asarray(sighting.embedding[None], np.float32)
        kept = (Prototype(f"{number:016x}", f"{person}.png", None, sighting.quality.score, 0.0),)
        enrolled.append(Enrolled(f"{number:032x}", name, "2026-01-01T00:00:00Z", kept, vectors, sighting.embedding))
    return Gallery(embed.name, embed.sha256, tuple(enrolled))
