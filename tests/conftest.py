"""For all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from postgres import Postgres

# A shell that runs the tests in the background has Ctrl-C ignored, and so would have every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for all tests that need one."""
    from postgres import postgres  # what it stands on takes long to import, and few tests need it

    with postgres() as server:
        yield server
