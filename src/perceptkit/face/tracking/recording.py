"""Everything that is written of a followed video while it is read for the second time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats, Picture
from ...errors import InputError
from ...files import check_folder, check_not_over, make_folder, replacing
from ...output import dumps
from ...video import SUFFIXES as VIDEOS
from ...video import Frame, Frames, Limits, VideoInfo, Writer, prefetch, read
from .framing import ASPECT, Framing, cut, output_size
from .lines import Cast, frame_line, shown_in, target_boxes
from .places import Places
from .showing import draw_names

__all__ = ["Files", "Recorded", "record"]

_AHEAD = 2  # frames that are drawn before they are asked for


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything is written; `crop` is None when none is wanted."""

    folder: Path
    picture: Path
    crop: Path | None
    lines: Path
    sheet: Path
    summary: Path

    @classmethod
    def within(cls, folder: str | Path, source: Path, *, crop: bool) -> Files:
        """The files in a folder. Raises InputError when it cannot be written to, holds other things than an earlier
        result, or one of the files is the source."""
        place = check_folder(folder)
        if place.suffix.lower() in VIDEOS:
            raise InputError(f"cannot write {place}: give a folder; the video in it is annotated.mp4")
        names = ("annotated.mp4", "crop.mp4", "tracks.jsonl", "tracks.png", "summary.json")
        picture, crop_path, lines, sheet, summary = (place / name for name in names)
        files = cls(place, picture, crop_path if crop else None, lines, sheet, summary)
        for path in (files.picture, crop_path, files.lines, files.sheet, files.summary):
            check_not_over(path, source)
        if place.is_dir() and not lines.exists() and any(path.suffix != ".part" for path in place.iterdir()):
            raise InputError(f"{place} is not empty and holds no earlier result; choose another output folder")
        return files


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many frames were written, when the last one ends in seconds, and what was not right with the sound."""

    frames: int
    end: float
    warnings: tuple[str, ...]


def record(
    source: Path, files: Files, *, places: Places, cast: Cast, limits: Limits | None, advance: Callable[[int], None]
) -> Recorded:
    """Write every frame with the names in it, its line and, where wanted, the crop of it; no file half-written.

    `advance` is called with the number of frames written. Errors are those of `video.Writer`.
    """
    with ExitStack() as opened:
        opened.callback(_remove_empty, make_folder(files.folder))
        frames = opened.enter_context(read(source, limits=limits))
        sound = source if frames.info.has_sound else None
        camera = _Camera(frames.info) if files.crop else None
        pages = opened.enter_context(closing(prefetch(_pages(frames, places, cast, camera), ahead=_AHEAD)))
        lines = opened.enter_context(replacing(files.lines))
        named = opened.enter_context(Writer(files.picture, frames.info, sound=sound))
        followed = opened.enter_context(Writer(files.crop, camera.info, sound=sound)) if files.crop and camera else None
        end = 0.0
        for number, page in enumerate(pages, 1):
            lines.write(dumps(page.line).encode() + b"\n")
            named.write(page.named)
            if followed and page.cropped:
                followed.write(page.cropped)
            end = page.named.time + float(1 / frames.info.rate)
            advance(number)
        lines.flush()  # a disk that is full is found out before any of the files has its name
    return Recorded(named.frames, end, tuple(named.warnings))


def _remove_empty(folder: Path) -> None:
    """Remove a folder in which nothing came to be."""
    with suppress(OSError):  # something has
        folder.rmdir()


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """What is written of one frame."""

    line: dict[str, Any]
    named: Frame
    cropped: Frame | None


def _pages(frames: Frames, places: Places, cast: Cast, camera: _Camera | None) -> Generator[_Page, None, None]:
    """Draw the frames. It is read ahead: while a frame is drawn, the next is decoded and the one before encoded."""
    with closing(prefetch(frames)) as ahead:
        for frame in ahead:
            seen = places.at(frame.time)
            cropped = None
            if camera:
                boxes = [place.box for place in seen] if cast.target is None else target_boxes(seen, cast)
                cropped = replace(frame, image=camera.follow(frame, boxes))
            named = replace(frame, image=draw_names(frame.image, shown_in(seen, cast)))
            yield _Page(frame_line(frame.index, frame.time, seen, cast), named, cropped)


class _Camera:
    """Crops the frames so that they follow somebody; `info` is that of the video they make."""

    def __init__(self, info: VideoInfo) -> None:
        # What is 16:9 on the screen is not so in pixels that are not square.
        aspect = ASPECT / info.pixel_aspect
        self._framing = Framing(info.width, info.height, aspect=aspect)
        self._size = output_size(info.width, info.height, aspect=aspect)
        self.info = replace(info, width=self._size[0], height=self._size[1])

    def follow(self, frame: Frame, boxes: Sequence[Floats]) -> Picture:
        box = self._framing.update(frame.time, np.array(boxes, np.float32).reshape(-1, 4))
        return cut(frame.image, box, self._size)
