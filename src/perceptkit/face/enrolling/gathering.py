"""Photos and videos -> the faces in them that are good enough to know somebody by.

A video is looked at now and then and cut into parts of equal length; a photo is a part by itself. Of every part and
track the best face of each view of the head is held, so that what is in memory does not grow with the length.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from ...arrays import Floats, Picture
from ...models import cpu_count
from ...threads import prefetch, spread
from ...tracks import Tracker
from ...video import Frame, Limits, batched, frame_times, read
from .. import defaults
from ..align import HEADSHOT_MARGIN, warp
from ..detect import Detector
from ..embed import Embedder
from ..finding import chunk_size, digest_of, face_id, in_full, look, open_photo, shorter_side
from ..grouping import MIN_QUALITY
from ..quality import head_yaw, unposed
from ..samples import Sample, look_at
from ..types import Face, Quality

__all__ = ["YAW_BIN", "Candidate", "Gathered", "Look", "gather_photo", "gather_video", "view"]

YAW_BIN = 15.0
"""Degrees of turning the head that count as one view of it."""

_INSIDE = 0.5  # of the aligned crop: what is outside the picture is made up, as in a face that is too small
_MAX_GAP = 1.0  # seconds for which a face may be out of sight and still be on the same track
_MOST_HELD = 64  # faces of a part, in case that many people pass
_ABOUT = 0.8  # of the size of the largest face: one that is about as large
_BATCH = 32  # faces that are embedded together


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A face good enough to know somebody by, with its embedding (D,).

    `part` numbers the photo, or the part of a video, that it is in, `track` its track (None in a photo). `worth` 0..1
    is its quality whatever the turn of the head, `yaw` that turn in degrees, `headshot` RGB uint8 (160, 160, 3).
    """

    id: str
    source: str
    part: int
    time: float | None
    track: int | None
    quality: Quality
    worth: float
    yaw: float
    embedding: Floats
    headshot: Picture


