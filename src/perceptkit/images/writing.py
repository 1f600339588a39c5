"""Write images as files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import cv2

from ..arrays import Picture
from ..errors import MediaError
from ..files import write_bytes

__all__ = ["encode_jpeg", "encode_png", "write_jpeg"]


def encode_jpeg(image: Picture, *, quality: int = 90) -> bytes:
    """An RGB image as the bytes of a JPEG file."""
    done, buffer = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise MediaError(f"cannot encode an image of shape {image.shape} as JPEG")
    return buffer.tobytes()


def encode_png(image: Picture) -> bytes:
    """An RGB image as the bytes of a PNG file."""
    done, buffer = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise MediaError(f"cannot encode an image of shape {image.shape} as PNG")
    return buffer.tobytes()


def write_jpeg(path: str | Path, image: Picture, *, quality: int = 90) -> None:
    """Write an RGB image as a JPEG file, whole or not at all; DeviceError when the disk is full."""
    write_bytes(path, encode_jpeg(image, quality=quality))
