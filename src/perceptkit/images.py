"""Read photos safely: limits before decoding, upright, in colour, no larger than needed; write them whole.

    data = images.load("photo.jpg")
    info = images.inspect(data)                   # from the header, nothing is decoded
    image = images.decode(data, reduce=2)         # RGB uint8 (H, W, 3), EXIF orientation applied

`images.read(path)` is the three in one.
"""

from __future__ import annotations

import io
import stat
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cv2
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

from .arrays import Picture
from .errors import MediaError, MissingExtraError
from .files import sniff, write_bytes

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "ImageInfo",
    "crop",
    "decode",
    "encode_jpeg",
    "inspect",
    "load",
    "prefetch",
    "read",
    "write_jpeg",
]

MAX_PIXELS = 100_000_000
"""Photos with more pixels than this are refused before they are decoded."""

MAX_BYTES = 1 << 30
"""Files larger than this are refused before they are read."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif", ".avif"}
    | {".jp2", ".j2k", ".jpx", ".heic", ".heif", ".hif"}
)
"""Endings of the files that are taken from a folder."""

_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000")
_READABLE = "JPEG, PNG, BMP, TIFF, WebP, GIF, AVIF, JPEG 2000 and, with the heic extra, HEIC"
_SALVAGE = "; to use what is left of it, allow truncated files (--allow-truncated)"
_ORIENTATION = 0x0112  # EXIF tag
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# What Pillow raises for damaged files; there is no common base.
_DAMAGED = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError, RuntimeError),
    struct.error,
)

T = TypeVar("T")
R = TypeVar("R")


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
            _refuse_unless_photo(head, str(path))
            return head + file.read()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise MediaError(f"{path}: the file is larger than the memory") from error


def inspect(data: bytes, *, name: str = "image", max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Read the header of a photo without decoding it. `name` is what errors call it.

    Raises MediaError for what is no photo or has more than `max_pixels` pixels.
    """
    with _open(data, name) as opened:
        width, height = opened.size
        if width * height > max_pixels:
            raise MediaError(
                f"{name}: {width} x {height} pixels is over the limit of {max_pixels:,} pixels; "
                "make the photo smaller or raise the limit (--max-pixels)"
            )
        orientation = _orientation(opened, data)
        if orientation >= 5 and opened.format != "TIFF":  # Pillow reports the upright size for TIFF only
            width, height = height, width
        return ImageInfo(width, height, opened.format or "?", orientation, _frames(opened))


