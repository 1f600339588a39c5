"""What Pillow knows about a photo: opening any format by its bytes, its EXIF data, its pixels as RGB."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image, ImageFile

# Importing a plugin registers its format with Pillow.
from PIL import (  # isort: skip
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Jpeg2KImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from ..arrays import Picture
from ..errors import MediaError, MissingExtraError
from ..files import sniff

__all__ = [
    "DAMAGED",
    "frame_count",
    "load_pixels",
    "open_photo",
    "orientation_of",
    "reason",
    "refuse_unless_photo",
    "to_rgb",
    "upright",
]

_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000")
_READABLE = "JPEG, PNG, BMP, TIFF, WebP, GIF, AVIF, JPEG 2000 and, with the heic extra, HEIC"
_SALVAGE = "; what is left of it can be used where truncated files are allowed (allow_truncated)"
_ORIENTATION = 0x0112  # EXIF tag

DAMAGED = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError, RuntimeError),
    struct.error,
)
"""What Pillow raises for damaged files; there is no common base."""


def open_photo(data: bytes, name: str) -> ImageFile.ImageFile:
    """The photo as a lazy Pillow image, its header read."""
    refuse_unless_photo(data[:64], name)
    if sniff(data[:64]) == "a HEIC image":
        return _open_heic(data, name)
    for kind in _FORMATS:
        # Not Image.open: its pixel limit is a global setting and it warns about sizes that ours allows.
        factory, accept = Image.OPEN[kind]
        if accept is None or accept(data[:16]) is True:
            try:
                return factory(io.BytesIO(data), "")
            except Image.DecompressionBombError as error:  # of WebP and GIF the plugin knows the size before we do
                raise MediaError(f"{name}: over the limit that Pillow has of its own ({error})") from error
            except DAMAGED as error:
                raise MediaError(f"{name}: the {kind} header is damaged ({reason(error)})") from error
    raise MediaError(f"{name}: not a photo that can be read ({_READABLE})")


def _open_heic(data: bytes, name: str) -> ImageFile.ImageFile:
    try:
        import pi_heif
    except ImportError as error:
        raise MissingExtraError("heic", f"{name}: reading HEIC") from error
    try:
        opened: ImageFile.ImageFile = pi_heif.HeifImageFile(io.BytesIO(data))
    except DAMAGED as error:
        raise MediaError(f"{name}: the HEIC header is damaged ({reason(error)})") from error
    return opened


def orientation_of(opened: ImageFile.ImageFile, data: bytes) -> int:
    """The EXIF orientation 1-8 of an opened photo, whose file holds `data`."""
    if opened.format == "PNG" and "exif" not in opened.info and (late := _late_exif(data)):
        opened.info["exif"] = late
    try:
        # Not opened.getexif(): looking for what comes late, that of a PNG decodes the whole picture.
        value = Image.Image.getexif(opened).get(_ORIENTATION, 1)
    except DAMAGED:  # damaged EXIF data is no reason to lose the photo
        return 1
    return int(value) if value in range(1, 9) else 1


def _late_exif(data: bytes) -> bytes:
    """The EXIF data of a PNG, which may stand behind the pixels."""
    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"eXIf":
            return data[position + 8 : position + 8 + length]
        position += length + 12
    return b""


def frame_count(opened: ImageFile.ImageFile) -> int:
    """How many pictures the file has."""
    try:
        return int(getattr(opened, "n_frames", 1))
    except DAMAGED:  # a damaged second page is no reason to lose the first
        return 1


def load_pixels(opened: ImageFile.ImageFile, *, name: str, allow_truncated: bool) -> None:
    """Decode; of a damaged file, where that is allowed, as much as is left."""
    try:
        if isinstance(opened, TiffImagePlugin.TiffImageFile):
            # Where there is no image yet, Pillow would apply a limit of its own, a global setting, before making it.
            tags = opened.tag_v2
            opened.im = Image.new(opened.mode, (tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH])).im
        opened.load()
    except DAMAGED as error:
        if not allow_truncated:
            raise MediaError(f"{name}: the file is damaged or cut short ({reason(error)}){_SALVAGE}") from error
        opened.tile = []  # Pillow now takes what it has decoded for the whole


def refuse_unless_photo(head: bytes, name: str) -> None:
    """MediaError for a file that is empty, or plainly something else, by its first bytes."""
    kind = sniff(head)
    if kind == "an empty file":
        raise MediaError(f"{name}: empty file")
    if not kind.endswith("image") and kind != "a file of unknown type":
        raise MediaError(f"{name}: not a photo but {kind}")


def upright(image: Picture, orientation: int) -> Picture:
    """Undo an EXIF orientation (Exif 2.32, table 6)."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def to_rgb(image: Image.Image) -> Picture:
    """The pixels of any kind of image as RGB uint8 (H, W, 3); what is transparent becomes white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return np.repeat(_to_8_bits(np.asarray(image), image.mode)[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    return np.array(image.convert("RGB"))


def _to_8_bits(samples: np.ndarray[Any, Any], mode: str) -> Picture:
    """16-bit samples by their full range; 32-bit and float samples, which have none, by the range they use."""
    values = samples.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if mode.startswith("I;16") or (mode == "I" and low >= 0 and high <= 65535):
        low, high = 0.0, 65535.0
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return np.asarray(np.clip((values - low) * (255.0 / max(high - low, 1e-12)), 0, 255).round(), np.uint8)


def reason(error: BaseException) -> str:
    """What an error says, or else its name."""
    return str(error) or type(error).__name__
