"""The options that several commands about faces share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import MODELS

__all__ = ["VIDEOS", "WHICH", "EmbedderName", "GalleryFolder", "MinFace", "MinScore", "Mode", "Threshold"]

WHICH = "What counts as a face, and as the same person"
VIDEOS = "Videos"


EmbedderName = Annotated[
    str | None,
    typer.Option("--embedder", help="An embedder by name, or the path of its file.", rich_help_panel=MODELS),
]

Threshold = Annotated[
    str | None,
    typer.Option(
        help="Cosine similarity (-1..1) from which two faces are the same person; higher is stricter. "
        "Or calibrated: what faces calibrate found. Without it: the embedder's own, 0.36 to 0.40.",
        metavar="NUMBER|calibrated",
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

MinFace = Annotated[int, typer.Option(help="Leave out smaller faces (pixels).", rich_help_panel=WHICH)]

GalleryFolder = Annotated[
    Path, typer.Option("--gallery", "-g", metavar="FOLDER", help="The gallery: the folder of the people known by name.")
]
