"""A recording and its directions as the files that other programs open: `export`, `EXPORTS`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import InputError
from ..files import replacing_path
from ..output import dumps
from .adm import write_adm
from .angles import AZIMUTH, wrap
from .describing import angle_rows, facts_of
from .log import Direction
from .marks import Marks
from .names import Names
from .types import AngleTrack, Recording

__all__ = ["EXPORTS", "Export", "Settings", "export"]

log = logging.getLogger("perceptkit")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an export is told besides: where the front looked, and what DCASE calls the sound."""

    heading: float | None
    event_class: int
    source: int


@dataclass(frozen=True, slots=True)
class Export:
    """A kind of file: what its name ends in, after the recording's, and what writes it to a path."""

    ending: str
    write: Callable[[Recording, Settings, Path], None]


def export(
    recording: Recording,
    kind: str,
    output: str | Path | None = None,
    *,
    heading: float | None = None,
    event_class: int = 0,
    source: int = 0,
) -> Path:
    """Write a recording or its directions for another program (`kind`: a row of `EXPORTS`); the path of the file.

    The file lies beside the recording by default: NAME-labels.txt, NAME-dcase.csv, NAME-adm.wav or NAME-angles.json. It
    is there whole or not at all, and takes the place of one that was there before. `heading` is where the front looked,
    in degrees clockwise from north: angles that count from north need it where the file's count from the front (dcase,
    adm). `event_class` and `source` are the indexes that DCASE has for what is heard. Raises InputError for an unknown
    kind, a missing heading, and an output that is the recording or lies in the place of its files; MediaError when the
    sound cannot be read, DeviceError when the disk is full.
    """
    if kind not in EXPORTS:
        raise InputError(f"unknown kind of export {kind!r}; choose one of: {', '.join(EXPORTS)}")
    indexes: Mapping[str, object] = {"event_class": event_class, "source": source}
    for name, index in indexes.items():
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise InputError(f"{name} is {index!r}; give a whole number from 0")
    if not len(recording.angles):
        log.warning("%s has no angles%s", recording.path, ": its sound is in front" if kind == "adm" else "")
    path = recording.beside(EXPORTS[kind].ending) if output is None else Path(output).expanduser()
    Names.beside(recording.path).refuse(path)
    other = Names(path)
    if path.suffix.lower() == ".wav" and (other.log.exists() or other.facts.exists()):
        raise InputError(f"{path} is another recording; choose another output")
    if heading is None:
        heading = recording.heading
    with replacing_path(path) as beside:
        EXPORTS[kind].write(recording, Settings(heading, event_class, source), beside)
    return path


def _from_front(recording: Recording, settings: Settings) -> AngleTrack:
    return recording.angles.to(AZIMUTH, heading=settings.heading)


def _as_known(recording: Recording, settings: Settings) -> AngleTrack:
    """From the front if that is known, as the recording has them otherwise."""
    if recording.angles.convention.zero == "north" and settings.heading is None:
        return recording.angles
    return _from_front(recording, settings)


def _audacity(recording: Recording, settings: Settings, path: Path) -> None:
    """A label track of Audacity (manual: Importing and Exporting Labels): start, end and text, with tabs between.

    A label is a direction, from where it is told until the next one; they are chosen as those in the WAV, at most 1000.
    Directions from north without a heading are said as on a compass. Where sound is missing there is a label too.
    """
    track, rate = _as_known(recording, settings), recording.sample_rate
    marks = Marks(rate, track.convention)
    for index, time in enumerate(track.times):
        elevation = math.nan if track.elevation is None else float(track.elevation[index])
        known = None if math.isnan(elevation) else elevation
        marks.add(round(time * rate), Direction.said(float(track.azimuth[index]), known, track.convention))
    texts = [(sample / rate, text) for sample, text in marks.texts() if sample < recording.samples]
    ends = [time for time, _ in texts[1:]] + [recording.duration]
    labels = [(time, end, text) for (time, text), end in zip(texts, ends, strict=False)]
    labels += [(gap.time, gap.time + gap.samples / rate, f"gap ({gap.reason})") for gap in recording.gaps]
    lines = (f"{start:.6f}\t{end:.6f}\t{text}\n" for start, end, text in sorted(labels))
    path.write_bytes("".join(lines).encode())


_FRAMES = 10  # a second


def _dcase(recording: Recording, settings: Settings, path: Path) -> None:
    """The metadata of sound event localisation and detection in DCASE (task 3 of 2020 to 2023; later ones add what a
    recording does not know, the distance): lines of frame, class, source, azimuth and elevation, without a header.

    Frames of 100 ms count from 0, angles are whole degrees, azimuths counter-clockwise from the front (90 is left). The
    task allows -180 and 180 for the same; it is -180 here. Which moment of a frame an angle is of is not said there: it
    is the middle. Frames that no direction is known for, and those whose middle has no sound, have no line.
    """
    track = _from_front(recording, settings)
    middles = (np.arange(math.ceil(recording.duration * _FRAMES)) + 0.5) / _FRAMES
    azimuth = track.at(middles)
    there = ~np.isnan(azimuth) & (middles < recording.duration)
    for gap in recording.gaps:
        there &= (middles < gap.time) | (middles >= gap.time + gap.samples / recording.sample_rate)
    azimuth = wrap(np.rint(np.nan_to_num(azimuth)))
    elevation = np.rint(track.elevation_at(middles))
    lines = (
        f"{frame},{settings.event_class},{settings.source},{azimuth[frame]:.0f},{elevation[frame] + 0.0:.0f}\n"
        for frame in np.flatnonzero(there)
    )
    path.write_bytes("".join(lines).encode())


def _adm(recording: Recording, settings: Settings, path: Path) -> None:
    write_adm(recording, path, name=Names.beside(recording.path).sound.stem, heading=settings.heading)


def _json(recording: Recording, settings: Settings, path: Path) -> None:
    """All that is known, as one document: facts, gaps, warnings, and the angles with the convention they are in."""
    track = _as_known(recording, settings)
    document = facts_of(recording) | {
        "perceptkit": __version__,
        "convention": asdict(track.convention),
        "angles": angle_rows(replace(recording, angles=track)),
    }
    path.write_bytes((dumps(document, indent=2) + "\n").encode())


EXPORTS: Mapping[str, Export] = {
    "audacity": Export("-labels.txt", _audacity),
    "dcase": Export("-dcase.csv", _dcase),
    "adm": Export("-adm.wav", _adm),
    "json": Export("-angles.json", _json),
}
"""Every kind of file that a recording can be exported to."""
