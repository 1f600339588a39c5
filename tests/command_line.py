"""`perceptkit` started as a user starts it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from perceptkit.cli import app
from shared_data import MODELS

__all__ = ["NOWHERE", "program", "run", "within"]

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
    return [sys.executable, "-m", "perceptkit", *map(str, arguments)], environment


def run(
    folder: Path, *arguments: str | Path, models: Path | None = MODELS, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """The finished command."""
    command, environment = program(folder, *arguments, models=models)
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, input=stdin, timeout=120, check=False
    )
    said = done.stderr.decode()
    assert "Traceback" not in said
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), said)


def within(folder: Path, *arguments: str | Path, stdin: bytes = b"") -> Result:
    """The same within this process, which is quicker: for what goes wrong before any work, and for help."""
    logger = logging.getLogger("perceptkit")
    before, level = logger.handlers[:], logger.level
    _, environment = program(folder, models=None)
    hidden = {name: environment.get(name) for name in {*os.environ, *environment}}
    place = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner(env=hidden).invoke(app, list(map(str, arguments)), input=stdin)
    finally:
        os.chdir(place)
        logger.handlers[:] = before
        logger.setLevel(level)
