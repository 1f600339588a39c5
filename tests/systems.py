"""Marks of tests that not every system can run, and a disk that is soon full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["linux", "posix", "root", "small_disk", "unprivileged"]

_AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="file names, devices and limits of Linux")
unprivileged = pytest.mark.skipif(_AS_ROOT, reason="root may read and write everything")
root = pytest.mark.skipif(not _AS_ROOT, reason="only root may do that")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of some size ("300k") as a new folder; Linux, and root only."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:  # root of a container may not
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
