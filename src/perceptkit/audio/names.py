"""The files of a recording: which ones belong together, and what they are called until they are finished."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import check_not_over

__all__ = ["Names", "named_after"]

# What somebody may write after -o, but a recording is not.
_OTHER = (".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aif", ".aiff", ".mp4", ".csv", ".json", ".txt")


@dataclass(frozen=True, slots=True)
class Names:
    """NAME.wav, NAME.csv and NAME.json; and NAME.wav.part and so on, while they are written."""

    sound: Path

    @classmethod
    def to_write(cls, path: str | Path) -> Names:
        """The files of a new recording: .wav is added where it is missing. Raises InputError for what is no name."""
        target = Path(path).expanduser()
        if not target.name or "\0" in target.name:
            raise InputError(f"{str(path)!r} is no name for a file; give one such as walk.wav")
        if target.suffix.lower() in _OTHER:
            raise InputError(f"{path}: a recording is a .wav file; give NAME.wav")
        return cls(target if target.suffix.lower() == ".wav" else target.with_name(target.name + ".wav"))

    @classmethod
    def beside(cls, sound: Path) -> Names:
        """The files that belong to a sound that is there, which may be a NAME.wav.part, or no WAV."""
        return cls(sound.with_suffix("") if sound.suffix == ".part" else sound)

    @property
    def log(self) -> Path:
        """The angles."""
        return self.sound.with_suffix(".csv")

    @property
    def facts(self) -> Path:
        """The facts."""
        return self.sound.with_suffix(".json")

    @property
    def all(self) -> tuple[Path, Path, Path]:
        """The three of them; the sound last, since it says that the others are there."""
        return self.log, self.facts, self.sound

    @staticmethod
    def part(path: Path) -> Path:
        """A file while it is written."""
        return path.with_name(path.name + ".part")

    def refuse(self, output: Path) -> None:
        """InputError for an output that is one of these files, or would be taken for one."""
        own = [*self.all, *map(self.part, self.all)]
        check_not_over(output, *own)
        if os.path.realpath(output) in map(os.path.realpath, own):
            raise InputError(f"{output} is a name of the recording's own files; choose another output")


def named_after(sound: Path, ending: str) -> Path:
    """A file beside a sound: its name without .wav or .wav.part, and an ending."""
    return sound.with_name(Names.beside(sound).sound.stem + ending)
