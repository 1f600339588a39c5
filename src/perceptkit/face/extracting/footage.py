"""Videos on disk -> their records and embeddings: look at a frame now and then, follow the faces, keep the best.

Frames are decoded in a thread of their own and searched in as many as there are CPUs; following runs between them, in
order of time. Of every track only the best crops are held, until it ends; then they are embedded. So what is in memory
does not grow with the length of the video, but for the results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats, Picture
from ...errors import MediaError, ModelError
from ...images import encode_jpeg
from ...models import cpu_count
from ...output import count
from ...threads import prefetch, spread
from ...tracks import Tracker
from ...video import batched, read
from ..align import HEADSHOT_MARGIN, warp
from ..finding import chunk_size, digest_of
from ..moments import APART, Moments
from ..samples import Sample, look_at
from ..types import Face, Quality
from .job import Job, error_entry, new_record
from .journal import Record

__all__ = ["process_video"]

_BATCH = 32  # crops that are embedded together
_MAX_GAP = 1.0  # seconds for which a face may be out of sight and still be on the same track
_MISSED = 2  # and samples, when there are few: one may be missed


def process_video(job: Job, source: Path, advance: Callable[[int], None]) -> tuple[Record, Floats]:
    """Find the faces of a video, follow them and describe the best of each track: a record and the embeddings.

    `advance` is called with the number of frames looked at. What is wrong with the file is in the record.
    """
    record = new_record(source)
    look = partial(look_at, detect=job.detect, min_face=job.min_face, max_faces=job.max_faces)
    found: list[_Described] = []
    try:
        with read(source, step=job.video_step, limits=job.limits) as frames:
            digest = digest_of(source)
            with (
                closing(prefetch(frames)) as ahead,
                closing(spread(look, batched(ahead, chunk_size(job.detect)), workers=cpu_count())) as looked,
                closing(_follow(chain.from_iterable(looked), job, record["notes"], advance)) as crops,
                closing(
                    spread(partial(_describe, job, str(source), digest), batched(crops, _BATCH), workers=cpu_count())
                ) as described,
            ):
                found.extend(chain.from_iterable(described))
            record["notes"] += [warning.removeprefix(f"{source}: ") for warning in frames.warnings]
    except MediaError as error:
        record["errors"].append(error_entry(error))
        return record, job.stacked(())
    found.sort(key=lambda each: (each.track, each.time))
    record["errors"] += [error_entry(each.entry) for each in found if isinstance(each.entry, ModelError)]
    good = [each for each in found if not isinstance(each.entry, ModelError)]
    record["faces"] += [each.entry for each in good]
    return record, job.stacked([each.embedding for each in good])


@dataclass(frozen=True, slots=True, eq=False)
class _Crop:
    """A face that is kept: all that is needed of its frame. `headshot` is JPEG."""

    time: float
    face: Face
    quality: Quality
    aligned: Picture
    headshot: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _Described:
    """A crop with its embedding, and what is noted of it: an error when there is no embedding."""

    track: int
    time: float
    entry: dict[str, Any] | ModelError
    embedding: Floats


def _follow(
    samples: Iterable[Sample], job: Job, notes: list[str], advance: Callable[[int], None]
) -> Generator[_Crop, None, None]:
    """Put the faces on tracks; the best crops of each, when it has ended."""
    max_gap = max(_MAX_GAP, _MISSED * job.video_step)
    tracker = Tracker(min_score=max(job.detect.min_score, job.detect.certain_score), max_gap=max_gap)
    followed: dict[int, Moments[_Crop]] = {}
    left_out, before, spacing = 0, -math.inf, math.inf
    for number, sample in enumerate(samples, 1):
        time = sample.frame.time
        before, spacing = time, min(spacing, time - before)
        boxes = np.array([face.box for face in sample.faces], np.float32).reshape(-1, 4)
        scores = np.array([face.score for face in sample.faces], np.float32)
        for place, track in enumerate(tracker.update(time, boxes, scores)):
            if track is not None:
                moments = followed.setdefault(track, Moments(job.track_faces))
                quality = sample.qualities[place]
                # Large and sharp may also be what is half hidden, which the detector is less sure of, or cut off by
                # the border of the picture; in a video there are better moments.
                worth = quality.score * quality.inside * sample.faces[place].score
                moments.offer(time, worth, partial(_cut, job, sample, place, track))
        for track in [track for track, moments in followed.items() if time - moments.last > max_gap]:
            yield from _kept(followed.pop(track), spacing)
        left_out += sample.left_out
        advance(number)
    for moments in followed.values():
        yield from _kept(moments, spacing)
    if left_out:
        notes.append(f"{count(left_out, 'face was', 'faces were')} left out, the least certain (--max-faces)")


def _kept(moments: Moments[_Crop], spacing: float) -> list[_Crop]:
    """The crops to keep of a track that has ended. Detectors see things for a moment that are no faces: what was seen
    once only is dropped, where frames were looked at `spacing` seconds apart and a face had to be seen again."""
    return moments.best() if moments.offered > 1 or spacing > APART else []


def _cut(job: Job, sample: Sample, place: int, track: int) -> _Crop:
    face = sample.faces[place]
    headshot = warp(sample.frame.image, face.landmarks, side=job.headshot_side, margin=HEADSHOT_MARGIN)
    return _Crop(
        round(sample.frame.time, 6),
        Face(face.box, face.score, face.landmarks, track),
        sample.qualities[place],
        sample.crops[place].copy(),  # not a view, which would hold the others
        encode_jpeg(headshot),
    )


def _describe(job: Job, source: str, digest: str, crops: Sequence[_Crop]) -> list[_Described]:
    """Embed some crops together and write their headshots."""
    described = []
    for crop, embedding in zip(crops, job.embed(np.stack([crop.aligned for crop in crops])), strict=True):
        entry: dict[str, Any] | ModelError
        try:
            entry = job.keep(source, digest, crop.face, embedding, crop.quality, crop.headshot, time=crop.time)
        except ModelError as error:
            entry = error
        described.append(_Described(crop.face.track or 0, crop.time, entry, embedding))
    return described
