"""From the path of a photo to its pixels."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..arrays import Picture
from ..errors import MediaError
from ..limits import MAX_BYTES, MAX_PIXELS
from .formats import (
    DAMAGED,
    frame_count,
    load_pixels,
    open_photo,
    orientation_of,
    reason,
    refuse_unless_photo,
    to_rgb,
    upright,
)

__all__ = ["SUFFIXES", "ImageInfo", "decode", "inspect", "load", "read"]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif", ".avif"}
    | {".jp2", ".j2k", ".jpx", ".heic", ".heif", ".hif"}
)
"""Endings of the files that are taken from a folder."""

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of a photo says: upright size in pixels, format, EXIF orientation 1-8, number of frames."""

    width: int
    height: int
    format: str
    orientation: int
    frames: int


def read(path: str | Path, *, max_pixels: int = MAX_PIXELS, allow_truncated: bool = False) -> Picture:
    """Read a photo as RGB uint8 (H, W, 3), upright. Raises MediaError, or MissingExtraError for HEIC."""
    data = load(path)
    inspect(data, name=str(path), max_pixels=max_pixels)
    return decode(data, name=str(path), allow_truncated=allow_truncated)


def load(path: str | Path) -> bytes:
    """The bytes of a photo; MediaError when it cannot be read or is plainly no photo."""
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"{path}: not a regular file")
        if status.st_size > MAX_BYTES:
            raise MediaError(f"{path}: {status.st_size:,} bytes is over the limit of {MAX_BYTES:,} bytes for a photo")
        with path.open("rb") as file:
            head = file.read(64)
            refuse_unless_photo(head, str(path))
            return head + file.read()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise MediaError(f"{path}: the file is larger than the memory") from error


def inspect(data: bytes, *, name: str = "image", max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Read the header of a photo without decoding it. `name` is what errors call it.

    Raises MediaError for what is no photo or has more than `max_pixels` pixels.
    """
    with open_photo(data, name) as opened:
        width, height = opened.size
        if width * height > max_pixels:
            raise MediaError(
                f"{name}: {width} x {height} pixels is over the limit of {max_pixels:,} pixels; "
                "make the photo smaller or raise the limit (max_pixels)"
            )
        orientation = orientation_of(opened, data)
        if orientation >= 5 and opened.format != "TIFF":  # Pillow reports the upright size for TIFF only
            width, height = height, width
        return ImageInfo(width, height, opened.format or "?", orientation, frame_count(opened))


def decode(data: bytes, *, reduce: int = 1, name: str = "image", allow_truncated: bool = False) -> Picture:
    """Decode a photo as RGB uint8 (H, W, 3), upright.

    `reduce` 2, 4 or 8 decodes a JPEG at that fraction of its size, which is several times faster; other formats
    are always decoded in full. Transparent parts become white, 16-bit and float samples are scaled to 8 bits, of an
    animation or a multi-page file the first picture is taken. `allow_truncated` gives what is left of a damaged
    file, the rest grey or black, instead of a MediaError.
    """
    if allow_truncated and data.startswith(_JPEG_START):
        data += _JPEG_END  # a JPEG that is cut short is then decoded as far as it goes
    with open_photo(data, name) as opened:
        orientation = orientation_of(opened, data)
        if opened.format in ("JPEG", "MPO"):
            # OpenCV is faster, but it knows no CMYK and gives nothing of a file that does not end as it should.
            image = _opencv(data, reduce) if opened.mode in ("RGB", "L") and _is_whole(data) else None
            if image is not None:
                return upright(image, orientation)
            opened.draft(None, (max(opened.width // reduce, 1), max(opened.height // reduce, 1)))
        load_pixels(opened, name=name, allow_truncated=allow_truncated)
        if opened.format == "TIFF":  # Pillow has turned it, unless it is damaged
            orientation = orientation_of(opened, data)
        try:
            return upright(to_rgb(opened), orientation)
        except DAMAGED as error:
            raise MediaError(f"{name}: no picture can be made of it ({reason(error)})") from error


def _is_whole(data: bytes) -> bool:
    """Whether a JPEG plainly ends where it should. One that does not may still be whole, with something after it."""
    return data.rstrip(b"\0\r\n ").endswith(_JPEG_END)


def _opencv(data: bytes, reduce: int) -> Picture | None:
    """Decode with OpenCV: RGB, not rotated; None when it cannot."""
    scale = {1: 0, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4}
    flags = scale.get(reduce, cv2.IMREAD_REDUCED_GRAYSCALE_8) | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if decoded is None else np.asarray(decoded, np.uint8)
