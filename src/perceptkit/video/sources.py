"""Where frames may come from besides a video file: a folder of photos, one photo, a camera."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

from ..arrays import Picture
from ..errors import DeviceError, InputError, MediaError, MissingExtraError
from ..images import SUFFIXES as PHOTOS
from ..images import read as read_photo
from ..limits import MAX_RATE
from .defaults import FOLDER_RATE
from .frames import Frame, Frames, VideoInfo
from .opening import Limits
from .reading import read

__all__ = ["open_source", "read_camera", "read_folder", "read_photos"]

_CAMERA_RATE = 30  # of those that do not say


def open_source(
    source: str | Path, *, rate: float = FOLDER_RATE, every: int = 1, limits: Limits | None = None
) -> Frames:
    """Open a video file, a folder of photos (`rate` of them a second) or one photo; every n-th frame of it."""
    # os.path, because some versions of Path raise for a name that is too long, or where ~ is only part of it.
    path = Path(os.path.expanduser(source))  # noqa: PTH111
    if os.path.isdir(path):  # noqa: PTH112
        return read_folder(path, rate=rate, every=every)
    if not os.path.lexists(path):
        raise InputError(f"no such file or folder: {source}")
    if path.suffix.lower() in PHOTOS - {".gif"}:
        return read_photos([path], rate=rate)
    return read(path, every=every, limits=limits)


def read_folder(folder: str | Path, *, rate: float = FOLDER_RATE, every: int = 1) -> Frames:
    """The photos of a folder in the order of their names (2 before 10) as frames, `rate` of them a second."""
    try:
        found = [path for path in Path(folder).iterdir() if path.suffix.lower() in PHOTOS and path.is_file()]
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read: {error.strerror or error}") from error
    paths = sorted((path for path in found if not path.name.startswith(".")), key=_natural)
    if not paths:
        raise InputError(f"no photos in {folder}; looked for {', '.join(sorted(PHOTOS))}")
    return read_photos(paths, rate=rate, every=every)


def read_photos(paths: Sequence[Path], *, rate: float = FOLDER_RATE, every: int = 1) -> Frames:
    """Photos as frames, `rate` of them a second; one that cannot be read is left out with a warning.

    `info` has the size of the first; MediaError when none can be read.
    """
    if not 0.001 <= rate <= 1000:
        raise InputError(f"a rate of {rate} photos a second makes no video; give 0.001 to 1000")
    if every < 1:
        raise InputError(f"every is {every}; it must be at least 1")
    warnings: list[str] = []
    readable = _readable(paths, every, warnings)
    start, first = next(readable, (0, None))
    if first is None:
        raise MediaError("\n".join(warnings[:5]) or "no photos to read")
    exact = Fraction(rate).limit_denominator(1001)
    count = len(paths)
    info = VideoInfo(
        width=first.shape[1],
        height=first.shape[0],
        rate=exact,
        duration=float(count / exact),
        frames=len(range(0, count, every)),
        has_sound=False,
        time_base=1 / (exact * 1000),
    )

    def frames() -> Generator[Frame, None, None]:
        for index, image in chain([(start, first)], readable):
            yield Frame(index, float(index / exact), image)

    return Frames(info, frames(), warnings)


def read_camera(index: int = 0) -> Frames:
    """The frames of a camera as they come, timed from the first by the clock; DeviceError when there is none.

    A consumer that is slower than the camera gets the newest picture, not the oldest one waiting.
    """
    import cv2

    camera = cv2.VideoCapture(index)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    begun = time.monotonic()
    there, picture = camera.read()
    if not there:
        camera.release()
        raise DeviceError(f"camera {index} gives no picture; is it plugged in, allowed, and not in use elsewhere?")
    rate = camera.get(cv2.CAP_PROP_FPS)
    info = VideoInfo(
        width=picture.shape[1],
        height=picture.shape[0],
        rate=Fraction(rate if 0 < rate <= MAX_RATE else _CAMERA_RATE).limit_denominator(1001),
        duration=None,
        frames=None,
        has_sound=False,
    )
    warnings: list[str] = []

    def frames() -> Generator[Frame, None, None]:
        there, taken, number = True, picture, 0
        try:
            while there:
                rgb: Picture = cv2.cvtColor(taken, cv2.COLOR_BGR2RGB).astype("uint8", copy=False)
                yield Frame(number, time.monotonic() - begun, rgb)
                there, taken = camera.read()
                number += 1
            warnings.append(f"camera {index} gave no more pictures after {number}; was it unplugged?")
        finally:
            camera.release()

    return Frames(info, frames(), warnings, camera.release)


def _readable(paths: Sequence[Path], every: int, warnings: list[str]) -> Iterator[tuple[int, Picture]]:
    """The photos that can be read, with their places."""
    for index in range(0, len(paths), every):
        try:
            yield index, read_photo(paths[index])
        except (MediaError, MissingExtraError) as error:
            warnings.append(str(error))


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts the numbers in a name by their value."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name
