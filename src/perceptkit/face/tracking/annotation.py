"""A video in; out come the video with everybody's name, who was where when, and a crop that follows: `track`.

OUT/annotated.mp4    every frame with a box and a name for each face; sound and timestamps of the source
OUT/tracks.jsonl     a line a frame: the faces with their tracks and names, the box around all, where the target is
OUT/summary.json     the tracks, when each person was seen, the target found and lost, models, settings, warnings
OUT/tracks.png       the tracks over time, with faces from them
OUT/crop.mp4         on demand: a 16:9 picture that follows the target, or everybody

The video is read twice: a name is told from all of a track, and is then there from its first frame on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...arrays import Integers, Picture
from ...errors import InputError
from ...files import remove_parts, write_bytes
from ...images import encode_png
from ...output import count, picture_html, write_json
from ...video import Limits, read
from .. import defaults
from ..detect import Detector
from ..embed import Embedder
from ..gallery.files import load_gallery
from ..gallery.people import Gallery
from ..loading import load_detector, load_embedder_of
from ..thresholds import check_threshold, resolve_threshold
from .cutting import cut_tracks
from .following import Followed, follow, gap_of
from .lines import Cast, person_facts, shown_in, track_facts
from .places import Place, Places, Spans, looks_of, spans_of
from .recording import Files, record
from .sheet import TrackRow, track_sheet
from .showing import colour_of
from .voting import Track, name_tracks

__all__ = ["Tracking", "track"]

_MOST_SKIPPED = 60  # frames from one that is searched to the next
_NOWHERE = np.zeros(4, np.float32)
_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Tracking:
    """What was followed and where it was written.

    `tracks` are in order of first appearance; `people` maps the names of those who were recognised to when they were
    seen (spans in seconds). `target` is the name looked for, if there is one. `crop` is None when none was wanted.
    """

    folder: Path
    picture: Path
    crop: Path | None
    frames: int
    tracks: tuple[Track, ...]
    people: dict[str, Spans]
    target: str | None
    summary: dict[str, Any] = field(repr=False)
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Tracking({str(self.picture)!r}: {self})"

    def _repr_html_(self) -> str:
        return picture_html(self.folder / "tracks.png", alt=str(self), otherwise=repr(self))

    def __str__(self) -> str:
        seen = f"{count(self.frames, 'frame', 'frames')}, {count(len(self.tracks), 'track', 'tracks')}"
        return f"{seen}, {count(len(self.people), 'person', 'people')} recognised"


def track(
    source: str | Path,
    folder: str | Path | None = None,
    *,
    gallery: str | Path | Gallery | None = None,
    target: str | None = None,
    crop: bool = False,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | str | None = None,
    min_score: float = defaults.MIN_SCORE,
    min_face: int = defaults.MIN_FACE,
    detect_every: int = 1,
    track_faces: int = defaults.TRACK_FACES,
    limits: Limits | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Tracking:
    """Follow every face of a video, name those that a gallery knows, and write all of it to `folder`.

    Without a `folder` it is named after the video. Each track is named by its `track_faces` best faces together, if
    they reach `threshold`; of tracks that are seen together only one can have a name. `target` is the name of the one
    who is looked for. `crop` asks for a video that follows the target or, without one, everybody. Faces are
    searched for on every `detect_every`-th frame. The other arguments are those of `identify`.

    A run that is stopped leaves no half-written file. Raises MediaError for what is no video, InputError for values
    that make no sense, a target that the gallery does not know or a gallery that cannot be used, ModelError or
    DeviceError when the models or the disk fail.
    """
    started = time.time()
    source = Path(source).expanduser()
    _check(detect_every, track_faces, threshold)
    known = gallery if isinstance(gallery, Gallery) or gallery is None else load_gallery(gallery)
    target = _target(target, known)
    files = Files.within(f"{source.stem}-tracks" if folder is None else folder, source, crop=crop)
    tally = _Tally(progress)
    with read(source, every=detect_every, limits=limits) as frames:
        about = frames.info
        embed = load_embedder_of(known, embedder, preset=preset, device=device, threads=1)
        detector = load_detector(detector, preset=preset, device=device, threads=1, min_score=min_score)
        limit = resolve_threshold(threshold, model=embed.name, sha256=embed.sha256, usual=embed.threshold)
        tally.expect(about.expected_frames, detect_every)
        gap = gap_of(detect_every / float(about.rate))
        followed = follow(frames, detector, embed, min_face=min_face, max_gap=gap, advance=tally.advance)
        unsound = list(frames.warnings)
    if followed.failed:
        failed = count(followed.failed, "face", "faces")
        unsound.append(f"{source}: {embed.name} gave no finite embedding for {failed}")
    followed = cut_tracks(followed, limit)
    tracks = name_tracks(followed, known, limit, best=track_faces)
    people_of_gallery = None if known is None else {name: place for place, name in enumerate(known.names)}
    cast = Cast({each.id: each for each in tracks}, people_of_gallery, target)
    tally.begin_anew()
    written = record(source, files, places=Places(followed), cast=cast, limits=limits, advance=tally.advance)
    spans = partial(_spans, followed, looks_of(followed), max_gap=gap, end=written.end)
    people = _people(tracks, cast, spans)
    write_bytes(files.sheet, encode_png(_sheet(source.name, tracks, cast, spans, written.end)))
    remove_parts(files.folder)
    if files.crop is None:
        (files.folder / "crop.mp4").unlink(missing_ok=True)  # of an earlier run
    warnings = tuple(dict.fromkeys((*unsound, *written.warnings)))
    summary = {
        "source": str(source),
        "frames": written.frames,
        "tracks": [track_facts(each) for each in tracks],
        "people": [person_facts(name, each) for name, each in people.items()],
        "target": None if target is None else person_facts(target, people.get(target, ())),
        "warnings": warnings,
        "settings": {
            "perceptkit": __version__,
            "detector": _about(detector),
            "embedder": _about(embed),
            "threshold": limit,
            "min_score": detector.min_score,
            "min_face": min_face,
            "detect_every": detect_every,
            "track_faces": track_faces,
        },
        "seconds": round(time.time() - started, 3),
    }
    write_json(files.summary, summary)
    return Tracking(
        files.folder, files.picture, files.crop, written.frames, tuple(tracks), people, target, summary, warnings
    )


def _check(detect_every: int, track_faces: int, threshold: float | str | None) -> None:
    if not 1 <= detect_every <= _MOST_SKIPPED:
        raise InputError(f"detect_every is {detect_every}; it must lie between 1 and {_MOST_SKIPPED}")
    if track_faces < 1:
        raise InputError(f"track_faces is {track_faces}; it must be at least 1")
    check_threshold(threshold)


def _target(name: str | None, gallery: Gallery | None) -> str | None:
    """The name of the one who is looked for, as the gallery has it."""
    if name is None:
        return None
    if gallery is None:
        raise InputError(f"who is {name!r}? give the gallery too")
    return gallery.person(name).name


def _people(tracks: Sequence[Track], cast: Cast, spans: Callable[[Sequence[int]], Spans]) -> dict[str, Spans]:
    """When each person who was recognised was seen, in the order of the gallery."""
    theirs: dict[str, list[int]] = {}
    for each in tracks:
        if each.name is not None:
            theirs.setdefault(each.name, []).append(each.id)
    return {name: spans(theirs[name]) for name in cast.people or () if name in theirs}


@dataclass(slots=True)
class _Tally:
    """The frames looked at and written, and how many there will be, None where the header does not say."""

    report: Callable[[int, int | None], None] | None
    total: int | None = None
    before: int = 0
    done: int = 0

    def expect(self, frames: int | None, detect_every: int) -> None:
        """So many frames are in the video; all are written, but not all are looked at."""
        self.total = None if frames is None else frames + -(-frames // detect_every)

    def advance(self, frames: int) -> None:
        self.done = self.before + frames
        if self.report:
            self.report(self.done, None if self.total is None else max(self.total, self.done))

    def begin_anew(self) -> None:
        """What comes now is counted from 0 again."""
        self.before = self.done


def _spans(
    followed: Followed, looks: Sequence[Integers], tracks: Sequence[int], *, max_gap: float, end: float
) -> Spans:
    """When any of the tracks is seen."""
    seen = [looks[track - 1] for track in tracks]
    return spans_of(followed.times, np.unique(np.concatenate(seen)) if seen else _NOTHING, max_gap=max_gap, end=end)


def _sheet(
    title: str, tracks: Sequence[Track], cast: Cast, spans: Callable[[Sequence[int]], Spans], end: float
) -> Picture:
    rows = []
    for each, shown in zip(tracks, shown_in([Place(one.id, _NOWHERE, 0.0) for one in tracks], cast), strict=True):
        label = str(each.id) if each.identity is None else f"{each.id} {each.name or 'unknown'}"
        similar = None if each.identity is None else each.identity.similarity
        note = "" if similar is None else f"{similar:.2f}, {each.agree} of {each.asked}"
        faces = tuple((moment.time, moment.headshot) for moment in each.moments if moment.headshot)
        rows.append(TrackRow(label, note, colour_of(shown), spans([each.id]), faces))
    facts = []
    if cast.people is not None:
        facts.append("Under each name: how alike the nearest person is, and how many of the faces asked say so alone.")
    if cast.target is not None:
        found = spans([each.id for each in tracks if each.name == cast.target])
        told = ", ".join(f"{start:.1f} to {stop:.1f} s" for start, stop in found)
        facts.append(f"{cast.target} is in sight from {told}." if found else f"{cast.target} was not found.")
    return track_sheet(rows, start=0.0, end=end, title=title, facts=facts)


def _about(model: Detector | Embedder) -> dict[str, str]:
    return {"name": model.name, "sha256": model.sha256, "device": model.device}
