"""`perceptkit models ...`: the weights."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import terminal
from ..output import dumps
from .options import LACKING, AsJson, Preset

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The weights: what there is, what is on this machine, fetch, verify.")


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List all models: size, licence, commercial use, and whether the weights are on this machine."""
    from ..catalogue import describe

    rows = describe()
    if as_json:
        typer.echo(dumps(rows, indent=2))
        return
    typer.echo(f"{'name':20} {'role':14} {'size':>9}  {'commercial':10}  {'on disk':7}  licence")
    for row in rows:
        size = f"{row['bytes'] / 1e6:.1f} MB" if row["bytes"] else "?"
        here = "yes" if row["paths"] else "no"
        typer.echo(f"{row['name']:20} {row['role']:14} {size:>9}  {row['commercial']:10}  {here:7}  {row['licence']}")


@app.command("pull")
def pull(
    names: Annotated[list[str] | None, typer.Argument(help="Names of models.", show_default=False)] = None,
    preset: Preset = None,
) -> None:
    """Fetch the weights of some models, or of a preset, so that later runs need no network."""
    from ..catalogue import choose, fetch_all

    with terminal.progress("bytes") as progress:
        paths = fetch_all(choose(names or [], preset=preset), progress=progress)
    for path in paths:
        typer.echo(str(path))


@app.command("verify")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Names of models; all on disk without.")] = None,
) -> None:
    """Hash the weights that are on this machine again and say whether they are the registered files."""
    from ..catalogue import verify_all

    states = verify_all(names or [])
    if not states:
        typer.echo("no weights on this machine; fetch some with: perceptkit models pull --preset permissive")
    for name, state in states:
        typer.echo(f"{state.state:8} {name:20} {state.path or ''} {state.problem or ''}".rstrip())
    if any(state.state != "ok" for _, state in states):
        raise typer.Exit(LACKING)


@app.command("where")
def where() -> None:
    """Print the folders in which weights are looked for, in order."""
    from ..catalogue import folders

    for purpose, folder in folders().items():
        typer.echo(f"{purpose}: {folder}")
