"""Photos and videos on disk -> the unique people in them: `extract`, and what it writes.

OUT/faces.jsonl      a line a face: where, when, how good, which person, which headshot
OUT/embeddings.npz   the embeddings, row by row as the lines of faces.jsonl
OUT/headshots/       an upright, aligned JPEG of every face
OUT/people.html      a contact sheet, a row a person
OUT/errors.jsonl     the files that could not be used, and why (empty when all could)
OUT/sources.jsonl    a line a file: size and time of change, by which the next run knows it again, and remarks
OUT/run.json         versions, models, settings, counts
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from ... import __version__
from ...errors import InputError, write_error
from ...models import check_device, cpu_count
from ...threads import spread
from ...video import Limits
from .. import defaults
from ..detect import Detector
from ..embed import Embedder
from ..finding import chunk_size
from ..grouping import check
from ..loading import load_detector, load_embedder
from ..samples import expected_samples
from ..sources import Sources, find_sources, refuse_strange
from ..store import FORMATS
from ..thresholds import check_threshold, resolve_threshold
from ..types import ItemError
from .earlier import outdated_list, source_lines, take_over
from .footage import process_video
from .job import Job
from .journal import Journal, Record
from .people import people_of, sightings_of
from .photos import process_photos
from .results import Extraction, write_results

__all__ = ["Extraction", "Progress", "extract"]

Progress = Callable[[int, int | None], None]
"""Called with the pictures done and their number: photos, and the frames of videos that are looked at."""


def extract(
    paths: str | Path | Iterable[str | Path],
    folder: str | Path = defaults.FOLDER,
    *,
    detector: str | Path | Detector | None = None,
    embedder: str | Path | Embedder | None = None,
    preset: str | None = None,
    device: str = "auto",
    threshold: float | str | None = None,
    mode: str = defaults.MODE,
    min_score: float = defaults.MIN_SCORE,
    min_face: int = defaults.MIN_FACE,
    max_faces: int = defaults.MAX_FACES,
    max_pixels: int = defaults.MAX_PIXELS,
    video_step: float = defaults.VIDEO_STEP,
    track_faces: int = defaults.TRACK_FACES,
    limits: Limits | None = None,
    headshot_side: int = defaults.HEADSHOT_SIDE,
    embeddings: str = defaults.EMBEDDINGS,
    allow_truncated: bool = False,
    progress: Progress | None = None,
) -> Extraction:
    """Find every face in photos and videos, group the faces by person, and write the results to `folder`.

    `paths` are photos, videos, folders (searched recursively), glob patterns and `@list.txt`, mixed. Models are row
    names or paths of files; without them `preset` chooses. `threshold` is the cosine similarity from which two faces
    are the same person (default: the embedder's own; higher is stricter), or "calibrated" (see `face.thresholds`);
    `mode` is how they are grouped (see `face.grouping`). A loaded detector or embedder may be passed too: it keeps its
    own device, and the detector its own `min_score`. `min_face` is in pixels, `max_faces` per photo or frame,
    `embeddings` "npz" or "parquet".

    A video is looked at every `video_step` seconds (0: every frame). Its faces are followed, and of each track the
    `track_faces` best are kept, each with its time; see `face.units` for how tracks are grouped. `max_pixels` and
    `allow_truncated` are about photos, `limits` is what a video may say of itself.

    A file that cannot be used is an entry in the result's `errors`; the others go on. A run that was stopped goes on
    where it was when it is called again with the same arguments, and ends with the same files; a video that was under
    way is begun again. An earlier result in `folder`, of the same models and values, is added to: files that are
    as they were are not read again, and with the same `threshold` and `mode` people keep their numbers. Who is together
    is what a run from the beginning finds. Raises InputError when there is nothing to do or a value is wrong,
    ModelError or DeviceError when the models or the disk fail.
    """
    started = time.time()
    check_threshold(threshold)
    check(None, mode)
    check_device(device)
    if embeddings not in FORMATS:
        raise InputError(f"unknown format of embeddings {embeddings!r}; choose one of: {', '.join(FORMATS)}")
    if not 16 <= headshot_side <= 2048:
        raise InputError(f"headshots of {headshot_side} pixels cannot be made; choose 16 to 2048")
    if max_faces < 1:
        raise InputError(f"max_faces is {max_faces}; it must be at least 1")
    if not 0 <= video_step < math.inf:
        raise InputError(f"video_step is {video_step}; give the seconds between two frames, or 0 for every frame")
    if track_faces < 1:
        raise InputError(f"track_faces is {track_faces}; it must be at least 1")
    folder = Path(os.path.expanduser(folder))  # noqa: PTH111 - as files.expand does
    sources = find_sources(paths, folder)
    refuse_strange(folder)
    # The work is spread over the CPUs picture by picture, so one run of a network takes one thread.
    detector = load_detector(detector, preset=preset, device=device, threads=1, min_score=min_score)
    embedder = load_embedder(embedder, preset=preset, device=device, threads=1)
    threshold = resolve_threshold(threshold, model=embedder.name, sha256=embedder.sha256, usual=embedder.threshold)
    job = Job(
        detect=detector,
        embed=embedder,
        min_face=min_face,
        max_faces=max_faces,
        max_pixels=max_pixels,
        headshot_side=headshot_side,
        allow_truncated=allow_truncated,
        video_step=video_step,
        track_faces=track_faces,
        limits=limits,
        headshots=folder / "headshots",
    )
    with Journal(folder / ".partial", job.settings(), embedder.dimension) as journal:
        wanted = frozenset(map(str, sources.paths))
        known = take_over(folder, journal, settings=job.settings(), wanted=wanted, threshold=threshold, mode=mode)
        _run(replace(job, outdates=outdated_list(folder, job.settings())), sources, journal, progress)
        records = [journal.records[str(path)] for path in sources.paths]
        vectors = journal.vectors()[[row for record in records for row in _rows(record)]]
        sightings = sightings_of(records, vectors, embedder.name)
        people = people_of(sightings, vectors, threshold, mode, known=known)
        result = Extraction(
            folder=folder,
            sightings=tuple(sightings),
            people=tuple(people),
            photos=len(records) - len(sources.videos),
            videos=len(sources.videos),
            known=sum("known" in record for record in records),
            next_person=max([known.next_number, *(person.id + 1 for person in people)]),
            errors=(
                *(
                    ItemError(str(path), "MediaError", f"{path}: the folder cannot be read: {why}")
                    for path, why in sources.closed
                ),
                *(ItemError(record["source"], **error) for record in records for error in record["errors"]),
            ),
            notes=tuple((record["source"], note) for record in records for note in record["notes"]),
            skipped=tuple((str(path), reason) for path, reason in sources.skipped),
            settings={
                "perceptkit": __version__,
                "detector": {"name": detector.name, "sha256": detector.sha256, "device": detector.device},
                "embedder": {"name": embedder.name, "sha256": embedder.sha256, "device": embedder.device},
                "threshold": threshold,
                "mode": mode,
                **job.values(),
            },
        )
        write_results(result, vectors, listing=source_lines(records), embeddings=embeddings, started=started)
        journal.remove()
    return result


def _run(job: Job, sources: Sources, journal: Journal, progress: Progress | None) -> None:
    """Process what the journal does not have yet: the photos, in chunks that do not depend on what it has, then the
    videos one by one, each on all CPUs."""
    try:
        job.headshots.mkdir(exist_ok=True)
    except OSError as error:
        raise write_error(job.headshots, error) from error
    photos = [path for path in sources.paths if path not in sources.videos]
    videos = [path for path in sources.paths if path in sources.videos]
    sizes = {path: expected_samples(path, job.video_step, job.limits) for path in videos}
    done = {path for path in sources.paths if job.is_done(journal.records.get(str(path)), path)}
    tally = _Tally(progress, len(photos) + sum(sizes.values()))
    tally.finish(sum(sizes.get(path, 1) for path in done))
    remaining = iter(photos)
    chunks = iter(lambda: list(islice(remaining, chunk_size(job.detect))), [])
    pending = ([path for path in chunk if path not in done] for chunk in chunks)
    work = (chunk for chunk in pending if chunk)
    for batch in spread(partial(process_photos, job), work, workers=cpu_count()):
        journal.add(batch)
        tally.finish(len(batch))
    for path in videos:
        if path not in done:
            journal.add([process_video(job, path, partial(tally.advance, sizes[path]))])
            tally.finish(sizes[path])


@dataclass(slots=True)
class _Tally:
    """The pictures done, and their number as far as the headers of the videos say."""

    report: Progress | None
    total: int
    done: int = 0
    surplus: int = 0  # frames of the video under way beyond those that were expected

    def finish(self, pictures: int) -> None:
        """Some photos, or a video of which so many frames were expected, are done."""
        self.done += pictures + self.surplus
        self.total += self.surplus
        self.surplus = 0
        if self.report:
            self.report(self.done, self.total)

    def advance(self, expected: int, pictures: int) -> None:
        """So many frames of a video have been looked at."""
        self.surplus = max(0, pictures - expected)
        if self.report:
            self.report(self.done + pictures, self.total + self.surplus)


def _rows(record: Record) -> range:
    return range(record["row"], record["row"] + len(record["faces"]))
