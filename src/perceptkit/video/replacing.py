"""Give a video another sound, without touching its pictures."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import MediaError
from .muxing import open_output
from .opening import Limits, open_video, packets_of
from .sound import SoundTrack
from .timing import Clock, frames_of, is_mov, rate_of

__all__ = ["check_copyable", "frame_times", "replace_sound"]

_AHEAD = 16  # packets: the furthest that a picture can be decoded before it is shown


def replace_sound(video: str | Path, sound: str | Path, target: str | Path) -> list[str]:
    """Write `target` (MP4) with the pictures of `video`, copied packet by packet, and the sound of `sound`.

    Sound that browsers do not play in MP4 (WAV) becomes AAC; neither picture nor sound is cut to the length of the
    other. Returns warnings. Raises MediaError for what cannot be read or put into an MP4, DeviceError when the disk is
    full.
    """
    source, pictures = open_video(video, Limits())
    unit = pictures.time_base or Fraction(1, 90_000)
    with source, open_output(target, unit) as output:
        copy = _copy_of(video, pictures, output)
        with SoundTrack(sound, output) as track:
            if track.empty:
                raise MediaError(f"{sound}: holds no sound")
            output.start_encoding()
            gap = float(1 / rate_of(pictures))
            clock = Clock(source, unit, gap)
            copied = 0
            for packet in _packets(source, pictures, round(gap / unit)):
                track.advance(float(clock.move(packet) * unit))
                packet.stream = copy
                output.mux(packet)
                copied += 1
            track.advance(math.inf)
        announced = frames_of(source, pictures) if is_mov(source) else None
    if announced is not None and copied < announced:
        return [f"{video}: copied {copied} of {announced} frames: the file is cut short", *track.warnings]
    return track.warnings


def check_copyable(video: str | Path) -> None:
    """MediaError for a video whose pictures cannot be copied into an MP4: before the work, not after it."""
    source, pictures = open_video(video, Limits())
    with source, av.open(io.BytesIO(), "w", format="mp4") as output:
        _copy_of(video, pictures, output)


def frame_times(video: str | Path, *, limits: Limits | None = None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """When each picture is shown, in seconds from where the file begins, and when the last one ends: (pictures + 1,).

    That is told by the packets; nothing is decoded. Raises MediaError for what is no video or is over the limits.
    """
    source, pictures = open_video(video, limits or Limits())
    unit = pictures.time_base or Fraction(1, 90_000)
    with source:
        gap = float(1 / rate_of(pictures))
        clock = Clock(source, unit, gap)
        times = []
        end = gap
        for packet in _packets(source, pictures, round(gap / unit)):
            clock.move(packet)
            if not packet.is_discard and packet.pts is not None:
                times.append(float(packet.pts * unit))
                end = float(packet.duration * unit) if packet.duration else gap
    return np.array([*sorted(times), max(times, default=0.0) + end])


def _copy_of(video: str | Path, pictures: VideoStream, output: OutputContainer) -> VideoStream:
    kind = pictures.codec_context.name
    if not pictures.codec_context.width:
        raise MediaError(f"{video}: no frame of it can be decoded; the file is damaged")
    try:
        return output.add_stream_from_template(pictures, opaque=True)
    except ValueError as error:
        raise MediaError(
            f"{video}: pictures of its kind ({kind}) cannot be copied into an MP4; convert it to H.264, "
            "or have something drawn into it"
        ) from error


def _packets(source: InputContainer, pictures: VideoStream, gap: int) -> Iterator[Packet[Any]]:
    """The packets of the pictures that are shown, and those before them that are needed to decode them.

    The first ones get the times of decoding that Matroska does not say. What an edit list cuts off at the end is left
    out: it would be shown.
    """
    waiting: list[Packet[Any]] = []
    packets = packets_of(source, pictures)
    while (packet := _next(packets)) is not None:
        if not packet.size:
            continue
        waiting.append(packet)
        if packet.dts is not None:
            for back, earlier in enumerate(reversed(waiting)):
                if earlier.dts is None:
                    earlier.dts = packet.dts - back * gap
        if not packet.is_discard and (packet.dts is not None or len(waiting) > _AHEAD):
            yield from waiting
            waiting = []
    yield from (packet for packet in waiting if not packet.is_discard)


def _next(packets: Iterator[Packet[Any]]) -> Packet[Any] | None:
    try:
        return next(packets, None)
    except av.FFmpegError:  # what follows cannot be found any more
        return None
