"""`perceptkit foley live`: footsteps that are heard while they happen."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from ... import terminal
from ...errors import InputError
from ...foley import defaults
from ...output import count
from ..options import OUTPUT, Device, Preset
from .options import (
    At,
    GroundName,
    MaxPeople,
    MinPerson,
    People,
    PoseName,
    Sample,
    Samples,
    SearchStep,
    Seed,
    Sensitivity,
    ShoeName,
    StepDetector,
    choose_style,
    finish,
)

__all__ = ["live"]


def live(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A camera (0, 1, ...), or a video.")] = "0",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.wav",
            help="Play nothing, and write what would have been heard.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    window: Annotated[bool, typer.Option("--window/--no-window", help="Show the picture with what is seen.")] = True,
    surface: GroundName = defaults.SURFACE,
    shoe: ShoeName = defaults.SHOE,
    seed: Seed = 0,
    samples: Samples = None,
    sample: Sample = None,
    at: At = None,
    preset: Preset = None,
    people: People = None,
    pose: PoseName = None,
    device: Device = "auto",
    detector: StepDetector = defaults.DETECTOR,
    sensitivity: Sensitivity = defaults.SENSITIVITY,
    search_step: SearchStep = defaults.SEARCH_STEP,
    min_person: MinPerson = defaults.MIN_PERSON,
    max_people: MaxPeople = defaults.MAX_PEOPLE,
) -> None:
    """Play the footsteps of the people before a camera, or in a video, while they walk. q or Ctrl-C ends it.

    A step is heard about a tenth of a second after it. The sound needs perceptkit[mic].
    """
    from ... import foley

    if surface == foley.AUTO:
        raise InputError("there is nothing to ask about before it has begun: name a surface")
    style = choose_style(surface, shoe, None, defaults.LOUDNESS, seed, samples, sample, at)
    try:
        with terminal.progress("frames") as progress:
            played = foley.perform(
                int(source) if source.isdecimal() else source,
                output,
                style=style,
                people=people,
                pose=pose,
                preset=preset,
                device=device,
                detector=detector,
                sensitivity=sensitivity,
                search_step=search_step,
                min_person=min_person,
                max_people=max_people,
                window=window,
                progress=progress,
            )
    except KeyboardInterrupt as error:
        kept = f"; {output} holds what was heard" if output and output.exists() else ""
        terminal.complain(f"stopped by Ctrl-C{kept}", label="live")
        raise typer.Exit(terminal.INTERRUPTED) from error
    heard = f"{count(len(played.delays), 'footstep', 'footsteps')} in {count(played.frames, 'frame', 'frames')}"
    typer.echo(f"{heard}, {1000 * median(played.delays):.0f} ms after they came down" if played.delays else heard)
    if played.output:
        typer.echo(played.output)
    finish(played.warnings)
