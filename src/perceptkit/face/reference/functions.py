"""The functions of the system that came before, for programs that call them. New ones use `enrol` and `find_faces`.

What was wrong there is right here: embeddings are of unit length, a cache says which model made it and is read without
running anything, and both scores are of the face, on a scale of 0 to 1 that is documented (see `face.quality`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from ...arrays import Floats, Picture
from ...errors import InputError
from ..align import CROP_SIDE
from ..detect import Detector
from ..embed import Embedder
from ..enrolling.media import scan_media
from ..finding import find_faces
from ..loading import load_detector, load_embedder
from ..quality import frontality, sharpness
from ..store import Embeddings, load_embeddings, save_embeddings
from .caches import people_in
from .pickled import load_pickle

__all__ = [
    "blur_score",
    "extract_embeddings_from_image",
    "extract_embeddings_from_video",
    "frontal_score",
    "load_embeddings_cache",
    "save_embeddings_cache",
]

_PICKLES = (".pkl", ".pickle")


def extract_embeddings_from_video(
    video: str | Path,
    *,
    detect: Detector | None = None,
    embed: Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
) -> Floats:
    """The embeddings (n, D) of the faces that an enrolment keeps of a video: the best of each part of it.

    Raises InputError when there is no face that can be used, or when two people might be meant; MediaError for what is
    no video, ModelError or DeviceError when the models cannot be had or fail.
    """
    detect = detect or load_detector(preset=preset, device=device, threads=1)
    embed = embed or load_embedder(preset=preset, device=device, threads=1)
    found, _ = scan_media(video, detect, embed, threshold=embed.threshold)
    return np.stack([candidate.embedding for candidate in found.kept])


def extract_embeddings_from_image(
    image: str | Path | Picture,
    *,
    detect: Detector | None = None,
    embed: Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
) -> Floats:
    """The embeddings (n, D) of all faces in a photo, best detection first; n is 0 when there is none.

    `image` is a path or RGB uint8 (H, W, 3). The errors are those of `find_faces`.
    """
    detect = detect or load_detector(preset=preset, device=device, threads=1)
    embed = embed or load_embedder(preset=preset, device=device, threads=1)
    (sightings,) = find_faces([image], detect=detect, embed=embed)
    vectors = [sighting.embedding for sighting in sightings]
    return np.stack(vectors) if vectors else np.empty((0, embed.dimension), np.float32)


def save_embeddings_cache(path: str | Path, embeddings: Mapping[str, Floats], *, model: str, model_sha256: str) -> None:
    """Write the embeddings (n, D) or (D,) of people, by name, to a file of embeddings (.npz), whole or not at all.

    `model` and `model_sha256` are the `name` and `sha256` of the embedder that made them. Raises InputError for another
    ending, no people, and vectors that are zero, not finite or of different lengths.
    """
    if Path(path).suffix.lower() != ".npz":
        raise InputError(f"cannot write {path}: a cache is an .npz file; pickles are only read")
    people = people_in(dict(embeddings), str(path))
    names = [name for name, rows in people.items() for _ in rows]
    numbers = [number for rows in people.values() for number in range(len(rows))]
    save_embeddings(
        path,
        Embeddings(
            model=model,
            model_sha256=model_sha256,
            face_ids=tuple(f"{name}-{number}" for name, number in zip(names, numbers, strict=True)),
            sources=tuple(names),
            quality=np.ones(len(names), np.float32),
            vectors=np.concatenate(list(people.values())),
        ),
    )


def load_embeddings_cache(path: str | Path, *, model_sha256: str | None = None) -> dict[str, Floats]:
    """The embeddings (n, D) of people by name, float32 of unit length, from a cache of ours or a pickle of before.

    A pickle (.pkl, .pickle) is read without running anything in it (see `pickled`): names with their vectors, or
    vectors alone, which get the file's name. Raises InputError for a file that is neither, for vectors that are zero,
    not finite or of different lengths, and, where `model_sha256` is given, for a cache that another embedder made or
    that, as pickles do, does not say which.
    """
    path = Path(path)
    if path.suffix.lower() in _PICKLES:
        if model_sha256 is not None:
            raise InputError(
                f"{path} is a pickle, which does not say which embedder made it; read it without model_sha256 if you "
                "know that it was this one, and save it as .npz"
            )
        return people_in(load_pickle(path), str(path))
    cache = load_embeddings(path)
    if model_sha256 is not None and cache.model_sha256 != model_sha256:
        raise InputError(
            f"{path} was made by {cache.model} (sha256 {cache.model_sha256[:12]}), not by the embedder with sha256 "
            f"{model_sha256[:12]}; vectors of two models cannot be compared, so make the cache again"
        )
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(cache.sources):
        rows.setdefault(name, []).append(row)
    return {name: cache.vectors[of] for name, of in rows.items()}


def blur_score(image: Picture) -> float:
    """How sharp a face is, 0..1: despite its name, higher is sharper, as it always was.

    `image` is an aligned face, RGB uint8; one that is not 112 x 112 pixels is brought to that size. It is the
    `sharpness` of `face.quality`, and does not depend on the size of the photo. Raises InputError for another array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"a face must be RGB uint8 (height, width, 3), not {_described(image)}")
    if 0 in image.shape:
        raise InputError(f"a face must have pixels; this one is {_described(image)}")
    smaller = min(image.shape[:2]) > CROP_SIDE
    side = (CROP_SIDE, CROP_SIDE)
    crop = cv2.resize(image, side, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return sharpness(np.asarray(crop, np.uint8))


def frontal_score(landmarks: Floats) -> float:
    """How much a face looks into the lens, 0..1, from its five landmarks (5, 2): the `frontality` of `face.quality`.

    Raises InputError for anything but five finite points.
    """
    points = np.asarray(landmarks, np.float32)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks must be five finite points (5, 2), not {_described(points)}")
    return float(frontality(points[None])[0])


def _described(array: Picture | Floats) -> str:
    return f"{array.dtype} {array.shape}"
