"""Where everybody in a video looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...files import write_bytes
from ...models import preset_model
from ...output import write_json
from ..processes.performing import Reporter
from .models import Models
from .naming import called

if TYPE_CHECKING:
    from ...gaze import Annotation

__all__ = ["ANNOTATED", "DATA", "SUMMARY", "TABLE", "gaze", "gaze_model"]

ANNOTATED, DATA, TABLE, SUMMARY = "annotated.mp4", "gaze.jsonl", "gaze.csv", "summary.json"
"""What a job leaves, besides the two pictures and the timeline."""


def gaze(models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Annotate the video `source`."""
    from ...gaze import annotate_video

    source, folder, name = Path(parameters["source"]), Path(parameters["folder"]), parameters["filename"]
    reporter.stage("models")
    estimator, detector = models.gaze(parameters["model"]), models.gaze_detector()
    with called(name, source), called("the results", folder):
        result = annotate_video(
            source,
            folder,
            gaze=estimator,
            detector=detector,
            detect_every=parameters["detect_every"],
            smooth=parameters["smooth"],
            camera_angle=parameters["camera_angle"],
            progress=reporter.stage("frames"),
        )
    warnings = [warning.replace(str(source), name) for warning in result.warnings]
    write_json(folder / SUMMARY, {**result.summary, "source": name, "warnings": warnings})
    _write_timeline(result, name)
    attention = result.summary["attention"]
    return {
        "warnings": warnings,
        "model": estimator.name,
        "frames": result.frames,
        "tracks": attention["unique_tracks"],
        "at_camera": attention["ever"],
    }


def gaze_model(models: Models, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """Which gaze model a name, or None, stands for. Raises InputError that names the choices. Loads none."""
    from ...gaze import GAZE_MODELS

    name = parameters["model"] or preset_model("gaze", models.settings.preset)
    if name not in GAZE_MODELS:
        raise InputError(f"unknown gaze model {name[:60]!r}; choose one of: {', '.join(GAZE_MODELS)}")
    return {"model": name}


def _write_timeline(result: Annotation, name: str) -> None:
    """Who was seen and looked at the camera when: for the page, and the picture under the name that people know."""
    from ...gaze import timeline
    from ...images import encode_png

    start, end = result.span
    lanes = [
        {
            "name": f"track {lane.track}",
            "spans": [
                {"start": begin, "end": until, "label": label}
                for label, spans in (("visible", lane.visible), ("at the camera", lane.camera))
                for begin, until in spans
            ],
            "marks": [],
        }
        for lane in result.lanes
    ]
    write_json(result.folder / "timeline.json", {"start": start, "end": end, "lanes": lanes})
    picture = timeline(result.lanes, start=start, end=end, title=name)
    write_bytes(result.folder / "timeline.png", encode_png(picture))
