"""Recordings whose server was killed: made whole at the next start."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sql

from ... import audio
from ...errors import MediaError, PerceptkitError
from ...locks import locked
from ..settings import Settings
from .recorded import Recorded, complete_recording, lose_recording, shown, sound_path

__all__ = ["mend"]

log = logging.getLogger("perceptkit.server")

_ENDINGS = (".csv", ".json", ".wav")  # the sound last, since it says that the others are there
_KILLED = "the server was ended while this was recorded; what is missing is its last second at most"


def mend(
    settings: Settings, engine: sql.Engine, found: list[Recorded], *, stopped: Callable[[], bool] = lambda: False
) -> None:
    """Make the recordings `found` whole that nobody records any more, and note how they ended.

    What was recorded stays as it is until the new file is whole. One that another server still records is left alone.
    """
    folder = settings.data / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "mending.lock"):  # one server at a time
        for recorded in found:
            if stopped():
                return
            try:
                _mend(engine, recorded, sound_path(settings, recorded))
            except (PerceptkitError, OSError) as error:
                log.warning("recording %s: %s", recorded.id, error)


def _mend(engine: sql.Engine, recorded: Recorded, sound: Path) -> None:
    part, whole = sound.with_name(f"{sound.name}.part"), sound.with_name(f"{sound.stem}-repaired.wav")
    if sound.exists():  # all but the row was done
        recording = audio.read(sound)
    else:
        if not whole.exists():
            if not part.exists():
                lose_recording(engine, recorded, "its files are gone")
                return
            _remove_parts(whole)  # of an attempt before this one
            try:
                audio.repair(part, whole)
            except MediaError as error:
                lose_recording(engine, recorded, shown(str(error), recorded, sound))
                return
        for ending in _ENDINGS:
            if whole.with_suffix(ending).exists():
                whole.with_suffix(ending).replace(sound.with_suffix(ending))
        recording = replace(audio.read(sound), error=_KILLED)
    _remove_parts(sound)
    complete_recording(engine, recorded, recording)
    log.info("recording %s: made whole, %.1f s", recorded.id, recording.duration)


def _remove_parts(sound: Path) -> None:
    for ending in _ENDINGS:
        sound.with_suffix(f"{ending}.part").unlink(missing_ok=True)
