"""What video functions hand around: a frame with its time, what a video is, and an opened source of frames."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

from ..arrays import Picture

__all__ = ["Frame", "Frames", "VideoInfo", "batched"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video: `index` counts from 0, `time` is when it is shown in seconds, `image` is RGB uint8
    (height, width, 3), upright."""

    index: int
    time: float
    image: Picture


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the header of a video says.

    `width` and `height` are those of the upright picture in pixels, `rate` its mean frames per second, `duration` is in
    seconds and `frames` the number of frames, both None where the header does not say; `rotation` in degrees clockwise
    (0, 90, 180, 270) has been applied already. `time_base` is the unit of its timestamps in seconds, `pixel_aspect`
    the width of a pixel by its height, `colours` the matrix, primaries and transfer of ITU-T H.273 (2: not said).
    """

    width: int
    height: int
    rate: Fraction
    duration: float | None
    frames: int | None
    has_sound: bool
    rotation: int = 0
    time_base: Fraction = Fraction(1, 90_000)
    pixel_aspect: Fraction = Fraction(1)
    colours: tuple[int, int, int] = (2, 2, 2)

    @property
    def expected_frames(self) -> int | None:
        """How many frames there should be, from the header or else from duration and rate; None when neither says."""
        if self.frames:
            return self.frames
        return None if self.duration is None else max(1, round(self.duration * self.rate))


@dataclass(slots=True, eq=False)
class Frames:
    """An opened source: iterate over it once for its frames, in order of time.

    `warnings` says what was wrong with it; it is complete at the end. Close it, or use it in a `with` block, to let go
    of the file or camera early; `release` does that.
    """

    info: VideoInfo
    stream: Generator[Frame, None, None]
    warnings: list[str] = field(default_factory=list)
    release: Callable[[], object] | None = None

    def __iter__(self) -> Iterator[Frame]:
        return self.stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file or camera."""
        try:
            self.stream.close()
        except ValueError:  # it is being read ahead in a thread, which closes it when it is stopped
            return
        if self.release:  # a stream that was never begun has not done it
            self.release()


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`; the last may be shorter. (As in itertools from Python 3.12 on.)"""
    iterator = iter(items)
    return iter(lambda: list(islice(iterator, size)), [])
