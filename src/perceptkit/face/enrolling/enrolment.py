"""Make somebody known by name: photos, or a video in which the head turns, into a gallery.

result = enrol("Anna", "anna.mp4", gallery="staff")
print(result)                # frames used, turns of the head covered, quality
result.picture               # the faces that were kept
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from ...arrays import Floats
from ...errors import InputError
from ...files import check_folder
from ...images import MAX_PIXELS, encode_png
from ...output import count, picture_html
from ...video import Limits
from .. import defaults
from ..detect import Detector
from ..embed import Embedder
from ..gallery.files import changing, is_gallery, load_gallery, pictures_of
from ..gallery.identity import similarities
from ..gallery.layout import refuse_strange
from ..gallery.people import Enrolled, Gallery, Prototype, check_name, mean_of
from ..loading import load_detector, load_embedder_of
from ..thresholds import resolve_threshold
from ..types import ItemError
from .gathering import Candidate
from .media import MOST_FACES, scan_media
from .scanning import Scan
from .sheet import ScanCard, missing_views, scan_sheet

__all__ = ["Enrolment", "enrol"]


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What was kept of somebody. As text it is the report.

    `kept` are the faces of this enrolment, `looked` counts the photos and the frames looked at, `seen` those with a
    face. `quality` is the mean of the kept faces, `yaw` the turns of the head that they cover, from and to, in degrees,
    above 0 to image-left. `known` counts all faces that are now kept of this person. `picture` shows the kept ones;
    `notes` says what was not used and why, and who looks alike; `errors` holds the files that cannot be read.
    """

    name: str
    gallery: Path
    kept: tuple[Prototype, ...]
    known: int
    looked: int
    seen: int
    quality: float
    yaw: tuple[float, float]
    picture: Path
    notes: tuple[str, ...]
    errors: tuple[ItemError, ...]

    def __repr__(self) -> str:
        return f"Enrolment({self})"

    def _repr_html_(self) -> str:
        return picture_html(self.picture, alt=str(self), otherwise=repr(self))

    def __str__(self) -> str:
        more = f" ({self.known} with those of before)" if self.known > len(self.kept) else ""
        return (
            f"{self.name}: {count(len(self.kept), 'face', 'faces')} kept{more} "
            f"of {count(self.looked, 'picture', 'pictures')} looked at, {self.seen:,} with a face; "
            f"mean quality {self.quality:.2f}; {_turned(*self.yaw)}"
        )

    @property
    def missing(self) -> str:
        """Which turns of the head the kept faces do not show, in words."""
        return missing_views(np.array([one.yaw for one in self.kept], np.float32))

    def summary(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "name": self.name,
            "gallery": str(self.gallery),
            "kept": list(self.kept),
            "known": self.known,
            "looked": self.looked,
            "seen": self.seen,
            "quality": self.quality,
            "yaw": list(self.yaw),
            "picture": str(self.picture),
            "notes": list(self.notes),
            "errors": list(self.errors),
        }


