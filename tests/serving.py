"""A server for tests: within the test's process, or as the real program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient

from perceptkit.server import create_app, read_settings

TOKEN = "a-token-for-the-tests"


@contextmanager
def client_of(data: Path, *, worker: bool = False, **settings: Any) -> Iterator[TestClient]:
    """A client of a server within this process, which asks nobody who he is unless `auth=True` is given."""
    # What starlette's client calls the server over a WebSocket, whatever the base URL.
    hosts = {"allowed_hosts": ("testserver",)}
    given = {"auth": False, "token": TOKEN, "preset": "permissive", "min_free": 1, **hosts, **settings}
    app = create_app(read_settings({}, data=data, **given), worker=worker)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@dataclass(frozen=True)
class Program:
    """A running `perceptkit serve`."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def client(self, **settings: Any) -> httpx2.Client:
        """A client that says the token."""
        return httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60, **settings)


@contextmanager
def program(
    data: Path, *options: str, main: tuple[str, ...] = ("-m", "perceptkit"), **environment: str
) -> Iterator[Program]:
    """The real program at a free port of loopback, with its token `TOKEN`; ended at the end if it still runs."""
    data.mkdir(parents=True, exist_ok=True)
    log = data.with_name(f"{data.name}-{time.monotonic_ns()}.log")
    command = [sys.executable, *main, "serve", "--data", str(data), "--port", "0", "--token", TOKEN]
    given = {**os.environ, "PERCEPTKIT_PRESET": "permissive", "MIN_FREE_BYTES": "1", **environment}
    with log.open("w") as output:
        process = subprocess.Popen([*command, *options], stdout=output, stderr=output, text=True, env=given)
    try:
        yield Program(process, _address(process, log), log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(answered: Any, *, seconds: float = 60.0, every: float = 0.1) -> Any:
    """Call `answered` until it gives something true, and give that; AssertionError when it does not come to that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = answered()
        if answer:
            return answer
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain")


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """Where the program says that it listens."""

    def said() -> str | None:
        assert process.poll() is None, log.read_text()
        lines = [line for line in log.read_text().splitlines() if "http://127.0.0.1:" in line]
        return "http://127.0.0.1:" + lines[0].split("http://127.0.0.1:")[1].split("/")[0].split()[0] if lines else None

    return str(wait_for(said, seconds=30))
