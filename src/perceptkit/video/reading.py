"""Read videos frame by frame: times from the container, upright, RGB, whatever the rate.

with video.read("clip.mp4") as frames:
    for frame in frames:
        print(frame.time, frame.image.shape)
"""

from __future__ import annotations

import math
import struct
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..arrays import Picture
from ..errors import InputError, MediaError
from .frames import Frame, Frames, VideoInfo
from .opening import Limits, duration_of, open_video, start_of

__all__ = ["info", "read"]

_USUAL_RATE = Fraction(25)  # where the header does not say
_INSTANT = 1e-6  # seconds: less than any unit of time, more than the rounding of a sum


def info(path: str | Path, *, limits: Limits | None = None) -> VideoInfo:
    """What a video says of itself. Raises MediaError for what is no video, cannot be decoded or is over the limits."""
    with read(path, limits=limits) as frames:
        return frames.info


def read(
    path: str | Path,
    *,
    start: float = 0.0,
    end: float | None = None,
    every: int = 1,
    step: float = 0.0,
    limits: Limits | None = None,
) -> Frames:
    """Open a video and read the frames that are shown in [start, end) seconds.

    Of these, `every` n-th one is given, and none sooner than `step` seconds after the one before (0: all). `index`
    counts the frames decoded from `start` on. Time 0 is where the file begins to be shown. Frames that are damaged are
    left out; `warnings` then says so, as when the file ends before its header says. Raises MediaError for what is no
    video or is over the limits (see `Limits`), InputError for values that make no sense.
    """
    if every < 1 or not math.isfinite(step) or step < 0:
        raise InputError(f"every is {every} and step {step}; they must be at least 1 and 0")
    if not math.isfinite(start) or start < 0 or (end is not None and end <= start):
        raise InputError(f"no time lies between start {start} and end {end}; give seconds, start before end")
    container, stream = open_video(path, limits or Limits())
    try:
        decoder = _Decoder(Path(path), container, stream)
        if start:
            with suppress(av.FFmpegError):  # what cannot be searched is decoded from the beginning
                container.seek(int((start + decoder.origin) / stream.time_base), stream=stream)  # type: ignore[operator]
        decoded = decoder.frames()
        first = next(decoded, None)
        if first is None:
            raise MediaError(f"{path}: no frame of it can be decoded; the file is damaged")
        about = _describe(container, stream, first)
    except BaseException:
        container.close()
        raise
    warnings: list[str] = []
    chosen = _choose(decoder, decoded, first, warnings, start=start, end=end, every=every, step=step)
    return Frames(about, chosen, warnings)


class _Decoder:
    """The frames of an opened video as FFmpeg gives them, and what went wrong on the way."""

    def __init__(self, path: Path, container: InputContainer, stream: VideoStream) -> None:
        self.container = container
        self.stream = stream
        self.origin = start_of(container)
        self.decoded = 0
        self._path = path
        self._packets = 0
        self._damaged = 0

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame that can be decoded and is whole."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet: Packet[Any] | None = next(packets, None)
            except av.FFmpegError:  # what follows cannot be found any more
                self._damaged += 1
                return
            if packet is None:
                return
            self._packets += packet.size > 0
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._damaged += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._damaged += 1
                    continue
                self.decoded += 1
                yield frame

    def complaints(self) -> list[str]:
        """What was wrong, when all has been read."""
        announced = self.stream.frames
        if self._packets < announced:
            return [f"{self._path}: decoded {self.decoded} of {announced} frames: the file is cut short"]
        if self._damaged:
            of = f" of {announced}" if announced else ""
            return [f"{self._path}: decoded {self.decoded}{of} frames: the others are damaged and left out"]
        return []


def _choose(
    decoder: _Decoder,
    decoded: Iterator[VideoFrame],
    first: VideoFrame,
    warnings: list[str],
    *,
    start: float,
    end: float | None,
    every: int,
    step: float,
) -> Generator[Frame, None, None]:
    unit = decoder.stream.time_base or Fraction(1, 90_000)
    origin = round(decoder.origin / unit)
    gap = max(1, round(1 / (_rate(decoder.stream) * unit)))  # from a frame without a timestamp to the next
    clock, due, index = -1, -math.inf, 0
    with decoder.container:
        frame: VideoFrame | None = first
        while frame is not None:
            if frame.pts is None:
                clock += gap if clock >= 0 else 1
            else:
                clock = max(frame.pts - origin, clock + 1)  # never backwards
            time = float(clock * unit)
            if end is not None and time >= end:
                return
            if time >= start:
                if index % every == 0 and time >= due:
                    due = time + step - _INSTANT
                    yield Frame(index, time, _upright(frame))
                index += 1
            frame = next(decoded, None)
        warnings.extend(decoder.complaints())


def _describe(container: InputContainer, stream: VideoStream, first: VideoFrame) -> VideoInfo:
    quarter_turns, _ = _orientation(first)
    width, height = first.width, first.height
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if quarter_turns % 2:
        width, height, aspect = height, width, 1 / aspect
    return VideoInfo(
        width=width,
        height=height,
        rate=_rate(stream),
        duration=duration_of(container, stream),
        frames=stream.frames or None,
        has_sound=bool(container.streams.audio),
        rotation=quarter_turns * 90,
        time_base=stream.time_base or Fraction(1, 90_000),
        pixel_aspect=aspect,
        colours=(int(first.colorspace), int(first.color_primaries), int(first.color_trc)),
    )


def _rate(stream: VideoStream) -> Fraction:
    return stream.average_rate or stream.guessed_rate or _USUAL_RATE


def _upright(frame: VideoFrame) -> Picture:
    """The picture as RGB, turned as the display matrix says."""
    image: Picture = frame.to_ndarray(format="rgb24")  # type: ignore[assignment] # it is uint8 for this format
    quarter_turns, mirrored = _orientation(frame)
    if mirrored:
        image = image[:, ::-1]
    if quarter_turns:
        image = np.rot90(image, -quarter_turns)
    return np.ascontiguousarray(image)


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    """Quarter turns clockwise to show a frame upright, and whether to mirror it left to right before."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    a, b, _, c, d = struct.unpack("<5i", memoryview(matrix)[:20])  # (x, y) -> (a x + c y, b x + d y)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return round(math.degrees(math.atan2(b, a)) / 90) % 4, mirrored
