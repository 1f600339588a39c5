"""Follow the faces of a video: where each is in every frame that is looked at, and what it looks like over time.

Of every track the best face of each second is embedded, so that its person can be told from many moments, and a change
of the person on it can be seen. What is in memory grows with the faces found, by 36 bytes each, and with the seconds
of the tracks, by about 8 KB each in short tracks and less in long ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from ...arrays import Floats, Integers, Picture
from ...images import encode_jpeg
from ...models import cpu_count
from ...threads import prefetch, spread
from ...tracks import Tracker
from ...video import Frame, batched
from .. import defaults
from ..align import HEADSHOT_MARGIN, warp
from ..detect import Detector
from ..embed import Embedder
from ..finding import chunk_size
from ..samples import Sample, look_at
from ..types import Face, Quality

__all__ = ["MAX_GAP", "Doubles", "Followed", "Moment", "follow", "gap_of", "worth_of"]

MAX_GAP = 1.0
"""Seconds for which a face may be out of sight and still be on the same track."""

_WINDOW = 1.0  # seconds of a track of which the best face is embedded
_WINDOWS = 256  # of one track; then they become twice as long
_HEADSHOTS = 16  # of a track; then of every second, fourth ... window
_BATCH = 32  # faces that are embedded together

Doubles = np.ndarray[Any, np.dtype[np.float64]]


def gap_of(step: float) -> float:
    """For how many seconds a face may be out of sight and still be on the same track, in looks `step` seconds apart:
    a second, and two looks. Looks more than a second apart are not followed, as other slides of a talk are not."""
    return max(MAX_GAP, 2 * step) if step <= MAX_GAP else MAX_GAP


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """The best face of a second of a track: its embedding (D,), and its headshot (JPEG; of a long track most are
    empty)."""

    track: int
    time: float
    worth: float
    embedding: Floats = field(repr=False)
    headshot: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """All faces on tracks. `times` (L,) are those of the frames looked at, in seconds.

    Of each face: `look` (N,) is the place of its frame in `times`, rising, `track` (N,) its track, from 1, `boxes`
    (N, 4) in pixels, `scores` (N,) 0..1. `moments` are in order of track and time; `failed` is how many more there
    would be if the embedder had given finite numbers for them.
    """

    times: Doubles
    look: Integers
    track: Integers
    boxes: Floats
    scores: Floats
    moments: tuple[Moment, ...]
    failed: int = 0


def follow(
    frames: Iterable[Frame],
    detect: Detector,
    embed: Embedder | None,
    *,
    min_face: float,
    max_faces: int = defaults.MAX_FACES,
    max_gap: float = MAX_GAP,
    advance: Callable[[int], None] | None = None,
) -> Followed:
    """Follow the faces through the frames, searching each; without `embed` nothing tells who they are.

    `advance` is called with the number of frames looked at. Raises what reading and the models raise.
    """
    rows = _Rows()
    looking = partial(look_at, detect=detect, min_face=min_face, max_faces=max_faces)
    with (
        closing(prefetch(frames)) as ahead,
        closing(spread(looking, batched(ahead, chunk_size(detect)), workers=cpu_count())) as looked,
        closing(_cut(chain.from_iterable(looked), detect, rows, max_gap, advance)) as cuts,
        closing(spread(partial(_describe, embed), batched(cuts, _BATCH), workers=cpu_count())) as described,
    ):
        moments = sorted(chain.from_iterable(described), key=lambda one: (one.track, one.time))
    sound = tuple(moment for moment in moments if np.isfinite(moment.embedding).all())
    return Followed(
        np.array(rows.times),
        np.array(rows.look, np.int64),
        np.array(rows.track, np.int64),
        np.array(rows.boxes, np.float32).reshape(-1, 4),
        np.array(rows.scores, np.float32),
        sound,
        len(moments) - len(sound),
    )


class _Rows:
    """Columns that grow, without an object for each number."""

    def __init__(self) -> None:
        self.times = array("d")
        self.look, self.track = array("q"), array("q")
        self.boxes, self.scores = array("f"), array("f")

    def add_face(self, face: Face, track: int) -> None:
        self.look.append(len(self.times) - 1)
        self.track.append(track)
        self.boxes.extend(face.box.tolist())
        self.scores.append(face.score)


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    track: int
    time: float
    worth: float
    aligned: Picture
    headshot: Picture | None


@dataclass(slots=True, eq=False)
class _Window:
    """The second of a track that is under way, and the best face of it so far."""

    end: float
    last: float
    count: int = 1
    best: _Cut | None = None


def _cut(
    samples: Iterable[Sample],
    detect: Detector,
    rows: _Rows,
    max_gap: float,
    advance: Callable[[int], None] | None,
) -> Generator[_Cut, None, None]:
    """Put the faces on tracks, note them, and give the best of each second of a track."""
    tracker = Tracker(min_score=max(detect.min_score, detect.certain_score), max_gap=max_gap)
    windows: dict[int, _Window] = {}
    for number, sample in enumerate(samples, 1):
        time = sample.frame.time
        rows.times.append(time)
        boxes = np.array([face.box for face in sample.faces], np.float32).reshape(-1, 4)
        tracks = tracker.update(time, boxes, np.array([face.score for face in sample.faces], np.float32))
        for place, track in enumerate(tracks):
            if track is not None:
                rows.add_face(sample.faces[place], track)
                yield from _ended(windows, track, time)
                _offer(windows[track], sample, place, track)
        for track in [track for track, window in windows.items() if time - window.last > max_gap]:
            yield from _best(windows.pop(track))
        if advance:
            advance(number)
    for window in windows.values():
        yield from _best(window)


def _ended(windows: dict[int, _Window], track: int, time: float) -> list[_Cut]:
    """Begin the next window of a track when it is time, and give the best face of the last."""
    window = windows.get(track)
    if window is None:
        windows[track] = _Window(time + _WINDOW, time)
        return []
    if time < window.end:
        return []
    length = _WINDOW * 2.0 ** (window.count // _WINDOWS)
    windows[track] = _Window(time + length, time, window.count + 1)
    return _best(window)


def _best(window: _Window) -> list[_Cut]:
    return [window.best] if window.best else []


def _offer(window: _Window, sample: Sample, place: int, track: int) -> None:
    window.last = sample.frame.time
    worth = worth_of(sample.faces[place], sample.qualities[place])
    if window.best is None or worth > window.best.worth:
        stride = max(1, 2 ** (window.count.bit_length() - _HEADSHOTS.bit_length()))
        shown = window.count % stride == 0 or window.count == 1
        window.best = _hold(sample, place, track, worth, headshot=shown)


def worth_of(face: Face, quality: Quality) -> float:
    """A face that is half hidden, or half out of the picture, may be large and sharp."""
    return quality.score * quality.inside * face.score


def _hold(sample: Sample, place: int, track: int, worth: float, *, headshot: bool) -> _Cut:
    landmarks, side = sample.faces[place].landmarks, defaults.HEADSHOT_SIDE
    shown = warp(sample.frame.image, landmarks, side=side, margin=HEADSHOT_MARGIN) if headshot else None
    return _Cut(track, sample.frame.time, worth, sample.crops[place].copy(), shown)


def _describe(embed: Embedder | None, cuts: list[_Cut]) -> list[Moment]:
    nothing = np.empty((len(cuts), 0), np.float32)
    embeddings = embed(np.stack([cut.aligned for cut in cuts])) if embed else nothing
    return [
        Moment(cut.track, cut.time, cut.worth, embedding, b"" if cut.headshot is None else encode_jpeg(cut.headshot))
        for cut, embedding in zip(cuts, embeddings, strict=True)
    ]
