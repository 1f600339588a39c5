"""New recordings from old ones: `clip` cuts a piece out, `repair` makes a broken one whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from ..errors import InputError, MediaError
from ..files import check_not_over
from . import defaults
from .angles import AZIMUTH
from .facts import Facts, Names
from .log import Direction
from .reading import beside, read
from .riff import examine
from .sound import Form, kept_as, read_bytes
from .types import AngleTrack, Gap, Recording, named_after
from .writing import write_recording

__all__ = ["clip", "directions_between", "repair"]

_BLOCK = 1 << 20  # bytes


def clip(path: str | Path, start: float, end: float | None = None, output: str | Path | None = None) -> Recording:
    """Cut a piece out of a recording, from `start` to before `end` (seconds), with its angles: a new recording.

    Samples are copied as they are. The new one begins with the direction that held there, unless one was told just
    then. Its name is NAME-START-END.wav by default. Raises InputError for a piece that is not there and for a name that
    is taken, MediaError for what cannot be read, DeviceError when the disk is full.
    """
    source = read(path)
    until = source.duration if end is None else end
    if not (math.isfinite(start) and math.isfinite(until)) or not 0 <= start < min(until, source.duration):
        raise InputError(
            f"there is nothing from {start:g} s to {until:g} s; {source.path.name} is {source.duration:g} s long"
        )
    rate = source.sample_rate
    first, last = round(start * rate), min(round(until * rate), source.samples)
    if last <= first:
        raise InputError(f"from {start:g} s to {until:g} s there is no sample; ask for more")
    names = Names.of(output or source.beside(f"-{start:g}-{last / rate:g}.wav"))
    check_not_over(names.sound, source.path)
    known = beside(source.path, rate, end=source.duration)
    track = known.angles
    facts = Facts(
        Form(rate, source.channels, kept_as(source.subtype)),
        source.started and source.started + timedelta(seconds=first / rate),
        track.convention,
        known.facts.heading if known.facts else None,
        state=source.state if source.state != "recording" else "interrupted",
        gaps=list(_gaps_between(source.gaps, first, last, rate)),
    )
    blocks = read_bytes(source.path, first, last, facts.form)
    write_recording(names, facts, blocks, directions_between(track, first, last, rate))
    return read(names.sound)


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
    known = beside(source, defaults.SAMPLE_RATE).facts
    remains = examine(source, form=known.form if known else None, samples=known.samples if known else 0)
    if remains.form is None:
        raise MediaError(f"{source}: too little is left of it, its header ends before it says what the samples are")
    if remains.counted and source.suffix != ".part":
        return read(source)
    rate = remains.form.sample_rate
    track = beside(source, rate, end=remains.samples / rate).angles
    facts = replace(
        known or Facts(remains.form, remains.started, AZIMUTH),
        form=remains.form,
        state="interrupted",
        error=f"made whole from {source.name}",
        angles=0,
    )
    names = Names.of(output or named_after(source, "-repaired.wav"))
    check_not_over(names.sound, source)
    blocks = _bytes(source, remains.offset, remains.samples * remains.form.frame)
    write_recording(names, facts, blocks, directions_between(track, 0, remains.samples + 1, rate))
    return read(names.sound)


def _bytes(path: Path, offset: int, size: int) -> Iterator[bytes]:
    """The bytes of a file from a place on, in blocks of whole sample frames as long as `size` is."""
    with path.open("rb") as file:
        file.seek(offset)
        while size > 0 and (block := file.read(min(size, _BLOCK))):
            yield block
            size -= len(block)


def directions_between(track: AngleTrack, first: int, last: int, rate: int) -> list[tuple[int, Direction]]:
    """The logged directions of samples from `first` to before `last`, and at `first` what held there."""
    samples = np.round(track.times * rate).astype(np.int64)
    chosen = np.flatnonzero((samples >= first) & (samples < last))
    before = np.flatnonzero(samples < first)
    found = []
    if len(before) and not (len(chosen) and samples[chosen[0]] == first):
        held = track.at([first / rate])[0]
        elevation = None if track.elevation is None else track.elevation[before[-1]]
        found.append((0, _direction(held, elevation, track)))
    for index in chosen:
        elevation = None if track.elevation is None else track.elevation[index]
        found.append((int(samples[index]) - first, _direction(track.azimuth[index], elevation, track)))
    return found


def _direction(azimuth: float, elevation: float | None, track: AngleTrack) -> Direction:
    known = None if elevation is None or math.isnan(elevation) else float(elevation)
    return Direction.said(float(azimuth), known, track.convention)


def _gaps_between(gaps: Iterable[Gap], first: int, last: int, rate: int) -> Iterator[Gap]:
    for gap in gaps:
        at = round(gap.time * rate)
        start, end = max(at, first), min(at + gap.samples, last)
        if start < end or (gap.samples == 0 and first <= at < last):
            yield Gap((start - first) / rate, end - start, gap.reason)
