"""Marks of tests that not every system can run."""

from __future__ import annotations

import os
import sys

import pytest

__all__ = ["linux", "posix", "root", "unprivileged"]

_AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="file names, devices and limits of Linux")
unprivileged = pytest.mark.skipif(_AS_ROOT, reason="root may read and write everything")
root = pytest.mark.skipif(not _AS_ROOT, reason="only root may do that")
