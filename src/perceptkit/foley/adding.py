"""A video and its footsteps in, the video with their sound out: `add_sound`. Or the sound alone: `write_sound`.

OUT.mp4                          the pictures, copied, with the new sound
OUT-foley/footsteps.wav          the footsteps alone, in time with the video, 48 kHz, 24 bit
OUT-foley/stems/...              each foot of each person, dry, and the room, when they are wanted
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..arrays import Floats
from ..errors import InputError
from ..files import check_folder, make_folder
from ..output import count
from ..video import check_copyable, check_target, frame_times, info, replace_sound
from . import defaults
from .annotation import annotate
from .mixing import choose_original, mixed_wav
from .rendering import MIX, Style, check_duration, render, render_stems
from .results import Detection
from .sound.canvas import Canvas, on_disk, write_wav
from .types import Footstep

__all__ = ["Dub", "add_sound", "check_dub", "write_sound"]

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Dub:
    """A video with the sound of so many `footsteps`: its path, the `folder` of the data, the `sounds` in it
    (footsteps.wav first), and what was wrong."""

    footsteps: int
    video: Path
    folder: Path
    sounds: tuple[Path, ...]
    warnings: tuple[str, ...]


def add_sound(
    source: str | Path,
    steps: Sequence[Footstep],
    target: str | Path,
    style: Style | None = None,
    *,
    original: str = defaults.ORIGINAL,
    stems: bool = False,
    drawn: Detection | None = None,
    progress: Progress | None = None,
    drawing: Progress | None = None,
) -> Dub:
    """Write `target` (MP4): the pictures of a video, copied, with the sound of footsteps; its own sound is kept, ducked
    (12 dB down under the steps) or muted.

    `drawn` is a detection to draw into the pictures. `progress` is called with the footsteps made, `drawing` with the
    frames drawn. Footsteps after the end of the video are left out, which `warnings` says; without any, the video
    keeps its own sound. Raises InputError or MediaError for what cannot be used, DeviceError when the disk is full;
    then there is no `target`.
    """
    target, folder = check_dub(source, target, original=original, drawn=drawn is not None)
    end = float(frame_times(source)[-1])
    heard, warnings = _within(source, steps, end)
    make_folder(folder)
    with on_disk(folder) as canvas:
        sounds = _rendered(heard, style or Style(), stems, end, canvas, progress)
        paths = _saved(sounds, folder / "footsteps.wav", folder / "stems")
        if not heard:  # nothing is ducked or muted for no steps
            original = "keep"
        with mixed_wav(sounds[MIX], source, original, end, folder, warnings, canvas) as wav:
            if drawn:
                annotate(drawn, target, sound=wav, progress=drawing)
            else:
                warnings += replace_sound(source, wav, target)
    footsteps = sum(step.event == "heel_strike" for step in heard)
    return Dub(footsteps, target, folder, paths, tuple(warnings))


def check_dub(source: str | Path, target: str | Path, *, original: str, drawn: bool) -> tuple[Path, Path]:
    """The paths of the video and of the folder that `add_sound` writes; the errors that it would raise after the
    work."""
    choose_original(original)
    target = check_target(target, source)
    if drawn:
        info(source)
    else:
        check_copyable(source)
    return target, check_folder(target.with_name(f"{target.stem}-foley"))


def write_sound(
    steps: Sequence[Footstep],
    target: str | Path,
    style: Style | None = None,
    *,
    duration: float | None = None,
    stems: bool = False,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Write the sound of footsteps as a WAV (48 kHz, 24 bit) of `duration` seconds; the paths that were written.

    With `stems` each foot of each person and the room are written as well, into the folder TARGET-stems. Raises
    InputError when there is nothing to be heard or it cannot be written there, DeviceError when the disk is full.
    """
    target = Path(target).expanduser()
    if target.suffix.lower() != ".wav":
        raise InputError(f"cannot write {target}: the sound is written as .wav; give OUT.wav")
    end = math.inf if duration is None else check_duration(duration)
    if not any(step.event == "heel_strike" and step.time < end for step in steps):
        raise InputError("there are no heel strikes to be heard; nothing is written")
    check_folder(target.parent)
    folder = make_folder(target.parent)
    with on_disk(folder) as canvas:
        sounds = _rendered(steps, style or Style(), stems, duration, canvas, progress)
        return _saved(sounds, target, target.with_name(f"{target.stem}-stems"))


def _within(source: str | Path, steps: Sequence[Footstep], end: float) -> tuple[list[Footstep], list[str]]:
    """The footsteps that are in a video, and what is to be said of the others."""
    heard = [step for step in steps if step.time < end]
    warnings = []
    if beyond := len(steps) - len(heard):
        what = count(beyond, "event comes", "events come")
        warnings.append(f"{source}: {what} after its end ({end:.2f} s) and left out")
    if not any(step.event == "heel_strike" for step in heard):
        warnings.append(f"{source}: there are no footsteps to be heard; it keeps its own sound")
        return [], warnings
    return heard, warnings


def _rendered(
    steps: Sequence[Footstep],
    style: Style,
    stems: bool,
    duration: float | None,
    canvas: Canvas,
    progress: Progress | None,
) -> dict[str, Floats]:
    if stems:
        return render_stems(steps, style, duration=duration, canvas=canvas, progress=progress)
    return {MIX: render(steps, style, duration=duration, canvas=canvas, progress=progress)}


def _saved(sounds: dict[str, Floats], mix: Path, folder: Path) -> tuple[Path, ...]:
    paths = [mix]
    write_wav(mix, sounds[MIX])
    for name, sound in sounds.items():
        if name != MIX:
            paths.append(make_folder(folder) / f"{name}.wav")
            write_wav(paths[-1], sound)
    return tuple(paths)
