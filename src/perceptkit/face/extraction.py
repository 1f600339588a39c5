"""Photos on disk -> the unique people in them: `extract`, and what it writes.

OUT/faces.jsonl      a line a face: where, how good, which person, which headshot
OUT/embeddings.npz   the embeddings, row by row as the lines of faces.jsonl
OUT/headshots/       an upright, aligned JPEG of every face
OUT/people.html      a contact sheet, a row a person
OUT/errors.jsonl     the files that could not be used, and why (empty when all could)
OUT/run.json         versions, models, settings, counts
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..arrays import Floats
from ..errors import InputError, MissingExtraError, PerceptkitError, write_error
from ..files import expand
from ..images import SUFFIXES, write_jpeg
from ..models import check_device, cpu_count
from ..output import count
from ..threads import spread
from . import defaults
from .align import warp
from .detect import Detector
from .embed import Embedder
from .finding import Description, Photo, chunk_size, face_id, in_full, look, open_photo
from .grouping import check, group
from .journal import Journal, Record
from .loading import load_detector, load_embedder
from .results import Extraction, ItemError, write_results
from .store import FORMATS
from .types import Face, Person, Quality, Sighting

__all__ = ["Extraction", "ItemError", "Progress", "extract"]

Progress = Callable[[int, int | None], None]
"""Called with the photos done and their number."""

_HEADSHOT_MARGIN = 0.15  # surroundings of the aligned face, as a share of the headshot's side


def extract(
    paths: str | Path | Iterable[str | Path],
    folder: str | Path = defaults.FOLDER,
    *,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | None = None,
    mode: str = defaults.MODE,
    min_score: float = defaults.MIN_SCORE,
    min_face: int = defaults.MIN_FACE,
    max_faces: int = defaults.MAX_FACES,
    max_pixels: int = defaults.MAX_PIXELS,
    headshot_side: int = defaults.HEADSHOT_SIDE,
    embeddings: str = defaults.EMBEDDINGS,
    allow_truncated: bool = False,
    progress: Progress | None = None,
) -> Extraction:
    """Find every face in photos, group the faces by person, and write the results to `folder`.

    `paths` are photos, folders (searched recursively), glob patterns and `@list.txt`, mixed. Models are row names or
    paths of files; without them `preset` chooses. `threshold` is the cosine similarity from which two faces are the
    same person (default: the embedder's own; higher is stricter), `mode` how they are grouped (see `face.grouping`).
    A loaded detector or embedder may be passed too: it keeps its own device, and the detector its own `min_score`.
    `min_face` is in pixels, `max_faces` per photo, `embeddings` "npz" or "parquet".

    A photo that cannot be used is an entry in the result's `errors`; the others go on. A run that was stopped goes on
    where it was when it is called again with the same arguments, and ends with the same files.
    Raises InputError when there is nothing to do or a value is wrong, ModelError or DeviceError when the models or
    the disk fail.
    """
    started = time.time()
    check(threshold, mode)
    check_device(device)
    if embeddings not in FORMATS:
        raise InputError(f"unknown format of embeddings {embeddings!r}; choose one of: {', '.join(FORMATS)}")
    if not 16 <= headshot_side <= 2048:
        raise InputError(f"headshots of {headshot_side} pixels cannot be made; choose 16 to 2048")
    if max_faces < 1:
        raise InputError(f"max_faces is {max_faces}; it must be at least 1")
    folder = Path(folder)
    wanted = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found, skipped = expand(wanted, SUFFIXES)
    sources = _without_headshots(found, folder)
    if not sources:
        where = ", ".join(map(str, wanted)) or "an empty list of paths"
        reasons = "".join(f"\n  skipped {path}: {reason}" for path, reason in skipped[:10])
        raise InputError(f"no photos in {where}; looked for {', '.join(sorted(SUFFIXES))}{reasons}")
    # What is in a folder without permission is missing from the result, which a loop or a device file is not.
    closed = [(path, why) for path, why in skipped if path.is_dir() and not os.access(path, os.R_OK | os.X_OK)]
    _refuse_strange(folder)
    # The work is spread over the CPUs photo by photo, so one run of a network takes one thread.
    if not isinstance(detector, Detector):
        detector = load_detector(detector, preset=preset, device=device, threads=1, min_score=min_score)
    if not isinstance(embedder, Embedder):
        embedder = load_embedder(embedder, preset=preset, device=device, threads=1)
    threshold = embedder.threshold if threshold is None else threshold
    job = _Job(
        detector, embedder, min_face, max_faces, max_pixels, headshot_side, allow_truncated, folder / "headshots"
    )
    with Journal(folder / ".partial", job.settings(), embedder.dimension) as journal:
        _run(job, sources, journal, progress)
        records = [journal.records[str(source)] for source in sources]
        vectors = journal.vectors()[[row for record in records for row in _rows(record)]]
        sightings = _sightings(records, vectors, embedder.name)
        result = Extraction(
            folder=folder,
            sightings=tuple(sightings),
            people=tuple(_people(sightings, vectors, threshold, mode)),
            photos=len(records),
            errors=(
                *(
                    ItemError(str(path), "MediaError", f"{path}: the folder cannot be read: {why}")
                    for path, why in closed
                ),
                *(ItemError(record["source"], **error) for record in records for error in record["errors"]),
            ),
            notes=tuple((record["source"], note) for record in records for note in record["notes"]),
            skipped=tuple((str(path), reason) for path, reason in skipped if (path, reason) not in closed),
            settings={
                "perceptkit": __version__,
                "detector": {"name": detector.name, "sha256": detector.sha256, "device": detector.device},
                "embedder": {"name": embedder.name, "sha256": embedder.sha256, "device": embedder.device},
                "threshold": threshold,
                "mode": mode,
                **job.limits(),
            },
        )
        write_results(result, vectors, embeddings=embeddings, started=started)
        journal.remove()
    return result


@dataclass(frozen=True, slots=True)
class _Job:
    """What is done with every photo."""

    detect: Detector
    embed: Embedder
    min_face: int
    max_faces: int
    max_pixels: int
    headshot_side: int
    allow_truncated: bool
    headshots: Path

    def limits(self) -> dict[str, Any]:
        return {
            "min_score": self.detect.min_score,
            "min_face": self.min_face,
            "max_faces": self.max_faces,
            "max_pixels": self.max_pixels,
            "headshot_side": self.headshot_side,
            "allow_truncated": self.allow_truncated,
        }

    def settings(self) -> dict[str, Any]:
        """What the record of a photo depends on: work done under other settings cannot be continued."""
        return {
            "perceptkit": __version__,
            "detector": [self.detect.sha256, self.detect.device],
            "embedder": [self.embed.sha256, self.embed.device],
            **self.limits(),
        }


def _without_headshots(sources: Sequence[Path], folder: Path) -> list[Path]:
    """The photos without the headshots that runs wrote, to `folder` or elsewhere, which may lie among them."""
    headshots = (folder / "headshots").resolve()
    written = {
        parent
        for parent in {source.parent for source in sources}
        if parent.resolve() == headshots or (parent.name == "headshots" and (parent.parent / "faces.jsonl").exists())
    }
    return [source for source in sources if source.parent not in written]


def _refuse_strange(folder: Path) -> None:
    """Raise InputError for an output folder that holds something other than results of ours."""
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; choose a folder to write to")
        strange = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise write_error(folder, error) from error
    if strange and not any((folder / name).exists() for name in ("run.json", ".partial")):
        raise InputError(f"{folder} is not empty and holds no earlier result; choose another output folder")


def _run(job: _Job, sources: Sequence[Path], journal: Journal, progress: Progress | None) -> None:
    """Process the photos that the journal does not have yet, in chunks that do not depend on what it has."""
    try:
        job.headshots.mkdir(exist_ok=True)
    except OSError as error:
        raise write_error(job.headshots, error) from error
    total = len(sources)
    done = {str(source) for source in sources if _is_done(job, journal.records.get(str(source)), source)}
    if progress:
        progress(len(done), total)
    remaining = iter(sources)
    chunks = iter(lambda: list(islice(remaining, chunk_size(job.detect))), [])
    pending = ([source for source in chunk if str(source) not in done] for chunk in chunks)
    work = (chunk for chunk in pending if chunk)
    finished = len(done)
    for batch in spread(partial(_process, job), work, workers=cpu_count()):
        journal.add(batch)
        finished += len(batch)
        if progress:
            progress(finished, total)


def _process(job: _Job, sources: Sequence[Path]) -> list[tuple[Record, Floats]]:
    """Read some photos, find and describe their faces, write the headshots; a record and the embeddings of each."""
    stamps = [_stamp(source) for source in sources]  # before reading: what changes meanwhile is read again next time
    opened = [_open(job, source) for source in sources]
    photos = [photo for photo in opened if isinstance(photo, Photo)]
    looked = iter(look(photos, job.detect, job.embed, min_face=job.min_face, max_faces=job.max_faces))
    batch = []
    for source, stamp, photo in zip(sources, stamps, opened, strict=True):
        record: Record = {"source": str(source), "stamp": stamp, "faces": [], "errors": [], "notes": []}
        if isinstance(photo, Photo):
            vectors = _record_faces(job, record, *next(looked))
        else:
            record["errors"].append({"error": type(photo).__name__, "message": str(photo)})
            vectors = np.empty((0, job.embed.dimension), np.float32)
        batch.append((record, vectors))
    return batch


def _open(job: _Job, source: Path) -> Photo | PerceptkitError:
    """The photo, or the error that is to be noted."""
    try:
        return open_photo(source, max_pixels=job.max_pixels, allow_truncated=job.allow_truncated)
    except (InputError, MissingExtraError) as error:
        return error


def _record_faces(job: _Job, record: Record, photo: Photo, described: Sequence[Description], left_out: int) -> Floats:
    """Fill in the record of a photo and write its headshots; the embeddings of the faces that have one."""
    if photo.frames > 1:
        record["notes"].append(f"the first of {photo.frames} pictures in the file was used")
    if left_out:
        record["notes"].append(f"{count(left_out, 'face was', 'faces were')} left out, the least certain (--max-faces)")
    vectors = []
    for each in described:
        face = in_full(each.face, photo)
        if not np.isfinite(each.embedding).all():
            message = f"{job.embed.name} gave no finite embedding for the face at {face.box.round().tolist()}"
            record["errors"].append({"error": "ModelError", "message": f"{record['source']}: {message}"})
            continue
        identity = face_id(photo.data, face, job.detect.sha256, job.embed.sha256)
        headshot = warp(photo.image, each.face.landmarks, side=job.headshot_side, margin=_HEADSHOT_MARGIN)
        write_jpeg(job.headshots / f"{identity}.jpg", headshot)
        record["faces"].append(
            {
                "id": identity,
                "box": np.round(face.box.astype(float), 2),
                "landmarks": np.round(face.landmarks.astype(float), 2),
                "score": round(face.score, 4),
                "quality": {name: round(value, 4) for name, value in asdict(each.quality).items()},
            }
        )
        vectors.append(each.embedding)
    return np.stack(vectors) if vectors else np.empty((0, job.embed.dimension), np.float32)


def _stamp(source: Path) -> list[int]:
    """Size and modification time: when they are as before, so is the file."""
    try:
        status = source.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _is_done(job: _Job, record: Record | None, source: Path) -> bool:
    """Whether nothing is left to do: a photo that failed is tried again, and so is one whose headshots are gone."""
    if record is None or record["errors"] or record["stamp"] != _stamp(source):
        return False
    return all((job.headshots / f"{face['id']}.jpg").exists() for face in record["faces"])


def _rows(record: Record) -> range:
    return range(record["row"], record["row"] + len(record["faces"]))


def _sightings(records: Sequence[Record], vectors: Floats, model: str) -> list[Sighting]:
    """All faces in input order. The same picture in a second file gets ids of its own: a number is appended."""
    seen: dict[str, int] = {}
    sightings: list[Sighting] = []
    for record in records:
        for entry in record["faces"]:
            copy = seen[entry["id"]] = seen.get(entry["id"], 0) + 1
            face = Face(
                np.asarray(entry["box"], np.float32), entry["score"], np.asarray(entry["landmarks"], np.float32)
            )
            identity = entry["id"] if copy == 1 else f"{entry['id']}-{copy}"
            quality = Quality(**entry["quality"])
            vector = vectors[len(sightings)]
            sightings.append(Sighting(identity, record["source"], None, face, vector, quality, model))
    return sightings


def _people(sightings: Sequence[Sighting], vectors: Floats, threshold: float, mode: str) -> list[Person]:
    quality = np.array([sighting.quality.score for sighting in sightings], np.float32)
    members: dict[int, list[Sighting]] = {}
    for sighting, label in zip(sightings, group(vectors, threshold, mode=mode, quality=quality), strict=True):
        members.setdefault(int(label), []).append(sighting)
    return [Person(label, tuple(of), _best(of, mode)) for label, of in members.items()]


def _best(sightings: Sequence[Sighting], mode: str) -> Sighting:
    """The face that stands for a person: the first in mode `first`, the one of the best quality otherwise."""
    return sightings[0] if mode == "first" else max(sightings, key=lambda sighting: sighting.quality.score)
