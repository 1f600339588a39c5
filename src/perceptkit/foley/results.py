"""What `detect` found, and the files it is written to.

OUT/events.csv      frame, timecode, foot, event, time_seconds, confidence, person, strength, inferred, x, y, height
OUT/...             the same in every other format of `exports.EXPORTS`
OUT/stats.json      steps, cadence, symmetry, and when people walk, run or stand
OUT/timeline.png    who put which foot down when
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..files import make_folder, write_bytes
from ..images import encode_png
from ..output import count, write_json
from ..video import VideoInfo
from .exports import EXPORTS, Clip, rows, write_exports
from .gait import statistics
from .lanes import timeline
from .signals import Doubles
from .types import Footstep, Pose

__all__ = ["Detection", "save_events"]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """The footsteps of a video. In a notebook it shows the timeline.

    `info` describes the video, `times` (T,) are the times of its frames in seconds, `steps` the footsteps in order of
    time, `poses` what they were found in, `statistics` what they say of each person, `warnings` what was wrong, or why
    nothing was found.
    """

    source: Path
    info: VideoInfo
    times: Doubles
    steps: tuple[Footstep, ...]
    poses: tuple[Pose, ...]
    statistics: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def clip(self) -> Clip:
        """The video, as the files about it tell of it."""
        return Clip(
            name=self.source.name,
            path=self.source,
            rate=self.info.rate,
            times=self.times,
            duration=self.info.duration,
            warnings=self.warnings,
        )

    def rows(self) -> list[dict[str, Any]]:
        """The footsteps as plain data, as events.csv has them."""
        return rows(self.steps, self.clip)

    def save(self, folder: str | Path, *, sounds: Sequence[Path] = (), clip: Clip | None = None) -> Path:
        """Write all files into a folder, which is made when needed, each whole or not at all; the folder.

        `sounds` are files of it that the Reaper project shows beside the video; `clip` is how the files tell of the
        video, by default the property of that name. Raises DeviceError or InputError for a folder that cannot be
        written.
        """
        clip = replace(clip or self.clip, sounds=tuple(sounds))
        return _save(self.steps, clip, self.statistics, make_folder(folder))

    def _timeline(self) -> bytes:
        return _timeline(self.steps, self.clip, self.statistics)

    def __repr__(self) -> str:
        strikes = sum(step.event == "heel_strike" for step in self.steps)
        people = len({step.person for step in self.steps})
        return (
            f"Detection({str(self.source)!r}: {count(strikes, 'step', 'steps')} of {count(people, 'person', 'people')})"
        )

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self._timeline()).decode()
        return f'<img src="data:image/png;base64,{picture}" style="max-width:100%" alt="{html.escape(repr(self))}">'


def save_events(steps: Sequence[Footstep], clip: Clip, folder: str | Path, *, kept: str | Path | None = None) -> Path:
    """Write what `Detection.save` does of footsteps that were edited or moved; a person is taken to be there from the
    first event to the last one. The file `kept`, which they were read from, is not written over."""
    spans: dict[int, tuple[float, float]] = {}
    for step in steps:
        first, last = spans.get(step.person, (step.time, step.time))
        spans[step.person] = min(first, step.time), max(last, step.time)
    return _save(steps, clip, statistics(steps, spans), make_folder(folder), kept=kept)


def _save(
    steps: Sequence[Footstep], clip: Clip, numbers: dict[str, Any], folder: Path, *, kept: str | Path | None = None
) -> Path:
    formats = [name for name, row in EXPORTS.items() if not _same(folder / row.file, kept)]
    write_exports(steps, clip, folder, formats=formats)
    write_json(folder / "stats.json", numbers)
    write_bytes(folder / "timeline.png", _timeline(steps, clip, numbers))
    return folder


def _same(path: Path, other: str | Path | None) -> bool:
    return other is not None and path.exists() and path.samefile(other)


def _timeline(steps: Sequence[Footstep], clip: Clip, numbers: dict[str, Any]) -> bytes:
    return encode_png(timeline(steps, numbers["people"], end=clip.end or 1.0, title=clip.name))
