"""`perceptkit foley ...`: the footsteps in a video, and their sound. `perceptkit foley VIDEO` does all of it."""

from __future__ import annotations

import os
from typing import Any

import typer
from typer.core import TyperGroup

from . import detecting, playing, sounding

__all__ = ["app"]

_WHOLE = "add"


class _Foley(TyperGroup):
    """A group in which `foley VIDEO` means `foley add VIDEO`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else "--help"
        is_video = first.startswith("-") or "." in first or os.path.exists(first)  # noqa: PTH110 - Path.exists raises for a name that is too long
        if first not in self.commands and first not in ctx.help_option_names and is_video:
            args = [_WHOLE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Foley,
    no_args_is_help=True,
    help="Find the footsteps in a video and give them a sound. `perceptkit foley VIDEO` does all of it (see: add).",
)
for command in (
    sounding.add,
    detecting.detect,
    detecting.annotate,
    sounding.render,
    sounding.mix,
    sounding.export,
    sounding.surfaces,
    sounding.suggest,
    playing.live,
):
    app.command()(command)
