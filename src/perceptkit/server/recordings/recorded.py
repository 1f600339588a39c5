"""Recordings as they are kept: a row each, and its WAV, its angles and its facts in the folder of its owner."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from ... import audio
from ...audio.types import State
from ...output import dumps
from ..database import recordings
from ..folders import is_id, recordings_folder
from ..settings import Settings

__all__ = [
    "Recorded",
    "add_recording",
    "angles_json",
    "complete_recording",
    "delete_recording",
    "find_recording",
    "list_recorded",
    "lose_recording",
    "shown",
    "sound_path",
]

_LINES = 1000  # of angles that are sent at once


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of the table `recordings`. What is only known at its end is None before. Times are seconds since 1970."""

    id: str
    owner: str
    filename: str
    created_at: float
    sample_rate: int
    channels: int
    convention: str
    completed_at: float | None
    bytes: int | None
    facts: Mapping[str, Any] | None

    @property
    def state(self) -> State:
        """Whether it still goes on, and how it ended."""
        return "recording" if self.facts is None else self.facts["state"]


def sound_path(settings: Settings, recorded: Recorded) -> Path:
    """The WAV of a recording; beside it lie NAME.csv and NAME.json."""
    return recordings_folder(settings, recorded.owner) / f"{recorded.id}.wav"


def add_recording(engine: sql.Engine, recorded: Recorded) -> None:
    """A row for a recording that begins."""
    values = {column.name: getattr(recorded, column.name) for column in recordings.columns}
    with engine.begin() as connection:
        connection.execute(sql.insert(recordings).values(values))


def complete_recording(engine: sql.Engine, recorded: Recorded, recording: audio.Recording) -> Recorded:
    """Note how a recording ended. The row as it is now, or was made before by somebody else."""
    facts = audio.facts_of(recording)
    del facts["path"], facts["convention"]  # the second is not the one that the angles came in
    facts["error"] = facts["error"] and shown(facts["error"], recorded, recording.path)
    facts["warnings"] = [shown(warning, recorded, recording.path) for warning in facts["warnings"]]
    size = recording.path.stat().st_size if recording.path.exists() else 0
    return _complete(engine, recorded, {"facts": json.loads(dumps(facts)), "bytes": size})


def lose_recording(engine: sql.Engine, recorded: Recorded, reason: str) -> Recorded:
    """Note that nothing is left of a recording, and why."""
    return _complete(engine, recorded, {"facts": {"state": "interrupted", "error": reason}, "bytes": 0})


def find_recording(engine: sql.Engine, recording_id: str, *, owner: str) -> Recorded | None:
    """A recording by its id; None when there is none, or it is somebody else's."""
    if not is_id(recording_id):
        return None
    query = sql.select(recordings).where((recordings.c.id == recording_id) & (recordings.c.owner == owner))
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def list_recorded(
    engine: sql.Engine, *, owner: str | None = None, ended: bool | None = None, before: float | None = None
) -> list[Recorded]:
    """Recordings, the newest first: of an owner, that have ended or not, that ended before a time."""
    query = sql.select(recordings).order_by(recordings.c.created_at.desc())
    if owner is not None:
        query = query.where(recordings.c.owner == owner)
    if ended is not None:
        query = query.where(recordings.c.completed_at.is_not(None) if ended else recordings.c.completed_at.is_(None))
    if before is not None:
        query = query.where(recordings.c.completed_at < before)
    with engine.connect() as connection:
        return [_read(row) for row in connection.execute(query)]


def delete_recording(settings: Settings, engine: sql.Engine, recorded: Recorded) -> None:
    """Delete every byte of a recording: its files, then its row."""
    for path in _files(sound_path(settings, recorded)):
        path.unlink(missing_ok=True)
    with engine.begin() as connection:
        connection.execute(sql.delete(recordings).where(recordings.c.id == recorded.id))


def angles_json(recorded: Recorded, path: Path) -> Iterator[str]:
    """The angles in a log as JSON, in pieces: hours of them would be large. They are as in the log."""
    yield f'{{"id": "{recorded.id}", "convention": "{recorded.convention}", "angles": ['
    with path.open(encoding="utf-8") as file:
        next(file)
        separator = ""
        while lines := list(islice(file, _LINES)):
            rows = (line.strip().split(",") for line in lines)
            pieces = (f'{{"timestamp": {time}, "angle": {angle}}}' for time, angle in rows)
            yield separator + ", ".join(pieces)
            separator = ", "
    yield "]}"


def shown(message: str, recorded: Recorded, path: Path) -> str:
    """A message of the library without our folders and names: files are called as the caller knows them."""
    return message.replace(f"{path.parent}/", "").replace(recorded.id, Path(recorded.filename).stem)


def _complete(engine: sql.Engine, recorded: Recorded, values: Mapping[str, Any]) -> Recorded:
    same = recordings.c.id == recorded.id
    with engine.begin() as connection:
        ending = {**values, "completed_at": time.time()}
        connection.execute(sql.update(recordings).where(same & recordings.c.completed_at.is_(None)).values(ending))
        return _read(connection.execute(sql.select(recordings).where(same)).one())


def _files(sound: Path) -> Iterator[Path]:
    """All that may be there of a recording, also when it was interrupted, or while it was made whole."""
    for name in (sound.stem, f"{sound.stem}-repaired"):
        for suffix in (".csv", ".json", ".wav"):
            yield sound.with_name(name + suffix)
            yield sound.with_name(f"{name}{suffix}.part")


def _read(row: sql.Row[Any]) -> Recorded:
    return Recorded(**row._mapping)