def enrol(
    name: str,
    media: str | Path | Iterable[str | Path],
    *,
    gallery: str | Path,
    again: bool = False,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | str | None = None,
    min_score: float = defaults.MIN_SCORE,
    min_face: int = defaults.SCAN_FACE,
    faces: int = defaults.SCAN_FACES,
    video_step: float = defaults.SCAN_STEP,
    max_pixels: int = MAX_PIXELS,
    limits: Limits | None = None,
    names: Mapping[str, str] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Enrolment:
    """Add somebody to a gallery, with photos, or videos in which the head turns. A gallery that is not there is made.

    A video is looked at every `video_step` seconds. It is cut into `faces` parts of equal length, and of each the best
    face is kept, if one is good enough; of photos the best face of each, in which the shorter side of a face has at
    least `min_face` pixels. Who is in the gallery already gets more faces, or with `again` these instead of the old
    ones. The embedder is by default the one that made the gallery; `threshold` is the similarity from which two faces
    are the same person (see `face.extract`). `names` are what files are called in the gallery and in its picture,
    by their paths, where that is not to be the path.

    Raises InputError, and leaves the gallery as it was, when nothing can be used, when two people might be meant, when
    the faces are not those of the person who has this name already, or for a gallery of another embedder; MediaError
    when no file can be read, ModelError or DeviceError when the models or the disk fail.
    """
    name = check_name(name)
    folder = Path(gallery).expanduser()
    there = is_gallery(folder)
    if not there:
        refuse_strange(check_folder(folder))
    made = load_gallery(folder) if there else None
    embedder = load_embedder_of(made, embedder, preset=preset, device=device, threads=1)
    detector = load_detector(detector, preset=preset, device=device, threads=1, min_score=min_score)
    limit = resolve_threshold(threshold, model=embedder.name, sha256=embedder.sha256, usual=embedder.threshold)
    found, errors = scan_media(
        media, detector, embedder, threshold=limit, min_face=min_face, faces=faces, video_step=video_step,
        max_pixels=max_pixels, limits=limits, progress=progress,
    )  # fmt: skip
    found = replace(found, kept=tuple(_called(one, names or {}) for one in found.kept))
    with changing(folder, make=Gallery(embedder.name, embedder.sha256, ())) as change:
        change.gallery.require_model(embedder.name, embedder.sha256)
        person, alike = _person(change.gallery, name, found.kept, again, limit)
        known = {one.id for each in change.gallery.people if each.name == name for one in each.prototypes}
        others = tuple(each for each in change.gallery.people if each.name != name)
        at = next((place for place, each in enumerate(change.gallery.people) if each.name == name), len(others))
        people = (*others[:at], person, *others[at:])
        new = again or not known.issuperset(one.id for one in found.kept)
        if new or not pictures_of(folder, person.id):
            change.save(replace(change.gallery, people=people), pictures={person.id: _picture(name, found)})
        else:
            alike.append(f"all of these faces are known of {name} already; nothing was changed")
        picture = pictures_of(folder, person.id)[-1]
    yaws = [one.yaw for one in found.kept]
    return Enrolment(
        name=name,
        gallery=folder,
        kept=tuple(_prototype(one) for one in found.kept),
        known=len(person.prototypes),
        looked=found.looked,
        seen=found.seen,
        quality=round(float(np.mean([one.quality.score for one in found.kept])), 4),
        yaw=(round(min(yaws), 2), round(max(yaws), 2)),
        picture=picture,
        notes=(*found.notes, *alike),
        errors=errors,
    )


def _person(
    gallery: Gallery, name: str, kept: Sequence[Candidate], again: bool, threshold: float
) -> tuple[Enrolled, list[str]]:
    """Somebody with the faces that were kept, added to those of before, and notes on who looks alike."""
    prototypes = tuple(_prototype(one) for one in kept)
    vectors = np.stack([one.embedding for one in kept])
    mean = mean_of(vectors, prototypes)
    (alike,) = similarities(gallery, mean[None])
    identity = uuid4().hex
    for person, similarity in zip(gallery.people, alike, strict=True):
        if person.name == name and not again:  # else the old pictures go with the old id
            identity = person.id
            if similarity < threshold:
                raise InputError(
                    f"{name} is in the gallery already, and these faces are not alike (similarity {similarity:.2f}, "
                    f"the same person from {threshold:.2f}); give another name, or --again to replace the old faces"
                )
            prototypes, vectors = _together(person, prototypes, vectors)
    notes = [
        f"{person.name} is as alike as one and the same person (similarity {similarity:.2f}); "
        "they will be taken for each other"
        for person, similarity in zip(gallery.people, alike, strict=True)
        if person.name != name and similarity >= threshold
    ]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Enrolled(identity, name, now, prototypes, vectors, mean_of(vectors, prototypes)), notes


def _together(
    person: Enrolled, prototypes: tuple[Prototype, ...], vectors: Floats
) -> tuple[tuple[Prototype, ...], Floats]:
    """The faces of before and the new ones, each once; of too many the oldest go."""
    new = {one.id for one in prototypes}
    old = [row for row, one in enumerate(person.prototypes) if one.id not in new]
    old = old[max(0, len(old) + len(prototypes) - MOST_FACES) :]
    return (*(person.prototypes[row] for row in old), *prototypes), np.vstack([person.vectors[old], vectors])


def _turned(least: float, most: float) -> str:
    """From where to where the head is turned, in words."""
    low, high = (
        f"{abs(yaw)} degrees" + (f" to image-{'left' if yaw > 0 else 'right'}" if yaw else "")
        for yaw in (round(least), round(most))
    )
    return f"the head is turned {low}" if low == high else f"the head turns from {low} to {high}"


def _called(one: Candidate, names: Mapping[str, str]) -> Candidate:
    return replace(one, source=names.get(one.source, one.source))


def _prototype(one: Candidate) -> Prototype:
    source = one.source.encode(errors="backslashreplace").decode()  # a name of a file need not be Unicode
    return Prototype(one.id, source, one.time, round(one.quality.score, 4), round(one.yaw, 2))


def _picture(name: str, found: Scan) -> bytes:
    cards = [
        ScanCard(image=one.headshot, yaw=one.yaw, quality=one.quality.score, source=one.source, time=one.time)
        for one in found.kept
    ]
    facts = [
        f"{count(len(cards), 'face', 'faces')} kept",
        f"{count(found.looked, 'picture', 'pictures')} looked at, {found.seen:,} with a face",
        f"mean quality {np.mean([card.quality for card in cards]):.2f}",
    ]
    return encode_png(scan_sheet(cards, title=name, facts=facts, seen_yaws=np.array(found.yaws, np.float32)))
