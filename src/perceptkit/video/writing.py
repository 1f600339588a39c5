"""Write videos that play everywhere, browsers included: H.264 in MP4, with the sound of their source.

with video.read("in.mp4") as frames, video.Writer("out.mp4", frames.info, sound="in.mp4") as writer:
    for frame in frames:
        writer.write(frame)
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from ..arrays import Picture
from ..errors import InputError
from .frames import Frame, VideoInfo
from .muxing import open_output
from .sound import SoundTrack

__all__ = ["Writer"]

QUALITY = 20
"""x264's constant rate factor: smaller is better and larger; 18 is hardly told from the source."""

PRESET = "superfast"
"""x264's trade of speed for size."""

_FINEST, _USUAL_UNIT = Fraction(1, 1_000_000), Fraction(1, 90_000)  # units of time in seconds
_MATRICES = (1, 4, 5, 6, 7, 9)  # of ITU-T H.273: those that FFmpeg computes
_UNSAID = 2


class Writer:
    """An MP4 file being written: the frames given to it at their own times, and the sound of `sound`.

    `info` says how large the pictures are and in which unit of time and colours they are written, as `read` gives it.
    Pictures of another size are fitted in. Odd sizes are padded by one line to the even ones that H.264 wants. The file
    appears under its name when the `with` block ends well; otherwise nothing is left. Of `sound` everything is
    copied, also what is longer than the pictures. `warnings` says what was not right with it.

    Raises InputError for times that do not increase, DeviceError when the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        info: VideoInfo,
        *,
        sound: str | Path | None = None,
        quality: int = QUALITY,
        preset: str = PRESET,
    ) -> None:
        self.path = Path(path)
        self.frames = 0
        self.warnings: list[str] = []
        self._info = info
        self._clock = -1
        self._reformatter = VideoReformatter()
        self._unit = info.time_base if info.time_base >= _FINEST else _USUAL_UNIT
        with ExitStack() as opened:
            self._output = opened.enter_context(open_output(self.path, self._unit))
            self._stream = self._add_stream(quality, preset)
            self._sound = None if sound is None else opened.enter_context(SoundTrack(sound, self._output))
            self._output.start_encoding()
            opened.push(self._flush)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def write(self, frame: Frame) -> None:
        """Add a frame; its time must be later than that of the one before."""
        clock = round(Fraction(frame.time) / self._unit)
        if clock <= self._clock:
            raise InputError(f"frame {frame.index} at {frame.time} s does not come after the frame before it")
        self._clock = clock
        if self._sound:
            self._sound.advance(frame.time)
        picture = VideoFrame.from_ndarray(self._fitted(frame.image), format="rgb24")
        picture.colorspace = self._matrix
        coded = self._reformatter.reformat(
            picture, format="yuv420p", src_color_range="JPEG", dst_color_range="MPEG", interpolation="BILINEAR"
        )
        coded.pts, coded.time_base = clock, self._unit
        self._output.mux(self._stream.encode(coded))
        self.frames += 1

    def _add_stream(self, quality: int, preset: str) -> VideoStream:
        info = self._info
        stream: VideoStream = self._output.add_stream("libx264", rate=info.rate)
        stream.width, stream.height = info.width + info.width % 2, info.height + info.height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = self._unit
        # With B-frames, what FFmpeg and Chromium take for the length of a video of varying rate is too short.
        stream.options = {"crf": str(quality), "preset": preset, "bf": "0"}
        context = stream.codec_context
        context.time_base = self._unit
        context.sample_aspect_ratio = info.pixel_aspect
        matrix, primaries, transfer = info.colours
        # A matrix that we cannot compute is left unsaid, and so is the one that means "these are RGB".
        context.colorspace = self._matrix = matrix if matrix in _MATRICES else _UNSAID
        context.color_primaries, context.color_trc = primaries, transfer
        context.color_range = ColorRange.MPEG
        return stream

    def _fitted(self, image: Picture) -> Picture:
        """The picture at the size of the video: scaled into it if it has another, the last line doubled if odd."""
        width, height = self._info.width, self._info.height
        if image.shape[:2] != (height, width):
            scale = min(width / image.shape[1], height / image.shape[0])
            size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
            x, y = (width - size[0]) // 2, (height - size[1]) // 2
            fitted = np.zeros((height, width, 3), np.uint8)
            fitted[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            image = fitted
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        return np.ascontiguousarray(image)

    def _flush(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Write what the encoder and the source of the sound still hold."""
        if error is not None:
            return
        if not self.frames:
            raise InputError(f"no frame was written to {self.path}")
        self._output.mux(self._stream.encode(None))
        if self._sound:
            self._sound.advance(math.inf)
            self.warnings.extend(self._sound.warnings)
