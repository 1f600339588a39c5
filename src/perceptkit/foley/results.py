"""What `detect` found, and the files it is written to.

OUT/events.csv      frame, timecode, foot, event, time_seconds, confidence, person, strength, inferred, x, y, height
OUT/events.json     the same, with statistics and warnings
OUT/timecode.txt    a line an event, for editors
OUT/stats.json      steps, cadence, symmetry, and when people walk, run or stand
OUT/timeline.png    who put which foot down when
"""

from __future__ import annotations

import base64
import csv
import html
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..files import make_folder, write_bytes
from ..images import encode_png
from ..output import count, write_json
from ..video import VideoInfo
from .lanes import timeline
from .signals import Doubles
from .smpte import timecode
from .types import Footstep, Pose

__all__ = ["COLUMNS", "Detection"]

COLUMNS = (
    *("frame", "timecode", "foot", "event", "time_seconds", "confidence"),
    *("person", "strength", "inferred", "x", "y", "height"),
)
"""The columns of events.csv, a line an event."""


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

    def rows(self) -> list[dict[str, Any]]:
        """The footsteps as plain data, as events.csv has them."""
        return [self._row(step) for step in self.steps]

    def save(self, folder: str | Path) -> Path:
        """Write all files into a folder, which is made when needed, each whole or not at all; the folder.

        Raises DeviceError or InputError for a folder that cannot be written.
        """
        folder = make_folder(folder)
        rows = self.rows()
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"inferred": str(row["inferred"]).lower()} for row in rows)
        write_bytes(folder / "events.csv", table.getvalue().encode())
        about = {"source": str(self.source), "perceptkit": __version__, "rate": round(float(self.info.rate), 6)}
        write_json(folder / "events.json", {**about, "events": rows, "warnings": self.warnings})
        write_json(folder / "stats.json", self.statistics)
        write_bytes(folder / "timecode.txt", "".join(map(_line, rows)).encode())
        write_bytes(folder / "timeline.png", self._timeline())
        return folder

    def _timeline(self) -> bytes:
        end = float(self.times[-1] + 1 / self.info.rate) if len(self.times) else 1.0
        return encode_png(timeline(self.steps, self.statistics["people"], end=end, title=self.source.name))

    def _row(self, step: Footstep) -> dict[str, Any]:
        frame = int(np.abs(self.times - step.time).argmin())
        return {
            "frame": frame,
            "timecode": timecode(float(self.times[frame]), self.info.rate),
            "foot": step.foot,
            "event": step.event,
            "time_seconds": round(step.time, 4),
            "confidence": step.confidence,
            "person": step.person,
            "strength": step.strength,
            "inferred": step.inferred,
            "x": round(step.x, 4),
            "y": round(step.y, 4),
            "height": step.height,
        }

    def __repr__(self) -> str:
        strikes = sum(step.event == "heel_strike" for step in self.steps)
        people = len({step.person for step in self.steps})
        return (
            f"Detection({str(self.source)!r}: {count(strikes, 'step', 'steps')} of {count(people, 'person', 'people')})"
        )

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self._timeline()).decode()
        return f'<img src="data:image/png;base64,{picture}" style="max-width:100%" alt="{html.escape(repr(self))}">'


def _line(row: dict[str, Any]) -> str:
    return f"{row['timecode']}  {row['event']:<11}  {row['foot']:<5}  person {row['person']}\n"
