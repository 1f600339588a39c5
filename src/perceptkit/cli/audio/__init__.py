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
for command in (
    recording.record,
    recording.devices,
    showing.show,
    showing.angles,
    making.export,
    making.clip,
    making.repair,
    making.direction,
):
    app.command()(command)
app.command("list")(showing.list_all)
