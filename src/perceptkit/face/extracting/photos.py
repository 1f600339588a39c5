"""Photos on disk -> their records and embeddings: read, find and describe the faces, write the headshots."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ...arrays import Floats
from ...errors import InputError, MissingExtraError, ModelError, PerceptkitError
from ...images import encode_jpeg
from ...output import count
from ..align import HEADSHOT_MARGIN, warp
from ..finding import Description, Photo, in_full, look, open_photo
from .job import Job, error_entry, new_record
from .journal import Record

__all__ = ["process_photos"]


def process_photos(job: Job, sources: Sequence[Path]) -> list[tuple[Record, Floats]]:
    """Read some photos, find and describe their faces, write the headshots; a record and the embeddings of each."""
    records = [new_record(source) for source in sources]
    opened = [_open(job, source) for source in sources]
    photos = [photo for photo in opened if isinstance(photo, Photo)]
    looked = iter(look(photos, job.detect, job.embed, min_face=job.min_face, max_faces=job.max_faces))
    batch = []
    for record, photo in zip(records, opened, strict=True):
        if isinstance(photo, Photo):
            vectors = _record_faces(job, record, *next(looked))
        else:
            record["errors"].append(error_entry(photo))
            vectors = job.stacked(())
        batch.append((record, vectors))
    return batch


def _open(job: Job, source: Path) -> Photo | PerceptkitError:
    """The photo, or the error that is to be noted."""
    try:
        return open_photo(source, max_pixels=job.max_pixels, allow_truncated=job.allow_truncated)
    except (InputError, MissingExtraError) as error:
        return error


def _record_faces(job: Job, record: Record, photo: Photo, described: Sequence[Description], left_out: int) -> Floats:
    """Fill in the record of a photo and write its headshots; the embeddings of the faces that have one."""
    if photo.frames > 1:
        record["notes"].append(f"the first of {photo.frames} pictures in the file was used")
    if left_out:
        record["notes"].append(f"{count(left_out, 'face was', 'faces were')} left out, the least certain (--max-faces)")
    digest = hashlib.sha256(photo.data).hexdigest()
    vectors = []
    for each in described:
        headshot = warp(photo.image, each.face.landmarks, side=job.headshot_side, margin=HEADSHOT_MARGIN)
        face = in_full(each.face, photo)
        try:
            entry = job.keep(record["source"], digest, face, each.embedding, each.quality, encode_jpeg(headshot))
        except ModelError as error:
            record["errors"].append(error_entry(error))
            continue
        record["faces"].append(entry)
        vectors.append(each.embedding)
    return job.stacked(vectors)
