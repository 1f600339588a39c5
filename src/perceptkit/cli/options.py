"""What several commands have in common: their options, the panels of their help, and exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from ..models import DEVICES, PRESETS

__all__ = [
    "HOW",
    "ITEMS_FAILED",
    "LACKING",
    "MODELS",
    "OUTPUT",
    "AsJson",
    "DetectorName",
    "Device",
    "Preset",
    "end_batch",
]

ITEMS_FAILED, LACKING = 3, 4  # exit codes

MODELS = "Models"
OUTPUT = "Output"
HOW = "How frames are read and judged"

Preset = Annotated[
    str | None,
    typer.Option(
        help=f"Which models to use: {', '.join(PRESETS)}. Without it: PERCEPTKIT_PRESET, else default.",
        rich_help_panel=MODELS,
        show_default=False,
    ),
]

DetectorName = Annotated[
    str | None,
    typer.Option("--detector", help="A detector by name (see: perceptkit models list), or the path of its file.",
                 rich_help_panel=MODELS),
]  # fmt: skip

Device = Annotated[str, typer.Option(help=f"What to run on: {', '.join(DEVICES)}.", rich_help_panel=MODELS)]

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)]


def end_batch(failed: Iterable[str], *, empty: bool) -> None:
    """End with the code that says that some files could not be used, if so; `failed` are the names of their errors.

    When nothing at all came of it, and an optional package would have helped with each, that is what it says.
    """
    names = list(failed)
    if names:
        raise typer.Exit(LACKING if empty and set(names) == {"MissingExtraError"} else ITEMS_FAILED)
