"""Recordings of what comes from elsewhere: raw samples from a pipe, a sound file with its list of angles."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from ..files import check_not_over
from . import defaults
from .angles import Convention, convention_of
from .copying import directions_between
from .facts import Facts, Names
from .log import read_log
from .reading import read
from .session import Recorder
from .sound import Form, kept_as, read_bytes
from .types import AngleTrack, Recording
from .writing import write_recording

__all__ = ["record_file", "record_stream"]

log = logging.getLogger("perceptkit")

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
    convention: str | Convention = defaults.CONVENTION,
    heading: float | None = None,
    seconds: float | None = None,
) -> Recording:
    """Make a recording of a sound file (WAV, FLAC, OGG, MP3, AIFF), or of its first `seconds`.

    `angles` are a list (CSV with timestamp,angle) whose angles are in the `convention`, or an `AngleTrack`; by default
    those beside the file. Samples are copied as they are, where that can be. Raises InputError for a name that is
    taken, MediaError for what cannot be read, DeviceError when the disk is full.
    """
    file = read(source)
    names = Names.of(output)
    check_not_over(names.sound, file.path)
    if seconds is not None and not seconds > 0:
        raise InputError(f"seconds is {seconds:g}; give more than 0, or nothing")
    samples = file.samples if seconds is None else min(round(seconds * file.sample_rate), file.samples)
    track = file.angles
    if isinstance(angles, AngleTrack):
        track = angles
    elif angles is not None:
        track = _listed(Path(angles).expanduser(), convention_of(convention), file)
    form = Form(file.sample_rate, file.channels, kept_as(file.subtype))
    facts = Facts(form, file.started, track.convention, heading, state="complete", gaps=list(file.gaps))
    directions = directions_between(track, 0, samples, file.sample_rate)
    write_recording(names, facts, read_bytes(file.path, 0, samples, form), directions)
    return read(names.sound)


def _listed(path: Path, convention: Convention, file: Recording) -> AngleTrack:
    """A list of angles for a file. One without any that can be used is an error."""
    if not path.is_file():
        raise InputError(f"no such file: {path}; give a list of angles (CSV with timestamp,angle)")
    track, wrong = read_log(path, convention, file.sample_rate, end=file.duration + 0.0005)
    for warning in wrong:
        log.warning("%s", warning)
    if not len(track):
        raise InputError(f"{path}: no angle in it belongs to {file.path.name} ({'; '.join(wrong) or 'it has none'})")
    return track
