"""`perceptkit faces extract` and `dedupe`: the unique people in photos and videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import limits, terminal
from ...face import defaults
from ...output import count, dumps
from ..options import OUTPUT, AsJson, DetectorName, Device, Preset, end_batch
from .options import VIDEOS, WHICH, EmbedderName, MinScore, Mode, Threshold

if TYPE_CHECKING:
    from ...face import Extraction

__all__ = ["dedupe", "extract"]


def extract(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH", help="Photos, videos, folders (searched recursively), 'globs/*.jpg' and @list.txt, mixed."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.", rich_help_panel=OUTPUT)] = Path(
        defaults.FOLDER
    ),
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    mode: Mode = defaults.MODE,
    min_score: MinScore = defaults.MIN_SCORE,
    min_face: Annotated[
        int,
        typer.Option(
            help="Drop faces smaller than this (pixels). Found are those of about 1/40 of the long side and more.",
            rich_help_panel=WHICH,
        ),
    ] = defaults.MIN_FACE,
    max_faces: Annotated[
        int, typer.Option(help="Keep at most this many faces of a photo or frame.", rich_help_panel=WHICH)
    ] = defaults.MAX_FACES,
    video_step: Annotated[
        float,
        typer.Option(help="Seconds from one frame that is looked at to the next; 0: all.", rich_help_panel=VIDEOS),
    ] = defaults.VIDEO_STEP,
    track_faces: Annotated[
        int, typer.Option(help="Keep the best so many faces of each track.", rich_help_panel=VIDEOS)
    ] = defaults.TRACK_FACES,
    max_duration: Annotated[
        float, typer.Option(help="Refuse videos longer than this (seconds).", rich_help_panel=VIDEOS)
    ] = limits.MAX_DURATION,
    max_pixels: Annotated[int, typer.Option(help="Refuse photos with more pixels.")] = defaults.MAX_PIXELS,
    allow_truncated: Annotated[
        bool, typer.Option("--allow-truncated", help="Use what is left of photos that were cut short.")
    ] = False,
    headshot_size: Annotated[
        int, typer.Option(help="Side of the headshots (pixels).", rich_help_panel=OUTPUT)
    ] = defaults.HEADSHOT_SIDE,
    embeddings: Annotated[
        str, typer.Option(help="Format of the embeddings: npz or parquet.", rich_help_panel=OUTPUT)
    ] = defaults.EMBEDDINGS,
    as_json: AsJson = False,
) -> None:
    """Find every face in photos and videos and group them by person.

    The faces of a video are followed; of each track the best are kept, with their times.

    Writes faces.jsonl, embeddings, headshots and people.html, a contact sheet. A run that was stopped goes on when
    the same command is run again; when it was finished, only what is new or changed is read, and people keep their
    numbers. Exit code 3: finished, but some files could not be used.
    """
    from ... import face, video

    with terminal.progress("pictures") as progress:
        result = face.extract(
            paths,
            output,
            preset=preset,
            detector=detector,
            embedder=embedder,
            device=device,
            threshold=threshold,
            mode=mode,
            min_score=min_score,
            min_face=min_face,
            max_faces=max_faces,
            max_pixels=max_pixels,
            video_step=video_step,
            track_faces=track_faces,
            limits=video.Limits(duration=max_duration),
            allow_truncated=allow_truncated,
            headshot_side=headshot_size,
            embeddings=embeddings,
            progress=progress,
        )
    if as_json:
        typer.echo(dumps(result.summary(), indent=2))
    else:
        _print_extraction(result)
    end_batch((error.error for error in result.errors), empty=not result.sightings)


def dedupe(
    embeddings: Annotated[Path, typer.Argument(help="embeddings.npz, or the folder that faces extract wrote.")],
    threshold: Threshold = None,
    mode: Mode = defaults.MODE,
    as_json: AsJson = False,
) -> None:
    """Group the faces of an earlier extraction again, with another threshold or mode.

    Prints a line a person: the number, and the ids of its faces, the best first.
    """
    from ... import face

    people = face.dedupe(embeddings, threshold=threshold, mode=mode)
    if as_json:
        typer.echo(dumps([{"person": number, "faces": ids} for number, ids in enumerate(people)], indent=2))
    else:
        for number, ids in enumerate(people):
            typer.echo(f"{number}\t{' '.join(ids)}")


def _print_extraction(result: Extraction) -> None:
    """What was found, for a person: counts, what was left out and why, and where to look."""
    for source, note in result.notes:
        terminal.complain(f"{source}: {note}", label="note")
    for source, reason in result.skipped:
        terminal.complain(f"{source}: {reason}", label="skipped")
    for error in result.errors:
        terminal.complain(error.message)
    failed = len({error.source for error in result.errors})
    remark = f"; {count(result.known, 'file is', 'files are')} as before" if result.known else ""
    remark += f"; {count(failed, 'file', 'files')} could not be used" if failed else ""
    typer.echo(f"{result}{remark}")
    typer.echo(f"look at {result.folder / 'people.html'}; the data is in {result.folder / 'faces.jsonl'}")
