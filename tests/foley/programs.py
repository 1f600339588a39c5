"""`perceptkit foley` started as a user starts it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from perceptkit.cli import app
from shared_data import MODELS

NOWHERE = "http://127.0.0.1:9"


def program(folder: Path, *arguments: str | Path, models: Path | None = MODELS) -> tuple[list[str], dict[str, str]]:
    """The command that a user types, and the environment it runs in."""
    secret = ("PERCEPTKIT_", "OPENROUTER_", "OPENAI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(secret)} | {
        "PERCEPTKIT_CACHE": str(folder / "cache"),
        "PERCEPTKIT_MIRROR": NOWHERE,
        "https_proxy": NOWHERE,
        "http_proxy": NOWHERE,
        "COLUMNS": "160",
        "NO_COLOR": "1",
    }
    if models is not None:
        environment["PERCEPTKIT_MODELS"] = str(models)
    return [sys.executable, "-m", "perceptkit", "foley", *map(str, arguments)], environment


def run(folder: Path, *arguments: str | Path, models: Path | None = MODELS) -> subprocess.CompletedProcess[str]:
    command, environment = program(folder, *arguments, models=models)
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def within(folder: Path, *arguments: str | Path) -> Result:
    """The same within this process, which is quicker: for what goes wrong before any work, and for help."""
    logger = logging.getLogger("perceptkit")
    before, level = logger.handlers[:], logger.level
    _, environment = program(folder, models=None)
    hidden = {name: environment.get(name) for name in {*os.environ, *environment}}
    place = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner(env=hidden).invoke(app, ["foley", *map(str, arguments)])
    finally:
        os.chdir(place)
        logger.handlers[:] = before
        logger.setLevel(level)


def said(stderr: str) -> list[str]:
    """The lines of stderr, without those that a slow machine gets: how far it is."""
    return [line for line in stderr.splitlines() if not line.startswith(("frames", "footsteps:", "surfaces:"))]
