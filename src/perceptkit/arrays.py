"""Names for the arrays that are handed around; shapes are in the docstrings of what takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Floats", "Integers", "Picture"]

Floats = np.ndarray[Any, np.dtype[np.float32]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""An image: RGB uint8 (height, width, 3)."""
