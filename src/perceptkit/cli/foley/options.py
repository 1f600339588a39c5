"""What several foley commands have in common: their options, and what they print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import terminal
from ...errors import InputError
from ...foley import defaults
from ...output import count, dumps
from ..options import HOW, ITEMS_FAILED, MODELS, OUTPUT

if TYPE_CHECKING:
    from ...foley import Detection, Style, Voice

__all__ = [
    "STEPS",
    "At",
    "EventsFile",
    "FoleyVideo",
    "GroundName",
    "Loudness",
    "MaxPeople",
    "MinPerson",
    "OffsetMs",
    "OneVideo",
    "Original",
    "People",
    "PoseName",
    "RoomName",
    "Sample",
    "Samples",
    "SearchStep",
    "Seed",
    "Sensitivity",
    "ShoeName",
    "Stems",
    "StepDetector",
    "SurfaceName",
    "choose_style",
    "finish",
    "named_after",
    "print_detection",
    "print_people",
]

STEPS = "What counts as a footstep"
SOUND = "What it sounds like"

FoleyVideo = Annotated[str, typer.Argument(metavar="VIDEO", help="A video, or a folder of photos.")]
OneVideo = Annotated[str, typer.Argument(metavar="VIDEO", help="A video.")]
EventsFile = Annotated[Path, typer.Argument(metavar="EVENTS", help="An events.csv or events.json, edited or not.")]
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
OffsetMs = Annotated[
    float,
    typer.Option(
        "--offset-ms", help="Move all footsteps so many milliseconds (later: positive).", rich_help_panel=STEPS
    ),
]
GroundName = Annotated[
    str,
    typer.Option("--surface", help="What people walk on (see: perceptkit foley surfaces).", rich_help_panel=SOUND),
]
SurfaceName = Annotated[
    str,
    typer.Option(
        help="What people walk on (see: perceptkit foley surfaces), or auto: ask for advice, as foley suggest does.",
        rich_help_panel=SOUND,
    ),
]
ShoeName = Annotated[str, typer.Option(help="sneaker, leather, high-heel, boot or barefoot.", rich_help_panel=SOUND)]
RoomName = Annotated[
    str | None,
    typer.Option(
        help="dry, outdoor, room or hall. Without it: where one walks on the surface.",
        rich_help_panel=SOUND,
        show_default=False,
    ),
]
Loudness = Annotated[
    str, typer.Option(help="Of the footsteps: film (-23 LUFS), web (-16) or a number.", rich_help_panel=SOUND)
]
Seed = Annotated[int, typer.Option(help="Another number makes other steps.", rich_help_panel=SOUND)]
Samples = Annotated[
    Path | None,
    typer.Option(
        help="Recordings of footsteps in the place of made ones: a folder (with sub-folders for surfaces) or a file.",
        rich_help_panel=SOUND,
    ),
]
Sample = Annotated[
    Path | None,
    typer.Option(help="One recorded footstep: this file, at the second --at.", rich_help_panel=SOUND),
]
At = Annotated[
    float | None, typer.Option("--at", help="Where in the file of --sample (seconds).", rich_help_panel=SOUND)
]
Original = Annotated[
    str,
    typer.Option(help="The video's own sound: keep, duck (down under the steps) or mute.", rich_help_panel=SOUND),
]
Stems = Annotated[
    bool, typer.Option("--stems", help="Write each foot of each person, and the room, as WAVs.", rich_help_panel=OUTPUT)
]


def choose_style(
    surface: str,
    shoe: str,
    room: str | None,
    loudness: str,
    seed: int,
    samples: Path | None,
    sample: Path | None,
    at: float | None,
) -> Style:
    """The options of the sound; what is wrong with a folder of samples is said. While nobody has been asked for
    advice, "auto" is the usual surface, and no samples are loaded: which ones are used hangs on it."""
    from ... import foley

    advised = None if surface == foley.AUTO else surface
    if samples is not None and sample is not None:
        raise InputError("--samples and --sample are two ways to say the same; give one of them")
    if at is not None and sample is None:
        raise InputError("--at says where in the file of --sample; give both")
    voice: Voice | None = None
    if samples is not None and advised is None:
        foley.check_samples(samples)
    elif samples is not None:
        recorded = foley.load_samples(samples, advised)
        for warning in recorded.warnings:
            terminal.complain(warning, label="warning")
        voice = recorded
    elif sample is not None:
        voice = foley.sample_at(sample, at or 0.0)
    return foley.Style(advised or defaults.SURFACE, shoe, room=room, loudness=loudness, seed=seed, voice=voice)


def named_after(source: str, ending: str) -> Path:
    """What results are called that nobody gave a name."""
    return Path(f"{Path(source).stem or Path(source).resolve().name}-{ending}")


def print_detection(found: Detection, folder: Path, as_json: bool, video: Path | None = None) -> None:
    """What was found and where it lies. Exits with 3 when something was wrong."""
    if as_json:
        typer.echo(dumps({"events": found.rows(), **found.statistics, "warnings": found.warnings}, indent=2))
    else:
        print_people(found)
        if video:
            typer.echo(f"annotated video: {video}")
        typer.echo(f"events, statistics and timeline: {folder}")
    finish(found.warnings)


def print_people(found: Detection) -> None:
    """A line a person."""
    for person, about in found.statistics["people"].items():
        steps = about["steps"]
        cadence = f", {about['cadence']:.0f} a minute" if about["cadence"] else ""
        doing = ", ".join(sorted({span["kind"] for span in about["spans"]})) or "feet not seen"
        typer.echo(
            f"person {person}: {count(steps['left'] + steps['right'], 'step', 'steps')} "
            f"({steps['left']} left, {steps['right']} right){cadence}; {doing}"
        )


def finish(warnings: Sequence[str]) -> None:
    """Say what was wrong, and exit with 3 when something was."""
    for warning in warnings:
        terminal.complain(warning, label="warning")
    if warnings:
        raise typer.Exit(ITEMS_FAILED)
