"""Footsteps in uploaded videos: found, drawn, heard. Each task leaves its files in the folder of the attempt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...output import write_json
from ..processes.performing import Progress, Reporter
from .models import Models
from .naming import called

if TYPE_CHECKING:
    from ...arrays import Floats, Picture
    from ...foley import Detection, Dub
    from ...foley.following import Find

__all__ = [
    "ANNOTATED",
    "EVENTS",
    "HEARD",
    "TABLE",
    "foley_annotate",
    "foley_detect",
    "foley_sound",
]

ANNOTATED, HEARD, SOUND = "annotated.mp4", "footsteps.mp4", "footsteps.wav"
"""The video with what was found drawn into it; that with the sound of the steps, and the sound alone."""

EVENTS, TABLE = "events.json", "events.csv"
"""The footsteps."""

_SEARCHING, _DRAWING, _SOUNDING = "frames", "frames drawn", "footsteps"  # the stages

_LABELS = {"heel_strike": "heel strike", "toe_off": "toe off"}


def foley_detect(models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Find the footsteps in the video `source`, and make the videos that are wanted with that."""
    from ... import foley

    source, folder, name = Path(parameters["source"]), Path(parameters["folder"]), parameters["filename"]
    reporter.stage("models")
    people, pose = models.people(), models.pose()
    stages = 1 + parameters["create_annotated"] + parameters["add_audio"]
    made = []
    with called(name, source):
        if parameters["add_audio"]:  # before the work, not after it
            foley.check_dub(source, folder / HEARD, original=parameters["original"], drawn=False)
        found = foley.detect(
            source,
            people=_Certain(people, parameters["yolo_conf"]),
            pose=pose,
            sensitivity=parameters["sensitivity"],
            progress=reporter.stage(_SEARCHING, of=stages),
        )
        found = replace(found, warnings=_named(found.warnings, source, name))
        foley.keep_detection(found, folder, clip=replace(found.clip, name=name, path=None))
        _write_timeline(found, folder)
        result = _about(found) | {"warnings": list(found.warnings)}
        if parameters["create_annotated"]:
            drawing = reporter.stage(_DRAWING, number=2, of=stages)
            foley.annotate(found, folder / ANNOTATED, progress=drawing)
            made.append(ANNOTATED)
        if parameters["add_audio"]:
            sounding = reporter.stage(_SOUNDING, number=stages, of=stages, counted=False)
            heard = _add_sound(found, parameters, sounding)
            made.append(HEARD)
            result |= heard | {"warnings": [*found.warnings, *heard["warnings"]]}
    return result | {"files": made}


def foley_annotate(_models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Draw what an earlier job has found (its folder is `detection`) into the video `source`."""
    from ... import foley

    source, folder = Path(parameters["source"]), Path(parameters["folder"])
    with called(parameters["filename"], source), called("the footsteps", Path(parameters["detection"])):
        found = foley.read_detection(source, parameters["detection"])
        foley.annotate(found, folder / ANNOTATED, progress=reporter.stage(_DRAWING))
    _write_timeline(found, folder)
    return {"files": [ANNOTATED], "warnings": list(found.warnings)}


def foley_sound(_models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Give what an earlier job has found a sound, and put it under the video `source`."""
    from ... import foley

    source, folder = Path(parameters["source"]), Path(parameters["folder"])
    with called(parameters["filename"], source), called("the footsteps", Path(parameters["detection"])):
        found = foley.read_detection(source, parameters["detection"])
        found = replace(found, steps=tuple(foley.moved(found.steps, parameters["offset_ms"] / 1000)))
        heard = _add_sound(found, parameters, reporter.stage(_SOUNDING, counted=False))
    _write_timeline(found, folder)
    return heard | {"files": [HEARD], "warnings": [*found.warnings, *heard["warnings"]]}


def _add_sound(found: Detection, parameters: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The video with the sound of its steps, and the sound alone: on which surface, and what was wrong."""
    from ... import foley

    source, folder, surface = found.source, Path(parameters["folder"]), parameters["surface_type"]
    advice = ""
    if surface == foley.AUTO:
        advised = foley.suggest(source, steps=found.steps)
        surface, advice = advised.surface, advised.note
    style = foley.Style(
        surface,
        parameters["shoe"],
        room=parameters["room"],
        loudness=parameters["loudness"],
        seed=parameters["seed"],
    )
    dub = foley.add_sound(
        source,
        found.steps,
        folder / HEARD,
        style,
        original=parameters["original"],
        progress=progress,
    )
    _put_beside(dub)
    warnings = _named(dub.warnings, source, parameters["filename"])
    return {"surface": surface, "advice": advice, "footsteps": dub.footsteps, "warnings": list(warnings)}


def _put_beside(dub: Dub) -> None:
    """The sound alone lies beside the video, where callers can fetch it."""
    dub.sounds[0].rename(dub.video.with_name(SOUND))
    dub.folder.rmdir()


@dataclass(frozen=True, slots=True)
class _Certain:
    """A person detector, and the score from which on somebody new counts as found."""

    find: Find
    certain_score: float

    def __call__(self, images: Sequence[Picture]) -> list[tuple[Floats, Floats]]:
        """Boxes and scores of the people in each image."""
        return self.find(images)


def _about(found: Detection) -> dict[str, Any]:
    """What a status says of a detection, besides the events."""
    strikes = [step for step in found.steps if step.event == "heel_strike"]
    sure = [step.confidence for step in found.steps]
    info = found.info
    return {
        "video": {
            "width": info.width,
            "height": info.height,
            "frames": info.frames,
            "duration": info.duration,
            "rate": round(float(info.rate), 6),
            "has_sound": info.has_sound,
        },
        "statistics": found.statistics,
        "detection": {
            "people": len(found.statistics["people"]),
            "heel_strikes": len(strikes),
            "toe_offs": len(found.steps) - len(strikes),
            "inferred": sum(step.inferred for step in found.steps),
            "mean_confidence": round(sum(sure) / len(sure), 3) if sure else None,
            "frames": len(found.times),
        },
    }


def _named(texts: Iterable[str], source: Path, name: str) -> tuple[str, ...]:
    """What is said of an upload, under the name that people know."""
    return tuple(text.replace(str(source), name) for text in texts)


def _write_timeline(found: Detection, folder: Path) -> None:
    """Which foot of whom was on the ground when: for the page."""
    from ...foley import contacts

    lanes = []
    for person in sorted({step.person for step in found.steps}):
        for foot in ("left", "right"):
            own = [step for step in found.steps if (step.person, step.foot) == (person, foot)]
            spans = [(strike.time, end) for strike, end in contacts(own) if end is not None]
            lanes.append(
                {
                    "name": f"person {person}, {foot}",
                    "spans": [{"start": start, "end": end, "label": "on the ground"} for start, end in spans],
                    "marks": [{"time": step.time, "label": _LABELS[step.event]} for step in own],
                }
            )
    end = found.clip.end or 0.0
    write_json(folder / "timeline.json", {"start": 0.0, "end": end, "lanes": lanes})
