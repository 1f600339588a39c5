"""Write videos that play everywhere, browsers included: H.264 in MP4, with the sound of their source.

with video.read("in.mp4") as frames, video.Writer("out.mp4", frames.info, sound="in.mp4") as writer:
    for frame in frames:
        writer.write(frame)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from ..arrays import Picture
from ..errors import DeviceError, InputError, write_error
from ..files import replacing_path
from .frames import Frame, VideoInfo
from .sound import SoundTrack, open_output

__all__ = ["Writer"]

QUALITY = 20
"""x264's constant rate factor: smaller is better and larger; 18 is hardly told from the source."""

PRESET = "veryfast"
"""x264's trade of speed for size."""

_FINEST, _USUAL_UNIT = Fraction(1, 1_000_000), Fraction(1, 90_000)  # units of time in seconds
_UNSAID = 2  # ITU-T H.273
_MATRICES = {1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601,
             7: Colorspace.SMPTE240M, 9: Colorspace.BT2020}  # fmt: skip
_CHROMA = Interpolation.BILINEAR


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
        self._unit = info.time_base if info.time_base >= _FINEST else _USUAL_UNIT
        with ExitStack() as opened:
            opened.enter_context(_writing(self.path))
            self._beside = opened.enter_context(replacing_path(self.path))
            self._output = open_output(self._beside)
            opened.push(self._close)
            self._sound = None if sound is None else opened.enter_context(SoundTrack(sound, self._output))
            self._stream = self._add_stream(quality, preset)
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
        coded = picture.reformat(
            format="yuv420p", dst_colorspace=self._matrix, dst_color_range=ColorRange.MPEG, interpolation=_CHROMA
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
        stream.options = {"crf": str(quality), "preset": preset}
        context = stream.codec_context
        context.time_base = self._unit
        context.sample_aspect_ratio = info.pixel_aspect
        matrix, primaries, transfer = info.colours
        # A matrix that we cannot compute is left unsaid, and so is the one that means "these are RGB".
        self._matrix = _MATRICES.get(matrix, Colorspace.ITU601)
        context.colorspace = matrix if matrix in _MATRICES else _UNSAID
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

    def _close(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End the file, and look whether it is all there: a full disk may go unnoticed until then."""
        if error is not None:
            with suppress(av.FFmpegError, OSError, ValueError):  # of a file that is thrown away
                self._output.close()
            return
        self._output.close()
        with av.open(f"file:{self._beside}") as written:
            if written.streams.video[0].frames != self.frames:
                raise DeviceError(f"{self.path} was not written whole; is the disk full?")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What FFmpeg says while writing `path`, as our errors."""
    try:
        yield
    except av.FFmpegError as error:
        raise write_error(path, OSError(error.errno, error.strerror)) from error
