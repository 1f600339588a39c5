"""Texts as arrays keep them, each made when it is asked for: their bytes one after the other, and where each ends.

numpy's own texts are all as wide as the longest: with one path of two thousand letters, a million paths take 8 GB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from ..arrays import Integers
from ..errors import InputError

__all__ = ["PackedTexts", "WideTexts", "pack"]

_ERRORS = "surrogatepass"  # a name of a file need not be Unicode, and comes back as it was
_LAST_CHARACTER = 0x10FFFF

_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def pack(texts: Sequence[str]) -> tuple[_Bytes, Integers]:
    """The bytes (B,) of texts in UTF-8, one text after the other, and where among them each ends (N,)."""
    encoded = [text.encode(errors=_ERRORS) for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


class PackedTexts(Sequence[str]):
    """The texts that `pack` made an array of bytes (B,) and their ends (N,) of; InputError where one is none."""

    def __init__(self, letters: _Bytes, ends: Integers) -> None:
        self._letters = letters.data
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        return self._text(row, int(self._ends[row - 1]) if row else 0, int(self._ends[row]))

    def __iter__(self) -> Iterator[str]:
        begin = 0
        for row, end in enumerate(self._ends.tolist()):
            yield self._text(row, begin, end)
            begin = end

    def _text(self, row: int, begin: int, end: int) -> str:
        if not 0 <= begin <= end <= len(self._letters):
            raise _damaged(row, f"it is from byte {begin} to {end} of {len(self._letters)}")
        try:
            return str(self._letters[begin:end], "utf-8", _ERRORS)
        except UnicodeDecodeError as error:
            raise _damaged(row, error) from error


class WideTexts(Sequence[str]):
    """The texts of an array (N,) of numpy's texts; InputError where one is none."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return WideTexts(self._array[index])
        row = range(len(self))[index]
        (text,) = self._checked(row, row + 1)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._checked(0, len(self)))

    def _checked(self, begin: int, end: int) -> list[str]:
        # Numbers that are no characters would be an error of Python itself.
        texts = np.ascontiguousarray(self._array[begin:end], self._array.dtype.newbyteorder("="))
        wrong = (texts.view(np.uint32).reshape(len(texts), -1) > _LAST_CHARACTER).any(axis=1)
        if wrong.any():
            raise _damaged(begin + int(np.argmax(wrong)), "it has numbers that are no characters")
        return [str(text) for text in texts.tolist()]


def _damaged(row: int, fault: object) -> InputError:
    return InputError(f"the file of embeddings is damaged: text {row} is none: {fault}")
