"""Footsteps from somebody's own recordings, played so that no step sounds like the last.

A `SampleVoice` is used in the place of `rendering.SyntheticVoice`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..arrays import Floats
from ..errors import InputError, MediaError
from ..files import expand
from .sound.canvas import RATE
from .sound.cutting import cut_step_at, cut_steps
from .sound.recordings import KINDS, SUFFIXES, duration_of, read_mono, resample
from .types import Foot, Footstep

__all__ = ["SampleVoice", "check_samples", "load_samples", "sample_at"]

_SEARCHED = 300.0  # seconds of a file that are cut into steps: some five hundred
_AROUND = 2.0, 4.0  # seconds read before and after a moment
_MOST = 48  # samples kept: with all their pitches some 50 MB
_PITCHES = 9  # from -2 to 2 semitones
_SEMITONES = 2.0
_LEVEL = 2.0  # dB up or down
_STRENGTH = 9.0  # dB up or down from a walking step
_FAINT = 20.0  # dB below the median of a file: a step of somebody else, or a scuff


class SampleVoice:
    """The sound of footsteps from recordings: called with a step, it gives mono samples (n,) at 48 kHz.

    No sample comes twice in a row, neither of all steps nor (with three samples or more) of one foot of a person; each
    is up to 2 semitones higher or lower and up to 2 dB louder or softer. A step of strength 1 has a peak of about 1,
    half the strength is 6 dB less, at most 9 dB from a walking step. The foot comes down at the first sample.

    It remembers what it played: call `restart` before each rendering, and the same steps with the same random numbers
    give the same sound. `warnings` say which files could not be used and why.
    """

    def __init__(
        self, samples: Sequence[Floats], *, feet: Sequence[Foot | None] | None = None, warnings: Sequence[str] = ()
    ) -> None:
        """`samples` are single steps with a peak of about 1 at 48 kHz; `feet` say which foot each is for (None: both).

        Feet count when there are samples for both.
        """
        if not samples:
            raise InputError("no samples of footsteps; give at least one")
        self.samples = list(samples)
        self.warnings = list(warnings)
        tags = list(feet or [None] * len(self.samples))
        if not {"left", "right"} <= set(tags):
            tags = [None] * len(self.samples)
        self._for: dict[Foot, list[int]] = {
            "left": [number for number, foot in enumerate(tags) if foot != "right"],
            "right": [number for number, foot in enumerate(tags) if foot != "left"],
        }
        self._pitched: dict[tuple[int, int], Floats] = {}
        self.restart()

    def restart(self) -> None:
        """Forget what was played."""
        self._latest = -1
        self._last: dict[tuple[int, Foot], int] = {}
        self._bags: dict[tuple[int, Foot], list[int]] = {}

    def __call__(self, step: Footstep, contact: float | None, random: np.random.Generator) -> Floats:
        """The sound of a heel strike. How long the foot stays (`contact`) does not change a recording."""
        number = self._choose(step, random)
        # Most steps near their own pitch: a walk in which all pitches are as likely is heard as several people.
        sound = self._at_pitch(number, int(random.binomial(_PITCHES - 1, 0.5)))
        level = random.uniform(-_LEVEL, _LEVEL)
        strength = np.clip(20 * math.log10(max(step.strength, 1e-6) / 0.5), -_STRENGTH, _STRENGTH)
        return sound * np.float32(0.5 * 10 ** ((level + strength) / 20))

    def _choose(self, step: Footstep, random: np.random.Generator) -> int:
        """A sample out of the foot's bag, which is filled again when nothing in it would do."""
        key = (step.person, step.foot)
        pool = self._for[step.foot]
        bag = self._bags.get(key, [])
        source, allowed = next(
            (source, allowed)
            for avoided in ({self._latest, self._last.get(key)}, {self._latest}, set[int]())
            for source in (bag, pool)
            if (allowed := [number for number in source if number not in avoided])
        )
        number = allowed[random.integers(len(allowed))]
        self._bags[key] = [other for other in source if other != number]
        self._latest = self._last[key] = number
        return number

    def _at_pitch(self, number: int, pitch: int) -> Floats:
        sound = self._pitched.get((number, pitch))
        if sound is None:
            ratio = 2 ** (_SEMITONES * (2 * pitch / (_PITCHES - 1) - 1) / 12)
            sound = self._pitched[number, pitch] = resample(self.samples[number], RATE * ratio)
        return sound


