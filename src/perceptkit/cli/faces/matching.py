"""`perceptkit faces compare` and `search`: faces held against others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...face import defaults
from ...output import dumps
from ..options import OUTPUT, AsJson, DetectorName, Device, Preset
from .options import EmbedderName, MinScore, Threshold

__all__ = ["compare", "search"]


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
    from ... import face

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


def search(
    gallery: Annotated[Path, typer.Argument(help="A folder that faces extract wrote, or its embeddings.npz.")],
    photo: Annotated[Path, typer.Argument(help="The photo whose faces to look for.")],
    top: Annotated[int, typer.Option(help="Matches to show for a face.", rich_help_panel=OUTPUT)] = defaults.TOP,
    index: Annotated[
        str,
        typer.Option(
            metavar="exact|faiss",
            help="faiss: search with an index, made once and kept beside the embeddings; for hundreds of thousands of "
            "faces. Rarely, it misses a near one.",
        ),
    ] = defaults.INDEX,
    preset: Preset = None,
    detector: DetectorName = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
    threshold: Threshold = None,
    min_score: MinScore = defaults.MIN_SCORE,
    as_json: AsJson = False,
) -> None:
    """Find the faces of an earlier extraction that are nearest to each face of a photo."""
    from ... import face

    queries = face.search(
        gallery,
        photo,
        top=top,
        index=index,
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
