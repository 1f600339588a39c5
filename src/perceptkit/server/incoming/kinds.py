"""What a file is, by its first bytes, and the suffix that it is stored under."""

from __future__ import annotations

from typing import Literal

from ...files import sniff
from ..errors import ApiError

__all__ = ["HEAD", "Kinds", "kind_of"]

HEAD = 64
"""Bytes from the start of a file that `kind_of` looks at."""

Kinds = Literal["video", "image", "media"]
"""What a route takes: videos, photos, or both."""

_IMAGES = {
    "a JPEG image": ".jpg",
    "a PNG image": ".png",
    "a GIF image": ".gif",
    "a BMP image": ".bmp",
    "a TIFF image": ".tif",
    "a WebP image": ".webp",
    "an AVIF image": ".avif",
    "a HEIC image": ".heic",
    "a JPEG 2000 image": ".jp2",
}
_VIDEOS = {
    "a video (MP4 or MOV)": ".mp4",
    "a video (AVI)": ".avi",
    "a video (Matroska or WebM)": ".mkv",
    "an Ogg sound or video": ".ogv",
}
# Of those that have no name there: where the signature stands, and the suffix.
_OTHER_VIDEOS = (
    (8, b"qt  ", ".mov"),
    *((4, box, ".mov") for box in (b"moov", b"mdat", b"wide", b"free", b"skip")),  # QuickTime of before 2001
    (0, b"FLV\x01", ".flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wmv"),
    (0, b"\0\0\x01\xba", ".mpg"),
    (0, b"\0\0\x01\xb3", ".mpg"),
    (0, b"G", ".mts"),
    (4, b"G", ".m2ts"),
)
_WANTED = {"video": "a video (MP4, MOV, AVI, MKV)", "image": "a photo (JPEG, PNG, WebP)", "media": "a video or a photo"}


def kind_of(head: bytes, kinds: Kinds, *, name: str) -> tuple[Literal["video", "image"], str]:
    """Whether a file is a video or a photo, and its suffix; ApiError 415 when it is not what is wanted."""
    said = sniff(head)
    if said in _IMAGES and kinds != "video":
        return "image", _IMAGES[said]
    suffix = _video_suffix(said, head)
    if suffix and kinds != "image":
        return "video", suffix
    if suffix and said not in _VIDEOS:
        said = "a video"
    raise ApiError(415, f"{name} is {said}; send {_WANTED[kinds]}", "unsupported_media_type")


def _video_suffix(said: str, head: bytes) -> str | None:
    if said == "a video (Matroska or WebM)" and b"webm" in head:
        return ".webm"
    if said in ("a video (MP4 or MOV)", "a file of unknown type"):
        for offset, signature, suffix in _OTHER_VIDEOS:
            if head.startswith(signature, offset):
                return suffix
    return _VIDEOS.get(said)
