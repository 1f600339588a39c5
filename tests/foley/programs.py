"""`perceptkit foley` started as a user starts it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from typer.testing import Result

import command_line
from command_line import NOWHERE
from shared_data import MODELS

__all__ = ["NOWHERE", "program", "run", "said", "within"]


def program(folder: Path, *arguments: str | Path, models: Path | None = MODELS) -> tuple[list[str], dict[str, str]]:
    """The command that a user types, and the environment it runs in."""
    return command_line.program(folder, "foley", *arguments, models=models)


def run(folder: Path, *arguments: str | Path, models: Path | None = MODELS) -> subprocess.CompletedProcess[str]:
    """The finished command."""
    return command_line.run(folder, "foley", *arguments, models=models)


def within(folder: Path, *arguments: str | Path) -> Result:
    """The same within this process, which is quicker: for what goes wrong before any work, and for help."""
    return command_line.within(folder, "foley", *arguments)


def said(stderr: str) -> list[str]:
    """The lines of stderr, without those that a slow machine gets: how far it is."""
    return [line for line in stderr.splitlines() if not line.startswith(("frames", "footsteps:", "surfaces:"))]
