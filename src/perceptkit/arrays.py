"""Names for the arrays that are handed around (shapes are in the docstrings of what takes them), and scratch memory."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

__all__ = ["Floats", "Integers", "Picture", "Scratch"]

Floats = np.ndarray[Any, np.dtype[np.float32]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""An image: RGB uint8 (height, width, 3)."""


class Scratch(threading.local):
    """Memory that each thread uses again and again: for large arrays, fresh pages cost more than what is done in them.

    An array is good until the same thread asks for the next one.
    """

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def floats(self, *shape: int) -> Floats:
        """An array of float32, not cleared."""
        return self._take(4 * math.prod(shape)).view(np.float32).reshape(shape)

    def picture(self, *shape: int) -> Picture:
        """An array of uint8, not cleared."""
        return self._take(math.prod(shape)).reshape(shape)

    def _take(self, size: int) -> Picture:
        if self._bytes.size < size:
            self._bytes = np.empty(size, np.uint8)
        return self._bytes[:size]
