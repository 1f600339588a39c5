"""`perceptkit faces ...`: who is in photos and videos."""

from __future__ import annotations

import typer

from ... import terminal
from . import calibrating, extracting, gallery, matching, naming

__all__ = ["app"]

app = typer.Typer(
    cls=terminal.ReportingGroup,
    no_args_is_help=True,
    help="Find the unique people in photos and videos; know them by name, and find and follow them again.",
)
for command in (
    extracting.extract,
    extracting.dedupe,
    matching.compare,
    matching.search,
    naming.enrol,
    naming.identify,
    naming.track,
):
    app.command()(command)
app.add_typer(gallery.app, name="gallery")
app.command()(calibrating.calibrate)