@dataclass(frozen=True, slots=True)
class Look:
    """A photo or a frame with a face: the part that it is, and of its largest face the track, the shorter side in
    pixels, the turn in degrees, and what is wrong with it ("" when it is good enough). `peers` counts the other faces
    that are about as large."""

    part: int
    time: float | None
    track: int | None
    side: float
    yaw: float
    fault: str
    peers: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What one photo or video gives. `looked` counts the pictures looked at, `looks` are those with a face."""

    source: str
    looked: int
    looks: tuple[Look, ...]
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]


def gather_photo(
    path: Path, detect: Detector, embed: Embedder, *, part: int, min_face: float, max_pixels: int
) -> Gathered:
    """The faces of a photo, as part number `part`; the errors of `images.read`."""
    photo = open_photo(path, max_pixels=max_pixels)
    ((photo, described, _),) = look([photo], detect, embed, min_face=0, max_faces=defaults.MAX_FACES)
    digest = hashlib.sha256(photo.data).hexdigest()
    looks, candidates = [], []
    described = sorted(described, key=lambda one: -shorter_side(one.face))
    for each in described:
        face = in_full(each.face, photo)
        seen = _look(part, None, face, each.quality, min_face)
        if not seen.fault and not np.isfinite(each.embedding).all():
            seen = replace(seen, fault="one that the embedder gave no numbers for")
        looks.append(seen)
        if not seen.fault:
            identity = face_id(digest, face, detect.sha256, embed.sha256)
            headshot = _headshot(photo.image, each.face)
            worth = unposed(each.quality)
            candidates.append(
                Candidate(
                    identity, str(path), part, None, None, each.quality, worth, seen.yaw, each.embedding, headshot
                )
            )
    largest = [replace(looks[0], peers=_peers([each.face for each in described]))] if looks else []
    return Gathered(str(path), 1, tuple(largest), tuple(candidates), ())


def gather_video(
    path: Path,
    detect: Detector,
    embed: Embedder,
    *,
    first_part: int,
    parts: int,
    step: float,
    min_face: float,
    limits: Limits | None,
    advance: Callable[[int], None],
) -> Gathered:
    """The largest faces of a video, looked at every `step` seconds, as parts from `first_part` on.

    `advance` is called with the number of frames looked at. Raises MediaError for what is no video.
    """
    looks: list[Look] = []
    best: dict[int, dict[tuple[int | None, int], _Held]] = {}
    looked = 0
    with read(path, step=step, limits=limits) as frames:
        *shown, end = frame_times(path, limits=limits).tolist()
        begin = shown[0] if shown else 0.0
        for looked, (sample, places, track) in enumerate(_by_size(frames, detect, step), 1):
            advance(looked)
            if not places:
                continue
            place = places[0]
            passed = max(sample.frame.time - begin, 0.0) / (end - begin)
            part = first_part + min(int(parts * passed), parts - 1)
            seen = _look(part, sample.frame.time, sample.faces[place], sample.qualities[place], min_face)
            looks.append(replace(seen, track=track, peers=_peers([sample.faces[each] for each in places])))
            if not seen.fault:
                _offer(best.setdefault(part, {}), sample, place, looks[-1])
        notes = tuple(frames.warnings)
    held = [each for of_part in best.values() for each in of_part.values()]
    candidates = _described(held, path, digest_of(path), detect, embed) if held else ()
    return Gathered(str(path), looked, tuple(looks), tuple(candidates), notes)


def view(yaw: float) -> int:
    """The number of the view that a turn of the head in degrees belongs to: 0 from 0 to 15, as the picture counts."""
    return math.floor(yaw / YAW_BIN)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    look: Look
    face: Face
    quality: Quality
    worth: float
    aligned: Picture
    headshot: Picture


def _by_size(frames: Iterable[Frame], detect: Detector, step: float) -> Iterator[tuple[Sample, list[int], int | None]]:
    """Each frame looked at, with the places of its faces that are on tracks, largest first, and the track of that."""
    tracker = Tracker(min_score=max(detect.min_score, detect.certain_score), max_gap=max(_MAX_GAP, 2 * step))
    looking = partial(look_at, detect=detect, min_face=0, max_faces=defaults.MAX_FACES)
    with (
        closing(prefetch(frames)) as ahead,
        closing(spread(looking, batched(ahead, chunk_size(detect)), workers=cpu_count())) as looked,
    ):
        for sample in chain.from_iterable(looked):
            boxes = np.array([face.box for face in sample.faces], np.float32).reshape(-1, 4)
            scores = np.array([face.score for face in sample.faces], np.float32)
            tracks = tracker.update(sample.frame.time, boxes, scores)
            places = [place for place, track in enumerate(tracks) if track is not None]
            places.sort(key=lambda place: -shorter_side(sample.faces[place]))
            yield sample, places, tracks[places[0]] if places else None


def _offer(held: dict[tuple[int | None, int], _Held], sample: Sample, place: int, seen: Look) -> None:
    """Hold a face if it is the best of its track and view so far."""
    key, worth = (seen.track, view(seen.yaw)), unposed(sample.qualities[place])
    if key not in held or worth > held[key].worth:
        held[key] = _hold(sample, place, seen, worth)
    if len(held) > _MOST_HELD:
        del held[min(held, key=lambda each: held[each].worth)]


def _hold(sample: Sample, place: int, seen: Look, worth: float) -> _Held:
    face = sample.faces[place]
    headshot = _headshot(sample.frame.image, face)
    return _Held(seen, face, sample.qualities[place], worth, sample.crops[place].copy(), headshot)


def _described(held: list[_Held], path: Path, digest: str, detect: Detector, embed: Embedder) -> Iterator[Candidate]:
    crops = batched((each.aligned for each in held), _BATCH)
    with closing(spread(lambda batch: embed(np.stack(batch)), crops, workers=cpu_count())) as embedded:
        for each, embedding in zip(held, chain.from_iterable(embedded), strict=True):
            if np.isfinite(embedding).all():
                time = round(each.look.time or 0.0, 6)
                identity = face_id(digest, each.face, detect.sha256, embed.sha256, time=time)
                yield Candidate(
                    identity,
                    str(path),
                    each.look.part,
                    time,
                    each.look.track,
                    each.quality,
                    each.worth,
                    each.look.yaw,
                    embedding,
                    each.headshot,
                )


def _headshot(image: Picture, face: Face) -> Picture:
    return warp(image, face.landmarks, side=defaults.HEADSHOT_SIDE, margin=HEADSHOT_MARGIN)


def _look(part: int, time: float | None, face: Face, quality: Quality, min_face: float) -> Look:
    side = shorter_side(face)
    return Look(part, time, None, side, float(head_yaw(face.landmarks[None])[0]), _fault(quality, side, min_face))


def _peers(faces: Sequence[Face]) -> int:
    """How many other faces are about as large as the first, which is the largest. Detectors find some faces twice."""
    first, *others = faces
    large = [other for other in others if shorter_side(other) >= _ABOUT * shorter_side(first)]
    middles = [(other.box[:2] + other.box[2:]) / 2 for other in large]
    return sum(bool((middle < first.box[:2]).any() or (middle > first.box[2:]).any()) for middle in middles)


def _fault(quality: Quality, side: float, min_face: float) -> str:
    """Why somebody cannot be known by a face, in a word or two; "" when nothing is wrong with it."""
    if side < min_face:
        return "too small"
    if quality.inside < _INSIDE:
        return "cut off by the border"
    if unposed(quality) >= MIN_QUALITY:
        return ""
    parts = {"blurred": quality.sharpness, "badly lit": quality.exposure, "cut off by the border": quality.inside}
    return min(parts, key=lambda name: parts[name])
