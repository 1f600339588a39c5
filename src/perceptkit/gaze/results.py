"""The result of annotating a video, and the lines of its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..output import picture_html
from .lanes import Lane
from .types import FrameGaze

__all__ = ["COLUMNS", "Annotation", "csv_rows", "json_row"]

COLUMNS = (
    *("frame", "time", "track", "x1", "y1", "x2", "y2", "score", "yaw", "pitch", "sigma_yaw", "sigma_pitch"),
    *("gx", "gy", "gz", "state", "camera", "raw_yaw", "raw_pitch", "looks_at", "regions"),
)
"""The columns of gaze.csv, a line a face."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """What `annotate_video` found and where it wrote it. In a notebook it shows the timeline.

    `picture` is the annotated video (or photo), `folder` holds gaze.jsonl, gaze.csv, summary.json, timeline.png and
    heatmap.png; `frames` counts the frames in which gaze was estimated, `summary` is what summary.json says,
    `warnings` what was wrong with the source. `lanes` are who was visible and looked at the camera when, between the
    times of `span`.
    """

    folder: Path
    picture: Path
    frames: int
    summary: dict[str, Any]
    warnings: tuple[str, ...]
    lanes: tuple[Lane, ...]
    span: tuple[float, float]

    def rows(self) -> Iterator[dict[str, Any]]:
        """The lines of gaze.jsonl, a frame each."""
        with (self.folder / "gaze.jsonl").open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def __repr__(self) -> str:
        tracks = len(self.summary["attention"]["tracks"])
        return f"Annotation({str(self.picture)!r}: {self.frames} frames, {tracks} tracks)"

    def _repr_html_(self) -> str:
        return picture_html(self.folder / "timeline.png", alt="who looked at the camera", otherwise=repr(self))


def json_row(
    seen: FrameGaze, camera: Sequence[bool], looks: Sequence[int | None], regions: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """A frame as a line of gaze.jsonl."""
    faces = []
    for index, (face, gaze, raw) in enumerate(zip(seen.faces, seen.gazes, seen.raw, strict=True)):
        faces.append(
            {
                "track": face.track,
                "box": _rounded(face.box, 2),
                "crop": seen.crops[index],
                "score": round(face.score, 4),
                "yaw": round(gaze.yaw, 4),
                "pitch": round(gaze.pitch, 4),
                "sigma_yaw": None if gaze.sigma_yaw is None else round(gaze.sigma_yaw, 3),
                "sigma_pitch": None if gaze.sigma_pitch is None else round(gaze.sigma_pitch, 3),
                "vector": _rounded(gaze.vector, 6),
                "state": gaze.state,
                "camera": camera[index],
                "raw_yaw": round(raw.yaw, 4),
                "raw_pitch": round(raw.pitch, 4),
                "looks_at": looks[index],
                "regions": list(regions[index]),
            }
        )
    return {"frame": seen.index, "time": round(seen.time, 6), "faces": faces}


def csv_rows(row: dict[str, Any]) -> Iterator[list[Any]]:
    """The same frame as lines of gaze.csv, one a face, in the order of `COLUMNS`."""
    for face in row["faces"]:
        values = dict(zip(("x1", "y1", "x2", "y2"), face["box"], strict=True))
        values |= dict(zip(("gx", "gy", "gz"), face["vector"], strict=True))
        values |= face | {"frame": row["frame"], "time": row["time"], "camera": int(face["camera"])}
        values["regions"] = ";".join(face["regions"])
        yield ["" if values[name] is None else values[name] for name in COLUMNS]


def _rounded(values: Any, digits: int) -> list[float]:
    return [round(float(value), digits) for value in np.asarray(values)]