def load_samples(path: str | Path, surface: str | None = None) -> SampleVoice:
    """The footsteps in a folder of sound files (searched with its sub-folders), or in one file, as a voice.

    WAV, FLAC, OGG, MP3 and AIFF at any rate and depth; channels are mixed. Each file may hold one step or many; the
    first five minutes are used. `surface` takes what is in sub-folders of that name, else files with that word in their
    names, else everything. The words left, right, l and r in names say which foot it is for, when both are there. What
    cannot be used is in `warnings` of the voice. Raises InputError when nothing can be used.
    """
    files, warnings = _files_of(path)
    root = _at_home(path)
    words = {file: _words(file.relative_to(root) if root.is_dir() else Path(file.name)) for file in files}
    if surface is not None and root.is_dir():
        files = _of_surface(files, words, surface, warnings)
    samples: list[Floats] = []
    feet: list[Foot | None] = []
    for file in files:
        try:
            steps = _steps_of(file, warnings)
        except MediaError as error:
            if file == root:
                raise
            warnings.append(str(error))
            continue
        samples += steps
        feet += [_foot(words[file])] * len(steps)
    if not samples:
        raise _nothing_in(path, warnings)
    kept = _spread(len(samples))
    return SampleVoice([samples[at] for at in kept], feet=[feet[at] for at in kept], warnings=warnings)


def check_samples(path: str | Path) -> None:
    """The error that `load_samples` would raise for what is not there or holds no sound files: before the work, not
    after it."""
    files, warnings = _files_of(path)
    if not files:
        raise _nothing_in(path, warnings)


def sample_at(path: str | Path, at: float, *, length: float | None = None) -> SampleVoice:
    """The footstep at `at` seconds of a sound file, as a voice of one sample.

    It begins at the onset that is nearest to `at` within a quarter of a second, or else exactly there, and ends where
    it has decayed, or after `length` seconds. Raises InputError for a time that is not in the file, and for silence.
    """
    file = _at_home(path)
    if length is not None and not 0 < length <= _SEARCHED:
        raise InputError(f"a length of {length} s; give more than 0 and at most {_SEARCHED:g}")
    if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises for a name that is too long
        raise InputError(f"no such file: {path}; give a {KINDS} file with footsteps")
    duration = duration_of(file)
    if not 0 <= at < duration:
        raise InputError(f"{at} s is not a time in {path}, which is {duration:.2f} s long")
    before = min(at, _AROUND[0])
    sound = read_mono(file, at - before, before + (length or 0) + _AROUND[1])
    step = cut_step_at(sound, RATE, at=before, length=length)
    if not len(step):
        raise InputError(f"{path} is silent at {at} s; give the time of a footstep, in seconds")
    return SampleVoice(_even([step]))


def _files_of(path: str | Path) -> tuple[list[Path], list[str]]:
    """The sound files in a folder, and what is to be said of the others."""
    files, skipped = expand([path], SUFFIXES)
    return files, [f"{file}: {reason}" for file, reason in skipped]


def _nothing_in(path: str | Path, warnings: Sequence[str]) -> InputError:
    reasons = "; ".join(warnings[:3]) or f"there is no {KINDS} file in it"
    return InputError(f"no footsteps in {path}: {reasons}. Give {KINDS} files with footsteps, or a folder of them")


def _steps_of(file: Path, warnings: list[str]) -> list[Floats]:
    if duration_of(file) > _SEARCHED:
        warnings.append(f"{file}: only its first {_SEARCHED / 60:g} minutes are used")
    steps = cut_steps(read_mono(file, 0.0, _SEARCHED), RATE)
    if not steps:
        raise MediaError(f"{file}: no footstep in it, only silence or steady noise; give another recording")
    return _even([steps[place] for place in _spread(len(steps))])


def _even(steps: Sequence[Floats]) -> list[Floats]:
    """The steps of a file with their median at a peak of 1, and half as much louder or softer than it as they were."""
    peaks = np.array([float(np.abs(step).max()) for step in steps])
    middle = float(np.median(peaks))
    most = 10 ** (3 / 20)
    return [
        step * np.float32(np.clip(math.sqrt(peak / middle), 1 / most, most) / peak)
        for step, peak in zip(steps, peaks.tolist(), strict=True)
        if peak >= middle * 10 ** (-_FAINT / 20)
    ]


def _spread(count: int) -> list[int]:
    """As many places as are kept, all over those that there are."""
    kept = min(count, _MOST)
    return [place * count // kept for place in range(kept)]


def _words(path: Path) -> list[list[str]]:
    """The words, in lower case, of each part of a path: Grass/walkLeft_02 is [[grass], [walk, left]]."""
    parts = path.with_suffix("").parts
    return [[word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", part)] for part in parts]


def _of_surface(files: list[Path], words: dict[Path, list[list[str]]], surface: str, warnings: list[str]) -> list[Path]:
    """The files in sub-folders of a surface, or else those named after it, or else all."""
    wanted = surface.lower()
    below = [file for file in files if any(wanted in part for part in words[file][:-1])]
    named = [file for file in files if wanted in words[file][-1]]
    if files and not (below or named):
        warnings.append(f"no sub-folder or file is named {surface}: all are used")
    return below or named or files


def _foot(words: list[list[str]]) -> Foot | None:
    """The foot that a file is for; the last word for one counts."""
    feet: dict[str, Foot] = {"left": "left", "l": "left", "right": "right", "r": "right"}
    named = [feet[word] for part in words for word in part if word in feet]
    return named[-1] if named else None


def _at_home(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises where ~ is only part of a name
