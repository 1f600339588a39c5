"""A lock between processes, held by a file, freed by the system when its holder ends in any way."""

from __future__ import annotations

import errno
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["locked", "try_lock"]

log = logging.getLogger("perceptkit")

_POLL_SECONDS = 0.1
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Take the lock of an open file, without waiting: whether it is ours now. It is freed with the file."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Take the lock of an open file, without waiting: whether it is ours now. It is freed with the file."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def locked(
    path: Path, *, try_lock: Callable[[int], bool] = try_lock, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock file `path` for the block, waiting until no other process (or thread) holds it.

    A file system without locks is a reason for a warning, not for an error: the lock saves work, what it guards is
    renamed into place whole. Raises OSError when the lock file cannot be made.
    """
    with path.open("ab") as file:
        try:
            if not try_lock(file.fileno()):
                log.warning("another process is working on %s; waiting for it", path.stem)
                while not try_lock(file.fileno()):
                    sleep(_POLL_SECONDS)
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:
                raise
            log.warning("%s: no locks on this file system (%s); going on without", path, error.strerror)
        yield
    # Closing frees the lock. The file stays: if it were removed, one process could hold the removed file and another
    # a new one of the same name, both believing that they are alone.
