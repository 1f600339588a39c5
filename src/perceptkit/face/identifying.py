"""Who is in photos and videos, of the people in a gallery: `identify`.

for seen in identify("party/", gallery="staff").faces:
    print(seen.source, seen.identity.name or "unknown", seen.identity.similarity)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats
from ..errors import InputError, MediaError, MissingExtraError, PerceptkitError
from ..files import expand
from ..images import MAX_PIXELS
from ..images import SUFFIXES as PHOTOS
from ..models import cpu_count
from ..output import count
from ..threads import spread
from ..video import SUFFIXES as VIDEOS
from ..video import Limits, batched, read
from . import defaults
from .detect import Detector
from .embed import Embedder
from .finding import Description, Photo, chunk_size, in_full, look, open_photo
from .gallery.files import load_gallery
from .gallery.identity import Identity, recognise
from .gallery.people import Gallery
from .loading import load_detector, load_embedder_of
from .samples import expected_samples
from .sources import is_video, without_our_own
from .thresholds import resolve_threshold
from .tracking.cutting import cut_tracks
from .tracking.following import Followed, follow, gap_of
from .tracking.voting import Track, name_tracks
from .types import ItemError

__all__ = ["Identification", "Seen", "identify"]

_SPARSE = 0.5  # seconds between looks from which on a face need not be seen twice
_SHOWN = 10  # paths with a reason


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A face in a photo, or a face followed through a video, and who it is.

    `box` (4,) is x1 y1 x2 y2 in pixels; of a video it is the one at `time`, when the face was seen best (seconds; None
    in a photo). `start` and `end` are when it was seen first and last, `track` is its number there.
    """

    source: str
    identity: Identity
    box: Floats
    quality: float
    time: float | None = None
    start: float | None = None
    end: float | None = None
    track: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """Everybody who was seen, in the order of the files, and the files that could not be used."""

    faces: tuple[Seen, ...]
    files: int
    threshold: float
    errors: tuple[ItemError, ...]
    notes: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"Identification({self})"

    def __str__(self) -> str:
        names = {seen.identity.name for seen in self.faces} - {None}
        unknown = sum(seen.identity.name is None for seen in self.faces)
        return (
            f"{count(self.files, 'file', 'files')}, {count(len(self.faces), 'face', 'faces')}: "
            f"{count(len(names), 'person', 'people')} of the gallery, {unknown:,} unknown"
        )

    def summary(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "files": self.files,
            "threshold": self.threshold,
            "faces": list(self.faces),
            "errors": list(self.errors),
            "notes": [{"source": source, "note": note} for source, note in self.notes],
        }


