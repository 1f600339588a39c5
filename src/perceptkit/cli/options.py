"""What several commands have in common: their options, the panels of their help, and exit codes."""

from __future__ import annotations

from typing import Annotated

import typer

from ..models import DEVICES, PRESETS

__all__ = ["HOW", "ITEMS_FAILED", "LACKING", "MODELS", "OUTPUT", "AsJson", "DetectorName", "Device", "Preset"]

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
