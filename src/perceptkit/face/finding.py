"""From images to described faces, in memory: detect, align, embed, judge.

    for sightings in find_faces([image, "photo.jpg"], preset="permissive"):
        for sighting in sightings:
            sighting.face.box, sighting.embedding, sighting.quality.score

`open_photo` and `look` are its two halves, for callers that keep more than the sightings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from ..arrays import Floats, Picture
from ..errors import InputError, MediaError, ModelError
from ..images import MAX_PIXELS, decode, inspect, load
from ..models import cpu_count
from ..threads import spread
from .align import align_faces, scales, similarity
from .defaults import MAX_FACES, MIN_FACE
from .detect import INPUT_SIDE, Detector
from .embed import Embedder
from .loading import load_detector, load_embedder
from .quality import assess
from .types import Face, Quality, Sighting

__all__ = [
    "Description",
    "Photo",
    "chunk_size",
    "digest_of",
    "face_id",
    "find_faces",
    "in_full",
    "landmarks_of",
    "largest",
    "look",
    "no_face",
    "open_photo",
    "shorter_side",
]

_CHUNK_CPU, _CHUNK_GPU = 2, 16


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo in memory: `factor` (x, y) leads from the pixels of `image` to those of the photo at full size.

    `data` are the bytes of its file, empty for a photo that came as an array; `frames` is how many pictures it has.
    """

    data: bytes
    image: Picture
    factor: tuple[float, float]
    frames: int


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """A face in the pixels of the image looked at, its embedding (D,) of unit length (NaN when the network failed to
    give one), and its quality."""

    face: Face
    embedding: Floats
    quality: Quality


def find_faces(
    images: str | Path | Iterable[Picture | str | Path],
    *,
    detect: Detector | None = None,
    embed: Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    min_face: int = MIN_FACE,
    max_faces: int = MAX_FACES,
) -> list[list[Sighting]]:
    """Every face of each image, best detection first, with embedding and quality.

    `images` are RGB uint8 arrays (H, W, 3) or paths, or one path; the work is spread over the CPUs. Without `detect`
    and `embed` the preset's models are loaded; to call this often, load them once (with `threads=1`) and pass them.
    Raises MediaError for a path that is no photo, InputError for an array of another kind, ModelError or DeviceError
    when the models cannot be had or fail.
    """
    detect = detect or load_detector(preset=preset, device=device, threads=1)
    embed = embed or load_embedder(preset=preset, device=device, threads=1)
    numbered = iter(enumerate([images] if isinstance(images, (str, Path)) else images))
    chunks = iter(lambda: list(islice(numbered, chunk_size(detect))), [])
    work = partial(_find, detect=detect, embed=embed, min_face=min_face, max_faces=max_faces)
    return [sightings for found in spread(work, chunks, workers=cpu_count()) for sightings in found]


def chunk_size(detect: Detector) -> int:
    """How many photos or frames one thread should read, detect and embed together.

    A CPU is no faster on many, and small portions keep all threads busy to the end; a GPU wants full batches.
    """
    return _CHUNK_CPU if detect.device in ("cpu", "openvino") else _CHUNK_GPU


def open_photo(path: str | Path, *, max_pixels: int = MAX_PIXELS, allow_truncated: bool = False) -> Photo:
    """Read a photo no larger than finding faces in it needs. Errors are those of `images.read`."""
    name = str(path)
    data = load(path)
    info = inspect(data, name=name, max_pixels=max_pixels)
    reduce = next((step for step in (8, 4, 2) if max(info.width, info.height) / step >= 2 * INPUT_SIDE), 1)
    image = decode(data, reduce=reduce, name=name, allow_truncated=allow_truncated)
    height, width = image.shape[:2]
    return Photo(data, image, (info.width / width, info.height / height), info.frames)


