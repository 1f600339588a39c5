"""Recordings that are there: `read` one, `list_recordings` of a folder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ..errors import InputError, MediaError
from ..files import expand
from .angles import AZIMUTH, CONVENTIONS, Convention, checked_heading, convention_of
from .facts import Facts, read_facts
from .log import columns_of, read_log
from .names import Names
from .riff import examine
from .sound import open_sound
from .types import AngleTrack, Recording, State
from .writing import is_being_written

__all__ = ["Beside", "beside", "list_recordings", "read"]

_SUFFIXES = (".wav", ".part")
_CUT = "its header does not count the samples that are there; make it whole with: perceptkit audio repair"


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies beside a sound: its facts if there are any, its angles as they were logged, what is wrong, and the
    columns that the log has besides."""

    facts: Facts | None
    angles: AngleTrack
    warnings: tuple[str, ...]
    columns: tuple[str, ...] = ()


def read(path: str | Path, *, convention: str | Convention | None = None, heading: float | None = None) -> Recording:
    """A recording: a sound file (WAV, or what else libsndfile reads) and the NAME.csv and NAME.json beside it.

    The angles come in the package's convention. `convention` says how they are meant where no NAME.json does, `heading`
    where the front looked (degrees from north) when they count from north; without it they are as on a compass. A
    NAME.wav.part, which is being recorded or was interrupted, can be read too. Raises InputError when there is no such
    file, MediaError when it cannot be read.
    """
    sound = _existing(Path(path).expanduser())
    with open_sound(sound) as opened:
        rate, channels, samples, subtype = opened.samplerate, opened.channels, opened.frames, opened.subtype
    extra = beside(sound, rate, end=samples / rate, convention=convention)
    facts = extra.facts
    whole, started = _examined(sound, facts.samples if facts else 0)
    heading = facts.heading if heading is None and facts is not None else checked_heading(heading)
    from_north = extra.angles.convention.zero == "north" and heading is None
    return Recording(
        path=sound,
        sample_rate=rate,
        channels=channels,
        samples=samples,
        subtype=subtype,
        angles=extra.angles.to(CONVENTIONS["compass"] if from_north else AZIMUTH, heading=heading),
        started=facts.started if facts else started,
        gaps=tuple(facts.gaps) if facts else (),
        state=_state(sound, facts, whole=whole),
        heading=heading,
        error=facts.error if facts else None,
        counts=facts.counts if facts else {},
        warnings=(*extra.warnings, *_doubts(sound, rate, samples, facts, whole=whole)),
    )


def beside(sound: Path, rate: int, *, end: float = math.inf, convention: str | Convention | None = None) -> Beside:
    """What lies beside a sound file of a sample rate; angles after its `end` (seconds) are left out.

    Raises MediaError for a log of angles that is none.
    """
    names = Names.beside(sound)
    is_part = sound.suffix == ".part"
    warnings: list[str] = []
    facts = None
    if found := _file(names.facts, is_part=is_part):
        try:
            facts = read_facts(found)
        except MediaError as error:
            warnings.append(str(error))
    given = None if convention is None else convention_of(convention)
    meant = facts.convention if facts else given
    log = _file(names.log, is_part=is_part)
    if log is None:
        nothing = np.zeros(0)
        return Beside(facts, AngleTrack(nothing, nothing, None, meant or AZIMUTH), tuple(warnings))
    if meant is None:
        warnings.append(
            f"{log}: nothing says how its angles are meant; they are taken as degrees from the front, "
            "counter-clockwise (give the convention if they are not)"
        )
    # Times are rounded to milliseconds: one that lies at the end may seem to be after it.
    try:
        track, wrong = read_log(log, meant or AZIMUTH, rate, end=end + 0.0005)
    except MediaError as error:
        nothing = np.zeros(0)
        return Beside(facts, AngleTrack(nothing, nothing, None, meant or AZIMUTH), (*warnings, str(error)))
    return Beside(facts, track, (*warnings, *wrong), columns_of(log))


def list_recordings(folder: str | Path, *, warnings: list[str] | None = None) -> list[Recording]:
    """The recordings in a folder and those below it, by name; those that were interrupted are among them.

    `warnings` gets what cannot be read, and why. Raises InputError when there is no such folder.
    """
    if not Path(folder).expanduser().is_dir():
        raise InputError(f"no such folder: {folder}")
    found, skipped = expand([folder], _SUFFIXES)
    said = [f"{path}: {reason}" for path, reason in skipped]
    recordings = []
    for path in found:
        if path.suffix.lower() == ".part" and not path.name.lower().endswith(".wav.part"):
            continue
        try:
            recordings.append(read(path))
        except (InputError, OSError) as error:
            said.append(str(error))
    if warnings is not None:
        warnings += said
    return recordings


def _existing(path: Path) -> Path:
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a recording in it (see: perceptkit audio list {path})")
    if path.exists():
        return path
    if not path.name or "\0" in path.name:
        raise InputError(f"{str(path)!r} is no name of a file")
    names = Names(path if path.suffix.lower() == ".wav" else path.with_name(path.name + ".wav"))
    if names.sound.exists():
        return names.sound
    if Names.part(names.sound).exists():
        part = Names.part(names.sound)
        raise InputError(f"no such file: {path}; but there is {part}, which is still recorded or was interrupted")
    raise InputError(f"no such file: {path}")


def _doubts(sound: Path, rate: int, samples: int, facts: Facts | None, *, whole: bool) -> Iterator[str]:
    """What is wrong with a sound, as warnings."""
    if not whole:
        yield f"{sound}: {_CUT}"
    elif facts and facts.state != "recording" and (facts.samples, facts.form.sample_rate) != (samples, rate):
        told = f"{facts.samples} samples at {facts.form.sample_rate} Hz"
        yield f"{sound}: what lies beside it tells of another sound, of {told}"


def _file(path: Path, *, is_part: bool) -> Path | None:
    """A file beside the sound: for one that is not finished, the file may be, when it ended just between."""
    candidates = (Names.part(path), path) if is_part else (path,)
    return next((each for each in candidates if each.is_file()), None)


def _examined(sound: Path, samples: int) -> tuple[bool, datetime | None]:
    """Whether a WAV was finished and is as long as it says, and when it began; other kinds are taken to be whole."""
    try:
        remains = examine(sound, samples=samples)
    except MediaError:
        return True, None
    return remains.counted or sound.suffix == ".part", remains.started  # nobody says that a .part is whole


def _state(sound: Path, facts: Facts | None, *, whole: bool) -> State:
    if sound.suffix == ".part":
        return "recording" if is_being_written(sound) else "interrupted"
    if facts is None or facts.state == "recording":
        return "complete" if whole else "interrupted"
    return facts.state if whole else "interrupted"
