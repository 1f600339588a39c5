"""Read videos frame by frame: times from the container, upright, RGB, whatever the rate.

with video.read("clip.mp4") as frames:
    for frame in frames:
        print(frame.time, frame.image.shape)
"""

from __future__ import annotations

import math
import struct
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from ..arrays import Picture
from ..errors import InputError
from .decoding import Decoder
from .frames import Frame, Frames, VideoInfo
from .opening import Limits
from .timing import duration_of, frames_of, rate_of

__all__ = ["info", "read"]

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
    counts the frames decoded from `start` on. Time 0 is where the file begins to be shown. Frames that cannot be
    decoded are left out; `warnings` then says so and when, as when the file ends before its header says. (What is
    damaged only in part is mended by the decoder, as in any player.) Raises MediaError for what is no video or is over
    the limits (see `Limits`), InputError for values that make no sense.
    """
    if every < 1 or not math.isfinite(step) or step < 0:
        raise InputError(f"every is {every} and step {step}; they must be at least 1 and 0")
    if not math.isfinite(start) or start < 0 or (end is not None and not end > start):
        raise InputError(f"no time lies between start {start} and end {end}; give seconds, start before end")
    with ExitStack() as opened:
        decoder = Decoder(path, limits or Limits(), start, math.inf if end is None else end)
        opened.callback(decoder.close)
        decoded = decoder.frames()
        first = next(decoded)
        about = _describe(decoder, first[1])
        opened.pop_all()
    warnings: list[str] = []
    chosen = _choose(decoder, chain([first], decoded), warnings, every=every, step=step)
    return Frames(about, chosen, warnings, decoder.close)


def _choose(
    decoder: Decoder,
    decoded: Iterator[tuple[float, VideoFrame]],
    warnings: list[str],
    *,
    every: int,
    step: float,
) -> Generator[Frame, None, None]:
    reformatter = VideoReformatter()
    due, index = -math.inf, 0
    with decoder.container:
        for time, frame in decoded:
            if time >= decoder.end:
                break
            if time >= decoder.start:
                if index % every == 0 and time >= due:
                    due = time + step - _INSTANT
                    yield Frame(index, time, _upright(frame, reformatter))
                index += 1
        warnings.extend(decoder.complaints())


def _describe(decoder: Decoder, first: VideoFrame) -> VideoInfo:
    container, stream = decoder.container, decoder.stream
    quarter_turns, _ = _orientation(first)
    width, height = first.width, first.height
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if quarter_turns % 2:
        width, height, aspect = height, width, 1 / aspect
    context = stream.codec_context
    return VideoInfo(
        width=width,
        height=height,
        rate=rate_of(stream),
        duration=duration_of(container, stream),
        frames=frames_of(container, stream),
        has_sound=bool(container.streams.audio),
        rotation=quarter_turns * 90,
        time_base=decoder.unit,
        pixel_aspect=aspect,
        colours=(int(first.colorspace), int(context.color_primaries), int(context.color_trc)),
    )


def _upright(frame: VideoFrame, reformatter: VideoReformatter) -> Picture:
    """The picture as RGB, turned as the display matrix says."""
    # RGB has one range only; another is named because PyAV before 17 looks at the matrix of the colours only then.
    own, other = ("JPEG", "MPEG") if frame.color_range == ColorRange.JPEG else ("MPEG", "JPEG")
    rgb = reformatter.reformat(frame, format="rgb24", src_color_range=own, dst_color_range=other)
    image: Picture = rgb.to_ndarray()  # type: ignore[assignment] # it is uint8 for this format
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
