"""A real PostgreSQL server for tests, in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sql

__all__ = ["Postgres", "postgres"]


class Postgres:
    """A running server that can be reached through a socket in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def new(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid4().hex}"
        engine = sql.create_engine(self.url().replace("postgresql", "postgresql+psycopg", 1))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sql.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server of its own; skips the test where PostgreSQL is not installed."""
    initdb, program = _programs()
    with tempfile.TemporaryDirectory(prefix="perceptkit-postgres-", dir="/tmp") as place:
        folder, user = Path(place), _user()
        if user:
            shutil.chown(folder, **user)
        files = folder / "files"
        command = [
            str(initdb),
            "-D",
            str(files),
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **user)
        options = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(program), "-D", str(files), *options], stdout=log, stderr=log, cwd=folder, **user
            )
        try:
            _wait(process, folder)
            yield Postgres(folder)
        finally:
            process.terminate()  # waits for nobody's transactions twice
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _programs() -> tuple[Path, Path]:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder / "initdb", folder / "postgres"
    pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")


def _user() -> dict[str, Any]:
    """As whom it runs, where that has to be said: it does not run as root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    return {"user": user, "group": pwd.getpwnam(user).pw_gid}


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + 30
    while "ready to accept connections" not in (log := (folder / "log").read_text()):
        assert process.poll() is None, log
        assert time.monotonic() < end, log
        time.sleep(0.05)
