"""A video in; out come the annotated video, the data and the statistics: `annotate_video`, and what it writes.

OUT/annotated.mp4    every frame with a box and an arrow for each face; sound and timestamps of the source
OUT/gaze.jsonl       a line a frame: all faces, where they are and look
OUT/gaze.csv         the same, a line a face
OUT/summary.json     attention over the whole video, models, settings, warnings
OUT/timeline.png     who looked at the camera when
OUT/heatmap.png      where in the picture people looked
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from ..face import Detector, load_detector
from ..files import remove_parts
from ..images import SUFFIXES as PHOTOS
from ..output import write_json
from ..video import Frame, Frames, Limits, open_source, prefetch
from ..video.defaults import FOLDER_RATE
from . import defaults
from .attention import Region
from .estimate import Estimator, load_gaze
from .journal import Journal
from .reading import Reading, read_gaze
from .recording import Place, Recorder
from .results import Annotation

__all__ = ["Progress", "annotate_video"]

Progress = Callable[[int, int | None], None]
"""Called with the frames done and their number, None when it is not known."""

_VIDEOS = (".mp4", ".m4v")  # what is written


def annotate_video(
    source: str | Path,
    target: str | Path | None = None,
    *,
    gaze: str | Path | Estimator | None = None,
    detector: str | Path | Detector | None = None,
    preset: str | None = None,
    device: str = "auto",
    precision: str = defaults.PRECISION,
    every: int = defaults.EVERY,
    detect_every: int = defaults.DETECT_EVERY,
    smooth: bool = True,
    camera_angle: float = defaults.CAMERA_ANGLE,
    max_sigma: float = defaults.MAX_SIGMA,
    regions: Sequence[Region] = (),
    min_score: float | None = None,
    min_face: float = defaults.MIN_FACE,
    rate: float = FOLDER_RATE,
    limits: Limits | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Annotation:
    """Find where every face in a video looks; write the annotated video, the data and the statistics.

    `source` is a video, a folder of photos (`rate` of them a second), or one photo. `target` is the video to write
    (`OUT.mp4`; the data goes to the folder `OUT-gaze` beside it) or a folder for everything; without it, a folder named
    after the source. Models are row names, paths of files, or loaded ones; without them `preset` chooses.

    Gaze is estimated on every `every`-th frame, and faces are searched for on every `detect_every`-th of those; the
    video has all frames. `smooth` filters the directions of each track over time. A face looks at the camera when its
    gaze is within `camera_angle` degrees of the lens; `regions` are parts of the picture that may be looked at.
    What the network is less sure of than `max_sigma` degrees is "unknown".

    A run that is stopped leaves no half-written file. With `resume` it goes on after the frames that it had done.
    Raises MediaError for a source that cannot be read, InputError for values that make no sense, ModelError or
    DeviceError when the models or the disk fail.
    """
    started = time.time()
    if every < 1:
        raise InputError(f"every is {every}; it must be at least 1")
    if len({region.name for region in regions}) < len(regions):
        raise InputError("two regions have the same name; give each its own")
    source = Path(source).expanduser()
    place = _place(source, target)
    with open_source(source, rate=rate, limits=limits) as frames:
        if not isinstance(detector, Detector):
            detector = load_detector(detector, preset=preset, device=device, threads=1, min_score=defaults.LOWEST_SCORE)
        if gaze is None or isinstance(gaze, (str, Path)):
            gaze = load_gaze(gaze, preset=preset, device=device, threads=1, precision=precision, max_sigma=max_sigma)
        models = {"detector": _about(detector), "gaze": _about(gaze)}
        numbers = {
            "every": every,
            "detect_every": detect_every,
            "max_sigma": max_sigma,
            "min_score": min_score,
            "min_face": min_face,
        }
        with (
            Journal(place.folder / ".partial", {**models, **numbers, **_stamp(source, rate)}, resume=resume) as journal,
            Recorder(
                place,
                frames.info,
                sound=source if frames.info.has_sound else None,
                angle=camera_angle,
                regions=regions,
                step=float(every / frames.info.rate),
            ) as recorder,
        ):
            read = partial(
                read_gaze,
                detect=detector,
                estimate=gaze,
                detect_every=detect_every,
                smooth=smooth,
                min_face=min_face,
                min_score=min_score,
                known=journal.known,
            )
            _record(frames, every, read, recorder, journal, progress)
            attention = recorder.finish(source.name)
        warnings = (*frames.warnings, *recorder.warnings)
        journal.remove()
        remove_parts(place.folder)
    summary = {
        "source": str(source),
        "video": _facts(frames),
        "attention": attention,
        "warnings": warnings,
        "settings": {"perceptkit": __version__, **models, **numbers, "smooth": smooth, "camera_angle": camera_angle},
        "seconds": round(time.time() - started, 3),
    }
    write_json(place.folder / "summary.json", summary)
    return Annotation(
        place.folder, place.picture, recorder.frames, summary, warnings, tuple(recorder.lanes()), recorder.span
    )


def _place(source: Path, target: str | Path | None) -> Place:
    """Where the annotated picture and the data go."""
    photo = source.suffix.lower() in PHOTOS - {".gif"} and not source.is_dir()
    wanted = Path(f"{source.stem or source.resolve().name}-gaze" if target is None else target).expanduser()
    if wanted.suffix.lower() in _VIDEOS and not wanted.is_dir():
        place = Place(wanted, wanted.with_name(f"{wanted.stem}-gaze"))
    elif wanted.suffix and not wanted.is_dir() and target is not None and len(wanted.suffix) <= 5:
        raise InputError(f"cannot write {wanted}: the video is written as .mp4; give OUT.mp4 or a folder")
    else:
        place = Place(wanted / ("annotated.jpg" if photo else "annotated.mp4"), wanted)
    pictures = (place.picture, place.folder / "timeline.png", place.folder / "heatmap.png")
    if any(source.exists() and path.exists() and path.samefile(source) for path in pictures):
        raise InputError(f"{source} would be written over by its own results; choose another output")
    if source.is_dir() and place.folder.exists() and place.folder.samefile(source):
        raise InputError(f"the results would lie among the photos in {source}; choose another output")
    return place


def _record(
    frames: Frames,
    every: int,
    read: Callable[[Iterable[Frame]], Generator[Reading, None, None]],
    recorder: Recorder,
    journal: Journal,
    progress: Progress | None,
) -> None:
    """Read the gaze of every n-th frame, and record all frames: those between with what was last seen."""
    waiting: deque[Frame] = deque()
    total, done = frames.info.expected_frames, 0
    with closing(_choose(frames, every, waiting)) as chosen, closing(read(chosen)) as readings:
        for reading in readings:
            while (frame := waiting.popleft()) is not reading.frame:
                recorder.show(frame)
                done += 1
            recorder.add(frame, reading.seen)
            journal.add(reading)
            done += 1
            if progress:
                progress(done, total)
    for frame in waiting:
        recorder.show(frame)
    if progress and waiting:
        progress(done + len(waiting), total)


def _choose(frames: Frames, every: int, waiting: deque[Frame]) -> Generator[Frame, None, None]:
    """Every n-th frame; all of them are left in `waiting`, to be written."""
    with closing(prefetch(frames)) as ahead:
        for place, frame in enumerate(ahead):
            waiting.append(frame)
            if place % every == 0:
                yield frame


def _about(model: Detector | Estimator) -> dict[str, Any]:
    about = {"name": model.name, "sha256": model.sha256, "device": model.device}
    return about | ({"precision": model.precision} if hasattr(model, "precision") else {})


def _stamp(source: Path, rate: float) -> dict[str, Any]:
    """What tells whether a source is still the same; `rate` is that of a folder."""
    status = source.stat()
    stamp = {"source": str(source.resolve()), "bytes": status.st_size, "modified": status.st_mtime_ns}
    return stamp | ({"rate": rate} if source.is_dir() else {})


def _facts(frames: Frames) -> dict[str, Any]:
    info = frames.info
    return {
        "width": info.width,
        "height": info.height,
        "rate": round(float(info.rate), 6),
        "duration": info.duration,
        "frames": info.frames,
        "has_sound": info.has_sound,
        "rotation": info.rotation,
    }
