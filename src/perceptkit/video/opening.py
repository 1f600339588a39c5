"""Open a video or sound file safely: no other file, no network, nothing larger than the limits, clear errors."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from .. import limits
from ..errors import MediaError
from ..files import sniff
from .timing import duration_of, rate_of

__all__ = ["SUFFIXES", "Limits", "open_media", "open_video", "packets_of"]

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".flv"}
    | {".3gp", ".3g2", ".ogv", ".mxf", ".vob"}
)
"""Endings of the files that are taken from a folder."""

# Demuxers that read the one file they are given. Playlists (HLS, DASH, SDP, concat) would open others.
_FORMATS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "asf", "flv", "ogg", "mxf", "gif", "dv", "h264", "hevc"),
    *("wav", "w64", "aiff", "flac", "mp3", "aac", "ac3", "eac3", "caf"),
)
_OPTIONS = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}
_PLAIN = ("a text file", "an HTML page", "an XML or SVG file", "a PDF document", "a ZIP archive", "a gzip archive")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a video may say of itself: pixels of a frame, seconds, frames, frames a second. More is refused unread."""

    pixels: int = limits.MAX_FRAME_PIXELS
    duration: float = limits.MAX_DURATION
    frames: int = limits.MAX_FRAMES
    rate: float = limits.MAX_RATE


def open_media(path: str | Path) -> InputContainer:
    """An opened container of video or sound; MediaError for everything else."""
    path = Path(path)
    _refuse_unless_media(path)
    try:
        # "file:" keeps names such as "concat:a" from being taken for another protocol.
        return av.open(f"file:{path}", options=_OPTIONS, metadata_errors="replace")
    except av.FFmpegError as error:
        said = error.strerror or type(error).__name__
        raise MediaError(f"{path}: cannot be read: {said}; the file is damaged or of a kind not supported") from error


def open_video(path: str | Path, allowed: Limits) -> tuple[InputContainer, VideoStream]:
    """An opened container and the video stream to show; MediaError when there is none or it is over the limits."""
    with ExitStack() as opened:
        container = open_media(path)
        opened.callback(container.close)
        # A cover picture is a stream of one frame that is not meant.
        streams = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
        if not streams:
            what = "sound only" if container.streams.audio else "no picture and no sound"
            raise MediaError(f"{path}: holds no video, {what}")
        stream = streams[0]
        if stream.codec_context is None:
            raise MediaError(f"{path}: its video is of a kind that is not known; convert it, to H.264 for example")
        _refuse_over_limits(path, container, stream, allowed)
        stream.thread_type = "AUTO"
        # For what the header does not say truly; twice, because FFmpeg counts what it adds to every line.
        stream.codec_context.options = {"max_pixels": str(2 * allowed.pixels)}
        opened.pop_all()
    return container, stream


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """The packets of the streams; FFmpegError where what follows cannot be found any more."""
    # After the last packet, PyAV trips over streams that have only come up on the way, as they do in broadcasts.
    with suppress(IndexError):
        yield from container.demux(*streams)


def _refuse_unless_media(path: Path) -> None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise MediaError(f"{path}: not a regular file")
        with path.open("rb") as file:
            kind = sniff(file.read(64))
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    if kind == "an empty file":
        raise MediaError(f"{path}: empty file")
    if kind in _PLAIN or kind.startswith("a Git LFS pointer") or (kind.endswith("image") and kind != "a GIF image"):
        raise MediaError(f"{path}: not a video but {kind}")


def _refuse_over_limits(path: str | Path, container: InputContainer, stream: VideoStream, allowed: Limits) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > allowed.pixels:
        raise MediaError(
            f"{path}: frames of {width} x {height} pixels are over the limit of {allowed.pixels:,} pixels; "
            "make the video smaller or raise the limit (pixels)"
        )
    duration = duration_of(container, stream)
    if duration is not None and duration > allowed.duration:
        raise MediaError(
            f"{path}: {duration:,.0f} seconds is over the limit of {allowed.duration:,.0f} seconds; "
            "cut the video into parts or raise the limit (duration)"
        )
    if stream.frames > allowed.frames:
        raise MediaError(
            f"{path}: {stream.frames:,} frames is over the limit of {allowed.frames:,} frames; "
            "cut the video into parts or raise the limit (frames)"
        )
    # Both ways: for recordings of varying rate some programs write the unit of time where the rate belongs, and trimmed
    # ones have more frames than are shown.
    rate = min(stream.frames / duration, float(rate_of(stream))) if duration and stream.frames > 1 else 0.0
    if rate > allowed.rate:
        raise MediaError(
            f"{path}: {rate:,.0f} frames a second is over the limit of {allowed.rate:,.0f}; "
            "lower the frame rate of the video or raise the limit (rate)"
        )
