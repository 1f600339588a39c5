"""`perceptkit faces calibrate`: the threshold that photos of known people ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ... import terminal
from ...face import defaults
from ...output import dumps
from ..options import OUTPUT, AsJson, DetectorName, Device, Preset, end_batch
from .options import WHICH, EmbedderName, MinScore

__all__ = ["calibrate"]


def calibrate(
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="LABELLED_DIR",
            help="A folder with a subfolder of photos a person, or with NAME_1.jpg, NAME_2.jpg ...",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.", rich_help_panel=OUTPUT)] = Path(
        defaults.CALIBRATION_FOLDER
    ),
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="FMR",
            help="The false match rate to choose the threshold for, such as 1e-3. "
            "Without it: the lowest of 1e-2 to 1e-5 that the photos can say.",
            show_default=False,
        ),
    ] = None,
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    min_score: MinScore = defaults.MIN_SCORE,
    min_quality: Annotated[
        float, typer.Option(help="Leave out faces of a lower quality (0..1).", rich_help_panel=WHICH)
    ] = defaults.CALIBRATION_QUALITY,
    as_json: AsJson = False,
) -> None:
    """Measure on photos of known people which threshold the embedder needs.

    Writes roc.png, scores.png and calibration.json. The threshold that is chosen is kept for the other commands:
    give them --threshold calibrated. Exit code 3: finished, but some photos could not be used.
    """
    from ... import face

    with terminal.progress("photos") as progress:
        result = face.calibrate(
            labelled,
            output,
            rate=rate,
            preset=preset,
            detector=detector,
            embedder=embedder,
            device=device,
            min_score=min_score,
            min_quality=min_quality,
            progress=progress,
        )
    if as_json:
        typer.echo(dumps(result.summary(), indent=2))
    else:
        for source, note in result.notes:
            terminal.complain(f"{source}: {note}" if source else note, label="note")
        for error in result.errors:
            terminal.complain(error.message)
        typer.echo(str(result))
        typer.echo(f"look at {output / 'roc.png'} and {output / 'scores.png'}")
    end_batch((error.error for error in result.errors), empty=False)
