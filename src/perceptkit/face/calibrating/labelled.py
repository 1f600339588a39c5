"""Photos that say who is in them, and the one face of each that is meant."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from ...arrays import Floats
from ...errors import InputError, MissingExtraError, ModelError, PerceptkitError
from ...files import expand
from ...images import SUFFIXES
from ...models import cpu_count
from ...threads import spread
from .. import defaults
from ..detect import Detector
from ..embed import Embedder
from ..finding import Photo, chunk_size, look, no_face, open_photo, shorter_side

__all__ = ["Labelled", "LabelledFace", "LabelledPhoto", "find_labelled", "look_at_labelled", "thin_out"]

_NUMBER = re.compile(r"[ _-]?(\d+|\(\d+\))$")


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo, and the name of the person in it."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos with labels, what was left aside with the reason, and `remarks` on how the labels were found.

    `doubt` says why the labels are most likely not those of people; it is empty where there is nothing against them.
    """

    photos: tuple[LabelledPhoto, ...]
    skipped: tuple[tuple[Path, str], ...]
    remarks: tuple[str, ...]
    doubt: str


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFace:
    """The largest of the `faces` faces of a photo: its embedding (D,), and how good it is, 0..1."""

    photo: LabelledPhoto
    embedding: Floats
    quality: float
    faces: int


def find_labelled(labelled: str | Path, folder: Path) -> Labelled:
    """The photos of a folder with the names of who is in them.

    With a subfolder for each person the label is the name of the subfolder, as in Labeled Faces in the Wild. Where
    all photos lie side by side, it is the name of the file without the number at its end (1, _1, -1 or (1)). Results of
    calibrations, in `folder` or elsewhere, are no photos. Raises InputError for what is no folder, or has fewer than
    two people in it.
    """
    top = Path(os.path.expanduser(labelled))  # noqa: PTH111 - as files.expand does
    if not os.path.isdir(top):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        raise InputError(f"{labelled} is not a folder; give one with a subfolder of photos for each person")
    found, skipped = expand([top], SUFFIXES)
    ours = {
        parent
        for parent in {path.parent for path in found}
        if parent.resolve() == folder.resolve() or (parent / "calibration.json").exists()
    }
    paths = [path for path in found if path.parent not in ours]
    below = [path for path in paths if path.parent != top]
    if below:
        skipped += [(path, "it lies beside the folders of people") for path in paths if path.parent == top]
        photos = [LabelledPhoto(path, path.relative_to(top).parts[0]) for path in below]
    else:
        named = [(path, _NUMBER.sub("", path.stem)) for path in paths]
        skipped += [(path, "there is no name before its number") for path, label in named if not label]
        photos = [LabelledPhoto(path, label) for path, label in named if label]
    if len(people := sorted({photo.label for photo in photos})) < 2:
        only = f" are all of {people[0]!r}" if people else ""
        raise InputError(
            f"the {len(photos)} photos in {labelled}{only}: photos of two people or more are needed, "
            "a subfolder for each person, or files named NAME_1.jpg, NAME_2.jpg"
        )
    remarks = []
    sizes = Counter(photo.label for photo in photos)
    single = sum(size == 1 for size in sizes.values())
    doubt = ""
    if not below and 2 * single > len(sizes):
        doubt = (
            f"{single:,} of {len(sizes):,} names of files have one photo each, so photos of one person may count as of "
            "two; name them NAME_1.jpg, NAME_2.jpg, or give a subfolder for each person"
        )
    if any(len(path.relative_to(top).parts) > 2 for path in below):
        remarks.append("there are folders within folders: the outermost one was taken for the person")
    return Labelled(tuple(photos), tuple(skipped), tuple(remarks), doubt)


def look_at_labelled(
    photos: Sequence[LabelledPhoto],
    *,
    detect: Detector,
    embed: Embedder,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[LabelledFace | PerceptkitError]:
    """The largest face of each photo, or the error that it could not be used for, in order."""
    remaining = iter(photos)
    chunks = iter(lambda: list(islice(remaining, chunk_size(detect))), [])
    results: list[LabelledFace | PerceptkitError] = []
    for batch in spread(partial(_look, detect=detect, embed=embed), chunks, workers=cpu_count()):
        results += batch
        if progress:
            progress(len(results), len(photos))
    return results


def thin_out(faces: Sequence[LabelledFace], most: int, seed: int) -> Sequence[LabelledFace]:
    """The faces, or `most` of them taken by chance, in order."""
    if len(faces) <= most:
        return faces
    taken = np.random.default_rng(seed).choice(len(faces), most, replace=False)
    return [faces[place] for place in np.sort(taken)]


def _look(
    photos: Sequence[LabelledPhoto], *, detect: Detector, embed: Embedder
) -> list[LabelledFace | PerceptkitError]:
    opened = [_open(photo.path) for photo in photos]
    readable = [photo for photo in opened if isinstance(photo, Photo)]
    looked = iter(look(readable, detect, embed, min_face=defaults.MIN_FACE, max_faces=defaults.MAX_FACES))
    results: list[LabelledFace | PerceptkitError] = []
    for photo, content in zip(photos, opened, strict=True):
        if not isinstance(content, Photo):
            results.append(content)
            continue
        _, described, _ = next(looked)
        if not described:
            results.append(no_face(str(photo.path)))
            continue
        best = max(described, key=lambda each: float(np.prod(each.face.box[2:] - each.face.box[:2])))
        if not np.isfinite(best.embedding).all():
            side = round(shorter_side(best.face))
            results.append(ModelError(f"{photo.path}: {embed.name} gave no finite embedding for its face of {side} px"))
            continue
        results.append(LabelledFace(photo, best.embedding, best.quality.score, len(described)))
    return results


def _open(path: Path) -> Photo | PerceptkitError:
    try:
        return open_photo(path)
    except (InputError, MissingExtraError) as error:
        return error
