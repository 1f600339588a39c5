"""Recordings that are there: `read` one, `list_recordings` of a folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, MediaError
from ..files import expand
from .angles import AZIMUTH, CONVENTIONS, Convention, convention_of
from .facts import Facts, Names, read_facts
from .log import read_log
from .riff import examine
from .sound import open_sound
from .types import AngleTrack, Recording, State
from .writing import is_being_written

__all__ = ["Beside", "beside", "list_recordings", "read"]

_SUFFIXES = (".wav", ".part")
_CUT = "its header does not count the samples that are there; make it whole with: perceptkit audio repair"


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies beside a sound: its facts if there are any, its angles as they were logged, and what is wrong."""

    facts: Facts | None
    angles: AngleTrack
    warnings: tuple[str, ...]


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
    whole = _is_whole(sound, facts.samples if facts else 0)
    if heading is None and facts is not None:
        heading = facts.heading
    from_north = extra.angles.convention.zero == "north" and heading is None
    return Recording(
        path=sound,
        sample_rate=rate,
        channels=channels,
        samples=samples,
        subtype=subtype,
        angles=extra.angles.to(CONVENTIONS["compass"] if from_north else AZIMUTH, heading=heading),
        started=facts.started if facts else None,
        gaps=tuple(facts.gaps) if facts else (),
        state=_state(sound, facts, whole=whole),
        warnings=extra.warnings if whole else (*extra.warnings, f"{sound}: {_CUT}"),
    )


def beside(sound: Path, rate: int, *, end: float = math.inf, convention: str | Convention | None = None) -> Beside:
    """What lies beside a sound file of a sample rate; angles after its `end` (seconds) are left out.

    Raises MediaError for a log of angles that is none.
    """
    names = Names.of(sound) if sound.suffix in (".part", ".wav") else Names(sound)
    is_part = sound.suffix == ".part"
    warnings: list[str] = []
    facts = None
    if found := _file(names.facts, is_part=is_part):
        try:
            facts = read_facts(found)
        except MediaError as error:
            warnings.append(str(error))
    meant = convention_of(convention) if convention is not None else facts.convention if facts else None
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
    return Beside(facts, track, (*warnings, *wrong))


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
    names = Names.of(path)
    if names.sound.exists():
        return names.sound
    if Names.part(names.sound).exists():
        part = Names.part(names.sound)
        raise InputError(f"no such file: {path}; but there is {part}, which is still recorded or was interrupted")
    raise InputError(f"no such file: {path}")


def _file(path: Path, *, is_part: bool) -> Path | None:
    """A file beside the sound: for one that is not finished, the file may be, when it ended just between."""
    candidates = (Names.part(path), path) if is_part else (path,)
    return next((each for each in candidates if each.is_file()), None)


def _is_whole(sound: Path, samples: int) -> bool:
    """Whether a WAV was finished and is as long as it says; other kinds of files are taken to be."""
    if sound.suffix == ".part":
        return True  # nobody says that it is
    try:
        return examine(sound, samples=samples).counted
    except MediaError:
        return True


def _state(sound: Path, facts: Facts | None, *, whole: bool) -> State:
    if sound.suffix == ".part":
        return "recording" if is_being_written(sound) else "interrupted"
    if facts is None or facts.state == "recording":
        return "complete" if whole else "interrupted"
    return facts.state if whole else "interrupted"
