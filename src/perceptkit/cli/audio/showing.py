"""`perceptkit audio list`, `show` and `angles`: what is in recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ... import terminal
from ...output import dumps
from ..options import ITEMS_FAILED, AsJson
from .options import ANGLES, Heading, Meant, Output, Source, describe

__all__ = ["angles", "list_all", "show"]


def list_all(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Searched with the folders in it.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """List the recordings in a folder, those that were interrupted among them.

    Exit code 3: some files cannot be read.
    """
    from ... import audio

    warnings: list[str] = []
    recordings = audio.list_recordings(folder, warnings=warnings)
    for warning in warnings:
        terminal.complain(warning, label="warning")
    if as_json:
        typer.echo(dumps([audio.facts_of(each) for each in recordings], indent=2))
    else:
        for each in recordings:
            typer.echo(f"{each.path}: {describe(each)}")
        if not recordings:
            typer.echo(f"no recordings in {folder}")
    if warnings:
        raise typer.Exit(ITEMS_FAILED)


def show(
    source: Source,
    output: Output = None,
    convention: Meant = None,
    heading: Heading = None,
    as_json: AsJson = False,
) -> None:
    """Show a recording: its facts, and a picture with its waveform, the azimuth over time and a rose of directions.

    The picture is NAME-picture.png beside it, unless -o says otherwise.
    """
    from ... import audio

    recording = audio.read(source, convention=convention, heading=heading)
    picture = audio.draw(recording, output)
    for warning in recording.warnings:
        terminal.complain(warning, label="warning")
    facts = audio.facts_of(recording)
    if as_json:
        typer.echo(dumps(facts | {"picture": picture}, indent=2))
        return
    for name, value in facts.items():
        if value not in (None, []) and not (name in recording.counts and not value):
            text = str(value) if isinstance(value, (str, Path)) else dumps(value)
            typer.echo(f"{name.replace('_', ' ') + ':':16} {text}")
    typer.echo(f"{'picture:':16} {picture}")


def angles(
    source: Source,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="CONVENTION", help="The convention to print them in.", rich_help_panel=ANGLES, show_default=False
        ),
    ] = None,
    convention: Meant = None,
    heading: Heading = None,
    every: Annotated[
        float | None,
        typer.Option(
            help="The direction every so many seconds, between those that are known, instead of these themselves.",
            rich_help_panel=ANGLES,
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the angles of a recording: timestamp,angle as CSV, or JSON.

    They count counter-clockwise from the front, or as on a compass, unless --to names another convention.
    """
    from ... import audio

    recording = audio.read(source, convention=convention, heading=heading)
    rows = audio.angle_rows(recording, convention=to, every=every)
    for warning in recording.warnings:
        terminal.complain(warning, label="warning")
    if as_json:
        typer.echo(dumps(rows, indent=2))
        return
    columns = ["azimuth", *(["elevation"] if any("elevation" in row for row in rows) else [])]
    typer.echo(",".join(["timestamp", "angle", *columns[1:]]))
    for row in rows:
        values = (f"{row[name]:.2f}" if name in row else "" for name in columns)
        typer.echo(",".join([f"{row['time']:.3f}", *values]))
