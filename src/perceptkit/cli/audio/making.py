"""`perceptkit audio export`, `clip`, `repair` and `direction`: what is made of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ... import terminal
from ...audio import defaults
from ...errors import PerceptkitError
from ...output import count, dumps
from ..options import ITEMS_FAILED, AsJson
from .options import Heading, Meant, Microphones, Output, Source, Spacing, finish

__all__ = ["clip", "direction", "export", "repair"]


def export(
    source: Source,
    to: Annotated[str, typer.Option("--to", help="The format: audacity, dcase, adm or json.")],
    output: Output = None,
    convention: Meant = None,
    heading: Heading = None,
) -> None:
    """Write the directions of a recording for other programs.

    audacity: a label track. dcase: a CSV with a line for every 100 ms. adm: a WAV with the sound and an object that
    moves (Audio Definition Model). json: all that is known.
    """
    from ... import audio

    recording = audio.read(source, convention=convention, heading=heading)
    for warning in recording.warnings:
        terminal.complain(warning, label="warning")
    typer.echo(audio.export(recording, to, output, heading=heading))


def clip(
    source: Source,
    start: Annotated[float, typer.Option(help="Where the piece begins (seconds).")] = 0.0,
    end: Annotated[
        float | None, typer.Option(help="Where it ends; the end of it all without.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """Cut a piece out of a recording, with its angles. The samples are copied as they are."""
    from ... import audio

    finish(audio.clip(source, start, end, output))


def repair(
    sources: Annotated[list[Path], typer.Argument(metavar="FILE...", help="NAME.wav.part, or NAME.wav.")],
    output: Output = None,
) -> None:
    """Make recordings whole that were interrupted or cut off; the originals stay as they are.

    Writes NAME-repaired.wav with every whole sample that is left, its angles and marks. Exit code 3: some could not be
    repaired.
    """
    from ... import audio

    if output is not None and len(sources) > 1:
        raise typer.BadParameter("--output goes with one file")
    failed = 0
    for source in sources:
        try:
            made = audio.repair(source, output)
        except PerceptkitError as error:
            if len(sources) == 1:
                raise
            terminal.complain(str(error))
            failed += 1
            continue
        for warning in made.warnings:
            terminal.complain(warning, label="warning")
        if made.path == source:
            typer.echo(f"{source}: whole, nothing to repair")
        else:
            typer.echo(
                f"{made.path}: {count(made.samples, 'sample', 'samples')}, {count(len(made.angles), 'angle', 'angles')}"
            )
    if failed:
        raise typer.Exit(ITEMS_FAILED)


def direction(
    source: Source,
    spacing: Spacing = defaults.SPACING,
    microphones: Microphones = None,
    window: Annotated[
        float, typer.Option(help="Seconds of sound behind one direction; more for a source that stands still.")
    ] = defaults.WINDOW,
    hop: Annotated[float, typer.Option(help="Seconds from one direction to the next.")] = defaults.HOP,
    floor: Annotated[float, typer.Option(help="What is quieter than this (dBFS) is silence.")] = defaults.FLOOR,
    as_json: AsJson = False,
) -> None:
    """Estimate where the sound of two or more microphones comes from, and print it as CSV (or JSON).

    With two microphones and --spacing, negative is towards the first one. Where no direction is heard there is none.
    To keep the estimate: perceptkit audio record NEW.wav --from FILE --angles estimate.
    """
    from ... import audio

    found = audio.estimate_file(source, spacing=spacing, microphones=microphones, window=window, hop=hop, floor=floor)
    if as_json:
        typer.echo(dumps(audio.direction_rows(found), indent=2))
        return
    typer.echo("timestamp,angle,confidence")
    for row in audio.direction_rows(found):
        angle = "" if row["azimuth"] is None else f"{row['azimuth']:.2f}"
        typer.echo(f"{row['time']:.3f},{angle},{row['confidence']:.2f}")
