"""What several of the audio commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import terminal
from ...output import count
from ..options import ITEMS_FAILED, OUTPUT

if TYPE_CHECKING:
    from ...audio import Recording

__all__ = ["ANGLES", "Heading", "Meant", "Microphones", "Output", "Source", "Spacing", "describe", "finish"]

ANGLES = "Angles"

_CONVENTIONS = (
    "azimuth (counter-clockwise from the front, -180 to 180), sofa (the same, 0 to 360), "
    "dial (clockwise from the front), compass (clockwise from north), unit-circle"
)

Source = Annotated[Path, typer.Argument(metavar="FILE", help="A recording: NAME.wav, or NAME.wav.part.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write.", rich_help_panel=OUTPUT, show_default=False),
]
Meant = Annotated[
    str | None,
    typer.Option(
        "--convention",
        help=f"How angles are meant where no NAME.json says it: {_CONVENTIONS}. Without it: azimuth.",
        rich_help_panel=ANGLES,
        show_default=False,
    ),
]
Heading = Annotated[
    float | None,
    typer.Option(
        help="Where the front looked, in degrees from north: for angles that count from north.",
        rich_help_panel=ANGLES,
        show_default=False,
    ),
]
Spacing = Annotated[float, typer.Option(help="Metres between two microphones.", rich_help_panel=ANGLES)]
Microphones = Annotated[
    str | None,
    typer.Option(
        metavar="'X,Y;X,Y'",
        help="Where each microphone is, in metres: x to the front, y to the left (and z up).",
        rich_help_panel=ANGLES,
        show_default=False,
    ),
]


def describe(recording: Recording) -> str:
    """A recording in a line."""
    channels = count(recording.channels, "channel", "channels")
    angles = count(len(recording.angles), "angle", "angles")
    state = "" if recording.state == "complete" else f", {recording.state}"
    return f"{recording.duration:.3f} s, {recording.sample_rate} Hz, {channels}, {recording.subtype}, {angles}{state}"


def finish(recording: Recording) -> None:
    """Print a recording that was made; exit code 3 when something is wrong with it."""
    for gap in recording.gaps[:10]:
        length = f"{gap.samples / recording.sample_rate:.3f} s of silence" if gap.samples else "nothing"
        terminal.complain(f"at {gap.time:.3f} s sound is missing; {length} in its place", label="warning")
    nothing = () if recording.samples else ("nothing was recorded: no sample came in",)
    for warning in (*recording.warnings, *nothing):
        terminal.complain(warning, label="warning")
    typer.echo(f"{recording.path}: {describe(recording)}")
    if recording.warnings or recording.gaps or nothing:
        raise typer.Exit(ITEMS_FAILED)
