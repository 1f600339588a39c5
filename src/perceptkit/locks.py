"""A lock between processes, held by a file, freed by the system when its holder ends in any way."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["is_at", "is_held", "locked", "take"]

log = logging.getLogger("perceptkit")

_POLL_SECONDS = 0.1
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)  # it locks from where the file stands
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _try_shared(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_held(path: Path, descriptor: int) -> bool:
    """Whether somebody has the lock of an open file. Two who ask at once do not take each other for its holder."""
    return sys.platform != "win32" and not take(path, descriptor, try_lock=_try_shared)


def take(path: Path, descriptor: int, *, try_lock: Callable[[int], bool] = _try_lock) -> bool:
    """Take the lock of the open file at `path` without waiting: whether it is ours now. It is freed with the file.

    A file system without locks is a reason for a warning, not for an error.
    """
    try:
        return try_lock(descriptor)
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise
        log.warning("%s: no locks on this file system (%s); going on without", path, error.strerror)
        return True


def is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the one at `path`. Where a holder removes the file too, ask this after `take`: who
    opened it before that holds the lock of a file that is gone, and somebody else may hold that of a new one."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(
    path: Path, *, try_lock: Callable[[int], bool] = _try_lock, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock file `path` for the block, waiting until no other process (or thread) holds it.

    Raises OSError when the lock file cannot be made.
    """
    with path.open("ab") as file:
        if not take(path, file.fileno(), try_lock=try_lock):
            log.warning("another process is working on %s; waiting for it", path.stem)
            while not take(path, file.fileno(), try_lock=try_lock):
                sleep(_POLL_SECONDS)
        yield
    # Closing frees the lock. The file stays: if it were removed, one process could hold the removed file and another
    # a new one of the same name, both believing that they are alone.
