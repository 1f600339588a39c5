"""`perceptkit faces gallery ...`: the people who are known by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ... import terminal
from ...errors import InputError
from ...output import count, dumps
from ..options import AsJson, Device, Preset
from .options import EmbedderName

__all__ = ["app"]

app = typer.Typer(
    cls=terminal.ReportingGroup,
    no_args_is_help=True,
    help="Show and change the people of a gallery (see: faces enrol).",
)

Folder = Annotated[Path, typer.Argument(metavar="GALLERY", help="The folder of the gallery.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a person in it.")]


@app.command("list")
def list_all(folder: Folder, as_json: AsJson = False) -> None:
    """List the people of a gallery."""
    from ...face import gallery

    people = gallery.describe(folder)
    if as_json:
        typer.echo(dumps(people, indent=2))
        return
    for person in people:
        typer.echo(f"{person['name']}\t{count(person['faces'], 'face', 'faces')}\t{person['enrolled']}")
    if not people:
        terminal.complain(f"nobody is in {folder}", label="note")


@app.command()
def show(folder: Folder, name: Name, as_json: AsJson = False) -> None:
    """Show what is kept of a person: each face, and the pictures of the enrolments."""
    from ...face import gallery

    (person,) = gallery.describe(folder, name)
    if as_json:
        typer.echo(dumps(person, indent=2))
        return
    typer.echo(f"{person['name']}: {count(person['faces'], 'face', 'faces')}, enrolled {person['enrolled']}")
    for face in person["prototypes"]:
        time = "" if face.time is None else f" at {face.time:.2f} s"
        quality = "" if face.quality is None else f", quality {face.quality:.2f}"
        side = "" if face.yaw is None else "image-left" if face.yaw > 0 else "image-right"
        turn = "" if face.yaw is None else f", turned {abs(face.yaw):.0f} degrees to {side}"
        typer.echo(f"  {face.source}{time}{quality}{turn}")
    for path in person["pictures"]:
        typer.echo(f"look at {path}")


@app.command()
def rename(
    folder: Folder, name: Name, new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")]
) -> None:
    """Give a person another name."""
    from ...face import gallery

    gallery.rename(folder, name, new)
    typer.echo(f"{name} is now called {new}")


@app.command()
def remove(folder: Folder, name: Name) -> None:
    """Take a person out of a gallery. To make sure that nothing can be recovered from the disk, see: erase."""
    from ...face import gallery

    left = gallery.remove(folder, name)
    typer.echo(f"{name} is not in {folder} any more; {count(len(left.people), 'person is', 'people are')} left")


@app.command()
def erase(
    folder: Folder,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The name of a person in it.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Erase the whole gallery.")] = False,
) -> None:
    """Delete every trace of a person, or with --all of everybody: files are overwritten before they are deleted.

    It cannot reach copies and backups, nor old blocks that an SSD or a file system with snapshots keeps.
    """
    from ...face import gallery

    if (name is None) != everybody:
        raise InputError("say who is to be erased: a NAME, or --all for the whole gallery")
    if name is None:
        gallery.erase_everybody(folder)
        typer.echo(f"{folder} is erased")
    else:
        gallery.erase(folder, name)
        typer.echo(f"every trace of {name} in {folder} is erased")


@app.command("import")
def import_cache(
    folder: Folder,
    cache: Annotated[
        Path, typer.Argument(metavar="FILE", help="A cache of embeddings: .npz, or the .pkl of older systems.")
    ],
    preset: Preset = None,
    embedder: EmbedderName = None,
    device: Device = "auto",
) -> None:
    """Add the people of a cache of embeddings. Say which embedder made them: a .pkl does not.

    Only arrays, strings and numbers are read from a .pkl; nothing in it is executed.
    """
    from ...face import gallery

    names = gallery.import_cache(folder, cache, preset=preset, embedder=embedder, device=device)
    typer.echo(f"{count(len(names), 'person', 'people')} imported: {', '.join(names)}")
