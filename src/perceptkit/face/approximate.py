"""Find the nearest of a million vectors without reading them all: signs first, by faiss, then the vectors themselves.

A vector is summed up by 1024 bits: on which side of each of 1024 random planes it lies (Charikar, "Similarity
estimation techniques from rounding algorithms", 2002). The share of bits in which two vectors differ estimates the
angle between them. faiss finds those that differ least; the similarity of these is worked out from the vectors, so it
is exact, and all that can go wrong is that a near face is not among them. Nothing is learnt, so an index takes
seconds to build, and finds as well in one set as in another.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats, Integers
from ..errors import DeviceError, InputError, MissingExtraError
from ..files import replacing
from ..models import cpu_count
from .gallery.layout import is_gallery
from .mapping import map_npz
from .nearest import check_lengths, nearest, unit_blocks
from .store import DAMAGED, Embeddings, embeddings_file, open_embeddings

__all__ = ["Index", "index_file", "load_index"]

_log = logging.getLogger(__name__)

_VERSION = 1
_NAMES = {"version", "embeddings", "planes", "signs"}
_BITS = 1024
_WORTH_IT = 10_000  # vectors: fewer are compared with in less than a few milliseconds
_CANDIDATES = 20  # times those asked for, whose vectors are compared with
_LEAST_CANDIDATES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """What finds the nearest of unit `vectors` (N, D), which may be mapped; `load_index` makes one.

    `checksum` is that which the file of embeddings notes of the vectors.
    `planes` (D, 1024) are the normals of planes, `bits` faiss's index of the side on which each vector lies; None for
    so few vectors that all are compared with.
    """

    vectors: Floats
    checksum: int | None
    planes: Floats
    bits: Any

    def nearest(self, queries: Floats, top: int) -> tuple[Integers, Floats]:
        """As `nearest.nearest` for the queries (Q, D); one that is among the nearest may be missing."""
        if self.bits is None:
            return nearest(self.vectors, queries, top)
        nearest(self.vectors[:0], queries, top)  # the same queries are refused
        keep = min(top, len(self.vectors))
        rows, similarity = np.zeros((len(queries), keep), np.int64), np.zeros((len(queries), keep), np.float32)
        count = min(max(_CANDIDATES * top, _LEAST_CANDIDATES), len(self.vectors))
        # The setting is of faiss alone, and of this thread. More threads than queries would wait for each other.
        _faiss().omp_set_num_threads(max(1, min(cpu_count(), len(queries))))
        for number, candidates in enumerate(self.bits.search(_signs(queries, self.planes), count)[1]):
            candidates.sort()  # of two that are equally near, the lower row comes first
            (found,), similarity[number] = nearest(self.vectors[candidates], queries[number : number + 1], top)
            rows[number] = candidates[found]
        return rows, similarity


def load_index(path: str | Path) -> Index:
    """The index of an `embeddings.npz`, or of the folder it is in: built when there is none of them, and kept beside.

    It is 128 bytes a face, and takes seconds to build for a million. It is kept as plain arrays, not in a format of
    faiss, so that one which somebody else made can give bad answers but do no harm. In a folder that cannot be written
    to it is built each time, with a warning; in a gallery too, where faces can be erased, which may leave nothing of
    them. While it is held, Windows does not let the embeddings be replaced.
    Raises MissingExtraError without faiss, InputError for what is no npz file of embeddings, or when there is another
    file where the index is to be kept.
    """
    faiss = _faiss()
    file = embeddings_file(path)
    if file.suffix == ".parquet":
        raise InputError(f"{file}: an index is made of embeddings.npz only; extract with npz, or search without")
    known = open_embeddings(file)
    vectors = known.vectors
    if len(vectors) < _WORTH_IT:
        return Index(vectors, known.checksum, np.empty((vectors.shape[1], 0), np.float32), None)
    planes, signs = _build(vectors) if is_gallery(file.resolve().parent) else _kept(index_file(file), known)
    bits = faiss.IndexBinaryFlat(_BITS)
    bits.add(signs)
    return Index(vectors, known.checksum, planes, bits)


def index_file(embeddings: Path) -> Path:
    """Where the index of a file of embeddings is kept: a.index.npz beside a.npz."""
    return embeddings.with_name(f"{embeddings.name.removesuffix('.npz')}.index.npz")


def _kept(path: Path, known: Embeddings) -> tuple[Floats, Any]:
    """The planes (D, 1024) and signs (N, 128) of the index in a file; built, and kept there, when it is of others."""
    try:
        found = _read(path, known)
    except OSError as error:  # what cannot be looked at is not written over
        _log.warning("the index is not kept, and is built again next time: cannot read %s: %s", path, error.strerror)
        return _build(known.vectors)
    if found is not None:
        return found
    planes, signs = _build(known.vectors)
    try:
        with replacing(path) as file:
            np.savez(file, version=np.array(_VERSION), embeddings=np.array(known.checksum), planes=planes, signs=signs)
    except (InputError, DeviceError) as error:
        _log.warning("the index is not kept, and is built again next time: %s", error)
    return planes, signs


def _read(path: Path, known: Embeddings) -> tuple[Floats, Any] | None:
    """The planes and signs of an index that is of these embeddings; None for another index, or a damaged one.

    Raises InputError for what was never an index: it is somebody's, and must not be written over.
    """
    try:
        arrays, _ = map_npz(path)
    except FileNotFoundError:
        return None
    except DAMAGED as error:
        raise _no_index(path, error) from error
    if missing := sorted(_NAMES - arrays.keys()):
        raise _no_index(path, f"it lacks {', '.join(missing)}")
    try:
        # int() of a text that is none would be an error of Python itself.
        numbers = {name: array for name, array in arrays.items() if array.dtype.kind != "U"}
        version, made_of = int(numbers["version"]), int(numbers["embeddings"])
        planes, signs = np.array(numbers["planes"], np.float32), np.ascontiguousarray(numbers["signs"])
        check_lengths(planes.T)
    except DAMAGED as error:
        _log.warning("%s is damaged (%s) and is made again", path, error)
        return None
    count, dimension = known.vectors.shape
    fits = planes.shape == (dimension, _BITS) and signs.shape == (count, _BITS // 8) and signs.dtype == np.uint8
    return (planes, signs) if fits and (version, made_of) == (_VERSION, known.checksum) else None


def _no_index(path: Path, fault: object) -> InputError:
    return InputError(f"{path} is where the index is kept, but is none ({fault}); move it elsewhere, or delete it")


def _build(vectors: Floats) -> tuple[Floats, Any]:
    dimension = vectors.shape[1]
    random = np.random.default_rng(0)
    # Planes at right angles to each other tell more than any; there are as many of them as there are dimensions.
    turns = [
        np.linalg.qr(random.standard_normal((dimension, dimension)))[0] for _ in range(math.ceil(_BITS / dimension))
    ]
    planes = np.ascontiguousarray(np.concatenate(turns, axis=1)[:, :_BITS], np.float32)
    signs = np.empty((len(vectors), _BITS // 8), np.uint8)
    for start, block in unit_blocks(vectors):
        signs[start : start + len(block)] = _signs(block, planes)
    return planes, signs


def _signs(vectors: Floats, planes: Floats) -> Any:
    """On which side of the planes each vector lies (N, 128), a bit a plane."""
    return np.packbits(vectors @ planes > 0, axis=1)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss", "an index") from error
    return faiss
