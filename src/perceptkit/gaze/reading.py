"""Frames in, the gaze of every face in them out: find, follow, crop, estimate, smooth.

Each step is a function from an iterable to an iterable. The networks run in several threads with one CPU each; what
depends on the frame before (following, smoothing) runs between them, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np

from ..arrays import Picture
from ..errors import InputError
from ..face import Face
from ..models import cpu_count
from ..threads import spread
from ..tracks import Tracker, interpolate
from ..video import Frame, batched
from .defaults import DETECT_EVERY, MAX_DETECT_EVERY, MIN_FACE, SCORE_MARGIN
from .smoothing import Smoother
from .types import FrameGaze, Gaze

__all__ = ["Known", "Reading", "read_gaze"]

_CHUNK_CPU, _CHUNK_GPU = 1, 16  # frames whose faces are estimated together

Detect = Callable[[Sequence[Picture]], list[list[Face]]]
Estimate = Callable[[Sequence[Picture]], list[Gaze]]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What an earlier run found, by frame index: the `faces` of the detector, and the `gazes` of the network."""

    faces: Mapping[int, list[Face]] = field(default_factory=dict)
    gazes: Mapping[int, list[Gaze]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A frame, what is seen in it, and what the detector said of it (None: it was not asked)."""

    frame: Frame
    seen: FrameGaze
    found: list[Face] | None


def read_gaze(
    frames: Iterable[Frame],
    detect: Detect,
    estimate: Estimate,
    *,
    detect_every: int = DETECT_EVERY,
    smooth: bool = True,
    min_face: float = MIN_FACE,
    min_score: float | None = None,
    workers: int | None = None,
    known: Known | None = None,
) -> Generator[Reading, None, None]:
    """Where every face of every frame looks.

    `detect` gives the faces of each image of a batch, `estimate` the gaze of each face crop. With `detect_every` k,
    faces are searched for on every k-th frame (and the last); in between, a face that is seen at both ends is where
    the straight line between them says. Detections from `min_score` on (default: what the detector is certain of)
    begin a track, those a little below continue one. Faces whose box is smaller than `min_face` pixels are left out.
    `workers` threads run the networks, by default one a CPU; with 1 the work is done as the frames come, without
    reading ahead, as a live view wants it. What is in `known` is not computed again. Raises what `detect` and
    `estimate` raise, InputError for values that make no sense.
    """
    if not 1 <= detect_every <= MAX_DETECT_EVERY:
        raise InputError(f"detect_every is {detect_every}; it must lie between 1 and {MAX_DETECT_EVERY}")
    begin = float(getattr(detect, "certain_score", 0.5)) if min_score is None else min_score
    if not 0 < begin < 1:
        raise InputError(f"min_score is {begin}; it must lie between 0 and 1")
    wanted = partial(_is_wanted, min_face=min_face, min_score=begin - SCORE_MARGIN)
    return _read(
        frames,
        partial(_look, detect=detect, known=known or Known(), wanted=wanted),
        partial(_estimate, estimate=estimate, known=known or Known()),
        detect_every=detect_every,
        tracker=Tracker(min_score=begin),
        smoother=Smoother() if smooth else None,
        workers=workers or cpu_count(),
        chunk=_CHUNK_CPU if getattr(estimate, "device", "cpu") in ("cpu", "openvino") else _CHUNK_GPU,
    )


@dataclass(slots=True, eq=False)
class _Span:
    """Frames from one that is searched to before the next; `found` has the faces of those that were, by position."""

    frames: list[Frame]
    searched: tuple[int, ...]
    found: dict[int, list[Face]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Followed:
    """A frame with its faces, and then with their crops and gazes."""

    frame: Frame
    faces: list[Face]
    found: list[Face] | None
    crops: list[tuple[int, int, int, int]] = field(default_factory=list)
    gazes: list[Gaze] = field(default_factory=list)


def _read(
    frames: Iterable[Frame],
    look: Callable[[_Span], _Span],
    estimate_all: Callable[[list[_Followed]], list[_Followed]],
    *,
    detect_every: int,
    tracker: Tracker,
    smoother: Smoother | None,
    workers: int,
    chunk: int,
) -> Generator[Reading, None, None]:
    # Searching fewer frames takes fewer threads, and the spans that wait for it are long.
    searchers = -(-workers // detect_every)
    with closing(_spread(look, _spans(frames, detect_every), searchers, ahead=1)) as looked:
        followed = _follow(looked, tracker)
        with closing(_spread(estimate_all, batched(followed, chunk if workers > 1 else 1), workers)) as estimated:
            for each in chain.from_iterable(estimated):
                raw = tuple(each.gazes)
                tracks = [face.track for face in each.faces]
                shown = smoother(each.frame.time, tracks, raw) if smoother else raw
                seen = FrameGaze(
                    each.frame.index, each.frame.time, tuple(each.faces), tuple(each.crops), tuple(shown), raw
                )
                yield Reading(each.frame, seen, each.found)


def _spread(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int, *, ahead: int = 2
) -> Generator[Any, None, None]:
    if workers > 1:
        yield from spread(function, items, workers=workers, ahead=ahead)
    else:
        yield from map(function, items)


def _spans(frames: Iterable[Frame], length: int) -> Iterator[_Span]:
    """The frames in spans of `length`; their first ones are to be searched, and the very last one."""
    if length == 1:  # without waiting for the frame after
        yield from (_Span([frame], (0,)) for frame in frames)
        return
    iterator = iter(frames)
    span = list(islice(iterator, length))
    while span:
        following = list(islice(iterator, length))
        last = () if following or len(span) == 1 else (len(span) - 1,)
        yield _Span(span, (0, *last))
        span = following


def _look(span: _Span, *, detect: Detect, known: Known, wanted: Callable[[Face], bool]) -> _Span:
    """Find the faces of a span's frames that are to be searched."""
    for position in span.searched:
        faces = known.faces.get(span.frames[position].index)
        if faces is None:
            faces = detect([span.frames[position].image])[0]
        span.found[position] = [face for face in faces if wanted(face)]
    return span


def _follow(spans: Iterable[_Span], tracker: Tracker) -> Iterator[_Followed]:
    """Give the faces their tracks, and the frames between two searched ones their faces."""
    between: list[Frame] = []
    before: _Followed | None = None
    for span in spans:
        for position, frame in enumerate(span.frames):
            found = span.found.get(position)
            if found is None:
                between.append(frame)
                continue
            searched = _Followed(frame, _tracked(found, frame.time, tracker), found)
            if before is not None:
                yield from (_Followed(each, _moved(before, searched, each.time), None) for each in between)
            between.clear()
            yield searched
            before = searched


def _tracked(faces: list[Face], time: float, tracker: Tracker) -> list[Face]:
    """The faces that begin or continue a track."""
    boxes = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
    tracks = tracker.update(time, boxes, np.array([face.score for face in faces], np.float32))
    return [
        Face(face.box, face.score, face.landmarks, track)
        for face, track in zip(faces, tracks, strict=True)
        if track is not None
    ]


def _moved(before: _Followed, after: _Followed, time: float) -> list[Face]:
    """The faces that are in both frames, where they are at a time between."""
    share = (time - before.frame.time) / (after.frame.time - before.frame.time)
    later = {face.track: face for face in after.faces}
    moved = []
    for face in before.faces:
        if (other := later.get(face.track)) is not None:
            box = np.asarray(interpolate(face.box, other.box, share), np.float32)
            landmarks = np.asarray((1 - share) * face.landmarks + share * other.landmarks, np.float32)
            moved.append(Face(box, min(face.score, other.score), landmarks, face.track))
    return moved


def _estimate(batch: list[_Followed], *, estimate: Estimate, known: Known) -> list[_Followed]:
    """Crop the faces of all frames of a batch, then estimate them together."""
    for each in batch:
        each.crops = [_rectangle(face, each.frame.image) for face in each.faces]
        each.gazes = known.gazes.get(each.frame.index, [])
    new = [each for each in batch if len(each.gazes) != len(each.faces)]
    cut = [each.frame.image[y1:y2, x1:x2] for each in new for x1, y1, x2, y2 in each.crops]
    gazes = iter(estimate(cut) if cut else ())
    for each in new:
        each.gazes = list(islice(gazes, len(each.faces)))
    return batch


def _rectangle(face: Face, image: Picture) -> tuple[int, int, int, int]:
    """The box cut down to whole pixels inside the image, at least one each way."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (int(value) for value in face.box)
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return x1, y1, max(min(x2, width), x1 + 1), max(min(y2, height), y1 + 1)


def _is_wanted(face: Face, *, min_face: float, min_score: float) -> bool:
    return face.score >= min_score and min(face.box[2] - face.box[0], face.box[3] - face.box[1]) >= min_face
