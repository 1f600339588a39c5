"""Files of embeddings: the vectors with their face ids, their quality, and the model that made them.

Written as npz (arrays only, never pickle) or, with the `scale` extra, as Parquet; the ending decides.
An npz file can be opened without reading it, which is how a million vectors are searched.
"""

from __future__ import annotations

import io
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..arrays import Floats, Integers
from ..errors import InputError, MissingExtraError
from ..files import replacing
from .mapping import checksums_of, map_npz, stored
from .nearest import check_lengths
from .texts import PackedTexts, WideTexts, pack

__all__ = [
    "DAMAGED",
    "FORMATS",
    "Embeddings",
    "embeddings_file",
    "load_embeddings",
    "open_embeddings",
    "save_embeddings",
]


FORMATS = ("npz", "parquet")
"""File formats of embeddings, by their endings."""

DAMAGED = (
    *(ValueError, KeyError, TypeError, EOFError, RuntimeError, MemoryError, OverflowError),
    *(SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile raise for files that are damaged, lie about their sizes or are something else."""

_VERSION = 2
_READ = (1, 2)  # in the first, texts were as wide as the longest of them
_MAX_RATIO = 20  # that Parquet may unpack to more than its size: embeddings hardly compress
_NAMES = ("version", "model", "model_sha256", "face_ids", "sources", "quality", "embeddings")
_TRACKS = "tracks"  # is there when some of the faces are of videos
_ENDS = {"face_ids": "face_ids_ends", "sources": "sources_ends"}  # where each text ends among the bytes of all


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Unit `vectors` (N, D) float32, with `face_ids`, `sources` (paths) and `quality` (N,) 0..1, all of one embedder.

    `model` is the embedder's name, `model_sha256` the digest of its file: vectors of different models do not compare.
    `tracks` (N,) are the tracks of faces in videos, counted from 1 in each source, 0 for photos; None when all are.
    `checksum` is that of the vectors as an npz file notes it; None when they were not read from one.
    """

    model: str
    model_sha256: str
    face_ids: Sequence[str]
    sources: Sequence[str]
    quality: Floats
    vectors: Floats
    tracks: Integers | None = None
    checksum: int | None = None

    def require_model(self, name: str, sha256: str) -> None:
        """Raise InputError unless the vectors were made by this very embedder."""
        if self.model_sha256 != sha256:
            raise InputError(
                f"the embeddings were made by {self.model} (sha256 {self.model_sha256[:12]}), not by {name} "
                f"(sha256 {sha256[:12]}); vectors of two models cannot be compared. "
                f"Take the embedder that made them, or extract again with {name}"
            )


def save_embeddings(path: str | Path, embeddings: Embeddings) -> None:
    """Write a file of embeddings, whole or not at all."""
    if Path(path).suffix == ".parquet":
        _save_parquet(path, embeddings)
        return
    arrays: dict[str, Any] = {
        # First, where they come to lie on a multiple of 64 bytes: mapped, they can be reckoned with as they are.
        "embeddings": np.ascontiguousarray(embeddings.vectors.astype(np.float32, copy=False)),
        "version": np.array(_VERSION),
        "model": np.array(embeddings.model),
        "model_sha256": np.array(embeddings.model_sha256),
        "quality": embeddings.quality.astype(np.float32),
    }
    for name, ends in _ENDS.items():
        arrays[name], arrays[ends] = pack(getattr(embeddings, name))
    if embeddings.tracks is not None:
        arrays[_TRACKS] = embeddings.tracks.astype(np.int64)
    with replacing(path) as file:
        np.savez(file, **arrays)


def load_embeddings(path: str | Path) -> Embeddings:
    """Read a file of embeddings, or `embeddings.npz` / `embeddings.parquet` of a folder that extract wrote.

    Raises InputError for what is no such file: nothing in it is ever executed, and sizes are checked before they
    are believed.
    """
    file = embeddings_file(path)
    with _refusing(file):
        loaded = _checked(_load_parquet(file)) if file.suffix == ".parquet" else _checked(*_load_npz(file))
        check_lengths(loaded.vectors)
        return replace(loaded, face_ids=tuple(loaded.face_ids), sources=tuple(loaded.sources))


def open_embeddings(path: str | Path) -> Embeddings:
    """As `load_embeddings`, but of an npz file only what is used is read, at the time: for sets of any size.

    The vectors cannot be written to, and are not looked at here: `nearest.nearest` checks their lengths. While they
    are held, the file must not be cut short, and Windows does not let it be replaced. Parquet is loaded.
    """
    file = embeddings_file(path)
    if file.suffix == ".parquet":
        return load_embeddings(file)
    with _refusing(file):
        return _checked(*map_npz(file))


def embeddings_file(path: str | Path) -> Path:
    """The file of embeddings that is meant by its path or that of the folder it is in; InputError without one."""
    path = Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises where ~ is only part of a name
    if not path.is_dir():
        return path
    for suffix in FORMATS:
        if (path / f"embeddings.{suffix}").exists():
            return path / f"embeddings.{suffix}"
    raise InputError(f"{path} has no embeddings.npz; give a folder written by: perceptkit faces extract")


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Say of which file what is found in it is wrong."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error
    except DAMAGED as error:
        raise InputError(f"{file} is not a file of embeddings: {error}") from error


def _checked(columns: dict[str, Any], checksums: Mapping[str, int] = MappingProxyType({})) -> Embeddings:
    """The columns of a file as embeddings when they fit together; the vectors are not looked at."""
    if missing := [name for name in _NAMES if name not in columns]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    version = int(_scalar(columns, "version"))
    if version not in _READ:
        raise ValueError(f"version {version} was written by another perceptkit; this reads {_READ[0]} and {_READ[1]}")
    vectors = np.asarray(columns["embeddings"], np.float32, order="C")
    quality = np.asarray(columns["quality"], np.float32)
    ids, sources = (_texts(columns, name) for name in ("face_ids", "sources"))
    if vectors.ndim != 2 or quality.shape != (len(vectors),) or not len(ids) == len(sources) == len(vectors):
        raise ValueError(f"{len(ids)} ids, {len(sources)} sources, quality {quality.shape}, vectors {vectors.shape}")
    if vectors.size == 0 < len(vectors):
        raise ValueError("a vector is not of length 1")
    if not np.isfinite(quality).all():
        raise ValueError("a quality is not a number")
    tracks = np.asarray(columns[_TRACKS], np.int64) if _TRACKS in columns else None
    if tracks is not None and tracks.shape != (len(vectors),):
        raise ValueError(f"{len(ids)} ids, tracks {tracks.shape}")
    model, sha256 = (str(_scalar(columns, name)) for name in ("model", "model_sha256"))
    return Embeddings(model, sha256, ids, sources, quality, vectors, tracks, checksums.get("embeddings"))


def _scalar(columns: dict[str, Any], name: str) -> Any:
    value = columns[name]
    return value if isinstance(value, str) or value.dtype.kind in "iu" else _texts({name: value[None]}, name)[0]


def _texts(columns: dict[str, Any], name: str) -> Sequence[str]:
    column = columns[name]
    if isinstance(column, list):
        return [str(text) for text in column]
    if column.ndim == 1 and column.dtype.kind == "U" and column.itemsize:
        return WideTexts(column)
    if column.ndim != 1 or column.dtype != np.uint8:
        raise ValueError(f"its {name} are {column.dtype} {column.shape}, not texts")
    if (ends := columns.get(_ENDS[name])) is None:
        raise ValueError(f"it lacks {_ENDS[name]}")
    if ends.ndim != 1 or ends.dtype.kind not in "iu":
        raise ValueError(f"its {_ENDS[name]} are {ends.dtype} {ends.shape}, not whole numbers")
    return PackedTexts(column, ends)


def _load_npz(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    with path.open("rb") as file:
        checksums = checksums_of(stored(file))
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (*_NAMES, *_ENDS.values(), _TRACKS) if name in arrays}, checksums


def _save_parquet(path: str | Path, embeddings: Embeddings) -> None:
    parquet, arrow = _pyarrow()
    count, dimension = embeddings.vectors.shape
    vectors = arrow.FixedSizeListArray.from_arrays(arrow.array(embeddings.vectors.ravel()), dimension)
    tracks = {} if embeddings.tracks is None else {"track": arrow.array(embeddings.tracks, arrow.int64())}
    table = arrow.table(
        {
            "face_id": arrow.array(embeddings.face_ids, arrow.string()),
            # Parquet's strings are UTF-8: bytes of a file name that are not are escaped.
            "source": arrow.array([_utf8(source) for source in embeddings.sources], arrow.string()),
            "quality": arrow.array(embeddings.quality),
            **tracks,
            "embedding": vectors if count else arrow.array([], arrow.list_(arrow.float32(), dimension)),
        }
    ).replace_schema_metadata(
        {"version": str(_VERSION), "model": embeddings.model, "model_sha256": embeddings.model_sha256}
    )
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    with replacing(path) as file:
        file.write(buffer.getbuffer())


def _load_parquet(path: Path) -> dict[str, Any]:
    parquet, arrow = _pyarrow()
    try:
        groups = parquet.read_metadata(path)
        size = sum(groups.row_group(index).total_byte_size for index in range(groups.num_row_groups))
        if size > _MAX_RATIO * path.stat().st_size:
            raise ValueError(f"it claims to unpack to {size:,} bytes")
        table = parquet.read_table(path)
        column = table.column("embedding").combine_chunks()
    except arrow.ArrowException as error:
        raise ValueError(str(error)) from error
    if not arrow.types.is_fixed_size_list(column.type):
        raise ValueError(f"its embeddings are {column.type}, not lists of one size")
    metadata: dict[str, Any] = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if "track" in table.column_names:
        metadata[_TRACKS] = table.column("track").to_numpy()
    return metadata | {
        "face_ids": table.column("face_id").to_pylist(),
        "sources": table.column("source").to_pylist(),
        "quality": table.column("quality").to_numpy(),
        "embeddings": column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), column.type.list_size),
    }


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("scale", "Parquet") from error
    return pyarrow.parquet, pyarrow
