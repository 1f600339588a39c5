"""Photos and videos on disk -> the faces in them to know one person by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...errors import InputError, MediaError, MissingExtraError
from ...files import expand
from ...images import MAX_PIXELS
from ...images import SUFFIXES as PHOTOS
from ...video import SUFFIXES as VIDEOS
from ...video import Limits
from .. import defaults
from ..detect import Detector
from ..embed import Embedder
from ..samples import expected_samples
from ..sources import is_video, without_our_own
from ..types import ItemError
from .gathering import Gathered, gather_photo, gather_video
from .scanning import Scan, scan

__all__ = ["MOST_FACES", "scan_media"]

MOST_FACES = 50
"""Faces kept of one person altogether."""

_SHOWN = 10  # paths with a reason


def scan_media(
    media: str | Path | Iterable[str | Path],
    detect: Detector,
    embed: Embedder,
    *,
    threshold: float,
    min_face: int = defaults.SCAN_FACE,
    faces: int = defaults.SCAN_FACES,
    video_step: float = defaults.SCAN_STEP,
    max_pixels: int = MAX_PIXELS,
    limits: Limits | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[Scan, tuple[ItemError, ...]]:
    """The faces in photos and videos to know one person by, and the files of several that cannot be read; arguments
    and errors are those of `enrol`."""
    for what, value in (("faces", faces), ("video_step", video_step), ("min_face", min_face)):
        if not 0 < value < math.inf:
            raise InputError(f"{what} is {value}; it must be more than 0")
    wanted = [media] if isinstance(media, (str, Path)) else list(media)
    if not all(isinstance(path, (str, Path)) for path in wanted):
        raise InputError("somebody is enrolled with files: give the paths of photos or videos")
    found, skipped = expand(wanted, PHOTOS | VIDEOS)
    paths = without_our_own(found)
    if not paths:
        reasons = "".join(f"\n  skipped {path}: {reason}" for path, reason in skipped[:_SHOWN])
        raise InputError(f"no photos or videos to enrol somebody with; give some{reasons}")
    look = partial(
        _look_at, detect=detect, embed=embed, min_face=min_face, faces=faces, video_step=video_step,
        max_pixels=max_pixels, limits=limits,
    )  # fmt: skip
    sizes = {path: expected_samples(path, video_step, limits) if is_video(path) else 1 for path in paths}
    gathered, errors = _gather(sizes, look, progress)
    if not gathered:
        raise InputError(f"none of the files can be read; the first of them: {errors[0].message}")
    parts = sum(faces if is_video(Path(each.source)) else 1 for each in gathered)
    chosen = scan(gathered, threshold, most=min(parts, MOST_FACES))
    left_out = (f"{path} was skipped: {reason}" for path, reason in skipped)
    return replace(chosen, notes=(*chosen.notes, *left_out)), tuple(errors)


def _gather(
    sizes: dict[Path, int],
    look: Callable[[Path, int, Callable[[int], None]], Gathered],
    progress: Callable[[int, int | None], None] | None,
) -> tuple[list[Gathered], list[ItemError]]:
    """What the files give, and those of several that cannot be read; `sizes` are the looks that each should take."""
    gathered: list[Gathered] = []
    errors: list[ItemError] = []
    part = done = 0
    for path in sizes:

        def advance(pictures: int, before: int = done) -> None:
            if progress:
                progress(before + pictures, max(sum(sizes.values()), before + pictures))

        try:
            found = look(path, part, advance)
        except (MediaError, MissingExtraError) as error:
            if len(sizes) == 1:
                raise
            errors.append(ItemError(str(path), type(error).__name__, str(error)))
            sizes[path] = 0
            continue
        gathered.append(found)
        part = 1 + max((look.part for look in found.looks), default=part)
        sizes[path] = found.looked  # which its header may not have said truly
        done += sizes[path]
        advance(0, done)
    return gathered, errors


def _look_at(
    path: Path,
    part: int,
    advance: Callable[[int], None],
    *,
    detect: Detector,
    embed: Embedder,
    min_face: int,
    faces: int,
    video_step: float,
    max_pixels: int,
    limits: Limits | None,
) -> Gathered:
    """What one file gives, its parts numbered from `part` on."""
    if is_video(path):
        return gather_video(
            path, detect, embed, first_part=part, parts=faces, step=video_step, min_face=min_face, limits=limits,
            advance=advance,
        )  # fmt: skip
    return gather_photo(path, detect, embed, part=part, min_face=min_face, max_pixels=max_pixels)
