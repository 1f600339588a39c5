"""Files overwritten before they are gone, so that what they held is not read from the disk as deleted files can be."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["delete_file", "erase_file", "overwriting"]


def delete_file(path: Path) -> None:
    """Delete a file, if it is there. Of a link the link goes, not what it leads to; a folder stays."""
    mode = _mode(path)
    if mode is not None and not stat.S_ISDIR(mode):
        path.unlink()


def erase_file(path: Path) -> None:
    """As `delete_file`, and what the file held is overwritten first."""
    mode = _mode(path)
    if mode is not None and stat.S_ISREG(mode):
        with path.open("r+b") as file:
            _fill_with_zeros(file.fileno())
    delete_file(path)


@contextmanager
def overwriting(path: Path) -> Iterator[None]:
    """When the block has put another file in the place of `path`: overwrite what was there, once the other is safe.

    Windows replaces no file that somebody holds open, so there the old one is just deleted.
    """
    if os.name == "nt" or not path.is_file():
        yield
        return
    with path.open("r+b") as held:
        yield
        for each in (path, path.parent):  # else a power failure could leave the old name with nothing but zeros
            _flush(each)
        _fill_with_zeros(held.fileno())


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill_with_zeros(descriptor: int) -> None:
    left = os.fstat(descriptor).st_size
    os.lseek(descriptor, 0, os.SEEK_SET)
    while left > 0:
        left -= os.write(descriptor, bytes(min(left, 1 << 20)))
    os.fsync(descriptor)
