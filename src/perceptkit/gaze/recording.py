"""Everything that is written of an annotated video, kept open while it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from ..arrays import Picture
from ..files import replacing, write_bytes
from ..images import encode_png, write_jpeg
from ..output import dumps
from ..video import Frame, VideoInfo, Writer
from .attention import Region, at_camera, looks_at, regions_met
from .drawing import draw
from .heatmap import HeatMap
from .lanes import Lane, timeline
from .results import COLUMNS, csv_rows, json_row
from .summary import Attention
from .types import FrameGaze

__all__ = ["Place", "Recorder"]

_GAP = 3.0  # a frame counts for at most this many times the usual distance to the next


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are written: the annotated video or photo, and the folder of the data."""

    picture: Path
    folder: Path


class Recorder:
    """The open files of one video. The data appears under its names when the `with` block ends well.

    `step` is the usual distance in seconds between two frames whose gaze is estimated, `angle` what goes to the
    camera. Errors are those of `video.Writer`.
    """

    def __init__(
        self,
        place: Place,
        info: VideoInfo,
        *,
        sound: Path | None,
        angle: float,
        regions: Sequence[Region],
        step: float,
    ) -> None:
        self.frames = 0
        self._place, self._angle, self._regions, self._step = place, angle, regions, step
        self._attention = Attention(angle=angle, regions=regions, max_step=_GAP * step)
        self._heat = HeatMap(info.width, info.height)
        self._first: Picture | None = None
        self.span = (0.0, 0.0)
        self._last: tuple[FrameGaze, list[bool]] | None = None
        with ExitStack() as opened:
            self._pictures: _Pictures = opened.enter_context(_open_pictures(place.picture, info, sound))
            self._lines = opened.enter_context(replacing(place.folder / "gaze.jsonl"))
            self._table = opened.enter_context(replacing(place.folder / "gaze.csv"))
            self._table.write(_csv([COLUMNS]))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    @property
    def warnings(self) -> list[str]:
        """What was not right with the sound."""
        return self._pictures.warnings

    def add(self, frame: Frame, seen: FrameGaze) -> None:
        """Record a frame whose gaze was estimated."""
        camera = [at_camera(gaze, angle=self._angle) for gaze in seen.gazes]
        looks = looks_at(seen, angle=self._angle)
        met = regions_met(seen, self._regions, angle=self._angle)
        row = json_row(seen, camera, looks, met)
        self._lines.write(dumps(row).encode() + b"\n")
        self._table.write(_csv(csv_rows(row)))
        self._attention.add(seen)
        self._heat.add(seen, self._step, camera=camera)
        self._last = seen, camera
        self.frames += 1
        if self._first is None:
            self._first, self.span = frame.image, (seen.time, seen.time)
        self.span = (self.span[0], seen.time + self._step)
        self.show(frame)

    def show(self, frame: Frame) -> None:
        """Write a frame with what was last seen."""
        if self._last is not None:
            seen, camera = self._last
            frame = Frame(frame.index, frame.time, draw(frame.image, seen, camera=camera))
        self._pictures.write(frame)

    def lanes(self) -> list[Lane]:
        """Who was visible and looked at the camera when, so far."""
        return [Lane(track, visible, camera) for track, visible, camera in self._attention.spans()]

    def finish(self, title: str) -> dict[str, Any]:
        """Write the timeline and the heat map; the attention over the whole video."""
        start, end = self.span
        _write_png(self._place.folder / "timeline.png", timeline(self.lanes(), start=start, end=end, title=title))
        if self._first is not None:
            _write_png(self._place.folder / "heatmap.png", self._heat.picture(self._first))
        return self._attention.summary()


class _Pictures(Protocol):
    warnings: list[str]

    def write(self, frame: Frame) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: Any) -> None: ...


class _Photo:
    """The one picture of a photo."""

    def __init__(self, path: Path) -> None:
        self.warnings: list[str] = []
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, frame: Frame) -> None:
        write_jpeg(self._path, frame.image, quality=95)


def _open_pictures(path: Path, info: VideoInfo, sound: Path | None) -> _Pictures:
    return _Photo(path) if path.suffix == ".jpg" else Writer(path, info, sound=sound)


def _write_png(path: Path, picture: Picture) -> None:
    write_bytes(path, encode_png(picture))


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