def identify(
    media: str | Path | Iterable[str | Path],
    *,
    gallery: str | Path | Gallery,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | str | None = None,
    min_score: float = defaults.MIN_SCORE,
    min_face: int = defaults.MIN_FACE,
    max_faces: int = defaults.MAX_FACES,
    max_pixels: int = MAX_PIXELS,
    video_step: float = defaults.VIDEO_STEP,
    track_faces: int = defaults.TRACK_FACES,
    limits: Limits | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Identification:
    """Say of every face in photos and videos whose of a gallery it is, and how sure that is.

    `media` is as in `extract`. The embedder is by default the one that made the gallery; `threshold` is the similarity
    from which on a face is named (default: the embedder's own). The faces of a video, looked at every `video_step`
    seconds, are followed; each track is named by its `track_faces` best faces together, and of two that are seen
    together only one can have a name.

    A file that cannot be used is an entry in `errors`; the others go on. Raises InputError for a gallery that cannot be
    used, ModelError or DeviceError when the models cannot be had or fail.
    """
    if not 0 <= video_step < math.inf:
        raise InputError(f"video_step is {video_step}; give the seconds between two frames, or 0 for every frame")
    for what, value in (("track_faces", track_faces), ("max_faces", max_faces)):
        if value < 1:
            raise InputError(f"{what} is {value}; it must be at least 1")
    found_paths, skipped = expand([media] if isinstance(media, (str, Path)) else media, PHOTOS | VIDEOS)
    paths = without_our_own(found_paths)
    if not paths:
        reasons = "".join(f"\n  skipped {path}: {reason}" for path, reason in skipped[:_SHOWN])
        raise InputError(f"no photos or videos to identify anybody in; give some{reasons}")
    known = gallery if isinstance(gallery, Gallery) else load_gallery(gallery)
    embed = load_embedder_of(known, embedder, preset=preset, device=device, threads=1)
    detector = load_detector(detector, preset=preset, device=device, threads=1, min_score=min_score)
    limit = resolve_threshold(threshold, model=embed.name, sha256=embed.sha256, usual=embed.threshold)
    work = _Work(detector, embed, known, limit, min_face, max_faces, max_pixels, video_step, track_faces, limits)
    found = _look_for(paths, work, progress)
    return Identification(
        faces=tuple(seen for path in paths for seen in found[path].faces),
        files=len(paths),
        threshold=limit,
        errors=tuple(error for path in paths for error in found[path].errors),
        notes=(
            *((str(path), note) for path in paths for note in found[path].notes),
            *((str(path), f"skipped: {reason}") for path, reason in skipped),
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What is done with every file."""

    detect: Detector
    embed: Embedder
    gallery: Gallery
    threshold: float
    min_face: int
    max_faces: int
    max_pixels: int
    video_step: float
    track_faces: int
    limits: Limits | None


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What one file gave."""

    faces: Sequence[Seen] = ()
    errors: Sequence[ItemError] = ()
    notes: Sequence[str] = ()


def _look_for(
    paths: Sequence[Path], work: _Work, progress: Callable[[int, int | None], None] | None
) -> dict[Path, _Found]:
    """What every file gives: the photos on all CPUs side by side, the videos one by one, each on all CPUs."""
    videos = [path for path in paths if is_video(path)]
    sizes = {path: expected_samples(path, work.video_step, work.limits) for path in videos}
    photos = [path for path in paths if path not in sizes]
    total, done = len(photos) + sum(sizes.values()), 0
    found: dict[Path, _Found] = {}

    def report(pictures: int) -> None:
        if progress:
            progress(done + pictures, max(total, done + pictures))

    with closing(spread(partial(_photos, work), batched(photos, chunk_size(work.detect)), workers=cpu_count())) as seen:
        for results in seen:
            found.update(results)
            done += len(results)
            report(0)
    for path in videos:
        looked = 0

        def advance(pictures: int) -> None:
            nonlocal looked
            looked = pictures
            report(pictures)

        found[path] = _video(work, path, advance)
        total += looked - sizes[path]  # which its header may not have said truly
        done += looked
        report(0)
    return found


def _photos(work: _Work, paths: Sequence[Path]) -> list[tuple[Path, _Found]]:
    """Whose the faces of some photos are."""
    opened = [_open(path, work.max_pixels) for path in paths]
    photos = [photo for photo in opened if isinstance(photo, Photo)]
    looked = iter(look(photos, work.detect, work.embed, min_face=work.min_face, max_faces=work.max_faces))
    return [
        (path, _in_photo(work, str(path), *next(looked)))
        if isinstance(each, Photo)
        else (path, _Found(errors=[ItemError(str(path), type(each).__name__, str(each))]))
        for path, each in zip(paths, opened, strict=True)
    ]


def _in_photo(work: _Work, source: str, photo: Photo, described: Sequence[Description], left_out: int) -> _Found:
    good = [one for one in described if np.isfinite(one.embedding).all()]
    vectors = np.array([one.embedding for one in good], np.float32).reshape(-1, work.embed.dimension)
    faces = [
        Seen(source, identity, in_full(one.face, photo).box, one.quality.score)
        for one, identity in zip(good, recognise(work.gallery, vectors, work.threshold), strict=True)
    ]
    failed = len(described) - len(good)
    notes = [f"{count(left_out, 'face was', 'faces were')} left out, the least certain (max_faces)"] if left_out else []
    return _Found(faces, _without_embedding(work, source, failed), notes)


def _without_embedding(work: _Work, source: str, failed: int) -> list[ItemError]:
    message = f"{source}: {work.embed.name} gave no finite embedding for {count(failed, 'face', 'faces')}"
    return [ItemError(source, "ModelError", message)] if failed else []


def _open(path: Path, max_pixels: int) -> Photo | PerceptkitError:
    try:
        return open_photo(path, max_pixels=max_pixels)
    except (InputError, MissingExtraError) as error:
        return error


def _video(work: _Work, path: Path, report: Callable[[int], None]) -> _Found:
    """Whose the faces of a video are, a track each."""
    step = work.video_step
    try:
        with read(path, step=step, limits=work.limits) as frames:
            gap = gap_of(max(step, 1 / float(frames.info.rate)))
            followed = follow(
                frames,
                work.detect,
                work.embed,
                min_face=work.min_face,
                max_faces=work.max_faces,
                max_gap=gap,
                advance=report,
            )
            notes = [warning.removeprefix(f"{path}: ") for warning in frames.warnings]
    except MediaError as error:
        return _Found(errors=[ItemError(str(path), type(error).__name__, str(error))])
    followed = cut_tracks(followed, work.threshold)
    tracks = name_tracks(followed, work.gallery, work.threshold, best=work.track_faces)
    faces = [_on_track(str(path), followed, track) for track in tracks if track.moments]
    return _Found(faces, _without_embedding(work, str(path), followed.failed), notes)


def _on_track(source: str, followed: Followed, track: Track) -> Seen:
    moment = max(track.moments, key=lambda one: one.worth)
    row = np.flatnonzero((followed.track == track.id) & (followed.times[followed.look] == moment.time))[0]
    assert track.identity is not None  # as there is a gallery
    return Seen(
        source, track.identity, followed.boxes[row], moment.worth, moment.time, track.start, track.end, track.id
    )
