"""The shapes that caches of embeddings come in -> the vectors of people by name.

{name: array}                                 (D,) or (n, D), or a list of arrays or of lists of numbers
{name: {"embeddings": array, ...}}            with a mean beside it or instead of it
{"names": [...], "embeddings": array}         a row a name
array                                         of one person, whose name is the file's
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats
from ...errors import InputError

__all__ = ["people_in"]

_VECTORS = ("embeddings", "embedding", "vectors", "mean_embedding", "mean")  # the first that is there counts
_NAMES = ("names", "name", "labels")
_NUMBERS = 2**26  # of all vectors together: 256 MB
_DEEPEST = 3  # lists of lists of numbers

_Doubles = np.ndarray[Any, np.dtype[np.float64]]


def people_in(data: Any, source: str) -> dict[str, Floats]:
    """The vectors (n, D) float32 of unit length of each name in `data`, which was read from `source`.

    Raises InputError, with name and row, for vectors that are zero, not finite or of different lengths, and for data of
    another shape.
    """
    parts = {name: _parts(value, f"{source}: {name}") for name, value in _named(data, source).items()}
    if not parts:
        raise InputError(f"{source} has no embeddings of anybody")
    # An array may be in a pickle once and be used a million times.
    numbers = sum(part.size for of in parts.values() for part in of)
    if numbers > _NUMBERS:
        raise InputError(f"{source} has {numbers:,} numbers; caches of at most {_NUMBERS:,} are read")
    widths = {part.shape[1]: name for name, of in parts.items() for part in of}
    if len(widths) > 1:
        told = ", ".join(f"{width} ({name})" for width, name in widths.items())
        raise InputError(f"{source}: the vectors have different lengths, {told}; vectors of two models do not compare")
    return {name: _unit(np.concatenate(of), f"{source}: {name}") for name, of in parts.items()}


def _named(data: Any, source: str) -> dict[str, Any]:
    """What there is of each name."""
    if not isinstance(data, dict):
        return {Path(source).stem: data}
    names = next((data[key] for key in _NAMES if key in data), None)
    vectors = next((data[key] for key in _VECTORS if key in data), None)
    if vectors is None:
        return data
    if names is None or isinstance(names, str):
        return {names or Path(source).stem: vectors}
    names = names.tolist() if isinstance(names, np.ndarray) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{source}: the names are not a list of strings")
    rows = vectors.ndim > 0 if isinstance(vectors, np.ndarray) else isinstance(vectors, (list, tuple))
    if not rows or len(vectors) != len(names):
        raise InputError(f"{source} has {len(names)} names, and not one row of embeddings for each")
    people: dict[str, list[Any]] = {}
    for name, row in zip(names, vectors, strict=True):
        people.setdefault(name, []).append(row)
    return people


def _parts(value: Any, whose: str, depth: int = 0) -> list[np.ndarray[Any, Any]]:
    """The vectors in a value, as arrays (n, D) that are not copied."""
    if isinstance(value, dict):
        value = next((value[key] for key in _VECTORS if key in value), None)
    if isinstance(value, (list, tuple)) and value and all(type(number) in (int, float) for number in value):
        value = np.array(value, np.float64)
    if isinstance(value, (list, tuple)) and value and depth < _DEEPEST:
        return [part for each in value for part in _parts(each, whose, depth + 1)]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim in (1, 2) and value.size:
        return [value if value.ndim == 2 else value[None]]
    what = f"an array {value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
    raise InputError(f"{whose}: embeddings are arrays (D,) or (n, D) of numbers or lists of them, not {what}")


def _unit(vectors: np.ndarray[Any, Any], whose: str) -> Floats:
    doubles: _Doubles = vectors.astype(np.float64)
    largest = np.abs(doubles).max(axis=1, keepdims=True)
    for row in np.flatnonzero(~(np.isfinite(largest[:, 0]) & (largest[:, 0] > 0)))[:1]:
        fault = "is zero" if largest[row, 0] == 0 else "is not finite"
        raise InputError(f"{whose}, row {row}: the vector {fault}; enrol this person again")
    doubles /= largest  # so that no square overflows
    return np.asarray(doubles / np.linalg.norm(doubles, axis=1, keepdims=True), np.float32)
