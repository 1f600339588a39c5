"""`perceptkit audio ...`: sound recordings that know the direction they come from."""

from __future__ import annotations

import typer

from ... import terminal
from . import making, recording, showing

__all__ = ["app"]

app = typer.Typer(
    cls=terminal.ReportingGroup,
    no_args_is_help=True,
    help="Record sound together with the direction it comes from; show, cut, convert and repair such recordings.",
)
app.command()(recording.record)
app.command()(recording.devices)
app.command("list")(showing.list_all)
for command in (showing.show, showing.angles, making.direction, making.export, making.clip, making.repair):
    app.command()(command)
