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
from .mapping import checksum, map_npz
from .nearest import check_lengths, nearest, unit_blocks
from .store import DAMAGED, embeddings_file, open_embeddings

__all__ = ["INDEX_FILE", "Index", "load_index"]

INDEX_FILE = "index.npz"
"""The name of an index, which is kept beside the embeddings."""

_log = logging.getLogger(__name__)

_VERSION = 1
_BITS = 1024
_WORTH_IT = 10_000  # vectors: fewer are compared with in less than a few milliseconds
_CANDIDATES = 20  # times those asked for, whose vectors are compared with
_LEAST_CANDIDATES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """What finds the nearest of unit `vectors` (N, D), which may be mapped; `load_index` makes one.

    `planes` (D, 1024) are the normals of planes, `bits` faiss's index of the side on which each vector lies; None for
    so few vectors that all are compared with.
    """

    vectors: Floats
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
    to it is built each time, with a warning. While it is held, Windows does not let the embeddings be replaced.
    Raises MissingExtraError without faiss, InputError for what is no npz file of embeddings.
    """
    faiss = _faiss()
    file = embeddings_file(path)
    if file.suffix == ".parquet":
        raise InputError(f"{file}: an index is made of embeddings.npz only; extract with npz, or search without")
    vectors = open_embeddings(file).vectors
    if len(vectors) < _WORTH_IT:
        return Index(vectors, np.empty((vectors.shape[1], 0), np.float32), None)
    digest = checksum(file, "embeddings")
    kept = file.with_name(INDEX_FILE)
    planes, signs = _read(kept, digest, vectors.shape) or _build(kept, digest, vectors)
    bits = faiss.IndexBinaryFlat(_BITS)
    bits.add(signs)
    return Index(vectors, planes, bits)


def _read(path: Path, digest: int, shape: tuple[int, ...]) -> tuple[Floats, Any] | None:
    """The planes (D, 1024) and signs (N, 128) of an index that is of the same embeddings; None for any other file."""
    try:
        # int() of a text that is none would be an error of Python itself.
        arrays = {name: array for name, array in map_npz(path).items() if array.dtype.kind != "U"}
        version, made_of = int(arrays["version"]), int(arrays["embeddings"])
        planes, signs = np.array(arrays["planes"], np.float32), np.ascontiguousarray(arrays["signs"])
        check_lengths(planes.T)
    except FileNotFoundError:
        return None
    except (OSError, *DAMAGED) as error:
        _log.warning("%s is damaged (%s) and is made again", path, error)
        return None
    fits = planes.shape == (shape[1], _BITS) and signs.shape == (shape[0], _BITS // 8) and signs.dtype == np.uint8
    return (planes, signs) if fits and (version, made_of) == (_VERSION, digest) else None


def _build(path: Path, digest: int, vectors: Floats) -> tuple[Floats, Any]:
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
    try:
        with replacing(path) as file:
            np.savez(file, version=np.array(_VERSION), embeddings=np.array(digest), planes=planes, signs=signs)
    except (InputError, DeviceError) as error:
        _log.warning("the index is not kept, and is built again next time: %s", error)
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