def decode(data: bytes, *, reduce: int = 1, name: str = "image", allow_truncated: bool = False) -> Picture:
    """Decode a photo as RGB uint8 (H, W, 3), upright.

    `reduce` 2, 4 or 8 decodes a JPEG at that fraction of its size, which is several times faster; other formats
    are always decoded in full. Transparent parts become white, 16-bit and float samples are scaled to 8 bits, of an
    animation or a multi-page file the first picture is taken. `allow_truncated` gives what is left of a damaged
    file, the rest grey or black, instead of a MediaError.
    """
    if allow_truncated and data.startswith(_JPEG_START):
        data += _JPEG_END  # a JPEG that is cut short is then decoded as far as it goes
    with _open(data, name) as opened:
        orientation = _orientation(opened, data)
        if opened.format in ("JPEG", "MPO"):
            # OpenCV is faster, but it knows no CMYK and gives nothing of a file that does not end as it should.
            image = _opencv(data, reduce) if opened.mode in ("RGB", "L") and _is_whole(data) else None
            if image is not None:
                return _upright(image, orientation)
            opened.draft(None, (max(opened.width // reduce, 1), max(opened.height // reduce, 1)))
        _load(opened, name=name, allow_truncated=allow_truncated)
        if opened.format == "TIFF":  # Pillow has turned it, unless it is damaged
            orientation = _orientation(opened, data)
        try:
            return _upright(_to_rgb(opened), orientation)
        except _DAMAGED as error:
            raise MediaError(f"{name}: no picture can be made of it ({_reason(error)})") from error


def crop(image: Picture, box: Iterable[float]) -> Picture:
    """The part of an image inside a box (x1, y1, x2, y2), cut at the image's borders; a view, never empty."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return image[top : max(min(y2, height), top + 1), left : max(min(x2, width), left + 1)]


def encode_jpeg(image: Picture, *, quality: int = 90) -> bytes:
    """An RGB image as the bytes of a JPEG file."""
    done, buffer = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise MediaError(f"cannot encode an image of shape {image.shape} as JPEG")
    return buffer.tobytes()


def write_jpeg(path: str | Path, image: Picture, *, quality: int = 90) -> None:
    """Write an RGB image as a JPEG file, whole or not at all; DeviceError when the disk is full."""
    write_bytes(path, encode_jpeg(image, quality=quality))


def prefetch(function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int = 2) -> Iterator[R]:
    """`map(function, items)` in `workers` threads: in order, and never more than `workers + ahead` results ahead.

    An error in `function` or in `items` comes out where its result would have. When the consumer stops early, items
    not begun are dropped and those under way are waited for: no thread is left running.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="perceptkit")
    begun = _submit(pool, function, items)
    try:
        waiting = deque(islice(begun, workers + ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(islice(begun, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]) -> Iterator[Future[R]]:
    try:
        for item in items:
            yield pool.submit(function, item)
    except Exception as error:  # noqa: BLE001 - it is raised in its place, after the results before it
        failed: Future[R] = Future()
        failed.set_exception(error)
        yield failed


def _refuse_unless_photo(head: bytes, name: str) -> None:
    kind = sniff(head)
    if kind == "an empty file":
        raise MediaError(f"{name}: empty file")
    if not kind.endswith("image") and kind != "a file of unknown type":
        raise MediaError(f"{name}: not a photo but {kind}")


def _open(data: bytes, name: str) -> ImageFile.ImageFile:
    """The photo as a lazy Pillow image, its header read."""
    _refuse_unless_photo(data[:64], name)
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
            except _DAMAGED as error:
                raise MediaError(f"{name}: the {kind} header is damaged ({_reason(error)})") from error
    raise MediaError(f"{name}: not a photo that can be read ({_READABLE})")


def _open_heic(data: bytes, name: str) -> ImageFile.ImageFile:
    try:
        import pi_heif
    except ImportError as error:
        raise MissingExtraError("heic", f"{name}: reading HEIC") from error
    try:
        opened: ImageFile.ImageFile = pi_heif.HeifImageFile(io.BytesIO(data))
    except _DAMAGED as error:
        raise MediaError(f"{name}: the HEIC header is damaged ({_reason(error)})") from error
    return opened


def _orientation(opened: ImageFile.ImageFile, data: bytes) -> int:
    if opened.format == "PNG" and "exif" not in opened.info and (late := _late_exif(data)):
        opened.info["exif"] = late
    try:
        # Not opened.getexif(): looking for what comes late, that of a PNG decodes the whole picture.
        value = Image.Image.getexif(opened).get(_ORIENTATION, 1)
    except _DAMAGED:  # damaged EXIF data is no reason to lose the photo
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


def _frames(opened: ImageFile.ImageFile) -> int:
    try:
        return int(getattr(opened, "n_frames", 1))
    except _DAMAGED:  # a damaged second page is no reason to lose the first
        return 1


def _load(opened: ImageFile.ImageFile, *, name: str, allow_truncated: bool) -> None:
    """Decode; of a damaged file, where that is allowed, as much as is left."""
    try:
        if isinstance(opened, TiffImagePlugin.TiffImageFile):
            # Where there is no image yet, Pillow would apply a limit of its own, a global setting, before making it.
            tags = opened.tag_v2
            opened.im = Image.new(opened.mode, (tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH])).im
        opened.load()
    except _DAMAGED as error:
        if not allow_truncated:
            raise MediaError(f"{name}: the file is damaged or cut short ({_reason(error)}){_SALVAGE}") from error
        opened.tile = []  # Pillow now takes what it has decoded for the whole


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


def _upright(image: Picture, orientation: int) -> Picture:
    """Undo an EXIF orientation (Exif 2.32, table 6)."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _to_rgb(image: Image.Image) -> Picture:
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


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
