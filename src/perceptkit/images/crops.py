"""Parts of images."""

from __future__ import annotations

from collections.abc import Iterable

from ..arrays import Picture

__all__ = ["crop"]


def crop(image: Picture, box: Iterable[float]) -> Picture:
    """The part of an image inside a box (x1, y1, x2, y2), cut at the image's borders; a view, never empty."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return image[top : max(min(y2, height), top + 1), left : max(min(x2, width), left + 1)]
