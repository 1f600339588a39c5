"""`perceptkit faces ...`: who is in photos and videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import limits, terminal
from ..face import defaults
from ..output import count, dumps
from .options import ITEMS_FAILED, LACKING, MODELS, OUTPUT, AsJson, DetectorName, Device, Preset

if TYPE_CHECKING:
    from ..face import Extraction

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Find the unique people in photos and videos; compare and search faces.")

WHICH = "What counts as a face, and as the same person"
VIDEOS = "Videos"


EmbedderName = Annotated[
    str | None,
    typer.Option("--embedder", help="An embedder by name, or the path of its file.", rich_help_panel=MODELS),
]

Threshold = Annotated[
    float | None,
    typer.Option(
        help="Cosine similarity (-1..1) from which two faces are the same person; higher is stricter. "
        "Without it: the embedder's own, 0.36 to 0.40.",
        rich_help_panel=WHICH,
        show_default=False,
    ),
]

Mode = Annotated[
    str,
    typer.Option(help="How faces are grouped: people (by mean similarity) or first (greedy, first face kept).",
                 rich_help_panel=WHICH),
]  # fmt: skip

MinScore = Annotated[float, typer.Option(help="Drop detections with a lower score (0..1).", rich_help_panel=WHICH)]


@app.command("extract")
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
    the same command is run again. Exit code 3: finished, but some files could not be used.
    """
    from .. import face, video

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
    if result.errors:
        lacking = all(error.error == "MissingExtraError" for error in result.errors) and not result.sightings
        raise typer.Exit(LACKING if lacking else ITEMS_FAILED)


@app.command("dedupe")
def dedupe(
    embeddings: Annotated[Path, typer.Argument(help="embeddings.npz, or the folder that faces extract wrote.")],
    threshold: Threshold = None,
    mode: Mode = defaults.MODE,
    as_json: AsJson = False,
) -> None:
    """Group the faces of an earlier extraction again, with another threshold or mode.

    Prints a line a person: the number, and the ids of its faces, the best first.
    """
    from .. import face

    people = face.dedupe(embeddings, threshold=threshold, mode=mode)
    if as_json:
        typer.echo(dumps([{"person": number, "faces": ids} for number, ids in enumerate(people)], indent=2))
    else:
        for number, ids in enumerate(people):
            typer.echo(f"{number}\t{' '.join(ids)}")


@app.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(help="A photo.")],
    second: Annotated[Path, typer.Argument(help="Another photo.")],
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    as_json: AsJson = False,
) -> None:
    """Say whether two photos show the same person, by the largest face of each."""
    from .. import face

    result = face.compare(
        first,
        second,
        preset=preset,
        detector=detector,
        embedder=embedder,
        device=device,
        threshold=threshold,
        min_score=min_score,
    )
    if as_json:
        typer.echo(dumps({"similarity": result.similarity, "threshold": result.threshold, "same": result.same}))
    else:
        verdict = "the same person" if result.same else "different people"
        typer.echo(f"{verdict}: similarity {result.similarity:.3f}, threshold {result.threshold:.3f}")


@app.command("search")
def search(
    gallery: Annotated[Path, typer.Argument(help="A folder that faces extract wrote, or its embeddings.npz.")],
    photo: Annotated[Path, typer.Argument(help="The photo whose faces to look for.")],
    top: Annotated[int, typer.Option(help="Matches to show for a face.", rich_help_panel=OUTPUT)] = defaults.TOP,
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    as_json: AsJson = False,
) -> None:
    """Find the faces of an earlier extraction that are nearest to each face of a photo."""
    from .. import face

    queries = face.search(
        gallery,
        photo,
        top=top,
        preset=preset,
        detector=detector,
        embedder=embedder,
        device=device,
        threshold=threshold,
        min_score=min_score,
    )
    if as_json:
        typer.echo(dumps([{"box": query.face.face.box, "matches": query.matches} for query in queries], indent=2))
        return
    for query in queries:
        typer.echo(f"face at {', '.join(str(round(float(value))) for value in query.face.face.box)}")
        for match in query.matches:
            typer.echo(
                f"  {match.similarity:6.3f}  {'same' if match.same else '    '}  {match.source}  {match.face_id}"
            )


def _print_extraction(result: Extraction) -> None:
    """What was found, for a person: counts, what was left out and why, and where to look."""
    for source, note in result.notes:
        terminal.complain(f"{source}: {note}", label="note")
    for source, reason in result.skipped:
        terminal.complain(f"{source}: {reason}", label="skipped")
    for error in result.errors:
        terminal.complain(error.message)
    failed = len({error.source for error in result.errors})
    remark = f"; {count(failed, 'file', 'files')} could not be used" if failed else ""
    typer.echo(f"{result}{remark}")
    typer.echo(f"look at {result.folder / 'people.html'}; the data is in {result.folder / 'faces.jsonl'}")
