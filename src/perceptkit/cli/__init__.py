"""The command line: `perceptkit VERB ...`. Every command parses, calls the library once, and prints.

A module a feature; what several of them share is in `options`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__, terminal
from . import audio, faces, foley, gaze, models, serving

__all__ = ["app", "main"]

app = typer.Typer(
    cls=terminal.ReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Perception data from photos, video and sound.",
)
app.add_typer(faces.app, name="faces")
app.command("gaze")(gaze.gaze_video)
app.add_typer(foley.app, name="foley")
app.add_typer(audio.app, name="audio")
app.add_typer(models.app, name="models")
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)


def main() -> None:
    """The entry point of the program."""
    terminal.accept_any_text()
    app()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"perceptkit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Perception data from photos, video and sound."""
    terminal.show_log()
