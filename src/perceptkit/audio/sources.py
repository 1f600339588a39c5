"""Recordings of what comes from elsewhere: raw samples from a pipe, a sound file with its list of angles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from ..files import check_not_over
from . import defaults
from .angles import Convention, convention_of
from .copying import directions_between, gaps_between, losses
from .facts import Facts
from .log import read_log
from .names import Names
from .reading import read
from .session import Recorder
from .sound import Form, kept_as, read_bytes
from .types import AngleTrack, Recording
from .writing import write_recording

__all__ = ["record_file", "record_stream"]

_AT_ONCE = 1 << 16  # bytes


def record_stream(
    stream: BinaryIO, recorder: Recorder, *, progress: Callable[[int, int | None], None] | None = None
) -> None:
    """Record raw samples, in the recorder's own form (interleaved, little endian), until they end or it is full.

    `progress` is called with the seconds that are recorded. Raises InputError for a stream that has a WAV header, and
    the errors of `Recorder.write`.
    """
    read_some = getattr(stream, "read1", stream.read)  # what has come, and not only when there is much
    data = read_some(_AT_ONCE)
    if data[:4] in (b"RIFF", b"RF64"):
        raise InputError(
            "a WAV file comes in, and raw samples are wanted (such as arecord -t raw makes); "
            "to record a file: perceptkit audio record --from FILE"
        )
    while data and not recorder.full:
        recorder.write(data)
        if progress:
            progress(int(recorder.duration), None)
        data = read_some(_AT_ONCE)


def record_file(
    source: str | Path,
    output: str | Path,
    *,
    angles: str | Path | AngleTrack | None = None,
    convention: str | Convention | None = None,
    heading: float | None = None,
    seconds: float | None = None,
    min_free: int = defaults.MIN_FREE,
) -> Recording:
    """Make a recording of a sound file (WAV, FLAC, OGG, MP3, AIFF), or of its first `seconds`.

    `angles` are a list (CSV with timestamp,angle), or an `AngleTrack`; by default those beside the file. `convention`
    is how a list is meant, and those beside the file where no NAME.json says it. Samples are copied as they are, where
    that can be. Raises InputError for a name that is taken, MediaError for what cannot be read, DeviceError when the
    disk is full.
    """
    file = read(source, convention=convention, heading=heading)
    names = Names.to_write(output)
    check_not_over(names.sound, file.path)
    if seconds is not None and not 0 < seconds < math.inf:
        raise InputError(f"seconds is {seconds:g}; give more than 0, or nothing")
    samples = file.samples if seconds is None else min(round(seconds * file.sample_rate), file.samples)
    track, warnings = file.angles, file.warnings
    if isinstance(angles, AngleTrack):
        track = angles
    elif angles is not None:
        track, wrong = _listed(Path(angles).expanduser(), convention_of(convention or defaults.CONVENTION), file)
        warnings = (*warnings, *wrong)
    form = Form(file.sample_rate, file.channels, kept_as(file.subtype))
    facts = Facts(
        form,
        file.started,
        track.convention,
        file.heading,
        state=file.state if file.state != "recording" else "interrupted",
        error=file.error,
        gaps=gaps_between(file.gaps, 0, samples, file.sample_rate),
    )
    directions = directions_between(track, 0, samples, file.sample_rate)
    write_recording(names, facts, read_bytes(file.path, 0, samples, form), directions, min_free=min_free)
    return replace(read(names.sound), warnings=(*warnings, *losses(file)))


def _listed(path: Path, convention: Convention, file: Recording) -> tuple[AngleTrack, list[str]]:
    """A list of angles for a file, and what is wrong with it. One without any that can be used is an error."""
    if not path.is_file():
        raise InputError(f"no such file: {path}; give a list of angles (CSV with timestamp,angle)")
    track, wrong = read_log(path, convention, file.sample_rate, end=file.duration + 0.0005)
    if not len(track):
        raise InputError(f"{path}: no angle in it belongs to {file.path.name} ({'; '.join(wrong) or 'it has none'})")
    return track, wrong