def look(
    photos: Sequence[Photo],
    detect: Callable[[Sequence[Picture]], list[list[Face]]],
    embed: Callable[[Picture], Floats],
    *,
    min_face: float,
    max_faces: int,
) -> list[tuple[Photo, list[Description], int]]:
    """Find and describe the faces of several photos; all of them go through the networks together.

    Kept are faces of at least `min_face` pixels (of the photo at full size) on the shorter side, at most `max_faces`
    a photo, best detection first. A photo that was decoded at reduced size is decoded again in full when one of its
    faces would otherwise be enlarged for the embedder: each photo comes back as it was used, with its faces and how
    many were left out for `max_faces`.
    """
    seen = []
    for photo, faces in zip(photos, detect([photo.image for photo in photos]), strict=True):
        large = [face for face in faces if shorter_side(face) * max(photo.factor) >= min_face]
        seen.append((*_sharp_enough(photo, large[:max_faces]), max(0, len(large) - max_faces)))
    crops = [align_faces(photo.image, landmarks_of(faces)) for photo, faces, _ in seen]
    embeddings = iter(embed(np.concatenate(crops)) if any(map(len, crops)) else ())
    looked = []
    for (photo, faces, left_out), crop in zip(seen, crops, strict=True):
        height, width = photo.image.shape[:2]
        full = [in_full(face, photo) for face in faces]
        qualities = assess(full, crop, width=width * photo.factor[0], height=height * photo.factor[1])
        described = [
            Description(face, next(embeddings), quality) for face, quality in zip(faces, qualities, strict=True)
        ]
        looked.append((photo, described, left_out))
    return looked


def in_full(face: Face, photo: Photo) -> Face:
    """The same face in pixels of the photo at full size."""
    scale = np.array(photo.factor, np.float32)
    return Face(face.box * np.tile(scale, 2), face.score, face.landmarks * scale, face.track)


def face_id(digest: str, face: Face, detector: str, embedder: str, *, time: float | None = None) -> str:
    """A face's id: 16 hex digits from the SHA-256 of the file it is in, the box in whole pixels, the digests of both
    models, and in a video the time."""
    box = " ".join(str(round(float(value))) for value in face.box)
    moment = "" if time is None else f" {time:.6f}"
    return hashlib.sha256(f"{digest} {box} {detector} {embedder}{moment}".encode()).hexdigest()[:16]


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, which may be larger than the memory; MediaError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error


def largest(sightings: Sequence[Sighting], name: str) -> Sighting:
    """The face with the largest box; InputError when there is none."""
    if not sightings:
        raise no_face(name)
    return max(sightings, key=lambda sighting: float(np.prod(sighting.face.box[2:] - sighting.face.box[:2])))


def no_face(name: str) -> InputError:
    """The error for a photo that must have a face and has none."""
    return InputError(f"{name}: no face was found; try a larger or sharper photo, or a lower score limit (min_score)")


def _find(
    images: Sequence[tuple[int, Picture | str | Path]],
    *,
    detect: Detector,
    embed: Embedder,
    min_face: int,
    max_faces: int,
) -> list[list[Sighting]]:
    photos, names = [], []
    for number, image in images:
        if isinstance(image, (str, Path)):
            photos.append(open_photo(image))
            names.append(str(image))
        else:
            photos.append(Photo(b"", image, (1.0, 1.0), 1))
            names.append(f"image {number}")
    looked = look(photos, detect, embed, min_face=min_face, max_faces=max_faces)
    found = []
    for name, (photo, described, _) in zip(names, looked, strict=True):
        digest = hashlib.sha256(photo.data or photo.image.tobytes()).hexdigest()
        sightings = []
        for each in described:
            face = in_full(each.face, photo)
            if not np.isfinite(each.embedding).all():
                raise ModelError(f"{name}: {embed.name} gave no finite embedding for the face at {face.box.tolist()}")
            identity = face_id(digest, face, detect.sha256, embed.sha256)
            sightings.append(Sighting(identity, name, None, face, each.embedding, each.quality, embed.name))
        found.append(sightings)
    return found


def _sharp_enough(photo: Photo, faces: list[Face]) -> tuple[Photo, list[Face]]:
    if max(photo.factor) <= 1 or not faces or scales(similarity(landmarks_of(faces))).max() <= 1:
        return photo, faces
    full = decode(photo.data, allow_truncated=True)  # what is damaged was refused when it was opened
    return Photo(photo.data, full, (1.0, 1.0), photo.frames), [in_full(face, photo) for face in faces]


def shorter_side(face: Face) -> float:
    """The shorter side of a face's box in pixels."""
    return float(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))


def landmarks_of(faces: Sequence[Face]) -> Floats:
    """The landmarks of several faces (N, 5, 2), also when there are none."""
    return np.asarray([face.landmarks for face in faces], np.float32).reshape(-1, 5, 2)
