"""`perceptkit foley ...`: the footsteps in a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import terminal
from ..files import check_folder
from ..foley import defaults
from ..output import count, dumps
from .options import HOW, ITEMS_FAILED, MODELS, OUTPUT, AsJson, Device, Preset

if TYPE_CHECKING:
    from ..foley import Detection

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Find the footsteps in a video.")

STEPS = "What counts as a footstep"


FoleyVideo = Annotated[str, typer.Argument(metavar="VIDEO", help="A video, or a folder of photos.")]
People = Annotated[
    str | None,
    typer.Option(help="A person detector by name, or the path of its file.", rich_help_panel=MODELS),
]
PoseName = Annotated[
    str | None,
    typer.Option("--pose", help="A pose model by name, or the path of its file.", rich_help_panel=MODELS),
]
StepDetector = Annotated[
    str,
    typer.Option(
        "--detector",
        help="How footsteps are found: learned, or zeni (the classical one; walks seen from the side).",
        rich_help_panel=STEPS,
    ),
]
Sensitivity = Annotated[
    str,
    typer.Option(help="low (few false footsteps), medium or high (few missed ones).", rich_help_panel=STEPS),
]
SearchStep = Annotated[
    float,
    typer.Option(help="Search for people every so many seconds and follow them in between.", rich_help_panel=HOW),
]
MinPerson = Annotated[float, typer.Option(help="Leave out people less high (pixels).", rich_help_panel=HOW)]
MaxPeople = Annotated[
    int, typer.Option(help="In a crowd, follow so many of the highest in the picture.", rich_help_panel=HOW)
]


@app.command()
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

    Writes events.csv, events.json, timecode.txt, stats.json (steps, cadence, symmetry, walking, running and standing)
    and timeline.png. Exit code 3: finished, but something was wrong, or nothing was found.
    """
    folder = check_folder(output or _named_after(source, "foley"))  # before the work, not after it
    found = _detect(
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
    )
    _print_detection(found, found.save(folder), as_json)


@app.command()
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
    from .. import foley, video

    target = video.check_target(source, output or _named_after(source, "annotated.mp4"))
    found = _detect(
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
    )
    with terminal.progress("frames written") as progress:
        foley.annotate(found, target, progress=progress)
    _print_detection(found, found.save(target.with_name(f"{target.stem}-foley")), as_json, target)


def _detect(source: str, **options: Any) -> Detection:
    from .. import foley

    with terminal.progress("frames") as progress:
        return foley.detect(source, **options, progress=progress)


def _named_after(source: str, ending: str) -> Path:
    """What results are called that nobody gave a name."""
    return Path(f"{Path(source).stem or Path(source).resolve().name}-{ending}")


def _print_detection(found: Detection, folder: Path, as_json: bool, video: Path | None = None) -> None:
    """What was found and where it lies. Exits with 3 when something was wrong."""
    if as_json:
        typer.echo(dumps({"events": found.rows(), **found.statistics, "warnings": found.warnings}, indent=2))
    else:
        for person, about in found.statistics["people"].items():
            steps = about["steps"]
            cadence = f", {about['cadence']:.0f} a minute" if about["cadence"] else ""
            doing = ", ".join(sorted({span["kind"] for span in about["spans"]})) or "feet not seen"
            typer.echo(
                f"person {person}: {count(steps['left'] + steps['right'], 'step', 'steps')} "
                f"({steps['left']} left, {steps['right']} right){cadence}; {doing}"
            )
        if video:
            typer.echo(f"annotated video: {video}")
        typer.echo(f"events, statistics and timeline: {folder}")
    for warning in found.warnings:
        terminal.complain(warning, label="warning")
    if found.warnings:
        raise typer.Exit(ITEMS_FAILED)
