"""New recordings from old ones: `clip` cuts a piece out, `repair` makes a broken one whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MediaError
from ..files import check_not_over
from . import defaults
from .angles import AZIMUTH
from .facts import Facts
from .log import Direction
from .names import Names, named_after
from .reading import beside, read
from .riff import examine
from .sound import Form, kept_as, read_bytes
from .types import AngleTrack, Gap, Recording
from .writing import is_being_written, write_recording

__all__ = ["clip", "directions_between", "gaps_between", "losses", "repair"]

_BLOCK = 1 << 20  # bytes
_FINER = ("PCM_32", "DOUBLE")  # than a FLOAT

Samples = np.ndarray[Any, np.dtype[np.int64]]


def clip(path: str | Path, start: float, end: float | None = None, output: str | Path | None = None) -> Recording:
    """Cut a piece out of a recording, from `start` to before `end` (seconds), with its angles: a new recording.

    Samples are copied as they are. The new one begins with the direction that held there, unless one was told just
    then. Its name is NAME-START-END.wav by default. Raises InputError for a piece that is not there and for a name that
    is taken, MediaError for what cannot be read, DeviceError when the disk is full.
    """
    source = read(path)
    until = source.duration if end is None else end
    if not (math.isfinite(start) and math.isfinite(until)) or not 0 <= start < min(until, source.duration):
        piece = f"from {start:g} s on" if end is None else f"from {start:g} s to {end:g} s"
        raise InputError(f"there is nothing {piece}; {source.path.name} is {source.duration:g} s long")
    rate = source.sample_rate
    first, last = round(start * rate), min(round(until * rate), source.samples)
    if last <= first:
        raise InputError(f"from {start:g} s to {until:g} s there is no sample; ask for more")
    names = Names.to_write(output or source.beside(f"-{start:g}-{last / rate:g}.wav"))
    check_not_over(names.sound, source.path)
    known = beside(source.path, rate, end=source.duration)
    track = known.angles
    facts = Facts(
        Form(rate, source.channels, kept_as(source.subtype)),
        source.started and source.started + timedelta(seconds=first / rate),
        track.convention,
        source.heading,
        state=source.state if source.state != "recording" else "interrupted",
        error=source.error,
        gaps=gaps_between(source.gaps, first, last, rate),
    )
    blocks = read_bytes(source.path, first, last, facts.form)
    write_recording(names, facts, blocks, directions_between(track, first, last, rate), columns=known.columns)
    return replace(read(names.sound), warnings=(*source.warnings, *losses(source)))


def repair(path: str | Path, output: str | Path | None = None) -> Recording:
    """Make a recording whole that was interrupted, cut off, or has a header that counts wrongly: a new recording.

    Every whole sample frame that is in the file is in the new one (NAME-repaired.wav by default), its marks are made
    anew from the angles in NAME.csv, and the original stays as it is. One that lacks nothing is returned itself. Raises
    InputError when there is no such file or the name is taken, MediaError when nothing is left of it, DeviceError when
    the disk is full.
    """
    source = Path(path).expanduser()
    if not source.is_file():
        raise InputError(f"no such file: {source}")
    if source.suffix == ".part" and is_being_written(source):
        raise InputError(f"{source} is still being recorded; end that first")
    known = beside(source, defaults.SAMPLE_RATE).facts
    remains = examine(source, form=known.form if known else None, samples=known.samples if known else 0)
    if remains.form is None:
        raise MediaError(f"{source}: too little is left of it, its header ends before it says what the samples are")
    if remains.counted and source.suffix != ".part":
        return read(source)
    rate = remains.form.sample_rate
    beside_it = beside(source, rate, end=remains.samples / rate)
    facts = replace(
        known or Facts(remains.form, remains.started, AZIMUTH),
        form=remains.form,
        state="interrupted",
        error=f"made whole from {source.name}",
        angles=0,
        gaps=gaps_between(known.gaps, 0, remains.samples, rate) if known else [],
        sha256=None,
    )
    names = Names.to_write(output or named_after(source, "-repaired.wav"))
    check_not_over(names.sound, source)
    blocks = _bytes(source, remains.offset, remains.samples * remains.form.frame)
    directions = _directions_until(beside_it.angles, remains.samples, rate)
    write_recording(names, facts, blocks, directions, columns=beside_it.columns)
    return replace(read(names.sound), warnings=beside_it.warnings)


def losses(source: Recording) -> tuple[str, ...]:
    """What is lost when the samples of a recording are copied, as warnings."""
    if source.subtype in _FINER:
        return (f"{source.path}: its samples ({source.subtype}) are kept as FLOAT, which has 24 bits of them",)
    return ()


def _bytes(path: Path, offset: int, size: int) -> Iterator[bytes]:
    """The bytes of a file from a place on, in blocks of whole sample frames as long as `size` is."""
    with path.open("rb") as file:
        file.seek(offset)
        while size > 0 and (block := file.read(min(size, _BLOCK))):
            yield block
            size -= len(block)


def directions_between(track: AngleTrack, first: int, last: int, rate: int) -> list[tuple[int, Direction]]:
    """The directions of samples from `first` to before `last`, counted from `first`: those that were logged, and more
    where a piece would not tell the same without what is before and after it."""
    samples = np.round(track.times * rate).astype(np.int64)
    moment = math.ceil(rate / 1000)  # which the log can tell
    inside = samples[(samples >= first) & (samples < last)]
    after = samples[samples >= last]
    told = {*inside.tolist()}
    if (samples < first).any():
        told.add(first)
        following = samples[samples > first]
        before = samples[samples <= first]
        # What was held before would move now, since the piece begins less than a gap before the next.
        if len(following) and following[0] - before[-1] > defaults.MAX_GAP * rate >= following[0] - first:
            told.add(max(int(following[0]) - moment, first))
    latest = samples[samples < last][-1:]
    if len(after) and len(latest) and after[0] - latest[0] <= defaults.MAX_GAP * rate and last - latest[0] > moment:
        told.add(last - 1)  # it is on its way to what is said after the end
    chosen = np.array(sorted(sample for sample in told if first <= sample < last), np.int64)
    return [(sample - first, direction) for sample, direction in _told(track, chosen, samples, rate)]


def _directions_until(track: AngleTrack, last: int, rate: int) -> list[tuple[int, Direction]]:
    """The directions that were logged up to a sample."""
    samples = np.round(track.times * rate).astype(np.int64)
    return list(_told(track, samples[samples <= last], samples, rate))


def _told(track: AngleTrack, chosen: Samples, samples: Samples, rate: int) -> Iterator[tuple[int, Direction]]:
    """The directions at some samples: as they were logged, or between those that were."""
    azimuth, elevation = track.at(chosen / rate), track.elevation_at(chosen / rate)
    places = np.searchsorted(samples, chosen)
    for sample, place, between, up in zip(chosen.tolist(), places, azimuth, elevation, strict=True):
        is_logged = place < len(samples) and samples[place] == sample
        said = track.azimuth[place] if is_logged else between
        known = track.elevation is not None and not (is_logged and math.isnan(track.elevation[place]))
        high = track.elevation[place] if is_logged and track.elevation is not None else up
        yield sample, Direction.said(float(said), float(high) if known else None, track.convention)


def gaps_between(gaps: Iterable[Gap], first: int, last: int, rate: int) -> list[Gap]:
    """The gaps in samples from `first` to before `last`, counted from `first`."""
    found = []
    for gap in gaps:
        at = round(gap.time * rate)
        start, end = max(at, first), min(at + gap.samples, last)
        if start < end or (gap.samples == 0 and first <= at < last):
            found.append(Gap((start - first) / rate, end - start, gap.reason))
    return found
