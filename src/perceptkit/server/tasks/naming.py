"""Names for people in place of our paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import PerceptkitError

__all__ = ["called"]


@contextmanager
def called(name: str, path: Path) -> Iterator[None]:
    """Errors of the library that name the path of an upload name what the caller has called it."""
    try:
        yield
    except PerceptkitError as error:
        error.args = tuple(str(part).replace(str(path), name).replace(path.name, name) for part in error.args)
        raise
