"""`perceptkit foley detect` and `annotate`: the footsteps of a video as data, and drawn into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ... import terminal
from ...files import check_folder
from ...foley import defaults
from ..options import OUTPUT, AsJson, Device, Preset
from .options import (
    FoleyVideo,
    MaxPeople,
    MinPerson,
    People,
    PoseName,
    SearchStep,
    Sensitivity,
    StepDetector,
    named_after,
    print_detection,
)

__all__ = ["annotate", "detect"]


def detect(
    source: FoleyVideo,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder for the results. Without it: VIDEO-foley.",
            rich_help_panel=OUTPUT,
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    people: People = None,
    pose: PoseName = None,
    device: Device = "auto",
    detector: StepDetector = defaults.DETECTOR,
    sensitivity: Sensitivity = defaults.SENSITIVITY,
    search_step: SearchStep = defaults.SEARCH_STEP,
    min_person: MinPerson = defaults.MIN_PERSON,
    max_people: MaxPeople = defaults.MAX_PEOPLE,
    as_json: AsJson = False,
) -> None:
    """Find the footsteps of everybody in a video.

    Writes the events for spreadsheets, programs, samplers and editors (CSV, JSON, MIDI, EDL, Reaper, Audacity,
    timecode), stats.json (steps, cadence, symmetry, walking, running and standing) and timeline.png. Exit code 3:
    finished, but something was wrong, or nothing was found.
    """
    from ... import foley

    folder = check_folder(output or named_after(source, "foley"))  # before the work, not after it
    with terminal.progress("frames") as progress:
        found = foley.detect(
            source,
            people=people,
            pose=pose,
            preset=preset,
            device=device,
            detector=detector,
            sensitivity=sensitivity,
            search_step=search_step,
            min_person=min_person,
            max_people=max_people,
            progress=progress,
        )
    print_detection(found, found.save(folder), as_json)


def annotate(
    source: FoleyVideo,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="OUT.mp4, with the data in the folder OUT-foley. Without it: VIDEO-annotated.mp4.",
            rich_help_panel=OUTPUT,
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    people: People = None,
    pose: PoseName = None,
    device: Device = "auto",
    detector: StepDetector = defaults.DETECTOR,
    sensitivity: Sensitivity = defaults.SENSITIVITY,
    search_step: SearchStep = defaults.SEARCH_STEP,
    min_person: MinPerson = defaults.MIN_PERSON,
    max_people: MaxPeople = defaults.MAX_PEOPLE,
    as_json: AsJson = False,
) -> None:
    """Find the footsteps, and write the video with skeletons, foot contacts, counters and timecode; sound kept.

    Also writes what `foley detect` does. Exit code 3: finished, but something was wrong, or nothing was found.
    """
    from ... import foley, video

    target = video.check_target(output or named_after(source, "annotated.mp4"), source)
    with terminal.stages("frames", "frames drawn") as (searching, drawing):
        found = foley.detect(
            source,
            people=people,
            pose=pose,
            preset=preset,
            device=device,
            detector=detector,
            sensitivity=sensitivity,
            search_step=search_step,
            min_person=min_person,
            max_people=max_people,
            progress=searching,
        )
        foley.annotate(found, target, progress=drawing)
    print_detection(found, found.save(target.with_name(f"{target.stem}-foley")), as_json, target)
