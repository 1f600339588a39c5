"""Read photos safely: limits before decoding, upright, in colour, no larger than needed; write them whole.

    data = images.load("photo.jpg")
    info = images.inspect(data)                   # from the header, nothing is decoded
    image = images.decode(data, reduce=2)         # RGB uint8 (H, W, 3), EXIF orientation applied

`images.read(path)` is the three in one.
"""

from __future__ import annotations

from ..limits import MAX_BYTES, MAX_PIXELS
from .crops import crop
from .reading import SUFFIXES, ImageInfo, decode, inspect, load, read
from .writing import encode_jpeg, encode_png, write_jpeg

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "ImageInfo",
    "crop",
    "decode",
    "encode_jpeg",
    "encode_png",
    "inspect",
    "load",
    "read",
    "write_jpeg",
]
