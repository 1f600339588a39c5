"""The names that pickled numpy arrays are written with, and notes that stand for them: the arrays are made here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CALLS", "NAMES", "ArrayPlace", "ArrayType", "Name", "complete_array", "complete_type"]

_DIMENSIONS = 4
_WIDEST = 2**31  # of one dimension
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a module, which is only compared."""

    text: str


@dataclass(slots=True, eq=False)
class ArrayType:
    """The type of an array's items, as it is written: `code` and `order` of bytes."""

    code: str
    order: str = "="
    built: bool = False


@dataclass(slots=True, eq=False)
class ArrayPlace:
    """The place of an array, which becomes known later."""

    values: np.ndarray[Any, Any] | None = None


def complete_type(target: ArrayType, state: Any) -> None:
    """Fill in the type of an array's items from the state that it was written with."""
    # Version, order of bytes, subtype, names, fields, size, alignment, flags and, if any, metadata.
    if (
        type(state) is not tuple
        or len(state) not in (8, 9)
        or any(part is not None for part in (*state[2:5], *state[8:]))
    ):
        raise ValueError("it has an array of records")
    if type(state[1]) is not str or state[1] not in ("<", ">", "|", "="):
        raise ValueError("it has a type with an unknown order of bytes")
    target.order, target.built = state[1], True


def complete_array(target: ArrayPlace, state: Any) -> None:
    """Fill in an array from the state that it was written with."""
    if type(state) is not tuple or len(state) != 5:
        raise ValueError("it has an array whose state is none")
    _, shape, kind, fortran, content = state
    target.values = _array(shape, kind, content, fortran=fortran is True or fortran == 1)


def _reconstruct(arguments: tuple[Any, ...]) -> ArrayPlace:
    if not arguments or arguments[0] != Name("numpy.ndarray"):
        raise ValueError("it has an array of another class than numpy.ndarray")
    return ArrayPlace()


def _from_buffer(arguments: tuple[Any, ...]) -> ArrayPlace:
    content, kind, shape, order = arguments
    return ArrayPlace(_array(shape, kind, content, fortran=order == "F"))


def _scalar(arguments: tuple[Any, ...]) -> Any:
    kind, content = arguments
    return _array((), kind, content, fortran=False).item()


def _type(arguments: tuple[Any, ...]) -> ArrayType:
    code = arguments[0]
    if type(code) is not str or not _CODES.fullmatch(code):
        raise ValueError(f"it has an array of type {str(code)[:40]!r}; only numbers and strings are read")
    return ArrayType(code)


_CODES = re.compile(r"f[248]|[iu][1248]|b1|[US][1-9]\d{0,3}", re.ASCII)


def _encode(arguments: tuple[Any, ...]) -> bytes:
    """Bytes, which the protocols before 3 write as text."""
    text, encoding = arguments
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("it encodes text in another way than bytes are written")
    return text.encode("latin-1")


def _no_bytes(arguments: tuple[Any, ...]) -> bytes:
    if arguments:
        raise ValueError("it makes bytes of something")
    return b""


def _no_items(arguments: tuple[Any, ...]) -> dict[str, Any]:
    if arguments:
        raise ValueError("it makes a dict of something")
    return {}


def _array(shape: Any, kind: Any, content: Any, *, fortran: bool) -> np.ndarray[Any, Any]:
    if not isinstance(kind, ArrayType):
        raise ValueError("it has an array without a type")
    if type(content) not in (bytes, bytearray):
        raise ValueError("it has an array of objects")
    if type(shape) is not tuple or len(shape) > _DIMENSIONS or any(type(side) is not int for side in shape):
        raise ValueError("it has an array whose shape is none")
    # An array without items may still have rows: as many as it says.
    if any(not 0 <= side <= _WIDEST for side in shape) or (0 in shape and shape[0] != 0):
        raise ValueError(f"it has an array of shape {shape}")
    dtype = np.dtype(("" if kind.order == "|" else kind.order) + kind.code)
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"it has an array of {shape} {kind.code} in {len(content):,} bytes")
    values = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    if dtype.kind == "U" and (np.frombuffer(content, dtype.byteorder + "u4") > _LAST_CHARACTER).any():
        raise ValueError("it has a string with a character that does not exist")
    values.flags.writeable = False
    return values


CALLS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "numpy.dtype": _type,
    "_codecs.encode": _encode,
    "builtins.bytes": _no_bytes,
    "__builtin__.bytes": _no_bytes,
    "collections.OrderedDict": _no_items,
}
for _package in ("numpy.core", "numpy._core"):  # numpy 1 and 2
    CALLS[f"{_package}.multiarray._reconstruct"] = _reconstruct
    CALLS[f"{_package}.multiarray.scalar"] = _scalar
    CALLS[f"{_package}.numeric._frombuffer"] = _from_buffer

NAMES = frozenset({*CALLS, "numpy.ndarray"})
"""All names that may be in a pickle."""
